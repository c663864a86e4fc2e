//! Conversion of a reply into hyper's response, whose body is shared bytes, a file or timed pieces.

mod dribble;
mod file;
mod holding;
mod transfer;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

pub use dribble::Wait;
pub use transfer::Transfer;

use standin_stub::memory::{MemoryExhausted, MemoryShare};
use standin_stub::reply::{Body, ConnectionEnding, Dribble, Reply};

/// An error while a body is sent, such as a file that ends early or an upstream that fails.
pub type SendError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why the body of a reply cannot be sent.
#[derive(Debug)]
pub enum Unsendable {
    /// The memory budget is exhausted.
    Memory(MemoryExhausted),
    /// The file of the body cannot be read.
    Unreadable(io::Error),
}

/// A body in the form that hyper polls.
#[derive(Debug)]
pub enum Outgoing {
    /// One piece; `None` once hyper has taken it.
    Whole(Option<Bytes>),
    /// A stream of pieces.
    Stream(UnsyncBoxBody<Bytes, SendError>),
}

/// Converts a reply whose body is in memory into a response, or into the way its connection ends.
/// Returns the reply as the error if its body has to be fetched or timed.
pub fn respond_at_once(
    reply: Reply,
    method: &Method,
) -> Result<Result<Response<Outgoing>, ConnectionEnding>, Box<Reply>> {
    if let Some(ending) = reply.ending {
        return Ok(Err(ending));
    }
    match reply.body {
        Body::Bytes(ref bytes) if reply.dribble.is_none() || bytes.is_empty() => {
            let body = Outgoing::whole(bytes.clone());
            Ok(Ok(response(body, reply, method)))
        }
        _ => Err(Box::new(reply)),
    }
}

/// Converts a reply into a response to a request of `method`. The body leaves at the rate of
/// `transfer`, unless the stub has a chunked dribble delay; `wait` creates the timer of its pieces.
///
/// Opens and reads the file of the body, if it has one; the bytes read count towards `memory`.
pub async fn respond(
    reply: Reply,
    method: &Method,
    transfer: Option<Transfer>,
    memory: &Arc<MemoryShare>,
    wait: impl FnOnce() -> Wait,
) -> Result<Response<Outgoing>, Unsendable> {
    let body = match &reply.body {
        Body::File(path) if reply.dribble.is_none() && transfer.is_none() => file::open(path, None, memory).await?,
        Body::File(path) => in_pieces(file::read(path, memory).await?, reply.dribble, transfer, wait),
        Body::FilePart(path, range) => file::open(path, Some(range.clone()), memory).await?,
        Body::Bytes(bytes) => in_pieces(bytes.clone(), reply.dribble, transfer, wait),
    };
    Ok(response(body, reply, method))
}

fn in_pieces(
    bytes: Bytes,
    dribble: Option<Dribble>,
    transfer: Option<Transfer>,
    wait: impl FnOnce() -> Wait,
) -> Outgoing {
    match (dribble, transfer) {
        (Some(dribble), _) if !bytes.is_empty() => dribble::body(bytes, dribble, Instant::now(), wait()),
        (None, Some(transfer)) => transfer::body(bytes, transfer, wait),
        _ => Outgoing::whole(bytes),
    }
}

fn response(body: Outgoing, reply: Reply, method: &Method) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if let Some(reason) = reply.reason {
        response.extensions_mut().insert(reason);
    }
    settle_length(&mut response, method);
    response
}

/// Drops a body that HTTP does not allow for the status or method, and corrects a wrong
/// Content-Length.
fn settle_length(response: &mut Response<Outgoing>, method: &Method) {
    let status = response.status();
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        *response.body_mut() = Outgoing::Whole(None);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        return;
    }
    let length = response.body().size_hint().exact();
    if *method == Method::HEAD {
        // the length that a GET would have, unless the stub sets another
        if let Some(length) = length
            && !response.headers().contains_key(header::CONTENT_LENGTH)
            && !response.headers().contains_key(header::TRANSFER_ENCODING)
        {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        *response.body_mut() = Outgoing::Whole(None);
        return;
    }
    let stated = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if response.headers().contains_key(header::CONTENT_LENGTH) && stated != length {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
}

impl Outgoing {
    /// Creates a body of one piece.
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// Creates a body that streams pieces.
    pub fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<SendError>,
    {
        Self::Stream(body.map_err(Into::into).boxed_unsync())
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(exhausted) => exhausted.fmt(out),
            Self::Unreadable(error) => write!(out, "the stub's body file cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Unsendable {}

impl From<MemoryExhausted> for Unsendable {
    fn from(exhausted: MemoryExhausted) -> Self {
        Self::Memory(exhausted)
    }
}

impl From<io::Error> for Unsendable {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}
