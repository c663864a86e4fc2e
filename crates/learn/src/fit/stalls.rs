//! Stalls: spells in which a service does nothing at all, as in a collector's pause. They are told from long demands by what
//! else is in the service: a long demand holds one worker, a stall keeps every call from finishing.
//!
//! A silence is a time in which calls are there and none finishes. What silences a queue makes by itself is seen by running the
//! fitted model on the tape's own arrivals; those that are longer than it ever makes, while several calls are waiting, are
//! stalls. Taken out of the clock, they leave a tape of a service that never stalled, which is fitted as any other.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::demand::Demand;
use super::model::Model;
use super::simulation::Pools;
use super::workload::Workload;

/// How a service stalls.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stalls {
    /// How many were seen.
    pub count: u64,
    /// From the end of one to the begin of the next, on average.
    #[serde(serialize_with = "super::time")]
    pub every: Duration,
    /// Whether they come at regular intervals; otherwise they come at random, as far as the tape tells.
    pub regular: bool,
    /// How long they last.
    pub last: Demand,
}

/// When the service stalled: begins and ends in nanoseconds of a workload, in order and apart from each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Pauses {
    spans: Vec<(f64, f64)>,
}

/// A time in which calls were there and none finished.
#[derive(Clone, Copy, Debug)]
struct Silence {
    begin: f64,
    end: f64,
    /// Calls that were there when it began; 1 if the first came into an idle service.
    first: u32,
    /// Calls that were there when it ended.
    last: u32,
    /// Whether the service was idle before.
    from_idle: bool,
}

impl Pauses {
    /// Whether there is anything that could be a stall: cheap, so that a tape without stalls is fitted once only.
    pub(super) fn may_be_in(work: &Workload) -> bool {
        let silences = silences(&work.arrivals, work.by_finish.iter().map(|call| work.finishes[*call as usize]));
        let limit = usual(&silences) * MUCH_LONGER;
        silences.iter().filter(|silence| silence.is_crowded() && silence.length() > limit).count() >= FEWEST
    }

    /// The stalls of a workload, given a model that explains the rest of it; none if a run of the model is as silent.
    pub(super) fn find(work: &Workload, model: Model) -> Option<Self> {
        let real = silences(&work.arrivals, work.by_finish.iter().map(|call| work.finishes[*call as usize]));
        let limit = threshold(&real, &simulated(work, model))?.max(usual(&real) * MUCH_LONGER);
        let is_stall = |silence: &&Silence| silence.is_crowded() && silence.length() >= limit;
        let stalls: Vec<&Silence> = real.iter().filter(is_stall).collect();
        if stalls.len() < FEWEST {
            return None;
        }
        let residuals = Residuals::new(real.iter().filter(|silence| silence.length() < limit));
        let spans = stalls.into_iter().map(|silence| {
            // a stall begins and ends within an ordinary gap between two finishes
            let before = if silence.from_idle { 0.0 } else { residuals.of(silence.first) };
            let after = residuals.of(silence.last);
            let shrink = (silence.length() * MOST_RESIDUAL / (before + after).max(1.0)).min(1.0);
            (silence.begin + before * shrink, silence.end - after * shrink)
        });
        Some(Self { spans: spans.collect() })
    }

    /// The same workload as a service would have made it that never stalled: the clock stands while the service does.
    pub(super) fn cut_out_of(&self, work: &Workload) -> Workload {
        let lost = |lost: &mut f64, (begin, end): &(f64, f64)| {
            *lost += end - begin;
            Some(*lost - (end - begin))
        };
        let lost_before: Vec<f64> = self.spans.iter().scan(0.0, lost).collect();
        let working_time = |time: f64| {
            let past = self.spans.partition_point(|(begin, _)| *begin <= time);
            past.checked_sub(1).map_or(time, |last| {
                let (begin, end) = self.spans[last];
                time - lost_before[last] - (end.min(time) - begin)
            })
        };
        let mut cut = work.clone();
        for time in cut.arrivals.iter_mut().chain(&mut cut.finishes) {
            *time = working_time(*time);
        }
        cut
    }

    /// What is to be said of them.
    pub(super) fn describe(&self, work: &Workload) -> Stalls {
        let lengths: Vec<f64> = self.spans.iter().map(|(begin, end)| end - begin).collect();
        let typical = Demand::new(lengths.clone()).quantile(0.5).as_nanos() as f64;
        // where few calls come, a stall can pass unseen
        let crowded: Vec<bool> =
            work.windows.iter().map(|window| window.per_second() * typical / 1e9 >= SURE_ARRIVALS).collect();
        let any_crowded = crowded.contains(&true);
        let counts = |window: u32| !any_crowded || crowded[window as usize];
        let observed: f64 = (0..work.windows.len() as u32)
            .filter(|window| counts(*window))
            .map(|window| work.windows[window as usize].length)
            .sum();
        let window_at = |time: f64| work.window[work.arrivals.partition_point(|at| *at < time).min(work.len() - 1)];
        let (mut seen, mut stalled) = (0.0_f64, 0.0);
        for (begin, end) in self.spans.iter().filter(|(begin, _)| counts(window_at(*begin))) {
            seen += 1.0;
            stalled += end - begin;
        }
        let every = (observed - stalled) / seen.max(1.0);
        // a gap over the pause between two tapes is none
        let gaps: Vec<f64> =
            self.spans.windows(2).map(|pair| pair[1].0 - pair[0].1).filter(|gap| *gap < observed).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len().max(1) as f64;
        Stalls {
            count: self.spans.len() as u64,
            every: super::nanos(every),
            regular: gaps.len() >= FEWEST && variance.sqrt() < mean * REGULAR,
            last: Demand::new(lengths),
        }
    }
}

