//! Access to regular files: they are opened without blocking, read up to a limit, and replaced
//! atomically.
//!
//! Opening a named pipe blocks until its other end is open, a device may never end, and a file may
//! exceed the memory. These are refused, so that no file in a folder can block the thread that
//! reads it.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Default size limit of a file that is read into memory, in bytes (`--max-file-bytes`).
pub const MAX_BYTES: u64 = 64 << 20;

/// Opens a file for reading. Links are followed. A file that is not regular is an error with its
/// kind in the message.
pub fn open(path: &Path) -> io::Result<File> {
    // opening a device may have side effects, so that the kind is checked before
    expect_regular(fs::metadata(path)?.file_type())?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // the file may have been replaced in between
    expect_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes; a longer one is an error of the kind
/// `FileTooLarge`.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_long(&format!("it has {length} bytes"), limit));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // the file may grow meanwhile, and files of /proc have a length of 0
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_long("it is longer than its metadata states", limit)) } else { Ok(bytes) }
}

/// Replaces the file at `path` atomically: a reader sees the whole old or the whole new content. A
/// link at `path` is replaced, not followed. The folder must exist.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.file_name().ok_or(ErrorKind::InvalidInput)?;
    // hidden, so that it is not read as a mapping; random, so that nobody can have planted a link
    // there
    let part = path.with_file_name(format!(".{:016x}.part", rand::random::<u64>()));
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().write(true).create_new(true).custom_flags(flags).open(&part)?;
    let replaced = file.write_all(bytes).and_then(|()| fs::rename(&part, path));
    if replaced.is_err() {
        // the first error is the one to report
        let _ = fs::remove_file(&part);
    }
    replaced
}

fn expect_regular(kind: FileType) -> io::Result<()> {
    let kind_name = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "no file",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {kind_name}, and only regular files are read")))
}

fn too_long(length: &str, limit: u64) -> io::Error {
    let message = format!("{length}, more than the limit of {limit}: see --max-file-bytes");
    io::Error::new(ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_named_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).expect("a socket");
        let cases =
            [("pipe", "a named pipe"), ("socket", "a socket")].map(|(name, what)| (folder.path().join(name), what));
        for (path, what) in cases.into_iter().chain([("/dev/zero".into(), "a device")]) {
            let error = read(&path, 10).expect_err("it is no file").to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sparse");
        File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("writable");
        assert!(read(&path, 10).expect_err("too long").to_string().contains("--max-file-bytes"));
        fs::write(&path, "0123456789").expect("writable");
        assert_eq!(read(&path, 10).expect("it fits"), b"0123456789");
        assert_eq!(read(&path, 9).expect_err("too long").kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (outside, path) = (folder.path().join("outside"), folder.path().join("name"));
        fs::write(&outside, "kept").expect("writable");
        std::os::unix::fs::symlink(&outside, &path).expect("a link");
        replace(&path, b"new").expect("writable");
        assert_eq!(
            (fs::read(&outside).expect("there"), fs::read(&path).expect("there")),
            (b"kept".to_vec(), b"new".to_vec())
        );
        assert!(replace(folder.path(), b"no").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2, "nothing is left behind");
    }
}
