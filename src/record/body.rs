//! Bodies on their way through: to the service and back, copied as they go, each with its end noted.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::capture::{Capture, CaptureBudget};
use super::forward::InFlightCall;
use crate::send::SendError;
use crate::tasks::Tasks;
use crate::upstream;
use crate::wire::Clock;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// The body of a call.
#[derive(Debug)]
pub enum RequestBody {
    /// It was read already, or there is none.
    Whole(Bytes),
    /// It comes in pieces, over a connection with this clock.
    Stream(Incoming, Arc<Clock>),
}

/// The body of a call on its way to the service.
#[derive(Debug)]
pub(super) struct UploadBody {
    rest: UploadSource,
    seen: Arc<UploadProgress>,
}

#[derive(Debug)]
enum UploadSource {
    Whole(Option<Bytes>),
    Stream(Incoming, Arc<Clock>),
}

/// What has gone by of a call's body.
#[derive(Debug)]
pub(super) struct UploadProgress {
    capture: Mutex<Option<Capture>>,
    base: Instant,
    /// When the last byte came, in nanoseconds since the base.
    received: AtomicU64,
}

impl UploadBody {
    /// A body on its way, and what will be known of it. `arrival` is when the call came, as far as it is here.
    pub(super) fn new(
        source: RequestBody,
        arrival: Instant,
        base: Instant,
        room: &Arc<CaptureBudget>,
    ) -> (Self, Arc<UploadProgress>) {
        let received = AtomicU64::new(since(base, arrival));
        let mut capture = Capture::new(room);
        let rest = match source {
            RequestBody::Whole(bytes) => {
                capture.push(&bytes);
                UploadSource::Whole((!bytes.is_empty()).then_some(bytes))
            }
            RequestBody::Stream(incoming, clock) => UploadSource::Stream(incoming, clock),
        };
        let seen = Arc::new(UploadProgress { capture: Mutex::new(Some(capture)), base, received });
        (Self { rest, seen: Arc::clone(&seen) }, seen)
    }
}

impl UploadProgress {
    /// When the last byte of the call came, in nanoseconds since the base.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// The copy, once.
    pub(super) fn take(&self) -> Option<Capture> {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Self { rest, seen } = &mut *self;
        let (incoming, clock) = match rest {
            UploadSource::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            UploadSource::Stream(incoming, clock) => (incoming, clock),
        };
        let polled = Pin::new(incoming).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            seen.received.store(since(seen.base, clock.last_read()), Relaxed);
            if let Some(capture) = seen.capture.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                capture.push(data);
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        match &self.rest {
            UploadSource::Whole(bytes) => bytes.is_none(),
            UploadSource::Stream(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            UploadSource::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            UploadSource::Stream(incoming, _) => incoming.size_hint(),
        }
    }
}

/// The body of an answer on its way to the client.
///
/// If the client goes away, the rest is read all the same: the service is still at work, and that is what is measured.
#[derive(Debug)]
pub(super) struct DownloadBody {
    rest: Option<(Incoming, InFlightCall)>,
    /// How long the service may be silent.
    patience: Duration,
    silence: Option<Pin<Box<Sleep>>>,
    tasks: Tasks,
}

impl DownloadBody {
    pub(super) fn new(incoming: Incoming, open: InFlightCall, patience: Duration, tasks: Tasks) -> Self {
        Self { rest: Some((incoming, open)), patience, silence: None, tasks }
    }

    /// Ends the exchange if the answer has no body.
    pub(super) fn end_if_empty(&mut self) {
        if self.rest.as_ref().is_some_and(|(incoming, _)| incoming.is_end_stream()) {
            self.end(None);
        }
    }

    fn end(&mut self, failure: Option<ExchangeFailure>) {
        if let Some((_, open)) = self.rest.take() {
            open.end(failure);
        }
    }
}

impl Body for DownloadBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Some((incoming, open)) = &mut self.rest else { return Poll::Ready(None) };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    open.push(data);
                }
                // hyper does not ask again after the last byte of a known length
                let ended = incoming.is_end_stream();
                self.silence = None;
                if ended {
                    self.end(None);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.end(Some(upstream::failure(&error)));
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let patience = self.patience;
                let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let failure = silent(patience);
                let told = failure.detail.clone();
                self.end(Some(failure));
                Poll::Ready(Some(Err(told.into())))
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
        if let Some((incoming, open)) = self.rest.take() {
            self.tasks.spawn(drain(incoming, open, self.patience));
        }
    }
}

/// Reads the rest of an answer that nobody waits for any more, within bounds.
async fn drain(mut incoming: Incoming, mut open: InFlightCall, patience: Duration) {
    let read = async {
        let mut bytes = 0;
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    let data = frame.data_ref().map_or(&[][..], |data| data);
                    open.push(data);
                    bytes += data.len();
                    if bytes > MOST_DRAINED {
                        return Some(ExchangeFailure { reason: FailureReason::ClientGone, detail: String::new() });
                    }
                }
                Some(Err(error)) => return Some(upstream::failure(&error)),
                None => return None,
            }
        }
    };
    let failure = tokio::time::timeout(patience, read)
        .await
        .unwrap_or_else(|_| Some(ExchangeFailure { reason: FailureReason::ClientGone, detail: String::new() }));
    open.end(failure);
}

/// A service that said nothing for too long.
pub(super) fn silent(patience: Duration) -> ExchangeFailure {
    ExchangeFailure { reason: FailureReason::Timeout, detail: format!("nothing came for {patience:?}") }
}

fn since(base: Instant, at: Instant) -> u64 {
    at.saturating_duration_since(base).as_nanos() as u64
}

/// What is read of an answer after its client has gone.
const MOST_DRAINED: usize = 16 << 20;
