//! Request bodies on their way to the service, copied while they pass.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::capture::{BodyCapture, CaptureBudget};
use crate::locks::LockUnpoisoned as _;
use crate::send::SendError;
use crate::wire::Clock;

/// The body of a request.
#[derive(Debug)]
pub enum RequestBody {
    /// A body that was read already, or an empty one.
    Whole(Bytes),
    /// A body that arrives in pieces, over a connection with this clock.
    Stream(Incoming, Arc<Clock>),
}

/// The body of a request on its way to the service.
#[derive(Debug)]
pub(super) struct UploadBody {
    source: UploadSource,
    progress: Arc<UploadProgress>,
}

#[derive(Debug)]
enum UploadSource {
    Whole(Option<Bytes>),
    Stream(Incoming, Arc<Clock>),
}

/// The part of a request body that was sent: its copy, and the time of its last byte.
#[derive(Debug)]
pub(super) struct UploadProgress {
    capture: Mutex<Option<BodyCapture>>,
    base: Instant,
    /// Arrival of the last byte, in nanoseconds since `base`.
    received: AtomicU64,
}

impl UploadBody {
    /// Creates the body to send, and its progress. `arrival` is the time at which the request, as
    /// far as it was read, arrived.
    pub(super) fn new(
        body: RequestBody,
        arrival: Instant,
        base: Instant,
        budget: &Arc<CaptureBudget>,
    ) -> (Self, Arc<UploadProgress>) {
        let received = AtomicU64::new(nanos_since(base, arrival));
        let mut capture = BodyCapture::new(budget);
        let source = match body {
            RequestBody::Whole(bytes) => {
                capture.push(&bytes);
                UploadSource::Whole((!bytes.is_empty()).then_some(bytes))
            }
            RequestBody::Stream(incoming, clock) => UploadSource::Stream(incoming, clock),
        };
        let progress = Arc::new(UploadProgress { capture: Mutex::new(Some(capture)), base, received });
        (Self { source, progress: Arc::clone(&progress) }, progress)
    }
}

impl UploadProgress {
    /// Returns the arrival of the last byte of the request, in nanoseconds since the base.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Takes the copy of the body; `None` from the second call on.
    pub(super) fn take_capture(&self) -> Option<BodyCapture> {
        self.capture.lock_unpoisoned().take()
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Self { source, progress } = &mut *self;
        let (incoming, clock) = match source {
            UploadSource::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            UploadSource::Stream(incoming, clock) => (incoming, clock),
        };
        let polled = Pin::new(incoming).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            progress.received.store(nanos_since(progress.base, clock.last_read()), Relaxed);
            if let Some(capture) = progress.capture.lock_unpoisoned().as_mut() {
                capture.push(data);
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            UploadSource::Whole(bytes) => bytes.is_none(),
            UploadSource::Stream(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            UploadSource::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            UploadSource::Stream(incoming, _) => incoming.size_hint(),
        }
    }
}

fn nanos_since(base: Instant, at: Instant) -> u64 {
    at.saturating_duration_since(base).as_nanos() as u64
}
