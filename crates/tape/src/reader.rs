//! Reads a tape an exchange at a time, and keeps account of lines that are no exchange.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::{FootLine, GapLine, TapeFoot, TapeHead, VERSION};
use crate::exchange::Exchange;
use standin_files::regular_file;

/// Exchanges of a tape, in the order of its lines.
///
/// A line that cannot be read does not end the reading: [`TapeReader::condition`] tells of it afterwards.
pub struct TapeReader<R> {
    lines: R,
    line: Vec<u8>,
    number: u64,
    head: TapeHead,
    condition: TapeCondition,
}

/// How whole a tape was, known once it has been read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapeCondition {
    /// Exchanges read.
    pub exchanges: u64,
    /// Whether the last line was torn: the recorder ended while it wrote.
    pub torn: bool,
    /// Lines before the last that could not be read.
    pub broken: u64,
    /// The first of them.
    pub examples: Vec<BrokenLine>,
    /// The recorder's own account; none if it did not end well.
    pub foot: Option<TapeFoot>,
    /// Stretches in which the disk took nothing.
    pub gaps: u64,
    /// Exchanges that were lost in them.
    pub lost_in_gaps: u64,
}

/// A line that is no exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLine {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// Why a tape cannot be read at all.
#[derive(Debug)]
pub enum TapeError {
    /// The system refuses.
    Io(io::Error),
    /// The first line is no head.
    NoHead(String),
    /// A later version wrote it.
    Version(u32),
}

impl TapeCondition {
    /// Exchanges that the tape lacks: dropped or lost by the recorder, or on lines that cannot be read.
    pub fn lost(&self) -> u64 {
        let dropped = self.foot.map_or(self.lost_in_gaps, |foot| foot.dropped);
        self.broken + u64::from(self.torn) + dropped
    }
}

impl TapeReader<BufReader<File>> {
    /// Opens a tape and reads its head.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        Self::new(BufReader::with_capacity(BUFFER, regular_file::open(path)?))
    }
}

impl<R: BufRead> TapeReader<R> {
    /// Reads the head.
    pub fn new(mut lines: R) -> Result<Self, TapeError> {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(TapeError::NoHead("the file is empty".to_owned()));
        }
        let head: TapeHead = serde_json::from_slice(&line).map_err(|error| TapeError::NoHead(error.to_string()))?;
        if head.version > VERSION {
            return Err(TapeError::Version(head.version));
        }
        Ok(Self { lines, line, number: 1, head, condition: TapeCondition::default() })
    }

    /// The conditions of the recording.
    pub fn head(&self) -> &TapeHead {
        &self.head
    }

    /// How whole the tape was, as far as it has been read.
    pub fn condition(&self) -> &TapeCondition {
        &self.condition
    }

    fn reject(&mut self, why: String) {
        self.condition.broken += 1;
        if self.condition.examples.len() < EXAMPLES {
            self.condition.examples.push(BrokenLine { line: self.number, why });
        }
    }
}

impl<R: BufRead> Iterator for TapeReader<R> {
    type Item = io::Result<Exchange>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            match self.lines.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => self.number += 1,
                Err(error) => return Some(Err(error)),
            }
            if self.line.trim_ascii().is_empty() {
                continue;
            }
            let why = match serde_json::from_slice::<Exchange>(&self.line) {
                Ok(exchange) => {
                    self.condition.exchanges += 1;
                    return Some(Ok(exchange));
                }
                Err(error) => error.to_string(),
            };
            if let Ok(foot) = serde_json::from_slice::<FootLine>(&self.line) {
                self.condition.foot = Some(foot.end);
            } else if let Ok(GapLine { gap }) = serde_json::from_slice(&self.line) {
                self.condition.gaps += 1;
                self.condition.lost_in_gaps += gap.exchanges;
            } else if self.line.ends_with(b"\n") {
                self.reject(why);
            } else {
                self.condition.torn = true;
            }
        }
    }
}

impl From<io::Error> for TapeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for TapeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "the tape cannot be read: {error}"),
            Self::NoHead(why) => {
                write!(out, "the first line is no head of a tape ({why}); give a file that `record` wrote")
            }
            Self::Version(version) => {
                write!(out, "the tape has format {version}; read it with a later version of standin")
            }
        }
    }
}

impl std::error::Error for TapeError {}

const BUFFER: usize = 1 << 18;
/// Broken lines that are named.
const EXAMPLES: usize = 10;
