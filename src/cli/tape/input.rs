//! Files that tapes are made of: opened, unpacked, and their kind by their first bytes.

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::cli::Failure;
use standin_files::regular_file;
use standin_sources::access_log::LogReader;
use standin_sources::spans::SpanFormat;

/// A file of a source, unpacked.
pub(super) struct SourceInput {
    /// Name for messages.
    pub(super) name: String,
    /// The first bytes.
    pub(super) head: Vec<u8>,
    pub(super) reader: BufReader<Box<dyn Read>>,
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputKind {
    /// A packet capture.
    Capture,
    /// An access log, of a format that is built in if it was named.
    Log(Option<&'static str>),
    /// Spans of traces.
    Spans(SpanFormat),
}

impl SourceInput {
    /// Opens a file, or stdin.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "stdin".to_owned() } else { path.display().to_string() };
        let unreadable = |error: io::Error| Failure::of_reading(format!("cannot read `{name}`: {error}"), &error);
        let file: Box<dyn Read> =
            if is_stdin { Box::new(io::stdin()) } else { Box::new(regular_file::open(path).map_err(unreadable)?) };
        let (start, rest) = peek(file).map_err(unreadable)?;
        let file = Cursor::new(start.clone()).chain(rest);
        let (head, reader): (Vec<u8>, Box<dyn Read>) = if start.starts_with(&[0x1f, 0x8b]) {
            let (head, rest) = peek(MultiGzDecoder::new(BufReader::new(file))).map_err(unreadable)?;
            (head.clone(), Box::new(Cursor::new(head).chain(rest)))
        } else {
            (start, Box::new(file))
        };
        Ok(Self { name, head, reader: BufReader::with_capacity(READ_BYTES, reader) })
    }
}

/// Reads the first bytes, and returns them with the rest.
fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok((head, input))
}

impl InputKind {
    /// Returns the names that are typed.
    pub(super) fn names() -> Vec<&'static str> {
        let spans = SpanFormat::NAMES.iter().map(|(name, _)| *name);
        std::iter::once("pcap").chain(LogReader::kinds()).chain(spans).collect()
    }

    /// Returns the kind of a name that was checked.
    pub(super) fn named(name: &str) -> Self {
        if name == "pcap" {
            return Self::Capture;
        }
        let spans = SpanFormat::NAMES.iter().find(|(known, _)| *known == name);
        let log = || Self::Log(LogReader::kinds().into_iter().find(|known| *known == name));
        spans.map_or_else(log, |(_, format)| Self::Spans(*format))
    }

    /// Returns the kind that the first bytes show.
    pub(super) fn detect(head: &[u8]) -> Self {
        if CAPTURE_MAGICS.iter().any(|magic| head.starts_with(magic)) {
            return Self::Capture;
        }
        SpanFormat::detect(&String::from_utf8_lossy(head)).map_or(Self::Log(None), Self::Spans)
    }
}

/// First bytes of pcap (microseconds and nanoseconds, in both orders of bytes) and of pcapng.
const CAPTURE_MAGICS: &[[u8; 4]] = &[
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x0a, 0x0d, 0x0d, 0x0a],
];
/// Bytes by which the kind shows.
const HEAD_BYTES: u64 = 64 << 10;
const READ_BYTES: usize = 1 << 20;
