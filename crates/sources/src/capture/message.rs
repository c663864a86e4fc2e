//! HTTP/1.1 messages in a byte stream: heads by httparse, and where bodies end.

use std::ops::Range;

/// The direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageSide {
    Request,
    Response,
}

/// The head of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MessageHead {
    /// Method of a request.
    pub(super) method: String,
    /// Target of a request.
    pub(super) target: String,
    /// Status of a response.
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
}

/// The end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFraming {
    Counted(u64),
    Chunked,
    UntilClose,
}

/// Result of a parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MessageEvent {
    /// All input is consumed.
    NeedsMore,
    /// The head of a message. The framing of a response's body is to be set then.
    Head(Box<MessageHead>),
    /// A part of the body, as a range of the input.
    Body(Range<usize>),
    /// The message is complete.
    End,
    /// The bytes are no HTTP.
    Broken,
}

/// A parser of the messages of one direction.
#[derive(Debug)]
pub(super) struct MessageParser {
    side: MessageSide,
    state: ParserState,
    /// Bytes of a head or a line that is not complete.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParserState {
    Head,
    Counted(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    /// The message is complete, but not reported yet.
    Complete,
}

impl MessageParser {
    pub(super) fn new(side: MessageSide) -> Self {
        Self { side, state: ParserState::Head, buffer: Vec::new() }
    }

    /// Begins again at the start of a message.
    pub(super) fn reset(&mut self) {
        self.state = ParserState::Head;
        self.buffer.clear();
    }

    /// Returns true between two messages.
    pub(super) fn is_idle(&self) -> bool {
        self.state == ParserState::Head && self.buffer.is_empty()
    }

    /// Returns true in a body that only the end of the connection ends.
    pub(super) fn is_until_close(&self) -> bool {
        self.state == ParserState::UntilClose
    }

    /// Sets the framing of the body whose head was found last.
    pub(super) fn begin_body(&mut self, framing: BodyFraming) {
        self.state = match framing {
            BodyFraming::Counted(0) => ParserState::Complete,
            BodyFraming::Counted(length) => ParserState::Counted(length),
            BodyFraming::Chunked => ParserState::ChunkSize,
            BodyFraming::UntilClose => ParserState::UntilClose,
        };
    }

    /// Reads on. Returns the number of bytes consumed, and what was found.
    pub(super) fn step(&mut self, input: &[u8]) -> (usize, MessageEvent) {
        if self.state == ParserState::Complete {
            self.state = ParserState::Head;
            return (0, MessageEvent::End);
        }
        if input.is_empty() {
            return (0, MessageEvent::NeedsMore);
        }
        match self.state {
            ParserState::Head => self.head(input),
            ParserState::Counted(left) => {
                let taken = left.min(input.len() as u64);
                let left = left - taken;
                self.state = if left == 0 { ParserState::Complete } else { ParserState::Counted(left) };
                (taken as usize, MessageEvent::Body(0..taken as usize))
            }
            ParserState::ChunkData(left) => {
                let taken = left.min(input.len() as u64);
                let left = left - taken;
                self.state = if left == 0 { ParserState::ChunkEnd } else { ParserState::ChunkData(left) };
                (taken as usize, MessageEvent::Body(0..taken as usize))
            }
            ParserState::UntilClose => (input.len(), MessageEvent::Body(0..input.len())),
            _ => self.line(input),
        }
    }

    fn head(&mut self, input: &[u8]) -> (usize, MessageEvent) {
        let before = self.buffer.len();
        let room = MAX_HEAD_BYTES.saturating_sub(before);
        self.buffer.extend_from_slice(&input[..input.len().min(room)]);
        let Some(end) = head_end(&self.buffer, before) else {
            // a head that is longer than any server takes
            let event =
                if self.buffer.len() >= MAX_HEAD_BYTES { MessageEvent::Broken } else { MessageEvent::NeedsMore };
            return (input.len(), event);
        };
        let head = match self.side {
            MessageSide::Request => request_head(&self.buffer[..end]),
            MessageSide::Response => response_head(&self.buffer[..end]),
        };
        self.buffer.clear();
        let Some(head) = head else { return (end - before, MessageEvent::Broken) };
        if self.side == MessageSide::Request {
            self.begin_body(head.framing().unwrap_or(BodyFraming::Counted(0)));
        }
        (end - before, MessageEvent::Head(Box::new(head)))
    }

