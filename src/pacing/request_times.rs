//! The parts of the time of a paced request.

use std::time::Duration;

/// The parts of the time that a request takes in its service, without the delay of its stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimes<'r> {
    /// Name of the service.
    pub service: &'r str,
    /// Name of the operation.
    pub operation: &'r str,
    /// Time before the request asks for a worker.
    pub outside: Duration,
    /// Time that the rate limit held the request.
    pub rate_waiting: Duration,
    /// Time that the request waited for a worker of the front station.
    pub front_waiting: Duration,
    /// Time that the request holds a worker of the front station; zero without one.
    pub front: Duration,
    /// Time that the request waits for a worker, or is slowed down by others: at least this, if the
    /// workers are shared.
    pub waiting: Duration,
    /// Time that the request holds a worker alone.
    pub demand: Duration,
}
