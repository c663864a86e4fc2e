//! Buffered appending to a file; the buffer survives a failed write.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// A file opened for appending, with the bytes that are not written yet.
///
/// After a failed write, the next [`Appender::flush`] continues at the byte where it stopped.
pub(super) struct Appender {
    file: File,
    pending: Vec<u8>,
}

impl Appender {
    /// Creates the file. An existing file is an error.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, pending: Vec::with_capacity(FLUSH_BYTES) })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the buffer, so that a serializer can append to it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Returns the bytes that are not handed to the operating system yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Returns true when enough bytes are pending for a write.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= FLUSH_BYTES
    }

    /// Writes all pending bytes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let mut flushed = Ok(());
        while written < self.pending.len() && flushed.is_ok() {
            match self.file.write(&self.pending[written..]) {
                Ok(0) => flushed = Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => flushed = Err(error),
            }
        }
        self.pending.drain(..written);
        // release the memory that one large body needed
        self.pending.shrink_to(FLUSH_BYTES);
        flushed
    }

    /// Waits until the written bytes are on the disk (`fsync`).
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Pending bytes at which a write is due.
const FLUSH_BYTES: usize = 1 << 18;
