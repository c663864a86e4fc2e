//! [`Reply`], a response as data: status, headers and body, or a fault of the connection instead.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;

use crate::proxy::ProxyDefinition;
use crate::render::stream::StreamDefinition;

/// The response to a [`Call`](crate::call::Call).
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code of the response.
    pub status: StatusCode,
    /// Reason phrase, if it is not the standard one of the status.
    pub reason: Option<ReasonPhrase>,
    /// Headers, without `Content-Length` and `Transfer-Encoding`.
    pub headers: HeaderMap,
    /// Body of the response.
    pub body: Body,
    /// Chunks and duration, if the body is sent in pieces.
    pub dribble: Option<Dribble>,
    /// Fault that replaces the response: the connection ends this way.
    pub ending: Option<ConnectionEnding>,
    /// Service that answers in place of this reply, which then adds its headers.
    pub proxy: Option<Arc<ProxyDefinition>>,
    /// Chunks that are sent in place of the body.
    pub stream: Option<Arc<StreamDefinition>>,
}

/// The body of a reply.
#[derive(Clone, Debug)]
pub enum Body {
    /// Bytes in memory, shared with the stub without copying.
    Bytes(Bytes),
    /// A file that is read while it is sent.
    File(PathBuf),
    /// A range of bytes of such a file.
    FilePart(PathBuf, Range<u64>),
}

/// A connection fault that a stub asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEnding {
    /// Close (FIN) before the first byte of a response.
    Close,
    /// Send these bytes instead of a response, then close.
    Raw(Bytes),
    /// Reset (RST) before the first byte of a response.
    Reset,
}

/// Sending of a body in chunks (WireMock's `chunkedDribbleDelay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dribble {
    /// Number of chunks of the body.
    pub chunks: usize,
    /// Duration of all chunks together. Each chunk is sent after its equal share of it.
    pub total: std::time::Duration,
}

/// Returns the body of the 500 response for a panic of standin itself.
pub fn panic_text(panic: &impl std::fmt::Display) -> String {
    format!("standin failed at this call: {panic}; the server goes on, please report this\n")
}

impl Reply {
    /// Returns a reply without headers and body.
    pub fn empty(status: StatusCode) -> Self {
        let body = Body::Bytes(Bytes::new());
        let headers = HeaderMap::new();
        Self { status, reason: None, headers, body, dribble: None, ending: None, proxy: None, stream: None }
    }

    /// Returns a plain-text reply of standin itself, such as a miss.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain;charset=UTF-8"));
        Self { headers, body: Body::Bytes(text.into()), ..Self::empty(status) }
    }

    /// Returns the 500 response for a panic of standin itself with this message.
    pub fn panicked(panic: &impl std::fmt::Display) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, panic_text(panic))
    }
}
