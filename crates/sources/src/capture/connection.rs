//! A TCP connection: which side is the service, which protocol it speaks, and its exchanges.

use std::net::SocketAddr;

use standin_tape::exchange::FailureReason;

use super::frames::PREFACE;
use super::http1::Http1Connection;
use super::http2::Http2Connection;
use super::message::{MessageSide, looks_like_start};
use super::open_call::CaptureTally;
use super::packet::TcpSegment;
use super::reassembly::{StreamPiece, TcpReassembly};
use super::service_choice::ServiceChoice;

/// A TCP connection of a capture.
#[derive(Debug)]
pub(super) struct CapturedConnection {
    ends: [SocketAddr; 2],
    streams: [TcpReassembly; 2],
    /// Sequence number of the SYN of the client, if it was captured.
    opening: Option<u32>,
    /// Index of the client's end.
    client: Option<usize>,
    protocol: ConnectionProtocol,
    /// Bytes of the client by which the protocol shows.
    first_bytes: Vec<u8>,
    /// Bytes that came before the protocol was known, with the index of the sender.
    held: Vec<(usize, StreamPiece)>,
    held_bytes: usize,
    /// True if any payload passed.
    has_data: bool,
    /// Stamp of the last segment.
    pub(super) last: u64,
}

/// The protocol of a connection.
#[derive(Debug)]
pub(super) enum ConnectionProtocol {
    /// Not enough bytes yet.
    Unknown,
    Http1(Box<Http1Connection>),
    Http2(Box<Http2Connection>),
    /// Bytes that cannot be read, or that are not wanted.
    Unreadable(UnreadReason),
    Closed,
}

/// The reason that a connection gives no exchanges, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreadReason {
    /// It is encrypted.
    Tls,
    /// It speaks another protocol.
    NotHttp,
    /// It was upgraded to another protocol, such as WebSocket.
    Upgraded,
    /// Packets of an HTTP/2 connection are missing.
    Http2Gap,
    /// It goes to another service.
    OtherService,
}

impl CapturedConnection {
    pub(super) fn new(segment: &TcpSegment<'_>) -> Self {
        Self {
            ends: [segment.from, segment.to],
            streams: [TcpReassembly::default(), TcpReassembly::default()],
            opening: None,
            client: None,
            protocol: ConnectionProtocol::Unknown,
            first_bytes: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            has_data: false,
            last: 0,
        }
    }

    /// Returns the address of the service, once it is known.
    pub(super) fn service(&self) -> Option<SocketAddr> {
        self.client.map(|client| self.ends[1 - client])
    }

    /// Returns the reason that the connection is not read.
    pub(super) fn unread(&self) -> Option<UnreadReason> {
        match &self.protocol {
            ConnectionProtocol::Unreadable(reason) => Some(*reason),
            _ => None,
        }
    }

