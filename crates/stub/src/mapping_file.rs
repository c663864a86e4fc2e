//! Reading of one mapping file: its bytes, its document, its stubs.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::hash::BuildHasher as _;
use uuid::Uuid;

use super::files::FilesFolder;
use super::foreign;
use super::format::{self, Mapping, Reader};
use super::stub_folder::StubFolder;
use super::{Stub, StubOrigin};
use crate::defect::{Defect, SourcePlace};
use crate::matcher::Rank;
use crate::source::rule::Rule;
use crate::source::{Node, Value};
use standin_files::regular_file;

/// The name space (RFC 9562, version 5) of ids that are derived from a stub's place.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6a3c_1d52_7f0b_4b0e_9d5a_2c81_e0f4_77b3);

/// The content of a mapping file.
pub(super) struct MappingFile {
    /// Digest of the bytes; 0 if they could not be read.
    pub(super) digest: u64,
    /// Stubs of the file without errors, with an age of 0 in their ranks.
    pub(super) stubs: Vec<FileMapping>,
    /// Number of stubs that are left out because of errors; 1 for a file that cannot be read.
    pub(super) left_out: usize,
    pub(super) defects: Vec<Defect>,
}

/// A stub of a mapping file.
#[derive(Clone, Debug)]
pub(super) struct FileMapping {
    /// Stub, with an id of its own.
    pub(super) stub: Arc<Stub>,
    /// Span of the stated id, in bytes; `None` if the stub states none.
    id_span: Option<Range<usize>>,
    /// Id that the stub states, else the derived one.
    stated_id: Uuid,
    /// Id that is derived from the place of the stub.
    derived_id: Uuid,
}

/// A mapping of a file, as it was read.
struct ReadMapping {
    mapping: Mapping,
    index: usize,
    /// First line, from 1.
    line: usize,
    id_span: Option<Range<usize>>,
}

impl MappingFile {
    /// Reads a mapping file; every error becomes a defect.
    pub(super) fn read(path: &Path, folder: &StubFolder) -> Self {
        let mut file = Self { digest: 0, stubs: Vec::new(), left_out: 1, defects: Vec::new() };
        let name = path.display().to_string();
        let bytes = match regular_file::read(path, folder.max_file_bytes) {
            Ok(bytes) => bytes,
            Err(error) => {
                file.defects.push(read_error(&name, &error));
                return file;
            }
        };
        file.digest = digest(&bytes);
        let Ok(text) = String::from_utf8(bytes) else {
            file.defects.push(Defect::error(format!("`{name}` is not UTF-8")).help("save it as UTF-8"));
            return file;
        };
        let text: Arc<str> = text.into();
        let mut reader = Reader::of_file(&name, Arc::clone(&text));
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let tree = if is_json { reader.parse(&text) } else { reader.parse_yaml(&text) };
        let (mappings, left_out) = match tree {
            Some(tree) => mappings(&tree, &folder.files(), &mut reader),
            None => (Vec::new(), 1),
        };
        file.left_out = left_out;
        file.defects = reader.into_defects();
        let relative = path.strip_prefix(&folder.root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let shared = mappings.len() + left_out > 1;
        let path = Arc::new(path.to_owned());
        let stubs = mappings.into_iter().map(|ReadMapping { mapping, index, line, id_span }| {
            let derived_id = derived_id(&folder.prefix, &relative, index);
            let rank = Rank { service: 0, priority: mapping.priority, age: 0 };
            let origin = StubOrigin::File { path: Arc::clone(&path), line, shared, is_edited: false };
            let stated_id = mapping.id.unwrap_or(derived_id);
            FileMapping { stub: Arc::new(mapping.into_stub(stated_id, rank, origin)), id_span, stated_id, derived_id }
        });
        file.stubs = stubs.collect();
        file
    }
}

impl FileMapping {
    /// Gives the stub the id that it states, or, if another stub has that already, the id that is
    /// derived from its place. Returns the error that reports the other stub.
    pub(super) fn take_free_id(&mut self, by_id: &HashMap<Uuid, Arc<Stub>>, files: &FilesFolder) -> Option<Defect> {
        let Some(span) = &self.id_span else { return None };
        // the document states the id under which the stub is served, which may be the derived one
        let stated = self.stated_id;
        let other = by_id.get(&stated);
        let id = if other.is_some() { self.derived_id } else { stated };
        if self.stub.id != id {
            self.stub = Arc::new(self.stub.with_id(id, files)?);
        }
        let other = other?;
        let message =
            format!("the id `{stated}` stands in {} too; this stub is served under the id `{id}`", other.label());
        let defect = Defect::served_error(message).help("give it an id of its own, or leave the id out");
        let defect = defect.rule(&Rule::DUPLICATE_ID);
        Some(match self.stub.file_text() {
            Some((file, text)) => defect.at(SourcePlace { file, text, span: span.clone() }),
            None => defect,
        })
    }
}

/// Returns a digest of a file's bytes; 64 bits suffice to tell versions of one file apart.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

/// Returns the defect of a file that cannot be read.
fn read_error(name: &str, error: &io::Error) -> Defect {
    let help = match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory => "move it out of the folder",
        io::ErrorKind::FileTooLarge => "split it, or raise --max-file-bytes",
        _ => "check that it exists and may be read",
    };
    Defect::error(format!("cannot read `{name}`: {error}")).help(help)
}

/// Returns the id of a stub that states none. It depends on the file and the index in it, and so
/// survives a restart.
fn derived_id(prefix: &str, file: &str, index: usize) -> Uuid {
    Uuid::new_v5(&ID_NAMESPACE, format!("{prefix}{file}#{index}").as_bytes())
}

/// Returns the mappings of a document that have no errors, and the number of the others.
fn mappings(tree: &Node, files: &FilesFolder, reader: &mut Reader) -> (Vec<ReadMapping>, usize) {
    let mut mappings = Vec::new();
    let mut left_out = 0;
    let mut read = |node: &Node, index: usize, reader: &mut Reader| {
        let line = reader.line(node);
        let errors = reader.error_count();
        let mapping = if foreign::report_no_stub(node, reader) { None } else { format::mapping(node, files, reader) };
        match mapping.filter(|_| reader.error_count() == errors) {
            Some(mapping) => mappings.push(ReadMapping { mapping, index, line, id_span: id_span(node) }),
            None => left_out += 1,
        }
    };
    let Some(list) = tree.get("mappings").filter(|_| !foreign::is_foreign(tree)) else {
        read(tree, 0, reader);
        return (mappings, left_out);
    };
    let Value::Array(items) = &list.value else {
        let message = format!("`mappings` is a list, not {}", list.kind_name());
        reader.error_at(list, "mappings", message, "write `[{…}, {…}]`");
        return (mappings, 1);
    };
    reader.within("mappings", |reader| {
        for (index, item) in items.iter().enumerate() {
            reader.within(index.to_string(), |reader| read(item, index, reader));
        }
    });
    (mappings, left_out)
}

/// Returns the span of the id that a mapping states: of `id` and `uuid`, the last counts.
fn id_span(node: &Node) -> Option<Range<usize>> {
    ["uuid", "id"].iter().find_map(|key| node.get(key)).map(|id| id.span.clone())
}
