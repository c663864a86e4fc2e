//! Stalls: spells in which a service makes no progress at all, as during garbage collection. A long
//! demand occupies one worker; a stall keeps every call from finishing.
//!
//! A completion gap is a time in which calls are inside and none finishes. The gaps that a queue
//! has by itself are found by running the fitted model on the tape's own arrivals; gaps that are
//! longer than the model ever produces, while several calls are inside, are stalls. With the stalls
//! cut out of its clock, the tape is that of a service that never stalled, and is fitted as any
//! other.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::workload::Workload;
use crate::fit::demand::DemandTable;
use crate::fit::simulation::DemandSampler;
use crate::fit::station_model::StationModel;
use standin_model::stats::{Moments, median};

/// Stalls of a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FittedStalls {
    /// Number of stalls that were seen.
    pub count: u64,
    /// Mean time from the end of a stall to the beginning of the next.
    #[serde(serialize_with = "crate::fit::time::serialize")]
    pub every: Duration,
    /// True if they come at regular intervals; otherwise they come at random, as far as the tape
    /// shows.
    pub regular: bool,
    /// Distribution of their lengths.
    pub last: DemandTable,
}

/// Intervals in which the service stalled: beginnings and ends in nanoseconds of the workload, in
/// order and without overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct StallIntervals {
    spans: Vec<(f64, f64)>,
}

/// A time in which calls were inside and none finished.
#[derive(Clone, Copy, Debug)]
struct CompletionGap {
    begin: f64,
    end: f64,
    /// Number of calls inside at the beginning; 1 if the first arrived at an idle service.
    first: u32,
    /// Number of calls inside at the end.
    last: u32,
    /// True if the service was idle before.
    from_idle: bool,
}

impl StallIntervals {
    /// Returns true if there may be stalls. It is a cheap test, so that a tape without stalls is
    /// searched only once.
    pub(crate) fn may_be_in(work: &Workload) -> bool {
        let completion_gaps =
            completion_gaps(&work.arrivals, work.by_finish.iter().map(|call| work.finishes[*call as usize]));
        let limit = median_length(&completion_gaps) * MIN_LENGTH_MEDIAN_GAPS;
        completion_gaps.iter().filter(|gap| gap.is_busy() && gap.length() > limit).count() >= MIN_STALLS
    }

    /// Finds the stalls of a workload, given a model that explains the rest of it. `None` if a run
    /// of the model has gaps as long.
    pub(crate) fn find(work: &Workload, model: StationModel) -> Option<Self> {
        let real = completion_gaps(&work.arrivals, work.by_finish.iter().map(|call| work.finishes[*call as usize]));
        let limit = threshold(&real, &simulated(work, model))?.max(median_length(&real) * MIN_LENGTH_MEDIAN_GAPS);
        let is_stall = |gap: &&CompletionGap| gap.is_busy() && gap.length() >= limit;
        let stalls: Vec<&CompletionGap> = real.iter().filter(is_stall).collect();
        if stalls.len() < MIN_STALLS {
            return None;
        }
        let residuals = ResidualTimes::new(real.iter().filter(|gap| gap.length() < limit));
        let spans = stalls.into_iter().map(|gap| {
            // a stall begins and ends within an ordinary gap between two finishes
            let before = if gap.from_idle { 0.0 } else { residuals.of(gap.first) };
            let after = residuals.of(gap.last);
            let shrink = (gap.length() * MAX_RESIDUAL_SHARE / (before + after).max(1.0)).min(1.0);
            (gap.begin + before * shrink, gap.end - after * shrink)
        });
        Some(Self { spans: spans.collect() })
    }

    /// Returns the workload of a service that never stalled: its clock stops during stalls.
    pub(crate) fn cut_out_of(&self, work: &Workload) -> Workload {
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

    /// Describes the stalls: their number, intervals and lengths.
    pub(crate) fn describe(&self, work: &Workload) -> FittedStalls {
        let lengths: Vec<f64> = self.spans.iter().map(|(begin, end)| end - begin).collect();
        let typical = DemandTable::new(lengths.clone()).quantile(0.5).as_nanos() as f64;
        // where few calls arrive, a stall can go unnoticed
        let busy: Vec<bool> =
            work.windows.iter().map(|window| window.per_second() * typical / 1e9 >= MIN_ARRIVALS_IN_STALL).collect();
        let any_busy = busy.contains(&true);
        let counts = |window: u32| !any_busy || busy[window as usize];
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
        // the pause between two tapes is not an interval
        let gaps: Vec<f64> =
            self.spans.windows(2).map(|pair| pair[1].0 - pair[0].1).filter(|gap| *gap < observed).collect();
        let gaps_between = Moments::of(&gaps);
        FittedStalls {
            count: self.spans.len() as u64,
            every: crate::fit::time::from_nanos(every),
            regular: gaps.len() >= MIN_STALLS
                && gaps_between.variance().sqrt() < gaps_between.mean * MAX_REGULAR_VARIATION,
            last: DemandTable::new(lengths),
        }
    }
}

impl fmt::Display for FittedStalls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [0.5, 0.99].map(|share| standin_text::short_duration(self.last.quantile(share)));
        let every = standin_text::short_duration(self.every);
        let how = if self.regular { "regularly: every" } else { "at random: on average every" };
        write!(
            out,
            "it pauses {how} {every}, for {p50} (one time in a hundred for {p99} or longer); seen {} times",
            self.count
        )
    }
}