    /// Returns true if the protocol did not show.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.protocol, ConnectionProtocol::Unknown)
    }

    /// Returns true if any payload passed.
    pub(super) fn has_data(&self) -> bool {
        self.has_data
    }

    /// Returns true if the segment opens a new connection between the same ends.
    pub(super) fn is_reopened_by(&self, segment: &TcpSegment<'_>) -> bool {
        let is_opening = segment.syn && segment.acknowledged.is_none();
        is_opening && self.opening != Some(segment.sequence) && !self.is_untouched()
    }

    fn is_untouched(&self) -> bool {
        self.is_unknown() && self.opening.is_none() && self.held.is_empty() && self.first_bytes.is_empty()
    }

    /// Takes a segment of the connection.
    pub(super) fn segment(
        &mut self,
        stamp: u64,
        segment: &TcpSegment<'_>,
        services: &ServiceChoice,
        tally: &mut CaptureTally,
    ) {
        self.last = stamp;
        self.has_data |= !segment.payload.is_empty();
        let from = usize::from(segment.from != self.ends[0]);
        if matches!(self.protocol, ConnectionProtocol::Unreadable(_) | ConnectionProtocol::Closed) {
            return;
        }
        if segment.syn {
            let client = if segment.acknowledged.is_none() { from } else { 1 - from };
            if segment.acknowledged.is_none() {
                self.opening = Some(segment.sequence);
            }
            self.opening.get_or_insert(0);
            self.set_client(client, services);
        } else if let Some(client) = services.client_of(self.ends) {
            self.set_client(client, services);
        }
        let pieces = self.streams[from].segment(stamp, segment);
        for piece in pieces {
            self.piece(from, piece, services, tally);
        }
        if let Some(acknowledged) = segment.acknowledged {
            self.streams[1 - from].acknowledge(acknowledged);
        }
        if segment.rst {
            let by_client = self.client == Some(from);
            self.close(if by_client { FailureReason::ClientGone } else { FailureReason::Closed }, tally);
        }
    }

    /// Ends the connection when no more segments come. Returns the number of calls whose response
    /// is not in the capture.
    pub(super) fn finish(&mut self, services: &ServiceChoice, tally: &mut CaptureTally) -> u64 {
        for from in [0, 1] {
            for piece in self.streams[from].finish() {
                self.piece(from, piece, services, tally);
            }
        }
        match &mut self.protocol {
            ConnectionProtocol::Http1(http) => http.abandon(tally),
            ConnectionProtocol::Http2(http) => http.abandon(tally),
            _ => 0,
        }
    }

    fn set_client(&mut self, client: usize, services: &ServiceChoice) {
        if self.client.is_none() {
            self.client = Some(client);
            if !services.includes(self.ends[1 - client]) {
                self.give_up(UnreadReason::OtherService);
            }
        }
    }

    fn piece(&mut self, from: usize, piece: StreamPiece, services: &ServiceChoice, tally: &mut CaptureTally) {
        if matches!(self.protocol, ConnectionProtocol::Unknown) {
            self.detect(from, piece, services, tally);
        } else {
            self.deliver(from, piece, tally);
        }
    }

    /// Finds the roles and the protocol by the first bytes.
    fn detect(&mut self, from: usize, piece: StreamPiece, services: &ServiceChoice, tally: &mut CaptureTally) {
        if let StreamPiece::Bytes(_, bytes) = &piece {
            if self.client.is_none() {
                if looks_like_start(MessageSide::Request, bytes) || PREFACE.starts_with(bytes) {
                    self.set_client(from, services);
                } else if looks_like_start(MessageSide::Response, bytes) {
                    self.set_client(1 - from, services);
                } else if is_tls(bytes) {
                    return self.give_up(UnreadReason::Tls);
                }
            }
            if self.opening.is_none() && !(self.client == Some(from) && looks_like_start(MessageSide::Request, bytes)) {
                // in the middle of a connection nothing can be read before a request begins
                if self.client != Some(from) || !PREFACE.starts_with(&bytes[..bytes.len().min(PREFACE.len())]) {
                    return;
                }
            }
            if self.client == Some(from) && self.first_bytes.len() < SNIFFED_BYTES {
                self.first_bytes.extend_from_slice(&bytes[..bytes.len().min(SNIFFED_BYTES)]);
            }
            self.held_bytes += bytes.len();
        }
        if self.opening.is_some() || matches!(piece, StreamPiece::Bytes(..)) {
            self.held.push((from, piece));
        }
        match sniff(&self.first_bytes) {
            Sniffed::Unknown if self.held_bytes > MAX_HELD_BYTES => self.give_up(UnreadReason::NotHttp),
            Sniffed::Unknown => {}
            Sniffed::Tls => self.give_up(UnreadReason::Tls),
            Sniffed::Other => self.give_up(UnreadReason::NotHttp),
            Sniffed::Http1 => {
                let http = Http1Connection::new(self.opening.is_some());
                self.begin(ConnectionProtocol::Http1(Box::new(http)), tally);
            }
            Sniffed::Http2 => self.begin(ConnectionProtocol::Http2(Box::new(Http2Connection::new())), tally),
        }
    }

    fn begin(&mut self, protocol: ConnectionProtocol, tally: &mut CaptureTally) {
        self.protocol = protocol;
        for (from, piece) in std::mem::take(&mut self.held) {
            self.deliver(from, piece, tally);
        }
    }

    fn give_up(&mut self, reason: UnreadReason) {
        self.protocol = ConnectionProtocol::Unreadable(reason);
        self.held = Vec::new();
        self.first_bytes = Vec::new();
        self.streams = [TcpReassembly::default(), TcpReassembly::default()];
    }

    fn deliver(&mut self, from: usize, piece: StreamPiece, tally: &mut CaptureTally) {
        let is_client = self.client == Some(from);
        let after = match &mut self.protocol {
            ConnectionProtocol::Http1(http) => {
                match piece {
                    StreamPiece::Bytes(stamp, bytes) if is_client => http.request_bytes(stamp, &bytes, tally),
                    StreamPiece::Bytes(stamp, bytes) => http.response_bytes(stamp, &bytes, tally),
                    StreamPiece::Gap => http.gap(tally),
                    StreamPiece::End(stamp) if !is_client => http.responses_end(stamp, tally),
                    StreamPiece::End(_) => {}
                }
                http.is_upgraded().then_some(UnreadReason::Upgraded)
            }
            ConnectionProtocol::Http2(http) => {
                match piece {
                    StreamPiece::Bytes(stamp, bytes) if is_client => http.request_bytes(stamp, &bytes, tally),
                    StreamPiece::Bytes(stamp, bytes) => http.response_bytes(stamp, &bytes, tally),
                    StreamPiece::Gap => http.gap(tally),
                    StreamPiece::End(_) if !is_client => http.fail_all(FailureReason::Closed, tally),
                    StreamPiece::End(_) => {}
                }
                http.is_broken().then_some(UnreadReason::Http2Gap)
            }
            _ => None,
        };
        if let Some(reason) = after {
            self.give_up(reason);
        }
    }

    fn close(&mut self, reason: FailureReason, tally: &mut CaptureTally) {
        match &mut self.protocol {
            ConnectionProtocol::Http1(http) => http.fail_all(reason, tally),
            ConnectionProtocol::Http2(http) => http.fail_all(reason, tally),
            _ => return,
        }
        self.give_up(UnreadReason::Upgraded);
        self.protocol = ConnectionProtocol::Closed;
    }
}

/// The protocol that the first bytes of a client show.
enum Sniffed {
    /// Not enough bytes.
    Unknown,
    Http1,
    Http2,
    Tls,
    Other,
}

fn sniff(bytes: &[u8]) -> Sniffed {
    if is_tls(bytes) {
        return Sniffed::Tls;
    }
    let begin = &bytes[..bytes.len().min(PREFACE.len())];
    if PREFACE.starts_with(begin) {
        return if begin.len() == PREFACE.len() { Sniffed::Http2 } else { Sniffed::Unknown };
    }
    let bytes = bytes.trim_ascii_start();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let method = bytes.iter().take_while(|byte| is_token(byte)).count();
    match bytes.get(method) {
        Some(b' ') if (1..=MAX_METHOD_BYTES).contains(&method) => Sniffed::Http1,
        None if method <= MAX_METHOD_BYTES => Sniffed::Unknown,
        _ => Sniffed::Other,
    }
}

/// Returns true if bytes are the begin of a TLS record.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..])
}

/// Bytes of a client by which its protocol shows.
const SNIFFED_BYTES: usize = 64;
const MAX_METHOD_BYTES: usize = 32;
/// Bytes that may pass before the protocol shows.
const MAX_HELD_BYTES: usize = 256 << 10;