impl fmt::Display for Stalls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [0.5, 0.99].map(|share| super::report::short(self.last.quantile(share)));
        let every = super::report::short(self.every);
        let how = if self.regular { "regularly: every" } else { "at random: on average every" };
        write!(
            out,
            "it pauses {how} {every}, for {p50} (one time in a hundred for {p99} or longer); seen {} times",
            self.count
        )
    }
}

impl Silence {
    fn length(&self) -> f64 {
        self.end - self.begin
    }

    /// Whether more calls were there than long demands are likely to hold together.
    fn is_crowded(&self) -> bool {
        self.last >= CROWD
    }
}

/// How long after a random moment the next call finishes, by how many are there.
struct Residuals {
    by_population: Vec<f64>,
}

impl Residuals {
    fn new<'s>(silences: impl Iterator<Item = &'s Silence>) -> Self {
        let mut sums = vec![(0.0, 0.0); MOST_POPULATION];
        for silence in silences {
            let sum = &mut sums[(silence.last as usize).min(MOST_POPULATION - 1)];
            sum.0 += silence.length();
            sum.1 += silence.length().powi(2);
        }
        // the mean residual of a renewal process: the second moment by twice the first (Feller, An introduction to probability
        // theory and its applications, vol. 2, XI.4)
        let mut by_population: Vec<f64> =
            sums.into_iter().map(|(first, second)| if first > 0.0 { second / first / 2.0 } else { f64::NAN }).collect();
        for population in 1..MOST_POPULATION {
            if by_population[population].is_nan() {
                by_population[population] = by_population[population - 1];
            }
        }
        Self { by_population }
    }

    fn of(&self, population: u32) -> f64 {
        let residual = self.by_population[(population as usize).min(MOST_POPULATION - 1)];
        if residual.is_nan() { 0.0 } else { residual }
    }
}

/// The silences between finishes; both in ascending order.
fn silences(arrivals: &[f64], finishes: impl IntoIterator<Item = f64>) -> Vec<Silence> {
    let (mut arrived, mut finished, mut silences) = (0, 0, Vec::with_capacity(arrivals.len()));
    let mut previous = f64::NEG_INFINITY;
    for finish in finishes {
        let there = (arrived - finished) as u32;
        let from_idle = there == 0;
        let begin = if from_idle { arrivals.get(arrived).copied().unwrap_or(finish) } else { previous };
        while arrived < arrivals.len() && arrivals[arrived] <= finish {
            arrived += 1;
        }
        let last = (arrived - finished) as u32;
        silences.push(Silence { begin, end: finish, first: there.max(1), last, from_idle });
        finished += 1;
        arrived = arrived.max(finished);
        previous = finish;
    }
    silences
}

/// The silences of runs of a model on the same arrivals.
fn simulated(work: &Workload, model: Model) -> Vec<Silence> {
    let mut demands = Vec::new();
    model.demands(work, &mut demands);
    let pools = Pools::new(work, &demands, |_| true);
    let mut all = Vec::new();
    for run in 0..RUNS {
        let latencies = pools.run(model, work, run);
        let mut finishes: Vec<f64> =
            latencies.iter().zip(&work.arrivals).map(|(latency, arrival)| arrival + latency).collect();
        finishes.sort_unstable_by(f64::total_cmp);
        all.extend(silences(&work.arrivals, finishes));
    }
    all
}

/// The length from which silences with several calls are hardly ever the model's own; none if there is no such length.
fn threshold(real: &[Silence], simulated: &[Silence]) -> Option<f64> {
    let lengths = |silences: &[Silence]| {
        let crowded = silences.iter().filter(|silence| silence.is_crowded());
        let mut lengths: Vec<f64> = crowded.map(Silence::length).collect();
        lengths.sort_unstable_by(|one, other| other.total_cmp(one));
        lengths
    };
    let (real, simulated) = (lengths(real), lengths(simulated));
    let mut found = None;
    for (rank, length) in real.iter().enumerate().skip(FEWEST - 1) {
        let own = simulated.partition_point(|other| *other >= *length) as f64 / RUNS as f64;
        if own <= (rank + 1) as f64 * MOST_OWN {
            found = Some(*length);
        }
    }
    found
}

/// The median silence.
fn usual(silences: &[Silence]) -> f64 {
    let mut lengths: Vec<f64> = silences.iter().map(Silence::length).collect();
    if lengths.is_empty() {
        return 0.0;
    }
    let middle = lengths.len() / 2;
    *lengths.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Fewer stalls are told by nobody.
const FEWEST: usize = 5;
/// Calls that a stall keeps from finishing.
const CROWD: u32 = 3;
/// A stall is so many times the median silence at least.
const MUCH_LONGER: f64 = 5.0;
/// Of the silences that are called stalls, the share that the model makes by itself.
const MOST_OWN: f64 = 0.05;
const RUNS: u64 = 3;
/// The share of a silence that may be an ordinary gap around the stall.
const MOST_RESIDUAL: f64 = 0.5;
const MOST_POPULATION: usize = 256;
/// Calls that come within a stall where it is sure to be seen.
const SURE_ARRIVALS: f64 = 3.0;
/// Intervals that vary by less, by their mean, are regular.
const REGULAR: f64 = 0.3;