    /// Reads a line of the chunked coding.
    fn line(&mut self, input: &[u8]) -> (usize, MessageEvent) {
        let Some(end) = memchr::memchr(b'\n', input) else {
            self.buffer.extend_from_slice(input);
            let is_long = self.buffer.len() > MAX_LINE_BYTES;
            return (input.len(), if is_long { MessageEvent::Broken } else { MessageEvent::NeedsMore });
        };
        self.buffer.extend_from_slice(&input[..end]);
        let line = std::mem::take(&mut self.buffer);
        let line = line.trim_ascii_end();
        self.state = match self.state {
            ParserState::ChunkSize => match chunk_size(line) {
                Some(0) => ParserState::Trailers,
                Some(size) => ParserState::ChunkData(size),
                None => return (end + 1, MessageEvent::Broken),
            },
            ParserState::ChunkEnd if line.is_empty() => ParserState::ChunkSize,
            ParserState::Trailers if line.is_empty() => ParserState::Complete,
            ParserState::Trailers => ParserState::Trailers,
            _ => return (end + 1, MessageEvent::Broken),
        };
        (end + 1, MessageEvent::Body(0..0))
    }
}

impl MessageHead {
    /// Returns the values of a header.
    pub(super) fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the framing that the headers state (RFC 9112, section 6.3).
    fn framing(&self) -> Option<BodyFraming> {
        if self.values("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked")) {
            return Some(BodyFraming::Chunked);
        }
        let length = self.values("content-length").find_map(|value| value.trim().parse().ok());
        length.map(BodyFraming::Counted)
    }

    /// Returns the framing of this response to a request of `method`.
    pub(super) fn response_framing(&self, method: &str) -> BodyFraming {
        if method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            return BodyFraming::Counted(0);
        }
        self.framing().unwrap_or(BodyFraming::UntilClose)
    }
}

/// Returns true if a message of this side may begin with these bytes.
pub(super) fn looks_like_start(side: MessageSide, bytes: &[u8]) -> bool {
    match side {
        MessageSide::Response => bytes.starts_with(b"HTTP/1."),
        MessageSide::Request => {
            let line = &bytes[..memchr::memchr(b'\r', bytes).unwrap_or(bytes.len()).min(MAX_HEAD_BYTES)];
            let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            let is_method = (3..=20).contains(&method.len()) && method.iter().all(u8::is_ascii_uppercase);
            is_method && memchr::memmem::find(line, b" HTTP/1.").is_some()
        }
    }
}

/// Returns the end of a head, if it is complete. Bytes before `from` were searched already.
fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    // blank lines before a head belong to it
    let begin = buffer.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let from = from.saturating_sub(3).max(begin);
    memchr::memchr_iter(b'\n', &buffer[from..]).map(|at| from + at).find_map(|at| match buffer[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

fn request_head(bytes: &[u8]) -> Option<MessageHead> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(bytes).ok()?.is_complete().then_some(())?;
    Some(MessageHead {
        method: request.method?.to_owned(),
        target: request.path?.to_owned(),
        status: 0,
        headers: texts(request.headers),
    })
}

fn response_head(bytes: &[u8]) -> Option<MessageHead> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(bytes).ok()?.is_complete().then_some(())?;
    Some(MessageHead { status: response.code?, headers: texts(response.headers), ..MessageHead::default() })
}

fn texts(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text =
        |header: &httparse::Header<'_>| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned());
    headers.iter().map(text).collect()
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Longest head that is read.
const MAX_HEAD_BYTES: usize = 256 << 10;
/// Longest line of a chunk's size, or of a trailer.
const MAX_LINE_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 512;
