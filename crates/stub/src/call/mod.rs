//! An HTTP request as it arrived: method, raw URL, headers, whole body, and time of arrival.
//!
//! Parts are decoded when a candidate stub first asks for them, and once only: query, cookies,
//! form, text, JSON, XML and multipart parts are kept beside the bytes that they come from.

mod charset;
mod decode_budget;
mod decoded;
mod detached;
mod header_text;
mod json_body;
mod large;
mod multipart;
pub mod raw_target;
mod url_encoding;

use std::borrow::Cow;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, Method, Request, Uri, Version};

pub use self::charset::Charset;
use self::decode_budget::{DecodeBudget, LARGE_BODY_BYTES};
pub use self::header_text::{header_text, latin_bytes, latin_header_value, latin_or_utf8, sent_header_name};
pub use self::json_body::JsonBody;
pub use self::large::JsonLookup;
pub use self::multipart::{BodyPart, MAX_PARTS};
use crate::memory::{MemoryPermit, MemoryShare};
use standin_dialect::SyntaxError;
use standin_dialect::graphql::GraphQlDocument;
use standin_dialect::json::TextDigest;
use standin_dialect::xml::Document;

/// The scheme of a request's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP over plain TCP, `http`.
    Http,
    /// HTTP over TLS, `https`.
    Https,
}

impl Scheme {
    /// Returns the scheme as written in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port of a URL of this scheme that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The scheme and the two addresses of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peers {
    /// The scheme: `https` if the connection uses TLS.
    pub scheme: Scheme,
    /// The address of the client.
    pub remote: SocketAddr,
    /// The address of this server.
    pub local: SocketAddr,
}

/// One request with its whole body.
#[derive(Debug)]
pub struct Call {
    /// The method as sent.
    pub method: Method,
    /// The request target, not decoded, with placeholders: see [`raw_target`].
    pub uri: Uri,
    /// Path and query as sent, if they have characters that `uri` cannot have.
    raw_target: Option<Box<str>>,
    /// The version of HTTP.
    pub version: Version,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// Names of headers that were not sent in title case, separated by line breaks: see
    /// [`Call::sent_name`].
    pub spelt_names: Option<Box<str>>,
    /// The body as sent, perhaps compressed: see [`Call::body`].
    pub raw_body: Bytes,
    /// The scheme and addresses of the connection.
    pub peers: Peers,
    /// The time of arrival: the later of the last request byte read and the last byte of the
    /// previous response written.
    pub arrival: Instant,
    body_limit: usize,
    /// The memory that the head of the request holds.
    pub head_permit: Option<MemoryPermit>,
    /// True once the body was asked for; `None` if it has arrived.
    unread_body: Option<AtomicBool>,
    /// The limits for decoding; `None` if the body is small, or was stored earlier.
    bounds: Option<Arc<DecodeBudget>>,
    /// The decoded forms; allocated on first use, since most requests are answered by their head
    /// alone.
    decoded: OnceLock<Box<Decoded>>,
}

/// The forms that have been decoded so far.
#[derive(Debug, Default)]
struct Decoded {
    query: OnceLock<NamedValues>,
    form: OnceLock<NamedValues>,
    cookies: OnceLock<NamedValues>,
    body: OnceLock<Bytes>,
    text: OnceLock<Option<String>>,
    json: OnceLock<Option<JsonBody>>,
    json_digest: OnceLock<Option<u64>>,
    text_digest: OnceLock<TextDigest>,
    parts: OnceLock<Option<Vec<BodyPart>>>,
    xml: OnceLock<Box<Result<Document, SyntaxError>>>,
    graphql: OnceLock<Option<Result<GraphQlDocument, SyntaxError>>>,
}

/// Decoded names and values in the order of the request.
pub type NamedValues = Vec<(String, String)>;

impl Call {
    /// Creates a call from the parts of a request. `body_limit`, in bytes, also limits the size of
    /// an unpacked gzip body.
    #[inline]
    pub fn new(
        parts: http::request::Parts,
        raw_body: Bytes,
        peers: Peers,
        arrival: Instant,
        body_limit: usize,
    ) -> Self {
        Self::taking(&mut Request::from_parts(parts, ()), raw_body, peers, arrival, body_limit)
    }

