//! What fitting reads of a tape: for each call when it arrived at the backend, when its answer began, and what it was.

use std::collections::HashMap;
use std::time::Duration;

use crate::exchange::{Exchange, Reason};
use crate::tape::operations::Operations;
use crate::tape::{Condition, Head, Limits};

/// A call as fitting sees it. Times are nanoseconds since the tape's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Which of [`Trace::operations`].
    pub operation: u32,
    /// The last byte of the call was written to the backend.
    pub arrival: u64,
    /// The first byte of the answer came.
    pub finish: u64,
    /// The answer's status.
    pub status: u16,
    /// Calls at the backend when this one arrived, itself included, as the recorder counted; 0 if it did not.
    pub in_flight: u32,
}

/// The calls of one recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Names of operations.
    pub operations: Vec<String>,
    /// Answered calls, in any order.
    pub calls: Vec<Observation>,
    /// Calls that reached the backend and got no whole answer.
    pub failed: u64,
    /// Calls that the tape lacks: dropped by the recorder, or on lines that could not be read.
    pub lost: u64,
    /// Whether the recorder saw all traffic of the backend.
    pub exclusive: bool,
    /// The limits that were in force.
    pub limits: Limits,
    /// Median rate at which long answers came, in bytes a second, by operation; none where answers are short.
    pub transfer: Vec<Option<f64>>,
}

impl Trace {
    /// From the exchanges of a tape. Those that never reached the backend are left out; calls without an operation are grouped.
    pub fn new(head: &Head, condition: &Condition, exchanges: &[Exchange]) -> Self {
        let calls =
            || exchanges.iter().map(|exchange| (exchange.request.method.as_str(), exchange.request.url.as_str()));
        let operations = Operations::learn(calls());
        let mut trace = Self {
            lost: condition.broken + u64::from(condition.torn) + condition.foot.map_or(0, |foot| foot.dropped),
            exclusive: head.exclusive,
            limits: head.limits.clone(),
            ..Self::default()
        };
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut rates: Vec<Vec<f64>> = Vec::new();
        for exchange in exchanges {
            let Some(arrival) = exchange.times.sent else { continue };
            let reached = |reason| !matches!(reason, Reason::Connect | Reason::Tls | Reason::Limit);
            let failure = exchange.failure.as_ref();
            let (Some(response), Some(finish), None) = (&exchange.response, exchange.times.first_byte, failure) else {
                trace.failed += u64::from(failure.is_none_or(|failure| reached(failure.reason)));
                continue;
            };
            let grouped = || operations.name(&exchange.request.method, &exchange.request.url);
            let name = exchange.operation.clone().unwrap_or_else(grouped);
            let next = numbers.len() as u32;
            let operation = *numbers.entry(name.clone()).or_insert(next);
            if operation == next {
                trace.operations.push(name);
                rates.push(Vec::new());
            }
            let size = response.body.as_ref().map_or(0, |body| body.size);
            let taken = exchange.times.last_byte.unwrap_or(finish).saturating_sub(finish);
            if size >= LONG_ANSWER && u128::from(taken) >= LONG_TRANSFER.as_nanos() {
                rates[operation as usize].push(size as f64 / (taken as f64 / 1e9));
            }
            let (status, in_flight) = (response.status, exchange.in_flight);
            trace.calls.push(Observation { operation, arrival, finish, status, in_flight });
        }
        trace.transfer = rates.into_iter().map(typical).collect();
        trace
    }
}

impl Trace {
    /// By how much the mean population that the recorder counted exceeds the one that the calls themselves make, as a share;
    /// none if it did not count. Little's law is an identity on what was recorded: this is where missing calls show.
    pub(super) fn population_difference(&self) -> Option<f64> {
        let mut arrivals: Vec<(u64, u32)> = self.calls.iter().map(|call| (call.arrival, call.in_flight)).collect();
        arrivals.sort_unstable();
        let mut finishes: Vec<u64> = self.calls.iter().map(|call| call.finish.max(call.arrival)).collect();
        finishes.sort_unstable();
        let (mut finished, mut counted, mut made) = (0, 0.0, 0.0);
        for (rank, (arrival, in_flight)) in arrivals.into_iter().enumerate() {
            while finishes[finished] < arrival {
                finished += 1;
            }
            if in_flight > 0 {
                counted += f64::from(in_flight);
                made += (rank + 1 - finished) as f64;
            }
        }
        (made > 0.0).then(|| counted / made - 1.0)
    }
}

/// The median, of enough rates.
fn typical(mut rates: Vec<f64>) -> Option<f64> {
    rates.sort_by(f64::total_cmp);
    (rates.len() >= ENOUGH_RATES).then(|| rates[rates.len() / 2])
}

/// Shorter answers say nothing of a transfer rate.
const LONG_ANSWER: u64 = 32 * 1024;
const LONG_TRANSFER: Duration = Duration::from_millis(1);
const ENOUGH_RATES: usize = 30;
