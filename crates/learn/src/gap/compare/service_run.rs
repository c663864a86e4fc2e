//! Runs of a service or a mock: calls with their arrival times, latencies and statuses.

use std::collections::HashMap;
use std::ops::Range;

use standin_tape::LoadedTape;
use standin_tape::operations::OperationTree;

/// One side of a comparison: runs of the service or of the mock, under one name.
#[derive(Clone, Debug, Default)]
pub struct ComparisonSide {
    /// The name in reports, such as `recorded` or `mock`.
    pub name: String,
    /// The runs of this side.
    pub runs: Vec<ServiceRun>,
    /// True if all runs, of both sides, had one schedule: then runs are the unit of the
    /// significance test.
    pub repeats: bool,
}

/// One run: a service under one load for a while.
#[derive(Clone, Debug, Default)]
pub struct ServiceRun {
    /// The names that calls point to.
    pub operations: Vec<String>,
    /// The calls in the order of their arrival.
    pub calls: Vec<TimedCall>,
    /// Times at which the mock itself or the sender was too late to be believed, in nanoseconds
    /// since the first call: calls that came or ended then are left out.
    pub doubtful: Vec<Range<u64>>,
}

/// A call with its arrival time, latency and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedCall {
    /// Index into the operations of its run.
    pub operation: u32,
    /// The arrival time, in nanoseconds on any clock.
    pub at: u64,
    /// The time until the end of the answer, in nanoseconds; `None` if there was no answer.
    pub latency: Option<u64>,
    /// The status of the answer; none if there was none.
    pub status: Option<u16>,
}

impl ServiceRun {
    /// Reads a run from a tape. Calls that never reached the service are left out. Calls without an
    /// operation are grouped by `operations`, which should have learned from both sides so that
    /// both are grouped alike.
    pub fn new(recording: &LoadedTape, operations: &OperationTree) -> Self {
        let mut run = Self::default();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for exchange in &recording.exchanges {
            let Some(at) = recording.arrival(exchange) else { continue };
            let grouped = || operations.name(&exchange.request.method, &exchange.request.url);
            let name = exchange.operation.clone().unwrap_or_else(grouped);
            let next = numbers.len() as u32;
            let operation = *numbers.entry(name.clone()).or_insert(next);
            if operation == next {
                run.operations.push(name);
            }
            let latency = recording.latency(exchange);
            let status = exchange.response.as_ref().filter(|_| latency.is_some()).map(|response| response.status);
            run.calls.push(TimedCall { operation, at, latency, status });
        }
        run.calls.sort_by_key(|call| call.at);
        run
    }

    /// Returns true if runs may be of one load: the numbers of their calls, and their lengths,
    /// differ by at most a tenth.
    pub fn are_alike<'r>(runs: impl IntoIterator<Item = &'r Self>) -> bool {
        let sizes: Vec<[f64; 2]> = runs.into_iter().map(|run| [run.calls.len() as f64, run.length() as f64]).collect();
        let is_narrow = |of: fn(&[f64; 2]) -> f64| {
            let (least, most) = sizes
                .iter()
                .map(of)
                .fold((f64::INFINITY, 0.0_f64), |(least, most), size| (least.min(size), most.max(size)));
            most <= least * SIZE_FACTOR
        };
        is_narrow(|[calls, _]| *calls) && is_narrow(|[_, length]| *length)
    }

    /// Returns the name of a call's operation.
    pub(crate) fn operation(&self, call: TimedCall) -> &str {
        &self.operations[call.operation as usize]
    }

    /// Returns true if a call arrived or ended at a [doubtful](ServiceRun::doubtful) time.
    pub(crate) fn is_doubtful(&self, call: TimedCall) -> bool {
        let came = self.calls.first().map_or(0, |first| call.at.saturating_sub(first.at));
        let ended = call.latency.map(|latency| came.saturating_add(latency));
        let within = |moment: u64| self.doubtful.iter().any(|range| range.contains(&moment));
        within(came) || ended.is_some_and(within)
    }

    /// Nanoseconds from the first call to the last.
    pub(crate) fn length(&self) -> u64 {
        match (self.calls.first(), self.calls.last()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => 0,
        }
    }
}

/// The factor by which the sizes of runs of one load may differ.
const SIZE_FACTOR: f64 = 1.1;
