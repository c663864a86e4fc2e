//! A journal entry: its binary encoding and decoding.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, BufMut, Bytes};
use http::uri::{Parts, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use uuid::Uuid;

use super::times::{self, JournaledTimes};
use super::{AnswerInfo, SubEvent};
use standin_stub::Stub;
use standin_stub::call::{Call, Peers, Scheme};
use standin_stub::reply::{Body, Reply};

/// A request in the journal.
#[derive(Debug)]
pub struct JournalEntry {
    /// Id of the entry, which contains the ordinal.
    pub id: Uuid,
    /// 0-based index among all requests.
    pub ordinal: u64,
    /// Arrival by the system clock.
    pub at: SystemTime,
    /// The request, complete enough to be matched again.
    pub call: Call,
    /// True if the body is left out, because it was longer than the journal.
    pub is_body_omitted: bool,
    /// True if the request arrived beyond the valid range of the profile.
    pub is_beyond_valid: bool,
    /// Intended latency of the response, if it was known on arrival.
    pub delay: Option<Duration>,
    /// Stub that answered, or none.
    pub outcome: MatchOutcome,
    /// Events after the answer, oldest first.
    pub sub_events: Vec<Arc<SubEvent>>,
    /// Response, if it is not the one that the stub has for every request.
    pub answer: Option<Box<JournaledAnswer>>,
    /// Parts of the time, if a service of a profile paced the request.
    pub times: Option<Box<JournaledTimes>>,
}

impl JournalEntry {
    /// Returns true if a stub answered.
    pub fn was_matched(&self) -> bool {
        matches!(self.outcome, MatchOutcome::Matched(..))
    }

    /// Returns the id of the stub that answered.
    pub fn stub_id(&self) -> Option<Uuid> {
        match self.outcome {
            MatchOutcome::Matched(id, _) => Some(id),
            MatchOutcome::Unmatched => None,
        }
    }
}

/// The response to a request, rendered from templates or given by a real service.
#[derive(Clone, Debug)]
pub struct JournaledAnswer {
    /// Status of the response.
    pub status: StatusCode,
    /// Headers as the client gets them.
    pub headers: HeaderMap,
    /// Body as sent, perhaps compressed.
    pub body: Bytes,
    /// True if the body is left out or incomplete: it was too long, or it did not arrive.
    pub is_body_omitted: bool,
    /// Time that a real service took.
    pub process_time: Duration,
}

impl JournaledAnswer {
    pub(super) fn view(&self) -> AnswerView<'_> {
        AnswerView {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
            is_body_omitted: self.is_body_omitted,
            process_time: self.process_time,
        }
    }
}

/// The parts of a [`JournaledAnswer`] before their encoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerView<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    body: &'a [u8],
    pub(super) is_body_omitted: bool,
    process_time: Duration,
}

impl<'a> AnswerView<'a> {
    /// Returns the parts of a rendered reply; a body of more than `body_limit` bytes is left out.
    pub(super) fn of(reply: &'a Reply, body_limit: usize) -> Self {
        let body = match &reply.body {
            Body::Bytes(bytes) if bytes.len() <= body_limit => Some(&**bytes),
            _ => None,
        };
        Self {
            status: reply.status,
            headers: &reply.headers,
            body: body.unwrap_or_default(),
            is_body_omitted: body.is_none(),
            process_time: Duration::ZERO,
        }
    }
}

/// The stub that answered a request, or none.
#[derive(Clone, Debug)]
pub enum MatchOutcome {
    /// The stub with this id answered; the stub itself, if it is still known.
    Matched(Uuid, Option<Arc<Stub>>),
    /// No stub matched the request.
    Unmatched,
}

/// The data of an entry before its encoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewEntry<'c> {
    pub(super) ordinal: u64,
    /// Arrival since the start of the journal.
    pub(super) arrival: Duration,
    pub(super) call: &'c Call,
    pub(super) with_body: bool,
    pub(super) answer: AnswerInfo<'c>,
}

/// Bytes of the prefix of an entry: its length and its ordinal.
pub(super) const PREFIX_BYTES: usize = 4 + 8;

/// Bytes of the fields of fixed length: prefix, stub, delay, arrival, version, scheme, flags, two
/// addresses, four lengths and a count.
const FIXED_BYTES: usize = PREFIX_BYTES + 4 + 8 + 8 + 1 + 1 + 1 + 2 * 19 + 4 * 4 + 2;

/// Bytes before the method: prefix, stub, delay, arrival, version, scheme, flags and two addresses.
const TARGET_OFFSET: usize = PREFIX_BYTES + 4 + 8 + 8 + 1 + 1 + 1 + 2 * 19;

/// Encoding of an unknown delay, in nanoseconds.
const NO_DELAY: u64 = u64::MAX;

