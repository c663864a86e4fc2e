//! The calls of one or several tapes on one axis of time, cleaned and sorted, ready for thousands of inversions.

use super::trace::{Observation, Trace};

/// Calls in the order of their arrival. Tapes follow each other with a pause between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    /// Nanoseconds, ascending.
    pub(super) arrivals: Vec<f64>,
    pub(super) finishes: Vec<f64>,
    pub(super) operations: Vec<u32>,
    pub(super) statuses: Vec<u16>,
    /// Lengths of answers; of the whole workload alone, not of an excerpt.
    pub(super) bytes: Vec<Option<u64>>,
    /// Whether a call counts in statistics. One that does not still occupies the station.
    pub(super) counted: Vec<bool>,
    /// The window of time that a call arrived in: an index into `windows`.
    pub(super) window: Vec<u32>,
    pub(super) windows: Vec<Window>,
    /// How many operations there are: more than any number in `operations`.
    pub(super) kinds: usize,
    /// Calls in the order of their finish.
    pub(super) by_finish: Vec<u32>,
    /// Nanoseconds that any call takes outside the service, as the recorders measured it.
    pub(super) round_trip: f64,
}

/// A stretch of time, and the load in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Nanoseconds.
    pub(super) length: f64,
    pub(super) calls: u32,
    /// Calls that were turned away, beside them.
    pub(super) refused: u32,
}

impl Window {
    pub(super) fn per_second(&self) -> f64 {
        f64::from(self.calls) / self.length * 1e9
    }

    /// Whether the load that calls made is not the one that was offered.
    pub(super) fn is_limited(&self) -> bool {
        f64::from(self.refused) > REFUSED * f64::from(self.calls)
    }
}

/// How much was left out of a workload, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) warm_up: u64,
    pub(super) rejected: u64,
}

