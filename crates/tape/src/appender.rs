//! A file that grows at its end, through a buffer that survives a write that fails.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// What is to be written to a file, in order. Where a write fails, the next one goes on at the byte where it stopped.
pub(super) struct Appender {
    file: File,
    waiting: Vec<u8>,
}

impl Appender {
    /// Creates the file; it must not exist.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, waiting: Vec::with_capacity(ENOUGH) })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The buffer itself, to append to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Bytes that the system does not have yet.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// Whether so much waits that it is time to write.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= ENOUGH
    }

    /// Hands all that waits to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let mut flushed = Ok(());
        while written < self.waiting.len() && flushed.is_ok() {
            match self.file.write(&self.waiting[written..]) {
                Ok(0) => flushed = Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => flushed = Err(error),
            }
        }
        self.waiting.drain(..written);
        // a large body must not hold its room for ever
        self.waiting.shrink_to(ENOUGH);
        flushed
    }

    /// Waits until all that the system has is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Bytes that are written at once.
const ENOUGH: usize = 1 << 18;
