//! Bodies that keep a value until they are sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{Outgoing, SendError};

/// A body that drops a value once it is sent, or once its client is gone.
struct HoldingBody<H> {
    body: Outgoing,
    _held: H,
}

impl Outgoing {
    /// Creates a body that keeps `held` until the last byte of `body` is sent, or its client is
    /// gone.
    pub fn holding(body: Self, held: impl Send + Unpin + 'static) -> Self {
        Self::stream(HoldingBody { body, _held: held })
    }
}

impl<H: Unpin> Body for HoldingBody<H> {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
