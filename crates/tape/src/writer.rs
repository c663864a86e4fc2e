//! Writes a tape: the head at once, exchanges and bodies through buffers, and each distinct body once.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::appender::Appender;
use super::bodies::{PACK_HEAD, pack_of};
use super::{FootLine, GapLine, TapeFoot, TapeGap, TapeHead};
use crate::exchange::{BodyRef, Exchange};

/// A tape that is being written.
///
/// Dropping it without [`TapeWriter::finish`] leaves a tape without a foot, which says that the recording was cut off. A
/// write that fails loses nothing that was taken: the next [`TapeWriter::flush`] goes on where it stopped.
pub struct TapeWriter {
    /// Created with the first body.
    bodies: Option<Appender>,
    lines: Appender,
    pack: PathBuf,
    /// SHA-256 needs no second hash to be spread.
    known: HashSet<[u8; 32], foldhash::fast::RandomState>,
    /// Exchanges taken, whether or not the system has them.
    exchanges: u64,
    /// Lines in the buffer that are no exchanges.
    others: u64,
}

impl TapeWriter {
    /// Starts a tape. The file must not exist yet; bodies will stand beside it, in a file of the same name that ends in
    /// `.bodies`.
    pub fn create(path: &Path, head: &TapeHead) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder)?;
        }
        let mut writer = Self {
            lines: Appender::create(path)?,
            bodies: None,
            pack: pack_of(path),
            known: HashSet::default(),
            exchanges: 0,
            others: 0,
        };
        writer.other_line(head)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Appends an exchange, and writes once enough has come together.
    pub fn write(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.take(exchange)?;
        if self.is_full() { self.flush() } else { Ok(()) }
    }

    /// Appends an exchange to what is to be written.
    pub fn take(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.line(exchange)?;
        self.exchanges += 1;
        Ok(())
    }

    /// Keeps a redacted body, unless the same is kept already. `size` is its length on the wire.
    pub fn body(&mut self, body: &[u8], size: u64) -> io::Result<BodyRef> {
        let hash = digest(&SHA256, body);
        let hash: [u8; 32] = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let name = hex(&hash);
        if !self.known.contains(&hash) {
            self.keep(&name, body)?;
            self.known.insert(hash);
        }
        Ok(BodyRef { sha256: Some(name), size })
    }

    /// Marks a stretch of the recording that the tape lacks.
    pub fn gap(&mut self, gap: &TapeGap) -> io::Result<()> {
        self.other_line(&GapLine { gap: gap.clone() })
    }

    /// Hands what is buffered to the system, bodies before the exchanges that name them.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(bodies) = &mut self.bodies {
            bodies.flush()?;
        }
        self.lines.flush()?;
        self.others = 0;
        Ok(())
    }

    /// Exchanges that the system has.
    pub fn written(&self) -> u64 {
        let waiting = memchr::memchr_iter(b'\n', self.lines.waiting()).count() as u64;
        // the others were taken last
        self.exchanges - waiting.saturating_sub(self.others).min(self.exchanges)
    }

    /// Exchanges that were taken, whether or not the system has them.
    pub fn taken(&self) -> u64 {
        self.exchanges
    }

    /// Ends the tape well. `dropped` and `refused` are the recorder's counts.
    pub fn finish(mut self, dropped: u64, refused: u64) -> io::Result<()> {
        self.end(dropped, refused)
    }

    /// Ends the tape well, or says why that cannot be, and leaves the writer to tell what was written.
    pub fn end(&mut self, dropped: u64, refused: u64) -> io::Result<()> {
        self.flush()?;
        let end = TapeFoot { exchanges: self.exchanges, dropped, refused };
        self.other_line(&FootLine { end })?;
        self.flush()?;
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
            let mut bodies = Appender::create(&self.pack)?;
            bodies.push(PACK_HEAD);
            self.bodies = Some(bodies);
        }
        let Some(bodies) = &mut self.bodies else { return Ok(()) };
        bodies.push(format!("{name} {}\n", body.len()).as_bytes());
        bodies.push(body);
        bodies.push(b"\n");
        Ok(())
    }

    /// Whether so much waits that it is time to flush.
    pub fn is_full(&self) -> bool {
        self.lines.is_full() || self.bodies.as_ref().is_some_and(Appender::is_full)
    }
}

impl Drop for TapeWriter {
    fn drop(&mut self) {
        // whoever wants to know of an error flushes before
        let _ = self.flush();
    }
}

/// A hash as files are named by it.
pub fn hex(hash: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
