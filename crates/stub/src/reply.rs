//! A reply as data: status, headers, body, or the way that the connection ends instead.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;

/// What goes back to a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, where it is not the usual one.
    pub reason: Option<ReasonPhrase>,
    /// The headers, without a length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// How the body is spread over time.
    pub dribble: Option<Dribble>,
    /// How the connection ends, instead of all the above.
    pub ending: Option<Ending>,
}

/// The bytes of a reply.
#[derive(Clone, Debug)]
pub enum Body {
    /// At hand, shared with the stub: a reply copies none of them.
    Bytes(Bytes),
    /// A file, read when it is sent.
    File(PathBuf),
}

/// How a connection ends where a stub says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Closed (FIN) before the first byte of an answer.
    Close,
    /// These bytes instead of an answer, then closed.
    Raw(Bytes),
    /// Reset (RST) before the first byte of an answer.
    Reset,
}

/// A body sent in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dribble {
    /// How many pieces.
    pub chunks: usize,
    /// How long they take together; each piece waits its share first.
    pub total: std::time::Duration,
}

/// The text by which a client learns that standin itself failed at its call.
pub fn failed_text(panic: &impl std::fmt::Display) -> String {
    format!("standin failed at this call: {panic}; the server goes on, please report this\n")
}

impl Reply {
    /// A text of our own, such as a miss.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain;charset=UTF-8"));
        Self { status, reason: None, headers, body: Body::Bytes(text.into()), dribble: None, ending: None }
    }

    /// The 500 of a call at which standin itself failed, by a panic with this message.
    pub fn failed(panic: &impl std::fmt::Display) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, failed_text(panic))
    }
}
