//! Workloads: the calls of one or several tapes on one axis of time, cleaned and sorted for
//! thousands of inversions.

use super::trace::{Observation, Trace};
use standin_model::stats::{Moments, mean};

/// Calls in order of arrival. Tapes follow each other with a pause between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    /// Arrival times in nanoseconds, ascending.
    pub(crate) arrivals: Vec<f64>,
    pub(crate) finishes: Vec<f64>,
    pub(crate) operations: Vec<u32>,
    pub(crate) statuses: Vec<u16>,
    /// Lengths of response bodies in bytes; empty in an excerpt.
    pub(crate) bytes: Vec<Option<u64>>,
    /// True for calls that count in statistics. Others still occupy the station.
    pub(crate) counted: Vec<bool>,
    /// Index into `windows` of the time window in which each call arrived.
    pub(crate) window: Vec<u32>,
    pub(crate) windows: Vec<LoadWindow>,
    /// Number of operations; greater than any value in `operations`.
    pub(crate) operation_count: usize,
    /// Indices of calls in order of finish.
    pub(crate) by_finish: Vec<u32>,
    /// Latency of any call outside the service, in nanoseconds, as the recorders measured it.
    pub(crate) round_trip: f64,
}

/// A stretch of time and the load in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LoadWindow {
    pub(crate) length: f64,
    pub(crate) calls: u32,
    /// Number of rejected calls, not included in `calls`.
    pub(crate) rejected: u32,
}

impl LoadWindow {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.calls) / self.length * 1e9
    }

    /// Returns true if rejections made the accepted load differ from the offered load.
    pub(crate) fn is_limited(&self) -> bool {
        f64::from(self.rejected) > MAX_REJECTED_RATIO * f64::from(self.calls)
    }
}

/// A call to add to a workload; times are in nanoseconds.
#[derive(Clone, Copy)]
struct WorkloadCall {
    arrival: f64,
    finish: f64,
    operation: u32,
    status: u16,
    is_counted: bool,
    window: u32,
}

/// Numbers of calls that a workload leaves out, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExcludedCalls {
    pub(crate) warm_up: u64,
    pub(crate) rejected: u64,
}

impl Workload {
    /// Cleans and joins tapes. Rejected calls (429, 503) held no worker and are left out.
    pub(crate) fn new(traces: &[Trace], operation_of: impl Fn(usize, u32) -> u32) -> (Self, ExcludedCalls) {
        let (mut work, mut left_out, mut start) = (Self::default(), ExcludedCalls::default(), 0.0);
        let span = |calls: &[Observation]| {
            let first = calls.iter().map(|call| call.arrival).min().unwrap_or(0);
            let last = calls.iter().map(|call| call.arrival).max().unwrap_or(0);
            (first as f64, (last - first) as f64)
        };
        let total: f64 = traces.iter().map(|trace| span(&trace.calls).1).sum();
        for (number, trace) in traces.iter().enumerate() {
            let counted = trace.calls.iter().map(|call| (call, true));
            let all = counted.chain(trace.mistimed.iter().map(|call| (call, false)));
            let mut calls: Vec<_> = all.filter(|(call, _)| !is_rejection(call.status)).collect();
            left_out.rejected += trace.calls.iter().filter(|call| is_rejection(call.status)).count() as u64;
            calls.sort_by_key(|(call, _)| (call.arrival, call.finish));
            let (first, length) = span(&trace.calls);
            let warm_up = warm_up(&calls);
            left_out.warm_up += warm_up as u64;
            let windows = ((length / total * WINDOW_COUNT).round() as usize).clamp(1, calls.len().max(1));
            let window_length = (length / windows as f64).max(1.0);
            let before = work.windows.len();
            work.windows.resize(before + windows, LoadWindow { length: window_length, ..LoadWindow::default() });
            for call in trace.calls.iter().filter(|call| is_rejection(call.status)) {
                let window = ((call.arrival as f64 - first) / window_length) as usize;
                work.windows[before + window.min(windows - 1)].rejected += 1;
            }
            let mut end = start;
            for (rank, (call, is_counted)) in calls.iter().enumerate() {
                let arrival = (call.arrival as f64 - first).clamp(0.0, length);
                let window = before + ((arrival / window_length) as usize).min(windows - 1);
                let finish = start + (call.finish as f64 - first).max(arrival);
                work.windows[window].calls += 1;
                work.push(WorkloadCall {
                    arrival: start + arrival,
                    finish,
                    operation: operation_of(number, call.operation),
                    status: call.status,
                    is_counted: rank >= warm_up && *is_counted,
                    window: window as u32,
                });
                work.bytes.push(call.bytes);
                end = f64::max(end, finish);
            }
            start = end + PAUSE_NANOS;
        }
        work.sort_finishes();
        work.operation_count = work.operations.iter().max().map_or(0, |last| *last as usize + 1);
        work.round_trip = traces.iter().map(|trace| trace.round_trip).min().unwrap_or(0) as f64;
        (work, left_out)
    }

