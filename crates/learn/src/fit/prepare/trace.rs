//! Traces: the parts of a tape that fitting reads. For each call, when it arrived at the backend,
//! when its response was complete, and its operation and status.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::time::Duration;

use standin_model::stats::median;
use standin_tape::exchange::{Exchange, ExchangeTimes, FailureReason};
use standin_tape::operations::OperationTree;
use standin_tape::{RecordingLimits, TapeCondition, TapeHead, TapeSource};

/// A call as fitting reads it. Times are in nanoseconds since the tape's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Operation, by its index in [`Trace::operations`].
    pub operation: u32,
    /// Time at which the last bytes of the request were handed to the socket.
    pub arrival: u64,
    /// Time of the response's last byte; of the first byte where the operation has a
    /// [transfer](Trace::transfer) rate.
    pub finish: u64,
    /// Status of the response.
    pub status: u16,
    /// Length of the response body in bytes; `None` if it came in a content coding.
    pub bytes: Option<u64>,
    /// Calls at the backend at this arrival, itself included, as the recorder counted; 0 if it did
    /// not count.
    pub in_flight: u32,
}

/// The calls of one recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Names of the operations.
    pub operations: Vec<String>,
    /// Answered calls, in any order.
    pub calls: Vec<Observation>,
    /// Answered calls that are shorter than any call through this recorder can be: their `sent` was
    /// stamped too late. They arrive when the recorder was ready to send them, occupy the service,
    /// and count in no statistic.
    pub mistimed: Vec<Observation>,
    /// Number of calls that reached the backend and got no complete response.
    pub failed: u64,
    /// Number of calls missing from the tape: dropped by the recorder, or on unreadable lines.
    pub lost: u64,
    /// True if the recorder saw all traffic of the backend.
    pub exclusive: bool,
    /// Limits that the recorder applied.
    pub limits: RecordingLimits,
    /// Latency that the recorder measures of a service that answers at once, in nanoseconds; 0 if
    /// unknown.
    pub round_trip: u64,
    /// Number of calls shorter than the round trip, where there are so many that the service itself
    /// is that fast.
    pub too_fast: u64,
    /// Number of calls whose times cannot be true: out of order, or shorter than the recorder's
    /// round trip though the operation usually takes much longer.
    pub contradictory: u64,
    /// Median transfer rate of long responses in bytes a second, by operation; `None` where
    /// responses are short or mostly arrive at once.
    pub transfer: Vec<Option<f64>>,
    /// Source of the tape, if no recorder wrote it.
    pub source: Option<TapeSource>,
}

/// Times of a call that are needed only while its tape is read, in nanoseconds since the tape's
/// start.
struct RecorderTimes {
    first_byte: u64,
    ready: u64,
}

