//! [`StubFolder`], a folder of one service: `mappings/`, `__files/` and `profiles/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{FilesFolder, RenderSettings};
use standin_files::regular_file::MAX_BYTES;

/// A folder with the stubs of one service; it contains `mappings/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StubFolder {
    /// Name of the service, which is the name of the folder.
    pub name: String,
    /// Prefix of the file names from which stub ids are derived: `name/` where several services
    /// share a root, else empty.
    pub prefix: String,
    /// Path of the folder.
    pub root: PathBuf,
    /// Settings for the responses of the service.
    pub rendering: RenderSettings,
    /// Size limit of a mapping file or a profile, in bytes.
    pub max_file_bytes: u64,
}

impl StubFolder {
    /// Returns the stub folder at `root`, with the default settings and size limit.
    pub fn new(name: impl Into<String>, prefix: impl Into<String>, root: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            prefix: prefix.into(),
            root: root.into(),
            rendering: RenderSettings::default(),
            max_file_bytes: MAX_BYTES,
        }
    }

    /// Finds the stub folders of `root`: each of its folders that has `mappings/`, sorted by name,
    /// but `root` itself if it has `mappings/`, or none of them has.
    pub fn find_all(root: &Path) -> io::Result<Vec<Self>> {
        let name_of = |path: &Path| {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        if root.join("mappings").is_dir() {
            return Ok(vec![Self::new(name_of(root), String::new(), root)]);
        }
        let mut folders: Vec<_> = fs::read_dir(root)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.join("mappings").is_dir())
            .map(|path| Self::new(name_of(&path), format!("{}/", name_of(&path)), path))
            .collect();
        folders.sort_by(|one, other| one.name.cmp(&other.name));
        if folders.is_empty() {
            folders.push(Self::new(name_of(root), String::new(), root));
        }
        Ok(folders)
    }

    /// Returns the folder `__files` with the body files.
    pub fn files(&self) -> FilesFolder {
        FilesFolder { root: self.root.join("__files"), settings: self.rendering.clone() }
    }

    /// Returns the path of the folder `mappings`.
    pub fn mappings(&self) -> PathBuf {
        self.root.join("mappings")
    }
}

/// Returns true if a file is read as mappings: it ends with `.json`, `.yaml` or `.yml`.
pub fn is_mapping_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json" || extension == "yaml" || extension == "yml")
}