impl Workload {
    /// Cleans and joins tapes. Calls that were turned away at the door (429, 503) held no worker and are left out.
    pub(super) fn new(traces: &[Trace], operation_of: impl Fn(usize, u32) -> u32) -> (Self, LeftOut) {
        let (mut work, mut left_out, mut start) = (Self::default(), LeftOut::default(), 0.0);
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
            let windows = ((length / total * WINDOWS).round() as usize).clamp(1, calls.len().max(1));
            let window_length = (length / windows as f64).max(1.0);
            let before = work.windows.len();
            work.windows.resize(before + windows, Window { length: window_length, ..Window::default() });
            for call in trace.calls.iter().filter(|call| is_rejection(call.status)) {
                let window = ((call.arrival as f64 - first) / window_length) as usize;
                work.windows[before + window.min(windows - 1)].refused += 1;
            }
            let mut end = start;
            for (rank, (call, is_counted)) in calls.iter().enumerate() {
                let arrival = (call.arrival as f64 - first).clamp(0.0, length);
                let window = before + ((arrival / window_length) as usize).min(windows - 1);
                let finish = start + (call.finish as f64 - first).max(arrival);
                work.windows[window].calls += 1;
                work.push(
                    start + arrival,
                    finish,
                    operation_of(number, call.operation),
                    call.status,
                    rank >= warm_up && *is_counted,
                    window,
                );
                work.bytes.push(call.bytes);
                end = f64::max(end, finish);
            }
            start = end + PAUSE;
        }
        work.sort_finishes();
        work.kinds = work.operations.iter().max().map_or(0, |last| *last as usize + 1);
        work.round_trip = traces.iter().map(|trace| trace.round_trip).min().unwrap_or(0) as f64;
        (work, left_out)
    }

    pub(super) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Some stretches of the workload, of about `calls` calls together. Each is preceded by calls that fill the station and do
    /// not count.
    pub(super) fn excerpt(&self, calls: usize, most_in_flight: usize) -> Self {
        if self.len() <= calls + calls / 2 {
            return self.clone();
        }
        let lead = (2 * most_in_flight).clamp(50, calls / EXCERPTS);
        let stretch = calls / EXCERPTS;
        let mut part =
            Self { windows: self.windows.clone(), kinds: self.kinds, round_trip: self.round_trip, ..Self::default() };
        let mut shift = 0.0;
        for number in 0..EXCERPTS {
            let from = (self.len() - stretch) * number / (EXCERPTS - 1);
            let begin = from.saturating_sub(lead);
            let offset = shift - self.arrivals[begin];
            for call in begin..from + stretch {
                let counted = call >= from && self.counted[call];
                let (arrival, finish) = (self.arrivals[call] + offset, self.finishes[call] + offset);
                shift = shift.max(finish);
                part.push(
                    arrival,
                    finish,
                    self.operations[call],
                    self.statuses[call],
                    counted,
                    self.window[call] as usize,
                );
            }
            shift += PAUSE;
        }
        part.sort_finishes();
        part
    }

    /// The highest rate of a window, in calls a second; 0 if there is none.
    pub(super) fn most_per_second(&self) -> f64 {
        self.windows.iter().map(Window::per_second).max_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// The most calls that one finds.
    pub(super) fn most_inside(&self) -> u32 {
        self.populations(0.0).into_iter().max().unwrap_or(0)
    }

    /// How many calls each one finds when it comes to the queue, `outside` nanoseconds after its arrival.
    pub(super) fn populations(&self, outside: f64) -> Vec<u32> {
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

    fn push(&mut self, arrival: f64, finish: f64, operation: u32, status: u16, counted: bool, window: usize) {
        self.arrivals.push(arrival);
        self.finishes.push(finish);
        self.operations.push(operation);
        self.statuses.push(status);
        self.counted.push(counted);
        self.window.push(window as u32);
    }

    fn sort_finishes(&mut self) {
        self.by_finish = (0..self.len() as u32).collect();
        self.by_finish.sort_by(|one, other| self.finishes[*one as usize].total_cmp(&self.finishes[*other as usize]));
    }
}

/// Answers that say that the service did not take the call on.
pub(super) fn is_rejection(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// How many of the first calls belong to a warm-up: up to a twentieth, in hundredths, while their mean log latency lies beyond
/// three standard deviations of what the following fifteen hundredths show.
fn warm_up(calls: &[(&Observation, bool)]) -> usize {
    let size = calls.len() / 100;
    if size < 20 {
        return 0;
    }
    let mean = |chunk: &[(&Observation, bool)]| {
        chunk.iter().map(|(call, _)| ((call.finish.saturating_sub(call.arrival)) as f64).max(1.0).ln()).sum::<f64>()
            / chunk.len() as f64
    };
    let means: Vec<f64> = calls.chunks(size).take(20).map(mean).collect();
    let settled = &means[5..];
    let centre = settled.iter().sum::<f64>() / settled.len() as f64;
    let spread = (settled.iter().map(|mean| (mean - centre).powi(2)).sum::<f64>() / (settled.len() - 1) as f64).sqrt();
    let warm = means[..5].iter().rposition(|mean| *mean > centre + 3.0 * spread.max(0.01));
    warm.map_or(0, |last| (last + 1) * size)
}

/// The share of calls that may be turned away in a window that still counts as not limited.
const REFUSED: f64 = 0.005;
/// Windows of time over all tapes.
const WINDOWS: f64 = 40.0;
/// Between two tapes: long enough that nothing is left in any queue.
const PAUSE: f64 = 1e12;
/// Stretches of an excerpt.
const EXCERPTS: usize = 16;

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
    fn rejections_are_left_out_and_tapes_do_not_overlap() {
        let one = || trace((0..1_000).map(|rank| (varied(rank), if rank % 10 == 0 { 503 } else { 200 })));
        let (work, left_out) = Workload::new(&[one(), one()], |_, operation| operation);
        assert_eq!((work.len(), left_out.rejected), (1_800, 200));
        assert!(work.arrivals.is_sorted());
        assert!(work.arrivals[900] - work.finishes[899] >= PAUSE);
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
        // an operation that no stretch happens to hold is still one
        let mut rare = whole;
        (rare.operations[2_000], rare.kinds) = (7, 8);
        let part = rare.excerpt(10_000, 5);
        assert!(!part.operations.contains(&7) && part.kinds == 8, "{:?}", part.kinds);
    }
}
