//! HTTP archives (HAR 1.2) of tapes and of a server's journal.

mod entry;
mod journal;
mod tape;
#[cfg(test)]
mod tests;

pub use journal::journal_entries;
pub use tape::tape_entry;

use std::io::{self, Write};

use serde_json::{Value, json};

/// Writes an archive, an entry at a time.
pub struct HarWriter<W: Write> {
    out: W,
    entries: u64,
}

impl<W: Write> HarWriter<W> {
    /// Begins an archive with its head.
    pub fn new(mut out: W) -> io::Result<Self> {
        let creator = json!({ "name": "standin", "version": env!("CARGO_PKG_VERSION") });
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")?;
        Ok(Self { out, entries: 0 })
    }

    /// Writes an entry of the archive.
    pub fn entry(&mut self, entry: &Value) -> io::Result<()> {
        let separator = if self.entries == 0 { "\n" } else { ",\n" };
        self.entries += 1;
        write!(self.out, "{separator}{entry}")
    }

    /// Ends the archive; returns the number of its entries.
    pub fn finish(mut self) -> io::Result<u64> {
        writeln!(self.out, "\n]}}}}")?;
        self.out.flush()?;
        Ok(self.entries)
    }
}
