//! Where `fit` and `import` put the profiles that they write, and whether somebody has edited one since.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::{BROKE, CHECK_FAILED, USAGE, note};
use standin_files::regular_file;

/// Who writes a profile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author {
    Fit,
    Import,
}

/// Refuses what is no name of a file; told, with the exit code.
pub(super) fn check_name(name: &str) -> Result<(), u8> {
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        note(&format!("`{name}` is no name of a profile; give one without slashes"));
        return Err(USAGE);
    }
    Ok(())
}

/// The file of a profile in a stub folder.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("profiles").join(format!("{name}.yaml"))
}

/// What a service is called that nobody named: as its stub folder.
pub(super) fn service(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map_or_else(|| "service".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Keeps a profile that somebody wrote or edited, unless `forced`; told, with the exit code.
pub(super) fn keep_edited(path: &Path, author: Author, forced: bool) -> Result<(), u8> {
    match is_edited(path) {
        Ok(true) if !forced => {
            let (path, author) = (path.display(), author.name());
            note(&format!(
                "`{path}` was not written by {author} or was edited since; `--force` overwrites it, `--profile NAME` writes another"
            ));
            Err(CHECK_FAILED)
        }
        Ok(_) => Ok(()),
        Err(error) => {
            note(&format!("cannot read `{}`: {error}", path.display()));
            Err(BROKE)
        }
    }
}

/// Written beside and moved there, so that a server that watches never reads half of it. Edits will show; told if it fails, with
/// the exit code.
pub(super) fn write(path: &Path, author: Author, text: &str) -> Result<(), u8> {
    replace(path, &author.signed(text)).map_err(|error| {
        note(&format!("cannot write `{}`: {error}", path.display()));
        BROKE
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    regular_file::replace(path, text.as_bytes())
}

impl Author {
    fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Import => "import",
        }
    }

    fn mark(self) -> String {
        format!("# written by standin {}; edits are kept, as this sum tells them: ", self.name())
    }

    /// A file that begins with a digest of the rest.
    fn signed(self, text: &str) -> String {
        format!("{}{}\n{text}", self.mark(), sum(text))
    }
}

fn sum(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let eight = digest.as_ref().iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{eight:016x}")
}

/// Whether there is a file that is not just as `fit` or `import` wrote it.
fn is_edited(path: &Path) -> io::Result<bool> {
    let text = match regular_file::read(path, regular_file::MAX_BYTES) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let is_as_written = |author: Author| {
        let parts = text.strip_prefix(&author.mark()).and_then(|text| text.split_once('\n'));
        parts.is_some_and(|(told, rest)| told.trim() == sum(rest))
    };
    Ok(![Author::Fit, Author::Import].into_iter().any(is_as_written))
}