impl Trace {
    /// Reads the exchanges of a tape, in one pass. Exchanges that never reached the backend are
    /// left out. An exchange without an operation belongs to the one that `operations`, learned
    /// from the same tape, assigns.
    pub fn new<E: Borrow<Exchange>>(
        head: &TapeHead,
        operations: &OperationTree,
        exchanges: impl IntoIterator<Item = E>,
    ) -> Self {
        let round_trip = head.overhead.map_or(0, |overhead| overhead.round_trip);
        let mut trace = Self {
            exclusive: head.exclusive,
            limits: head.limits.clone(),
            round_trip,
            source: head.source.clone(),
            ..Self::default()
        };
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut transfers: Vec<Vec<(u64, u64)>> = Vec::new();
        let mut recorder_times = Vec::new();
        for exchange in exchanges {
            let exchange = exchange.borrow();
            let Some(arrival) = exchange.times.sent else { continue };
            let reached =
                |reason| !matches!(reason, FailureReason::Connect | FailureReason::Tls | FailureReason::Limit);
            let failure = exchange.failure.as_ref();
            let (Some(response), Some(first), None) = (&exchange.response, exchange.times.first_byte, failure) else {
                trace.failed += u64::from(failure.is_none_or(|failure| reached(failure.reason)));
                continue;
            };
            let grouped = || operations.name(&exchange.request.method, &exchange.request.url);
            let name = exchange.operation.clone().unwrap_or_else(grouped);
            let next = numbers.len() as u32;
            let operation = *numbers.entry(name.clone()).or_insert(next);
            if operation == next {
                trace.operations.push(name);
                transfers.push(Vec::new());
            }
            let size = response.body.as_ref().map_or(0, |body| body.size);
            let last = exchange.times.last_byte.unwrap_or(first);
            let taken = last.saturating_sub(first);
            if size >= LONG_RESPONSE_BYTES {
                transfers[operation as usize].push((taken, size));
            }
            let is_coded = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
            let bytes = (!is_coded).then_some(size);
            let (status, in_flight) = (response.status, exchange.in_flight);
            trace.contradictory += u64::from(arrival < exchange.times.received || last < first);
            trace.calls.push(Observation { operation, arrival, finish: last, status, bytes, in_flight });
            recorder_times.push(RecorderTimes { first_byte: first, ready: ready_to_send(&exchange.times) });
        }
        trace.transfer = transfers.into_iter().map(median_rate).collect();
        // responses are served at the operation's rate, so the transfer must not be part of the
        // demand as well
        for (call, recorder_time) in trace.calls.iter_mut().zip(&recorder_times) {
            if trace.transfer[call.operation as usize].is_some() {
                call.finish = recorder_time.first_byte;
            }
        }
        if !trace.is_rounded() {
            trace.contradictory += trace.count_too_short();
            trace.separate_mistimed(&recorder_times);
        }
        trace
    }

    /// Returns the shortest time that the recorder can measure, in nanoseconds.
    pub(crate) fn shortest(&self) -> u64 {
        if self.round_trip > 0 { self.round_trip } else { DEFAULT_ROUND_TRIP_NANOS }
    }

    /// Returns true if times are rounded so far that short calls have none.
    fn is_rounded(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.duration_resolution > self.shortest())
    }

    /// Returns the number of calls that are shorter than the recorder's round trip, of operations
    /// that usually take much longer.
    fn count_too_short(&self) -> u64 {
        let mut latencies = vec![Vec::new(); self.operations.len()];
        for call in &self.calls {
            latencies[call.operation as usize].push(call.finish.saturating_sub(call.arrival) as f64);
        }
        let shortest = self.shortest() as f64;
        let is_slow = |latencies: &mut Vec<f64>| median(latencies) > shortest * MIN_SLOW_ROUND_TRIPS;
        let of_slow = latencies.iter_mut().filter_map(|latencies| is_slow(latencies).then_some(&*latencies));
        of_slow.flatten().filter(|latency| **latency < shortest).count() as u64
    }

    /// Moves calls that are shorter than the recorder's round trip to `mistimed`, unless there are
    /// so many that the service itself must be that fast.
    fn separate_mistimed(&mut self, recorder_times: &[RecorderTimes]) {
        let shortest = self.shortest();
        let is_mistimed = |call: &Observation| call.finish < call.arrival + shortest;
        let count = self.calls.iter().filter(|call| is_mistimed(call)).count();
        if count as f64 > self.calls.len() as f64 * MAX_MISTIMED_SHARE {
            self.too_fast = count as u64;
            return;
        }
        let calls = std::mem::take(&mut self.calls);
        for (call, recorder_time) in calls.into_iter().zip(recorder_times) {
            if is_mistimed(&call) {
                self.mistimed.push(Observation { arrival: recorder_time.ready.min(call.arrival), ..call });
            } else {
                self.calls.push(call);
            }
        }
    }

    /// Adds the number of calls that the tape lacks, known once it has been read.
    #[must_use]
    pub fn with_condition(self, condition: &TapeCondition) -> Self {
        Self { lost: self.lost + condition.lost(), ..self }
    }
}

