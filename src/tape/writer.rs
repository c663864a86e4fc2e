//! Writes a tape: the head at once, exchanges through a buffer, and each distinct body once.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::{Foot, FootLine, Head};
use crate::exchange::{BodyRef, Exchange};

/// A tape that is being written.
///
/// Dropping it without [`Writer::finish`] leaves a tape without a foot, which says that the recording was cut off.
pub struct Writer {
    out: BufWriter<File>,
    bodies: PathBuf,
    /// SHA-256 needs no second hash to be spread.
    known: HashSet<[u8; 32], foldhash::fast::RandomState>,
    exchanges: u64,
}

impl Writer {
    /// Starts a tape. The file must not exist yet; `bodies/` will stand beside it.
    pub fn create(path: &Path, head: &Head) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut writer = Self {
            out: BufWriter::with_capacity(BUFFER, file),
            bodies: folder.join("bodies"),
            known: HashSet::default(),
            exchanges: 0,
        };
        writer.line(head)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Appends an exchange.
    pub fn write(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.exchanges += 1;
        self.line(exchange)
    }

    /// Keeps a redacted body, unless the same is kept already. `size` is its length on the wire.
    pub fn body(&mut self, body: &[u8], size: u64) -> io::Result<BodyRef> {
        let hash = digest(&SHA256, body);
        let hash: [u8; 32] = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        let name = hex(&hash);
        if self.known.insert(hash) {
            self.keep(&name, body)?;
        }
        Ok(BodyRef { sha256: Some(name), size })
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the tape well. `dropped` and `refused` are the recorder's counts.
    pub fn finish(mut self, dropped: u64, refused: u64) -> io::Result<()> {
        let end = Foot { exchanges: self.exchanges, dropped, refused };
        self.line(&FootLine { end })?;
        self.out.flush()?;
        self.out.get_ref().sync_all()
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }

    fn keep(&self, name: &str, body: &[u8]) -> io::Result<()> {
        let path = self.bodies.join(name);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.bodies)?;
        // a body under its final name is whole, whatever happens meanwhile
        let part = self.bodies.join(format!("{name}.part"));
        fs::write(&part, body)?;
        fs::rename(part, path)
    }
}

/// A hash as files are named by it.
pub(crate) fn hex(hash: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

const BUFFER: usize = 1 << 16;