    pub(crate) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Returns stretches of the workload, of about `calls` calls together. Each is preceded by
    /// calls that fill the station and do not count.
    pub(crate) fn excerpt(&self, calls: usize, most_in_flight: usize) -> Self {
        if self.len() <= calls + calls / 2 {
            return self.clone();
        }
        let lead = (2 * most_in_flight).clamp(50, calls / STRETCHES);
        let stretch = calls / STRETCHES;
        let mut part = Self {
            windows: self.windows.clone(),
            operation_count: self.operation_count,
            round_trip: self.round_trip,
            ..Self::default()
        };
        let mut shift = 0.0;
        for number in 0..STRETCHES {
            let from = (self.len() - stretch) * number / (STRETCHES - 1);
            let begin = from.saturating_sub(lead);
            let offset = shift - self.arrivals[begin];
            for call in begin..from + stretch {
                let counted = call >= from && self.counted[call];
                let (arrival, finish) = (self.arrivals[call] + offset, self.finishes[call] + offset);
                shift = shift.max(finish);
                part.push(WorkloadCall {
                    arrival,
                    finish,
                    operation: self.operations[call],
                    status: self.statuses[call],
                    is_counted: counted,
                    window: self.window[call],
                });
            }
            shift += PAUSE_NANOS;
        }
        part.sort_finishes();
        part
    }