impl Trace {
    /// Returns by how much the mean population that the recorder counted exceeds the one computed
    /// from the calls, as a share; `None` if it did not count. By Little's law both agree unless
    /// calls are missing.
    pub(crate) fn population_difference(&self) -> Option<f64> {
        let calls = || self.calls.iter().chain(&self.mistimed);
        let mut arrivals: Vec<(u64, u32)> = calls().map(|call| (call.arrival, call.in_flight)).collect();
        arrivals.sort_unstable();
        let mut finishes: Vec<u64> = calls().map(|call| call.finish.max(call.arrival)).collect();
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

/// Returns the median rate, in bytes a second, of transfers given as nanoseconds and bytes; `None`
/// if there are few, or most arrive at once. A body that arrives at once may still come in pieces
/// now and then, when the recorder was busy.
fn median_rate(transfers: Vec<(u64, u64)>) -> Option<f64> {
    let slow = transfers.iter().filter(|(taken, _)| u128::from(*taken) >= LONG_TRANSFER.as_nanos()).count();
    if transfers.len() < MIN_TRANSFERS || slow * 2 <= transfers.len() {
        return None;
    }
    let mut rates: Vec<f64> =
        transfers.into_iter().map(|(taken, size)| size as f64 / (taken.max(1) as f64 / 1e9)).collect();
    Some(median(&mut rates))
}

/// Returns the time at which the recorder was ready to send a call: received, past its limits, and
/// connected.
fn ready_to_send(times: &ExchangeTimes) -> u64 {
    times.received + times.permit_wait + times.connect + times.tls
}

/// Round trip in nanoseconds that is assumed if a tape states none; HTTP over loopback takes longer
/// everywhere.
const DEFAULT_ROUND_TRIP_NANOS: u64 = 10_000;
/// Median latency in round trips from which no call of an operation can be as fast as the recorder.
const MIN_SLOW_ROUND_TRIPS: f64 = 10.0;
/// Largest share of calls with presumably wrong time stamps.
const MAX_MISTIMED_SHARE: f64 = 0.1;
/// Minimum length in bytes of a response that shows a transfer rate.
const LONG_RESPONSE_BYTES: u64 = 32 * 1024;
const LONG_TRANSFER: Duration = Duration::from_millis(1);
const MIN_TRANSFERS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use standin_tape::TapeFoot;
    use standin_tape::exchange::{BodyRef, ExchangeFailure, ExchangeRequest, ExchangeResponse};

    fn exchange(url: &str, sent: u64, first: u64) -> Exchange {
        Exchange {
            number: sent,
            operation: None,
            request: ExchangeRequest { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: None },
            response: Some(ExchangeResponse { status: 200, reason: None, headers: Vec::new(), body: None }),
            failure: None,
            times: ExchangeTimes {
                received: sent - 1,
                sent: Some(sent),
                first_byte: Some(first),
                ..ExchangeTimes::default()
            },
            in_flight: 1,
            reused: true,
        }
    }

    fn learned(exchanges: &[Exchange]) -> OperationTree {
        OperationTree::learn(exchanges.iter().map(|exchange| (&exchange.request.method, &exchange.request.url)))
    }

    #[test]
    fn answered_calls_are_observed_and_the_others_counted() {
        let mut exchanges =
            vec![exchange("/items/1", 10, 20), exchange("/items/2?x", 15, 30), exchange("/health", 16, 18)];
        let failure = |reason| Some(ExchangeFailure { reason, detail: String::new() });
        for (reason, sent) in [
            (FailureReason::Timeout, Some(40)),
            (FailureReason::Closed, Some(41)),
            (FailureReason::Limit, None),
            (FailureReason::Connect, None),
        ] {
            let mut failed = exchange("/items/3", 40, 50);
            (failed.failure, failed.response, failed.times.sent) = (failure(reason), None, sent);
            exchanges.push(failed);
        }
        let condition = TapeCondition {
            broken: 2,
            torn: true,
            foot: Some(TapeFoot { dropped: 4, ..TapeFoot::default() }),
            ..TapeCondition::default()
        };
        let head = TapeHead { exclusive: true, ..TapeHead::default() };
        let trace = Trace::new(&head, &learned(&exchanges), &exchanges).with_condition(&condition);
        assert_eq!(trace.operations, ["GET /items/{id}", "GET /health"]);
        assert_eq!((trace.calls.len(), trace.failed, trace.lost, trace.exclusive), (3, 2, 7, true));
        assert_eq!(
            trace.calls[1],
            Observation { operation: 0, arrival: 15, finish: 30, status: 200, bytes: Some(0), in_flight: 1 }
        );
    }

    #[test]
    fn calls_without_a_time_count_where_times_are_rounded() {
        let exchanges: Vec<_> =
            (1..=100).map(|k| exchange("/a", k * 10_000_000, k * 10_000_000 + k % 20 / 19)).collect();
        let source = TapeSource { duration_resolution: 1_000_000, ..TapeSource::default() };
        let rounded = TapeHead { source: Some(source), ..TapeHead::default() };
        let trace = Trace::new(&rounded, &learned(&exchanges), &exchanges);
        assert_eq!((trace.calls.len(), trace.too_fast, trace.contradictory), (100, 0, 0));
        let trace = Trace::new(&TapeHead::default(), &learned(&exchanges), &exchanges);
        assert_eq!(trace.too_fast, 100);
    }

    #[test]
    fn a_rate_needs_long_answers() {
        let long = |sent: u64| {
            let mut exchange = exchange("/file", sent, sent + 5);
            exchange.response.as_mut().unwrap().body = Some(BodyRef { sha256: None, size: 1_000_000 });
            exchange.times.last_byte = Some(sent + 5 + 50_000_000);
            exchange
        };
        let short = |url: &str, sent: u64| {
            let mut exchange = exchange(url, sent, sent + 9);
            exchange.times.last_byte = Some(sent + 100);
            exchange
        };
        let mut exchanges: Vec<_> = (1..=40).map(long).chain((50..90).map(|sent| short("/short", sent))).collect();
        exchanges.push(short("/file", 100));
        let trace = Trace::new(&TapeHead::default(), &learned(&exchanges), &exchanges);
        assert_eq!(trace.transfer, [Some(2e7), None]);
        assert_eq!(trace.calls[0].finish, 6, "the first byte of a long answer");
        assert_eq!(trace.calls[40].finish, 150, "the last byte where there is no rate");
        assert_eq!(trace.calls[80].finish, 109, "a short answer leaves at the rate of the long ones");
    }

    /// One long response in ten comes in pieces. The others arrive at once, and so they are served.
    #[test]
    fn a_few_slow_transfers_are_no_rate() {
        let long = |sent: u64| {
            let mut exchange = exchange("/file", sent, sent + 5);
            exchange.response.as_mut().unwrap().body = Some(BodyRef { sha256: None, size: 200_000 });
            let taken = if sent.is_multiple_of(10) { 4_000_000 } else { 200_000 };
            exchange.times.last_byte = Some(sent + 5 + taken);
            exchange
        };
        let exchanges: Vec<_> = (1..=1_000).map(long).collect();
        let trace = Trace::new(&TapeHead::default(), &learned(&exchanges), &exchanges);
        assert_eq!((trace.transfer, trace.calls[0].finish), (vec![None], 200_006));
    }

    #[test]
    fn a_short_answer_that_comes_in_pieces_ends_with_its_last_byte() {
        let mut drips = exchange("/drip", 10, 20);
        drips.times.last_byte = Some(500);
        let trace = Trace::new(&TapeHead::default(), &learned(std::slice::from_ref(&drips)), [&drips]);
        assert_eq!(trace.calls[0].finish, 500);
    }

    #[test]
    fn calls_that_are_missing_show_in_the_population() {
        let call = |arrival: u64, in_flight| Observation {
            operation: 0,
            arrival,
            finish: arrival + 30,
            status: 200,
            bytes: None,
            in_flight,
        };
        let whole: Vec<_> = (0u64..300).map(|k| call(k * 10, 1 + k.min(3) as u32)).collect();
        let difference = |calls: Vec<Observation>| Trace { calls, ..Trace::default() }.population_difference();
        assert!(difference(whole.clone()).unwrap().abs() < 0.01);
        let halved = whole.iter().copied().filter(|call| call.arrival % 20 == 0).collect();
        assert!(difference(halved).unwrap() > 0.5);
        assert_eq!(difference(vec![call(1, 0)]), None);
    }
}
