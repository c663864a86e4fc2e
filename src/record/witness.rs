//! Who looks on while calls are at the service, whoever made them: what a ramp stops by.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::scribe::RecordedCall;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// Looks on. It is told on the way of calls, and must not take long.
#[derive(Clone)]
pub struct CallObserver(Arc<dyn Fn(CallEvent) + Send + Sync>);

/// What is seen of a call.
#[derive(Clone, Copy, Debug)]
pub enum CallEvent {
    /// The call of this number on the tape goes to the service now. One whose connection proves dead comes again.
    Arrived(u64),
    /// It has come to its end, or never got there.
    Finished(FinishedCall),
}

/// A call that has come to its end.
#[derive(Clone, Copy, Debug)]
pub struct FinishedCall {
    /// Its number on the tape.
    pub number: u64,
    /// The status that the service gave.
    pub status: Option<u16>,
    /// Whether its answer came to nothing by the service's doing.
    pub failed: bool,
    /// How long the service took for the whole answer; none if it gave none.
    pub took: Option<Duration>,
}

impl CallObserver {
    /// One that is told by a call of `tell`.
    pub fn new(tell: impl Fn(CallEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn tell(&self, sighting: CallEvent) {
        (self.0)(sighting);
    }
}

impl fmt::Debug for CallObserver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CallObserver")
    }
}

impl FinishedCall {
    pub(super) fn new(entry: &RecordedCall, failure: Option<&ExchangeFailure>) -> Self {
        let is_ours = |reason| matches!(reason, FailureReason::Limit | FailureReason::ClientGone);
        let times = entry.times.sent.zip(entry.times.last_byte).filter(|_| failure.is_none());
        Self {
            number: entry.number,
            status: entry.answer.as_ref().map(|(status, _)| status.as_u16()),
            failed: failure.is_some_and(|failure| !is_ours(failure.reason)),
            took: times.map(|(sent, end)| Duration::from_nanos(end.saturating_sub(sent))),
        }
    }
}