    /// Returns the highest arrival rate of a window, in calls a second; 0 without windows. A tape
    /// that is shorter than other tapes' windows holds a burst, not a load.
    pub(crate) fn max_per_second(&self) -> f64 {
        let longest = self.windows.iter().map(|window| window.length).fold(0.0, f64::max);
        let long_enough = self.windows.iter().filter(|window| window.length >= longest / 2.0);
        long_enough.map(LoadWindow::per_second).max_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// Returns the highest number of calls that an arriving call finds inside.
    pub(crate) fn max_inside(&self) -> u32 {
        self.populations(0.0).into_iter().max().unwrap_or(0)
    }

    /// Returns the number of calls that each call finds when it enters the queue, `outside`
    /// nanoseconds after its arrival.
    pub(crate) fn populations(&self, outside: f64) -> Vec<u32> {
        let mut finished = 0;
        (0..self.len())
            .map(|call| {
                let now = self.arrivals[call] + outside;
                while finished < self.by_finish.len() && self.finishes[self.by_finish[finished] as usize] <= now {
                    finished += 1;
                }
                call.saturating_sub(finished) as u32
            })
            .collect()
    }

    fn push(&mut self, call: WorkloadCall) {
        self.arrivals.push(call.arrival);
        self.finishes.push(call.finish);
        self.operations.push(call.operation);
        self.statuses.push(call.status);
        self.counted.push(call.is_counted);
        self.window.push(call.window);
    }

    fn sort_finishes(&mut self) {
        self.by_finish = (0..self.len() as u32).collect();
        self.by_finish.sort_by(|one, other| self.finishes[*one as usize].total_cmp(&self.finishes[*other as usize]));
    }
}

/// Returns true for statuses by which a service rejects a call.
pub(crate) fn is_rejection(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// Returns the number of first calls that belong to the warm-up: up to a twentieth of all, in steps
/// of a hundredth, while their mean log latency exceeds that of the following fifteen hundredths by
/// three standard deviations.
fn warm_up(calls: &[(&Observation, bool)]) -> usize {
    let size = calls.len() / 100;
    if size < 20 {
        return 0;
    }
    let log_latency =
        |(call, _): &(&Observation, bool)| (call.finish.saturating_sub(call.arrival) as f64).max(1.0).ln();
    let means: Vec<f64> = calls.chunks(size).take(20).map(|chunk| mean(chunk.iter().map(log_latency))).collect();
    let with_certain_outside = Moments::of(&means[5..]);
    let spread = with_certain_outside.sample_variance().sqrt();
    let warm = means[..5].iter().rposition(|mean| *mean > with_certain_outside.mean + 3.0 * spread.max(0.01));
    warm.map_or(0, |last| (last + 1) * size)
}

/// Largest ratio of rejected to accepted calls in a window that counts as not limited.
const MAX_REJECTED_RATIO: f64 = 0.005;
/// Number of time windows over all tapes.
const WINDOW_COUNT: f64 = 40.0;
/// Time between two tapes in nanoseconds, long enough to empty any queue.
const PAUSE_NANOS: f64 = 1e12;
/// Number of stretches in an excerpt.
const STRETCHES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(latencies: impl IntoIterator<Item = (u64, u16)>) -> Trace {
        let calls = latencies.into_iter().enumerate().map(|(rank, (latency, status))| {
            let arrival = 5_000 + rank as u64 * 1_000_000;
            Observation { operation: 0, arrival, finish: arrival + latency, status, bytes: None, in_flight: 0 }
        });
        Trace { operations: vec!["GET /".to_owned()], calls: calls.collect(), ..Trace::default() }
    }

    fn varied(rank: u64) -> u64 {
        900_000 + rank * 7_919 % 100_000
    }

    #[test]
    fn a_slow_start_does_not_count_but_occupies() {
        let cold = trace((0..4_000).map(|rank| (varied(rank) * if rank < 70 { 5 } else { 1 }, 200)));
        let (work, left_out) = Workload::new(&[cold], |_, operation| operation);
        assert_eq!((work.len(), left_out.warm_up), (4_000, 80));
        assert_eq!(work.counted.iter().filter(|counted| !**counted).count(), 80);
        let steady = trace((0..4_000).map(|rank| (varied(rank), 200)));
        assert_eq!(Workload::new(&[steady], |_, operation| operation).1.warm_up, 0);
    }

    #[test]
    fn a_few_calls_in_a_short_tape_are_no_load() {
        let calls = |interval: u64, count: u64| Trace {
            operations: vec!["GET /".to_owned()],
            calls: (0..count)
                .map(|rank| rank * interval)
                .map(|arrival| Observation {
                    operation: 0,
                    arrival,
                    finish: arrival + 1_000,
                    status: 200,
                    bytes: None,
                    in_flight: 0,
                })
                .collect(),
            ..Trace::default()
        };
        let (ramp, by_hand) = (calls(20_000_000, 4_000), calls(5_000_000, 12));
        let (work, _) = Workload::new(&[by_hand.clone(), ramp], |_, operation| operation);
        assert!((work.max_per_second() - 50.0).abs() < 1.0, "{}", work.max_per_second());
        let (work, _) = Workload::new(&[by_hand], |_, operation| operation);
        assert!(work.max_per_second() > 150.0, "a short tape alone has its own rate: {}", work.max_per_second());
    }

    #[test]
    fn rejections_are_left_out_and_tapes_do_not_overlap() {
        let one = || trace((0..1_000).map(|rank| (varied(rank), if rank % 10 == 0 { 503 } else { 200 })));
        let (work, left_out) = Workload::new(&[one(), one()], |_, operation| operation);
        assert_eq!((work.len(), left_out.rejected), (1_800, 200));
        assert!(work.arrivals.is_sorted());
        assert!(work.arrivals[900] - work.finishes[899] >= PAUSE_NANOS);
        assert_eq!(work.windows.iter().map(|window| window.calls).sum::<u32>(), 1_800);
        assert!(work.populations(0.0).iter().all(|population| *population == 0));
    }

    #[test]
    fn an_excerpt_has_the_populations_of_the_whole() {
        let whole =
            Workload::new(&[trace((0..50_000).map(|rank| (varied(rank) * 4, 200)))], |_, operation| operation).0;
        let part = whole.excerpt(10_000, 5);
        let counted: Vec<usize> = (0..part.len()).filter(|call| part.counted[*call]).collect();
        assert!((9_900..=10_000).contains(&counted.len()));
        let populations = part.populations(0.0);
        assert!(counted.iter().skip(10).all(|call| (3..=4).contains(&populations[*call])));
        // an operation that is missing from all stretches still counts
        let mut rare = whole;
        (rare.operations[2_000], rare.operation_count) = (7, 8);
        let part = rare.excerpt(10_000, 5);
        assert!(!part.operations.contains(&7) && part.operation_count == 8, "{:?}", part.operation_count);
    }
}
