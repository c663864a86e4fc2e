//! Writes a tape: the head immediately, exchanges and bodies through buffers, each distinct body
//! once.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::appender::Appender;
use super::bodies::{PACK_HEAD, pack_path};
use super::frames::is_frame_file;
use super::{FootLine, GapLine, TapeFoot, TapeGap, TapeHead};
use crate::exchange::{BodyRef, Exchange};

/// A writer of one tape.
///
/// Dropping it without [`TapeWriter::finish`] leaves a tape without a foot: readers report it as
/// cut off. A failed write loses nothing: the next [`TapeWriter::flush`] continues where it
/// stopped.
pub struct TapeWriter {
    /// Pack file; created with the first body.
    bodies: Option<Appender>,
    lines: Appender,
    pack: PathBuf,
    /// True if both files are written in zstd frames.
    is_framed: bool,
    /// Hashes of the bodies in the pack.
    known: HashSet<[u8; 32], foldhash::fast::RandomState>,
    /// Number of exchanges appended, including those still in the buffer.
    exchanges: u64,
    /// Number of lines in the buffer that are not exchanges.
    others: u64,
}

impl TapeWriter {
    /// Creates a tape and writes its head. An existing file is an error. Bodies go to a file of the
    /// same name that ends in `.bodies`. Both are compressed if the name ends in `.zst`.
    pub fn create(path: &Path, head: &TapeHead) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder)?;
        }
        let is_framed = is_frame_file(path);
        let mut writer = Self {
            lines: Appender::create(path, is_framed)?,
            bodies: None,
            pack: pack_path(path),
            is_framed,
            known: HashSet::default(),
            exchanges: 0,
            others: 0,
        };
        writer.other_line(head)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Appends an exchange, and writes the buffer when it is full.
    pub fn write(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.append(exchange)?;
        if self.is_full() { self.flush() } else { Ok(()) }
    }

    /// Appends an exchange to the buffer.
    pub fn append(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.line(exchange)?;
        self.exchanges += 1;
        Ok(())
    }

    /// Appends a redacted body to the buffer, unless an equal one is on the tape. `size` is its
    /// length on the wire in bytes.
    pub fn append_body(&mut self, body: &[u8], size: u64) -> io::Result<BodyRef> {
        let hash = digest(&SHA256, body);
        let hash: [u8; 32] = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let name = to_hex(&hash);
        if !self.known.contains(&hash) {
            self.keep(&name, body)?;
            self.known.insert(hash);
        }
        Ok(BodyRef { sha256: Some(name), size })
    }

    /// Appends a line that marks a gap of the recording.
    pub fn append_gap(&mut self, gap: &TapeGap) -> io::Result<()> {
        self.other_line(&GapLine { gap: gap.clone() })
    }

    /// Writes the buffers, bodies before the exchanges that name them.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(bodies) = &mut self.bodies {
            bodies.flush()?;
        }
        self.lines.flush()?;
        self.others = 0;
        Ok(())
    }

    /// Returns the number of exchanges handed to the operating system.
    pub fn written_count(&self) -> u64 {
        let waiting = self.lines.pending_lines();
        // lines that are not exchanges are appended last
        self.exchanges - waiting.saturating_sub(self.others).min(self.exchanges)
    }

    /// Returns the number of exchanges appended, including those still in the buffer.
    pub fn appended_count(&self) -> u64 {
        self.exchanges
    }

    /// Writes the foot and syncs the files. `dropped` and `refused` are the counts of the recorder.
    pub fn finish(mut self, dropped: u64, refused: u64) -> io::Result<()> {
        self.end(dropped, refused)
    }

    /// Writes the foot and syncs the files, like [`TapeWriter::finish`]. After an error the writer
    /// still gives its counts.
    pub fn end(&mut self, dropped: u64, refused: u64) -> io::Result<()> {
        self.flush()?;
        let end = TapeFoot { exchanges: self.exchanges, dropped, refused };
        self.other_line(&FootLine { end })?;
        if let Some(bodies) = &mut self.bodies {
            bodies.end()?;
        }
        self.lines.end()?;
        self.others = 0;
        self.bodies.as_ref().map_or(Ok(()), Appender::sync)?;
        self.lines.sync()
    }

    fn other_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.others += 1;
        self.line(line)
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(self.lines.buffer(), line)?;
        self.lines.push(b"\n");
        Ok(())
    }

    fn keep(&mut self, name: &str, body: &[u8]) -> io::Result<()> {
        if self.bodies.is_none() {
            let mut bodies = Appender::create(&self.pack, self.is_framed)?;
            bodies.push(PACK_HEAD);
            self.bodies = Some(bodies);
        }
        let Some(bodies) = &mut self.bodies else { return Ok(()) };
        bodies.push(format!("{name} {}\n", body.len()).as_bytes());
        bodies.push(body);
        bodies.push(b"\n");
        Ok(())
    }

    /// Returns true when enough bytes are buffered for a write.
    pub fn is_full(&self) -> bool {
        self.lines.is_full() || self.bodies.as_ref().is_some_and(Appender::is_full)
    }
}

impl Drop for TapeWriter {
    fn drop(&mut self) {
        // a caller who needs the error flushes before the drop
        let _ = self.flush();
    }
}

/// Formats bytes as lower-case hexadecimal digits.
pub fn to_hex(hash: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