const BODY_OMITTED_FLAG: u8 = 1;
const ABSOLUTE_URI_FLAG: u8 = 2;
const BEYOND_VALID_FLAG: u8 = 4;
const ANSWER_FLAG: u8 = 8;
const ANSWER_BODY_OMITTED_FLAG: u8 = 16;
const TIMES_FLAG: u8 = 32;
const SPELT_NAMES_FLAG: u8 = 64;

/// Returns the encoded length of an entry in bytes.
pub(super) fn encoded_bytes(call: &Call, answer: AnswerInfo<'_>, with_body: bool) -> usize {
    let headers = headers_bytes(&call.headers);
    let shown = answer.shown.map_or(0, |shown| {
        let body = if with_body { shown.body.len() } else { 0 };
        2 + 8 + 2 + headers_bytes(shown.headers) + 4 + body
    });
    let authority = call.uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = call.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let body = if with_body { call.raw_body.len() } else { 0 };
    let times = answer.times.map_or(0, times::encoded_bytes);
    let spelt = call.spelt_names.as_ref().map_or(0, |names| 4 + names.len());
    FIXED_BYTES + spelt + call.method.as_str().len() + authority + path + headers + body + shown + times
}

fn headers_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| 6 + name.as_str().len() + value.len()).sum()
}

/// Appends an encoded entry. `stub` is the index of its stub in the chunk.
pub(super) fn encode(
    out: &mut Vec<u8>,
    NewEntry { ordinal, arrival, call, with_body, answer }: NewEntry<'_>,
    stub: u32,
) {
    let begin = out.len();
    out.put_u32(0);
    out.put_u64(ordinal);
    out.put_u32(stub);
    out.put_u64(answer.delay.map_or(NO_DELAY, |delay| delay.as_nanos().min(u128::from(NO_DELAY - 1)) as u64));
    out.put_u64(arrival.as_nanos() as u64);
    out.put_u8(version_code(call.version));
    out.put_u8(u8::from(call.peers.scheme == Scheme::Https));
    let absolute = call.uri.scheme().is_some();
    let flag = |is: bool, bit: u8| if is { bit } else { 0 };
    out.put_u8(
        flag(!with_body, BODY_OMITTED_FLAG)
            | flag(absolute, ABSOLUTE_URI_FLAG)
            | flag(answer.is_beyond_valid, BEYOND_VALID_FLAG)
            | flag(answer.shown.is_some(), ANSWER_FLAG)
            | flag(answer.times.is_some(), TIMES_FLAG)
            | flag(call.spelt_names.is_some(), SPELT_NAMES_FLAG)
            | flag(answer.shown.is_some_and(|shown| shown.is_body_omitted || !with_body), ANSWER_BODY_OMITTED_FLAG),
    );
    put_address(out, call.peers.remote);
    put_address(out, call.peers.local);
    put_text(out, call.method.as_str().as_bytes());
    put_text(out, call.uri.authority().map_or(&[], |authority| authority.as_str().as_bytes()));
    put_text(out, call.uri.path_and_query().map_or(&[], |path| path.as_str().as_bytes()));
    put_headers(out, &call.headers);
    if let Some(names) = &call.spelt_names {
        put_text(out, names.as_bytes());
    }
    put_text(out, if with_body { &call.raw_body } else { &[] });
    if let Some(shown) = answer.shown {
        out.put_u16(shown.status.as_u16());
        out.put_u64(shown.process_time.as_nanos() as u64);
        put_headers(out, shown.headers);
        put_text(out, if with_body { shown.body } else { &[] });
    }
    if let Some(times) = answer.times {
        times::encode(out, times);
    }
    let length = (out.len() - begin) as u32;
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}

