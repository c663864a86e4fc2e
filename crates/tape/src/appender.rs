//! Buffered appending to a file; the buffer survives a failed write.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::frames::FrameEncoder;

/// A file opened for appending, with the bytes that are not written yet.
///
/// After a failed write, the next [`Appender::flush`] continues at the byte where it stopped.
pub(super) struct Appender {
    file: File,
    /// Bytes as they stand in the file.
    pending: Vec<u8>,
    /// The encoder of a file in frames, and the bytes that it has not got yet.
    frames: Option<(FrameEncoder, Vec<u8>)>,
    /// Lines in the frames that are pending.
    framed_lines: u64,
}

impl Appender {
    /// Creates the file, in frames if `is_framed`. An existing file is an error.
    pub(super) fn create(path: &Path, is_framed: bool) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let frames = if is_framed { Some((FrameEncoder::new()?, Vec::with_capacity(FLUSH_BYTES))) } else { None };
        Ok(Self { file, pending: Vec::with_capacity(FLUSH_BYTES), frames, framed_lines: 0 })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer().extend_from_slice(bytes);
    }

    /// Returns the buffer, so that a serializer can append to it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        match &mut self.frames {
            Some((_, plain)) => plain,
            None => &mut self.pending,
        }
    }

    /// Returns the number of lines that are not handed to the operating system yet. Lines of a
    /// frame that is written in part count as a whole.
    pub(super) fn pending_lines(&self) -> u64 {
        let buffer = self.frames.as_ref().map_or(&self.pending, |(_, plain)| plain);
        memchr::memchr_iter(b'\n', buffer).count() as u64 + self.framed_lines
    }

    /// Returns true when enough bytes are pending for a write.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() + self.frames.as_ref().map_or(0, |(_, plain)| plain.len()) >= FLUSH_BYTES
    }

    /// Writes all pending bytes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some((encoder, plain)) = self.frames.as_mut().filter(|(_, plain)| !plain.is_empty()) {
            self.framed_lines += memchr::memchr_iter(b'\n', plain).count() as u64;
            encoder.append(plain, &mut self.pending)?;
            plain.clear();
            // release the memory that one large body needed
            plain.shrink_to(FLUSH_BYTES);
        }
        self.write()
    }

    /// Writes all pending bytes, and ends the last frame.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some((encoder, _)) = &mut self.frames {
            encoder.end_frame(&mut self.pending)?;
        }
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
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
        self.pending.shrink_to(FLUSH_BYTES);
        if flushed.is_ok() {
            self.framed_lines = 0;
        }
        flushed
    }

    /// Waits until the written bytes are on the disk (`fsync`).
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Pending bytes at which a write is due.
const FLUSH_BYTES: usize = 1 << 18;