impl CompletionGap {
    fn length(&self) -> f64 {
        self.end - self.begin
    }

    /// Returns true if more calls were inside than long demands are likely to block together.
    fn is_busy(&self) -> bool {
        self.last >= MIN_CALLS_INSIDE
    }
}

/// Mean time from a random moment to the next finish, by the number of calls inside.
struct ResidualTimes {
    by_population: Vec<f64>,
}

impl ResidualTimes {
    fn new<'s>(completion_gaps: impl Iterator<Item = &'s CompletionGap>) -> Self {
        let mut sums = vec![(0.0, 0.0); MAX_POPULATION];
        for gap in completion_gaps {
            let sum = &mut sums[(gap.last as usize).min(MAX_POPULATION - 1)];
            sum.0 += gap.length();
            sum.1 += gap.length().powi(2);
        }
        // the mean residual of a renewal process is the second moment divided by twice the first
        // (Feller, An introduction to probability theory and its applications, vol. 2, XI.4)
        let mut by_population: Vec<f64> =
            sums.into_iter().map(|(first, second)| if first > 0.0 { second / first / 2.0 } else { f64::NAN }).collect();
        for population in 1..MAX_POPULATION {
            if by_population[population].is_nan() {
                by_population[population] = by_population[population - 1];
            }
        }
        Self { by_population }
    }

    fn of(&self, population: u32) -> f64 {
        let residual = self.by_population[(population as usize).min(MAX_POPULATION - 1)];
        if residual.is_nan() { 0.0 } else { residual }
    }
}

/// Returns the gaps between finishes; arrivals and finishes are ascending.
fn completion_gaps(arrivals: &[f64], finishes: impl IntoIterator<Item = f64>) -> Vec<CompletionGap> {
    let (mut arrived, mut finished, mut completion_gaps) = (0, 0, Vec::with_capacity(arrivals.len()));
    let mut previous = f64::NEG_INFINITY;
    for finish in finishes {
        let there = (arrived - finished) as u32;
        let from_idle = there == 0;
        let begin = if from_idle { arrivals.get(arrived).copied().unwrap_or(finish) } else { previous };
        while arrived < arrivals.len() && arrivals[arrived] <= finish {
            arrived += 1;
        }
        let last = (arrived - finished) as u32;
        completion_gaps.push(CompletionGap { begin, end: finish, first: there.max(1), last, from_idle });
        finished += 1;
        arrived = arrived.max(finished);
        previous = finish;
    }
    completion_gaps
}

/// Returns the gaps in simulated runs of a model on the same arrivals.
fn simulated(work: &Workload, model: StationModel) -> Vec<CompletionGap> {
    let mut demands = Vec::new();
    model.demands(work, &mut demands);
    let pools = DemandSampler::new(work, &demands, |_| true);
    let mut all = Vec::new();
    for run in 0..RUNS {
        let latencies = pools.run(model, work, run);
        let mut finishes: Vec<f64> =
            latencies.iter().zip(&work.arrivals).map(|(latency, arrival)| arrival + latency).collect();
        finishes.sort_unstable_by(f64::total_cmp);
        all.extend(completion_gaps(&work.arrivals, finishes));
    }
    all
}

/// Returns the length from which gaps with several calls inside hardly ever come from the model;
/// `None` if there is no such length.
fn threshold(real: &[CompletionGap], simulated: &[CompletionGap]) -> Option<f64> {
    let lengths = |completion_gaps: &[CompletionGap]| {
        let busy = completion_gaps.iter().filter(|gap| gap.is_busy());
        let mut lengths: Vec<f64> = busy.map(CompletionGap::length).collect();
        lengths.sort_unstable_by(|one, other| other.total_cmp(one));
        lengths
    };
    let (real, simulated) = (lengths(real), lengths(simulated));
    let mut found = None;
    for (rank, length) in real.iter().enumerate().skip(MIN_STALLS - 1) {
        let own = simulated.partition_point(|other| *other >= *length) as f64 / RUNS as f64;
        if own <= (rank + 1) as f64 * MAX_MODEL_SHARE {
            found = Some(*length);
        }
    }
    found
}

/// Returns the median length of gaps, in nanoseconds; 0 if there are none.
fn median_length(completion_gaps: &[CompletionGap]) -> f64 {
    let mut lengths: Vec<f64> = completion_gaps.iter().map(CompletionGap::length).collect();
    if lengths.is_empty() { 0.0 } else { median(&mut lengths) }
}

/// Minimum number of stalls that is reported.
const MIN_STALLS: usize = 5;
/// Minimum number of calls inside during a stall.
const MIN_CALLS_INSIDE: u32 = 3;
/// Minimum length of a stall, in median gaps.
const MIN_LENGTH_MEDIAN_GAPS: f64 = 5.0;
/// Largest share of presumed stalls that the model may produce by itself.
const MAX_MODEL_SHARE: f64 = 0.05;
const RUNS: u64 = 3;
/// Largest share of a gap that is attributed to ordinary gaps around the stall.
const MAX_RESIDUAL_SHARE: f64 = 0.5;
const MAX_POPULATION: usize = 256;
/// Mean number of arrivals during a stall from which it cannot go unnoticed.
const MIN_ARRIVALS_IN_STALL: f64 = 3.0;
/// Largest coefficient of variation of regular intervals.
const MAX_REGULAR_VARIATION: f64 = 0.3;
