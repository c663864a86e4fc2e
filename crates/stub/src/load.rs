//! Folders of stubs, read whole: every defect of every file at once, or all the stubs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::files::{FilesFolder, Templating};
use super::format::{self, Mapping, Reader};
use super::shelf::{Shelf, digest};
use super::{Origin, Stub};
use crate::defect::Defect;
use crate::matcher::Rank;
use crate::source::{Node, Value};
use standin_files::regular_file::{self, MAX_BYTES};

/// The age of the oldest stub from the API; those from files are older: among equals, the API's come first.
pub const API_BEGINS: u64 = 1 << 63;

/// The name space of ids that are made from a stub's place.
const IDS: Uuid = Uuid::from_u128(0x6a3c_1d52_7f0b_4b0e_9d5a_2c81_e0f4_77b3);

/// A stub folder: it has `mappings/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The folder's name.
    pub name: String,
    /// What its files are named below: its own name where it is one of several.
    pub prefix: String,
    /// Where it is.
    pub root: PathBuf,
    /// Which of its replies are templates.
    pub templating: Templating,
    /// Bytes of a mapping file or a profile at most.
    pub max_file_bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The stubs, each at its rank.
    pub stubs: Vec<Arc<Stub>>,
    /// What is wrong or odd, in the order of the files.
    pub defects: Vec<Defect>,
}

impl Service {
    /// The service of a folder.
    pub fn new(name: impl Into<String>, prefix: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            prefix: prefix.into(),
            root: root.into(),
            templating: Templating::default(),
            max_file_bytes: MAX_BYTES,
        }
    }

    /// The services of `root`: itself if it has `mappings/`, else each of its folders that has, by name.
    pub fn all(root: &Path) -> std::io::Result<Vec<Self>> {
        let name_of = |path: &Path| {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        if root.join("mappings").is_dir() {
            return Ok(vec![Self::new(name_of(root), String::new(), root)]);
        }
        let mut services: Vec<_> = fs::read_dir(root)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.join("mappings").is_dir())
            .map(|path| Self::new(name_of(&path), format!("{}/", name_of(&path)), path))
            .collect();
        services.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(services)
    }

    /// Its body files.
    pub fn files(&self) -> FilesFolder {
        FilesFolder { root: self.root.join("__files"), templating: self.templating }
    }

    /// Its mappings.
    pub fn mappings(&self) -> PathBuf {
        self.root.join("mappings")
    }
}

/// Reads the stubs of all services. With several, the first by name comes first.
pub fn load(services: &[Service]) -> Loaded {
    let mut shelf = Shelf::new(services.to_vec());
    let trees = shelf.walk();
    let reading = shelf.read(trees);
    Loaded { stubs: reading.entries.into_iter().map(|entry| entry.stub).collect(), defects: reading.defects }
}

/// A mapping file as read.
pub(super) struct Page {
    /// A digest of its bytes.
    pub(super) text: u64,
    /// Its stubs; their ranks lack the age.
    pub(super) stubs: Vec<Arc<Stub>>,
    /// What is wrong or odd.
    pub(super) defects: Vec<Defect>,
}

/// Reads a mapping file.
pub(super) fn read(path: &Path, service: &Service) -> Page {
    let mut page = Page { text: 0, stubs: Vec::new(), defects: Vec::new() };
    let name = path.display().to_string();
    let bytes = match regular_file::read(path, service.max_file_bytes) {
        Ok(bytes) => bytes,
        Err(error) => {
            page.defects.push(unreadable(&name, &error));
            return page;
        }
    };
    page.text = digest(&bytes);
    let Ok(text) = String::from_utf8(bytes) else {
        page.defects.push(Defect::error(format!("`{name}` is not UTF-8")).help("save it as UTF-8"));
        return page;
    };
    let text: Arc<str> = text.into();
    let mut reader = Reader::of_file(&name, Arc::clone(&text));
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let tree = if is_json { reader.parse(&text) } else { reader.parse_yaml(&text) };
    let mappings = tree.map_or_else(Vec::new, |tree| mappings(&tree, &service.files(), &mut reader));
    page.defects = reader.into_defects();
    let relative = path.strip_prefix(&service.root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let shared = mappings.len() > 1;
    let path = Arc::new(path.to_owned());
    let stubs = mappings.into_iter().enumerate().map(|(place, (mapping, line))| {
        let id = mapping.id.unwrap_or_else(|| made_id(&service.prefix, &relative, place));
        let rank = Rank { service: 0, priority: mapping.priority, age: 0 };
        Arc::new(mapping.into_stub(id, rank, Origin::File { path: Arc::clone(&path), line, shared }))
    });
    page.stubs = stubs.collect();
    page
}

/// The defect of a file that cannot be read.
pub fn unreadable(name: &str, error: &io::Error) -> Defect {
    let help = match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory => "move it out of the folder",
        io::ErrorKind::FileTooLarge => "split it, or raise --max-file-bytes",
        _ => "check that it exists and may be read",
    };
    Defect::error(format!("cannot read `{name}`: {error}")).help(help)
}

/// The id of a stub that states none: the same as long as it stays where it is.
fn made_id(prefix: &str, file: &str, place: usize) -> Uuid {
    Uuid::new_v5(&IDS, format!("{prefix}{file}#{place}").as_bytes())
}

/// Whether a file is read as mappings.
pub fn is_mapping_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json" || ending == "yaml" || ending == "yml")
}

/// The mappings of a file, each with its line.
fn mappings(tree: &Node, files: &FilesFolder, reader: &mut Reader) -> Vec<(Mapping, usize)> {
    let Some(list) = tree.get("mappings") else {
        let line = reader.line(tree);
        return format::mapping(tree, files, reader).map(|mapping| (mapping, line)).into_iter().collect();
    };
    let Value::Array(items) = &list.value else {
        reader.error_at(
            list,
            "mappings",
            format!("`mappings` is a list, not {}", list.kind_name()),
            "write `[{…}, {…}]`",
        );
        return Vec::new();
    };
    let mut mappings = Vec::with_capacity(items.len());
    reader.within("mappings", |reader| {
        for (place, item) in items.iter().enumerate() {
            let line = reader.line(item);
            let mapping = reader.within(place.to_string(), |reader| format::mapping(item, files, reader));
            mappings.extend(mapping.map(|mapping| (mapping, line)));
        }
    });
    mappings
}