/// Decodes the entry at the beginning of these bytes. `outcome` gives the outcome for the index of
/// a stub.
pub(super) fn decode(
    mut bytes: &[u8],
    salt: u64,
    began: (Instant, SystemTime),
    outcome: impl FnOnce(u32) -> MatchOutcome,
) -> JournalEntry {
    let bytes = &mut bytes;
    bytes.advance(4);
    let ordinal = bytes.get_u64();
    let outcome = outcome(bytes.get_u32());
    let delay = Some(bytes.get_u64()).filter(|nanos| *nanos != NO_DELAY).map(Duration::from_nanos);
    let arrival = Duration::from_nanos(bytes.get_u64());
    let version = version_of(bytes.get_u8());
    let scheme = if bytes.get_u8() == 1 { Scheme::Https } else { Scheme::Http };
    let flags = bytes.get_u8();
    let (remote, local) = (address(bytes), address(bytes));
    let method = Method::from_bytes(text(bytes)).expect("it was a method when it was written");
    let (authority, path) = (text(bytes), text(bytes));
    let uri = uri(authority, path, (flags & ABSOLUTE_URI_FLAG != 0).then_some(scheme));
    let call_headers = headers(bytes);
    let spelt = (flags & SPELT_NAMES_FLAG != 0).then(|| String::from_utf8_lossy(text(bytes)).into());
    let body = Bytes::copy_from_slice(text(bytes));
    let answer = (flags & ANSWER_FLAG != 0).then(|| {
        Box::new(JournaledAnswer {
            status: StatusCode::from_u16(bytes.get_u16()).expect("it was a status when it was written"),
            process_time: Duration::from_nanos(bytes.get_u64()),
            headers: headers(bytes),
            body: Bytes::copy_from_slice(text(bytes)),
            is_body_omitted: flags & ANSWER_BODY_OMITTED_FLAG != 0,
        })
    });
    let times = (flags & TIMES_FLAG != 0).then(|| Box::new(times::decode(bytes)));
    let mut parts = Request::new(()).into_parts().0;
    (parts.method, parts.uri, parts.version, parts.headers) = (method, uri, version, call_headers);
    let mut call = Call::new(parts, body, Peers { scheme, remote, local }, began.0 + arrival, MAX_DECODED_BYTES);
    call.spelt_names = spelt;
    let at = began.1 + arrival;
    let (is_body_omitted, is_beyond_valid) = (flags & BODY_OMITTED_FLAG != 0, flags & BEYOND_VALID_FLAG != 0);
    let id = entry_id(salt, ordinal);
    let sub_events = Vec::new();
    JournalEntry { id, ordinal, at, call, is_body_omitted, is_beyond_valid, delay, outcome, sub_events, answer, times }
}

/// Decodes only the method and URL of the entry at the beginning of these bytes.
pub(super) fn decode_target(mut bytes: &[u8]) -> (&str, &str) {
    let bytes = &mut bytes;
    bytes.advance(TARGET_OFFSET);
    let method = std::str::from_utf8(text(bytes)).unwrap_or_default();
    text(bytes);
    let url = std::str::from_utf8(text(bytes)).unwrap_or_default();
    (method, if url.is_empty() { "/" } else { url.strip_suffix('?').unwrap_or(url) })
}

/// Returns the id of an entry: a UUID of version 8, whose second half is the ordinal.
pub(super) fn entry_id(salt: u64, ordinal: u64) -> Uuid {
    let (high, low) = (salt.to_be_bytes(), ordinal.to_be_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high);
    bytes[8..].copy_from_slice(&low);
    Uuid::new_v8(bytes)
}

/// Maximum decoded bytes of a gzip body when an entry is matched again.
const MAX_DECODED_BYTES: usize = 64 << 20;

fn put_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    out.put_u16(headers.len() as u16);
    for (name, value) in headers {
        out.put_u16(name.as_str().len() as u16);
        out.put_slice(name.as_str().as_bytes());
        put_text(out, value.as_bytes());
    }
}

fn headers(bytes: &mut &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..bytes.get_u16() {
        let length = bytes.get_u16().into();
        let (name, rest) = bytes.split_at(length);
        *bytes = rest;
        let value = HeaderValue::from_bytes(text(bytes)).expect("it was a value when it was written");
        headers.append(HeaderName::from_bytes(name).expect("it was a name when it was written"), value);
    }
    headers
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.put_u32(text.len() as u32);
    out.put_slice(text);
}

fn text<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
    let length = bytes.get_u32() as usize;
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    text
}

/// Appends the family (0 for IPv4, 1 for IPv6), the address in 16 bytes, and the port.
fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(v4) => {
            out.put_u8(0);
            out.put_slice(&v4.to_ipv6_mapped().octets());
        }
        IpAddr::V6(v6) => {
            out.put_u8(1);
            out.put_slice(&v6.octets());
        }
    }
    out.put_u16(address.port());
}

fn address(bytes: &mut &[u8]) -> SocketAddr {
    let v4 = bytes.get_u8() == 0;
    let mut octets = [0; 16];
    bytes.copy_to_slice(&mut octets);
    let v6 = std::net::Ipv6Addr::from(octets);
    let ip = match v6.to_ipv4_mapped() {
        Some(mapped) if v4 => IpAddr::V4(mapped),
        _ => IpAddr::V6(v6),
    };
    SocketAddr::new(ip, bytes.get_u16())
}

fn uri(authority: &[u8], path: &[u8], scheme: Option<Scheme>) -> Uri {
    let mut parts = Parts::default();
    parts.scheme = scheme.map(|scheme| scheme.as_str().parse().expect("a known scheme"));
    parts.authority = authority.try_into().ok();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    Uri::from_parts(parts).unwrap_or_default()
}

fn version_code(version: Version) -> u8 {
    match version {
        Version::HTTP_10 => 10,
        Version::HTTP_2 => 20,
        _ => 11,
    }
}

fn version_of(code: u8) -> Version {
    match code {
        10 => Version::HTTP_10,
        20 => Version::HTTP_2,
        _ => Version::HTTP_11,
    }
}
