//! Events of the requests at the service, by which a ramp decides when to stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::tape_writer::RecordedCall;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// A callback for the events of requests. It runs on the worker threads and must return quickly.
#[derive(Clone)]
pub struct CallObserver(Arc<dyn Fn(CallEvent) + Send + Sync>);

/// An event of a request.
#[derive(Clone, Copy, Debug)]
pub enum CallEvent {
    /// The request with this number on the tape is sent to the service. After a connection that
    /// proves closed, the event is repeated.
    Arrived(u64),
    /// The request has ended, or a limit refused it.
    Finished(FinishedCall),
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct FinishedCall {
    /// Number on the tape.
    pub number: u64,
    /// Status of the response; `None` without a response.
    pub status: Option<u16>,
    /// True if the service is the cause of a missing or incomplete response.
    pub failed: bool,
    /// Time from sending the request to the last byte of the response; `None` without a complete
    /// response.
    pub latency: Option<Duration>,
}

impl CallObserver {
    /// Creates an observer that calls `on_event`.
    pub fn new(on_event: impl Fn(CallEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_event))
    }

    pub(super) fn notify(&self, event: CallEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for CallObserver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CallObserver")
    }
}

impl FinishedCall {
    pub(super) fn new(record: &RecordedCall, failure: Option<&ExchangeFailure>) -> Self {
        let is_ours = |reason| matches!(reason, FailureReason::Limit | FailureReason::ClientGone);
        let times = record.times.sent.zip(record.times.last_byte).filter(|_| failure.is_none());
        Self {
            number: record.number,
            status: record.response_head.as_ref().map(|(status, _)| status.as_u16()),
            failed: failure.is_some_and(|failure| !is_ours(failure.reason)),
            latency: times.map(|(sent, end)| Duration::from_nanos(end.saturating_sub(sent))),
        }
    }
}
