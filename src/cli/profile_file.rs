//! Profile files that `fit` and `import` write, with a checksum that shows later edits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::Failure;
use standin_files::regular_file;

/// Command that writes a profile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author {
    Fit,
    Import,
}

/// Checks that a name of a profile can be the name of a file.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Failure::usage(format!("`{name}` is no name of a profile")).help("give one without slashes"));
    }
    Ok(())
}

/// Returns the path of a profile in a stub folder.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("profiles").join(format!("{name}.yaml"))
}

/// Returns the default name of a service: the name of its stub folder.
pub(super) fn service(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map_or_else(|| "service".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Fails if the profile was written or edited by hand, unless `forced`.
pub(super) fn keep_edited(path: &Path, author: Author, forced: bool) -> Result<(), Failure> {
    match is_edited(path) {
        Ok(true) if !forced => {
            let (path, author) = (path.display(), author.name());
            Err(Failure::check_failed(format!("`{path}` was not written by {author} or was edited since"))
                .help("`--force` overwrites it, `--profile NAME` writes another"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::broken(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Writes a profile with its checksum. The file is replaced as a whole, so that a server that
/// watches never reads half of it.
pub(super) fn write(path: &Path, author: Author, text: &str) -> Result<(), Failure> {
    replace(path, &author.signed(text))
        .map_err(|error| Failure::broken(format!("cannot write `{}`: {error}", path.display())))
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

    /// Returns the text of a file that begins with a checksum of the rest.
    fn signed(self, text: &str) -> String {
        format!("{}{}\n{text}", self.mark(), sum(text))
    }
}

fn sum(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let eight = digest.as_ref().iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{eight:016x}")
}

/// Returns true if the file exists and is not as `fit` or `import` wrote it.
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