    /// Returns a copy that shares the body, and of which nothing is decoded yet.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            method: self.method.clone(),
            uri: self.uri.clone(),
            raw_target: self.raw_target.clone(),
            version: self.version,
            headers: self.headers.clone(),
            spelt_names: self.spelt_names.clone(),
            raw_body: self.raw_body.clone(),
            peers: self.peers,
            arrival: self.arrival,
            body_limit: self.body_limit,
            head_permit: None,
            unread_body: None,
            bounds: self.bounds.clone(),
            decoded: OnceLock::new(),
        }
    }

    /// Creates a call from a request, whose head is moved out of it; see [`Call::new`].
    #[inline]
    pub fn taking<B>(
        request: &mut Request<B>,
        raw_body: Bytes,
        peers: Peers,
        arrival: Instant,
        body_limit: usize,
    ) -> Self {
        let uri = mem::take(request.uri_mut());
        Self {
            version: request.version(),
            method: mem::take(request.method_mut()),
            raw_target: uri.path_and_query().and_then(|target| raw_target::without_placeholders(target.as_str())),
            uri,
            headers: mem::take(request.headers_mut()),
            spelt_names: None,
            raw_body,
            peers,
            arrival,
            body_limit,
            head_permit: None,
            unread_body: None,
            bounds: None,
            decoded: OnceLock::new(),
        }
    }

    /// Moves the head back into the request that it was taken from. Returns the memory that it
    /// holds.
    pub fn give_back_head<B>(self, request: &mut Request<B>) -> Option<MemoryPermit> {
        *request.uri_mut() = self.uri;
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        self.head_permit
    }

    /// Notes that the body, here empty, has not arrived.
    pub fn expect_body(&mut self) {
        self.unread_body = Some(AtomicBool::new(false));
    }

    /// Returns whether something asked for the body although it has not arrived. Conclusions from
    /// it are then invalid.
    pub fn missed_body(&self) -> bool {
        self.unread_body.as_ref().is_some_and(|was_asked_for| was_asked_for.load(Relaxed))
    }

    /// Counts the decoded forms of the body toward `memory`, unless the body has at most
    /// `uncounted` bytes and is not compressed.
    pub fn count(&mut self, memory: &Arc<MemoryShare>, uncounted: usize) {
        let length = self.raw_body.len();
        if length == 0 || length <= uncounted && !self.is_zipped() {
            return;
        }
        let is_large = length > LARGE_BODY_BYTES || self.is_zipped();
        self.bounds = Some(Arc::new(DecodeBudget::new(Arc::clone(memory), is_large)));
    }

    /// Returns path and query as sent, not decoded. A bare `?` at the end is left out.
    pub fn url(&self) -> &str {
        let url = match &self.raw_target {
            Some(raw) => raw,
            None => self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        };
        url.strip_suffix('?').unwrap_or(url)
    }

    /// Returns the path as sent, not decoded.
    pub fn path(&self) -> &str {
        match &self.raw_target {
            Some(raw) => raw.split('?').next().unwrap_or(raw),
            None => self.uri.path(),
        }
    }

    /// Returns the query as sent, not decoded.
    fn raw_query(&self) -> Option<&str> {
        match &self.raw_target {
            Some(raw) => raw.split_once('?').map(|(_, query)| query),
            None => self.uri.query(),
        }
    }

    /// Returns the host that the client named, without the port: that of the absolute URL, else
    /// that of the Host header, else the local address.
    pub fn host(&self) -> Cow<'_, str> {
        match self.authority() {
            Some(authority) => Cow::Borrowed(split_port(authority).0),
            None => Cow::Owned(self.peers.local.ip().to_string()),
        }
    }

    /// Returns the port that the client named, else the default of its scheme.
    pub fn port(&self) -> u16 {
        match self.authority() {
            Some(authority) => split_port(authority).1.unwrap_or(self.peers.scheme.default_port()),
            None => self.peers.local.port(),
        }
    }

    /// Returns host and port as the client named them.
    pub fn authority(&self) -> Option<&str> {
        self.uri
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| self.headers.get(HOST).and_then(|value| value.to_str().ok()))
    }

    /// Returns the value of X-Forwarded-For if there is one, whole as in WireMock, else the address
    /// of the peer.
    pub fn client_ip(&self) -> Cow<'_, str> {
        match self.headers.get("x-forwarded-for") {
            Some(value) => header_text(value),
            None => Cow::Owned(self.peers.remote.ip().to_string()),
        }
    }

    /// Returns the values of a header, one per header line; comma-separated lists are not split.
    pub fn header(&self, name: &HeaderName) -> impl Iterator<Item = Cow<'_, str>> {
        self.headers.get_all(name).iter().map(header_text)
    }

    /// Returns the name of a header as the client spelt it.
    pub fn sent_name<'n>(&'n self, name: &'n str) -> Cow<'n, str> {
        let mut spelt = self.spelt_names.iter().flat_map(|names| names.lines());
        match spelt.find(|spelt| spelt.eq_ignore_ascii_case(name)) {
            Some(spelt) => Cow::Borrowed(spelt),
            None => Cow::Owned(sent_header_name(name, self.version)),
        }
    }

    /// Returns user name and password of each Authorization header whose scheme is Basic, still in
    /// base64.
    pub fn basic_credentials(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
            let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then(|| credentials.trim())
        })
    }
}

/// Splits `name:port`; an IPv6 address keeps its brackets, as in Java.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(end) = authority.find(']').filter(|_| authority.starts_with('[')) {
        let (host, rest) = authority.split_at(end + 1);
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    }
}
