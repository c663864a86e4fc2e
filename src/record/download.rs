//! Response bodies on their way to the client, copied while they pass.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::in_flight::InFlightCall;
use crate::send::SendError;
use crate::tasks::Tasks;
use crate::upstream;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// The body of a response on its way to the client.
///
/// If the client disconnects, the rest is read all the same, because the service still works on it
/// and its latency is measured.
#[derive(Debug)]
pub(super) struct DownloadBody {
    rest: Option<(Incoming, InFlightCall)>,
    /// Maximum time without a byte from the service.
    timeout: Duration,
    silence: Option<Pin<Box<Sleep>>>,
    tasks: Tasks,
}

impl DownloadBody {
    pub(super) fn new(incoming: Incoming, call: InFlightCall, timeout: Duration, tasks: Tasks) -> Self {
        Self { rest: Some((incoming, call)), timeout, silence: None, tasks }
    }

    /// Ends the call if the response has no body.
    pub(super) fn end_if_empty(&mut self) {
        if self.rest.as_ref().is_some_and(|(incoming, _)| incoming.is_end_stream()) {
            self.end(None);
        }
    }

    fn end(&mut self, failure: Option<ExchangeFailure>) {
        if let Some((_, call)) = self.rest.take() {
            call.end(failure);
        }
    }
}

impl Body for DownloadBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Some((incoming, call)) = &mut self.rest else { return Poll::Ready(None) };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    call.capture_response(data);
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
                self.end(Some(upstream::failure_of(&error)));
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

impl Drop for DownloadBody {
    fn drop(&mut self) {
        if let Some((incoming, call)) = self.rest.take() {
            self.tasks.spawn(drain(incoming, call, self.timeout));
        }
    }
}

/// Reads the rest of a response whose client has disconnected, up to a time and a length.
async fn drain(mut incoming: Incoming, mut call: InFlightCall, timeout: Duration) {
    let client_gone = || Some(ExchangeFailure { reason: FailureReason::ClientGone, detail: String::new() });
    let read = async {
        let mut bytes = 0;
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    call.capture_response(data);
                    bytes += data.len();
                    if bytes > MAX_DRAINED_BYTES {
                        return client_gone();
                    }
                }
                Some(Err(error)) => return Some(upstream::failure_of(&error)),
                None => return None,
            }
        }
    };
    let failure = tokio::time::timeout(timeout, read).await.unwrap_or_else(|_| client_gone());
    call.end(failure);
}

/// Returns the failure of a service that sent nothing for `timeout`.
pub(super) fn timeout_failure(timeout: Duration) -> ExchangeFailure {
    ExchangeFailure { reason: FailureReason::Timeout, detail: format!("nothing came for {timeout:?}") }
}

/// Upper limit for the bytes that are read of a response after its client has disconnected.
const MAX_DRAINED_BYTES: usize = 16 << 20;
