//! Reads a tape one exchange at a time, and counts the lines that are not exchanges.

use std::fmt;
use std::io::{self, BufRead};
use std::path::Path;

use super::frames::FrameReader;
use super::{FootLine, GapLine, TapeFoot, TapeHead, VERSION};
use crate::exchange::Exchange;
use standin_files::regular_file;

/// An iterator over the exchanges of a tape, in the order of its lines.
///
/// A line that cannot be parsed does not end the iteration; [`TapeReader::condition`] counts it.
pub struct TapeReader<R> {
    lines: R,
    line: Vec<u8>,
    number: u64,
    head: TapeHead,
    condition: TapeCondition,
}

/// The completeness of a tape, known after it was read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapeCondition {
    /// Number of exchanges read.
    pub exchanges: u64,
    /// True if the last line is incomplete: the recorder was killed during a write.
    pub torn: bool,
    /// Number of other lines that cannot be parsed.
    pub broken: u64,
    /// The first lines that cannot be parsed, at most ten.
    pub examples: Vec<BrokenLine>,
    /// Counts of the recorder; `None` if it did not end normally.
    pub foot: Option<TapeFoot>,
    /// Number of gaps, in which the disk accepted no writes.
    pub gaps: u64,
    /// Number of exchanges lost in the gaps.
    pub lost_in_gaps: u64,
}

/// A line that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLine {
    /// Line number, from 1.
    pub line: u64,
    /// Error of the parser.
    pub why: String,
}

/// An error that makes a tape unreadable.
#[derive(Debug)]
pub enum TapeError {
    /// The file cannot be read.
    Io(io::Error),
    /// The first line is not a head; with the error of the parser.
    NoHead(String),
    /// The version of the format is higher than this program supports.
    Version(u32),
}

impl TapeCondition {
    /// Returns the number of exchanges missing from the tape: dropped or lost by the recorder, or
    /// on lines that cannot be parsed.
    pub fn lost(&self) -> u64 {
        let dropped = self.foot.map_or(self.lost_in_gaps, |foot| foot.dropped);
        self.broken + u64::from(self.torn) + dropped
    }
}

impl TapeReader<FrameReader> {
    /// Opens a tape, compressed or not, and reads its head.
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        Self::new(FrameReader::new(regular_file::open(path)?)?)
    }
}

impl<R: BufRead> TapeReader<R> {
    /// Reads the head from a stream of lines.
    pub fn new(mut lines: R) -> Result<Self, TapeError> {
        let mut line = Vec::new();
        read_line(&mut lines, &mut line)?;
        if line.is_empty() {
            return Err(TapeError::NoHead("the file is empty".to_owned()));
        }
        let head: TapeHead = serde_json::from_slice(&line).map_err(|error| TapeError::NoHead(error.to_string()))?;
        if head.version > VERSION {
            return Err(TapeError::Version(head.version));
        }
        Ok(Self { lines, line, number: 1, head, condition: TapeCondition::default() })
    }

    /// Returns the conditions of the recording.
    pub fn head(&self) -> &TapeHead {
        &self.head
    }

    /// Returns the completeness of the part that was read.
    pub fn condition(&self) -> &TapeCondition {
        &self.condition
    }

    fn reject(&mut self, why: String) {
        self.condition.broken += 1;
        if self.condition.examples.len() < MAX_EXAMPLES {
            self.condition.examples.push(BrokenLine { line: self.number, why });
        }
    }
}

impl<R: BufRead> Iterator for TapeReader<R> {
    type Item = io::Result<Exchange>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            match read_line(&mut self.lines, &mut self.line) {
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

/// Appends a line of at most [`MAX_LINE_BYTES`] to `line`; returns the number of bytes read.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let length = io::Read::take(lines, MAX_LINE_BYTES + 1).read_until(b'\n', line)?;
    if length as u64 > MAX_LINE_BYTES {
        let what = format!("a line has more than {MAX_LINE_BYTES} bytes, which `record` does not write");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(length)
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

/// Maximum number of unparsable lines kept as examples.
const MAX_EXAMPLES: usize = 10;

/// Maximum length of a line: bodies are not on it, and heads are much shorter.
const MAX_LINE_BYTES: u64 = 64 << 20;
