//! Request bodies that stream to a real service, because no stub looks at them.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::listen::connection::Connection;
use crate::locks::LockUnpoisoned as _;
use crate::wire::Clock;
use standin_stub::memory::{MemoryPermit, MemoryShare};

/// A request body on its way to a service, copied for the journal while it passes.
pub(super) struct Upload {
    incoming: Incoming,
    clock: Arc<Clock>,
    copy: Arc<UploadCopy>,
}

/// The copy of an [`Upload`], shared with the journal entry.
pub(super) struct UploadCopy {
    copy: Mutex<BodyCopy>,
    is_complete: AtomicBool,
}

impl Upload {
    pub(super) fn new(incoming: Incoming, connection: &Connection, copy: BodyCopy) -> (Self, Arc<UploadCopy>) {
        let copy = Arc::new(UploadCopy { copy: Mutex::new(copy), is_complete: AtomicBool::new(false) });
        (Self { incoming, clock: Arc::clone(&connection.clock), copy: Arc::clone(&copy) }, copy)
    }
}

impl UploadCopy {
    /// Returns the body; `None` if it was too long for a copy, or did not arrive whole.
    pub(super) fn take(&self) -> Option<Bytes> {
        self.copy.lock_unpoisoned().take().filter(|_| self.is_complete.load(Relaxed))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.copy.copy.lock_unpoisoned().push(data);
        }
        if matches!(polled, Poll::Ready(None)) || self.incoming.is_end_stream() {
            self.copy.is_complete.store(true, Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // of a body that did not arrive whole, the HTTP library reads no more
        self.clock.body_read();
    }
}

/// A copy of a body for the journal, within a limit and the memory budget.
pub(super) struct BodyCopy {
    bytes: Vec<u8>,
    limit: usize,
    memory: Arc<MemoryShare>,
    permit: Option<MemoryPermit>,
    /// True if the body was too long.
    is_dropped: bool,
}

impl BodyCopy {
    pub(super) fn new(limit: usize, memory: &Arc<MemoryShare>) -> Self {
        Self { bytes: Vec::new(), limit, memory: Arc::clone(memory), permit: None, is_dropped: false }
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.is_dropped {
            return;
        }
        let fits = self.bytes.len() + data.len() <= self.limit;
        let is_counted = fits
            && match &mut self.permit {
                Some(permit) => permit.grow(data.len()).is_ok(),
                None => self.memory.take(data.len()).is_ok_and(|permit| self.permit.replace(permit).is_none()),
            };
        if is_counted {
            self.bytes.extend_from_slice(data);
        } else {
            (self.bytes, self.permit, self.is_dropped) = (Vec::new(), None, true);
        }
    }

    /// Returns the copy, which is then empty; `None` if the body was too long.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let bytes = std::mem::take(&mut self.bytes).into();
        (!self.is_dropped).then_some(bytes)
    }
}
