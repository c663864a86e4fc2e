//! The body of a response while it arrives, with a limit for the silence of its service.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::{failure_of, timeout_failure};
use crate::send::SendError;
use standin_tape::exchange::ExchangeFailure;

/// An observer of the body of one response.
pub trait ResponseObserver: Send + Unpin + 'static {
    /// Sees a piece of the body before it is passed on.
    fn data(&mut self, data: &Bytes);
    /// Ends the call: the body is complete, or the service failed.
    fn end(self, failure: Option<ExchangeFailure>);
    /// Ends the call of a client that has disconnected; `rest` is what has not arrived.
    fn abandon(self, rest: Incoming);
}

/// The body of a response while it arrives.
#[derive(Debug)]
pub struct ResponseBody<O: ResponseObserver> {
    rest: Option<(Incoming, O)>,
    /// Maximum time without a byte from the service.
    timeout: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl<O: ResponseObserver> ResponseBody<O> {
    /// Creates the body. The call of a response without a body ends at once.
    pub fn new(incoming: Incoming, observer: O, timeout: Duration) -> Self {
        let mut body = Self { rest: Some((incoming, observer)), timeout, silence: None };
        if body.rest.as_ref().is_some_and(|(incoming, _)| incoming.is_end_stream()) {
            body.end(None);
        }
        body
    }

    fn end(&mut self, failure: Option<ExchangeFailure>) {
        if let Some((_, observer)) = self.rest.take() {
            observer.end(failure);
        }
    }
}

impl<O: ResponseObserver> Body for ResponseBody<O> {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Some((incoming, observer)) = &mut self.rest else { return Poll::Ready(None) };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    observer.data(data);
                }
                // hyper does not poll again after the last byte of a known length
                let ended = incoming.is_end_stream();
                self.silence = None;
                if ended {
                    self.end(None);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.end(Some(failure_of(&error)));
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let timeout = self.timeout;
                let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let failure = timeout_failure(timeout);
                let message = failure.detail.clone();
                self.end(Some(failure));
                Poll::Ready(Some(Err(message.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), |(incoming, _)| incoming.size_hint())
    }
}

impl<O: ResponseObserver> Drop for ResponseBody<O> {
    fn drop(&mut self) {
        if let Some((incoming, observer)) = self.rest.take() {
            observer.abandon(incoming);
        }
    }
}
