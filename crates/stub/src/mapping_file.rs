//! Reading of one mapping file: its bytes, its document, its stubs.

use std::io;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;
use uuid::Uuid;

use super::files::FilesFolder;
use super::format::{self, Mapping, Reader};
use super::stub_folder::StubFolder;
use super::{Stub, StubOrigin};
use crate::defect::Defect;
use crate::matcher::Rank;
use crate::source::{Node, Value};
use standin_files::regular_file;

/// The name space (RFC 9562, version 5) of ids that are derived from a stub's place.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x6a3c_1d52_7f0b_4b0e_9d5a_2c81_e0f4_77b3);

/// The content of a mapping file.
pub(super) struct MappingFile {
    /// Digest of the bytes; 0 if they could not be read.
    pub(super) digest: u64,
    /// Stubs of the file, with an age of 0 in their ranks.
    pub(super) stubs: Vec<Arc<Stub>>,
    /// Errors and warnings.
    pub(super) defects: Vec<Defect>,
}

impl MappingFile {
    /// Reads a mapping file; every error becomes a defect.
    pub(super) fn read(path: &Path, folder: &StubFolder) -> Self {
        let mut file = Self { digest: 0, stubs: Vec::new(), defects: Vec::new() };
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
        let mappings = tree.map_or_else(Vec::new, |tree| mappings(&tree, &folder.files(), &mut reader));
        file.defects = reader.into_defects();
        let relative = path.strip_prefix(&folder.root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let shared = mappings.len() > 1;
        let path = Arc::new(path.to_owned());
        let stubs = mappings.into_iter().enumerate().map(|(index, (mapping, line))| {
            let id = mapping.id.unwrap_or_else(|| derived_id(&folder.prefix, &relative, index));
            let rank = Rank { service: 0, priority: mapping.priority, age: 0 };
            Arc::new(mapping.into_stub(id, rank, StubOrigin::File { path: Arc::clone(&path), line, shared }))
        });
        file.stubs = stubs.collect();
        file
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

/// Returns the mappings of a document, each with its line, from 1.
fn mappings(tree: &Node, files: &FilesFolder, reader: &mut Reader) -> Vec<(Mapping, usize)> {
    let Some(list) = tree.get("mappings") else {
        let line = reader.line(tree);
        return format::mapping(tree, files, reader).map(|mapping| (mapping, line)).into_iter().collect();
    };
    let Value::Array(items) = &list.value else {
        let message = format!("`mappings` is a list, not {}", list.kind_name());
        reader.error_at(list, "mappings", message, "write `[{…}, {…}]`");
        return Vec::new();
    };
    let mut mappings = Vec::with_capacity(items.len());
    reader.within("mappings", |reader| {
        for (index, item) in items.iter().enumerate() {
            let line = reader.line(item);
            let mapping = reader.within(index.to_string(), |reader| format::mapping(item, files, reader));
            mappings.extend(mapping.map(|mapping| (mapping, line)));
        }
    });
    mappings
}
