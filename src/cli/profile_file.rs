//! Where `fit` and `import` put the profiles that they write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file of a profile in a stub folder.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("profiles").join(format!("{name}.yaml"))
}

/// What a service is called that nobody named: as its stub folder.
pub(super) fn service(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map_or_else(|| "service".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Written beside and moved there, so that a server that watches never reads half of it.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let draft = path.with_extension("yaml.part");
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}
