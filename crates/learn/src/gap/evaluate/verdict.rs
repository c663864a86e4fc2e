//! CellEvaluation of a cell: each limit is the larger of the budget's and the noise.

use crate::gap::compare::cell::Cell;
use crate::gap::compare::sample::calls_needed;
use crate::gap::evaluate::budget::{CAPACITY, GapBudget, Metric};
use crate::gap::evaluate::limit_outcome::{LimitReason, LimitResult, MAX_NOISE_FACTOR, MeasuredDifference, Verdict};
use crate::gap::format::TOO_SLOW_THEN;
use crate::gap::noise::NoiseFrom;

/// The limits of a cell, and what follows from all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CellEvaluation {
    pub(crate) limits: Vec<LimitResult>,
    pub(crate) verdict: Verdict,
    /// The reasons for the verdict, in words.
    pub(crate) reasons: Vec<String>,
}

impl CellEvaluation {
    pub(crate) fn new(cell: &Cell, budget: &GapBudget, utilization: Option<f64>) -> Self {
        if cell.mock.answered == 0 && cell.mock.calls > 0 && cell.reference.answered >= MIN_CALLS {
            return Self {
                limits: Vec::new(),
                verdict: Verdict::Over,
                reasons: vec!["no call was answered".to_owned()],
            };
        }
        // in overload waiting only grows, so that a part of a run is nothing by itself
        let settles = cell.noise_from == NoiseFrom::Runs || utilization.is_none_or(|used| used <= CAPACITY);
        let settles = settles || !budget.skips_metrics_with_few_calls();
        let limits: Vec<LimitResult> = budget
            .limits(utilization)
            .iter()
            .map(|(metric, asked)| LimitResult::new(cell, *metric, asked_here(cell, budget, *metric, *asked), settles))
            .collect();
        let of = |verdict| limits.iter().filter(move |limit| limit.verdict == verdict);
        let is_judged = if budget.skips_metrics_with_few_calls() {
            of(Verdict::Within).any(|limit| limit.metric != Metric::Errors)
        } else {
            of(Verdict::NotJudged).next().is_none()
        };
        let verdict = match (of(Verdict::Over).next(), is_judged) {
            (Some(_), _) => Verdict::Over,
            (None, true) => Verdict::Within,
            (None, false) => Verdict::NotJudged,
        };
        let mut reasons: Vec<String> =
            of(verdict).filter_map(|limit| Some(limit.reason.as_ref()?.to_string())).collect();
        if verdict == Verdict::NotJudged && budget.skips_metrics_with_few_calls() {
            // one would do, and the first needs least
            reasons.truncate(1);
        }
        let in_overload = limits.iter().any(|limit| limit.reason == Some(LimitReason::Overload));
        if verdict != Verdict::NotJudged && in_overload {
            reasons.push(LimitReason::Overload.to_string());
        }
        let left_out = cell.mock.left_out.max(cell.reference.left_out);
        if verdict == Verdict::NotJudged && left_out > 0 {
            reasons.push(format!("{left_out} calls are left out, for {TOO_SLOW_THEN}"));
        }
        Self { limits, verdict, reasons }
    }
}

impl Cell {
    /// Returns the cell with its evaluation by a budget, given the utilization of the service at
    /// its level.
    pub(crate) fn evaluated(mut self, budget: &GapBudget, utilization: Option<f64>) -> Self {
        let CellEvaluation { limits, verdict, reasons } = CellEvaluation::new(&self, budget, utilization);
        (self.limits, self.verdict, self.reasons) = (limits, verdict, reasons);
        self
    }
}

impl LimitResult {
    fn new(cell: &Cell, metric: Metric, asked: f64, settles: bool) -> Self {
        let noise = noise(cell, metric).filter(|noise| noise.is_finite());
        // what is due to chance is not held against the mock, and where chance hides what is asked,
        // nothing is said
        let limit = noise.map_or(asked, |noise| asked.max(noise));
        let off = measure(cell, metric);
        let (verdict, reason) = match (lacking(cell, metric, settles), off) {
            (Some(lacking), _) => (Verdict::NotJudged, Some(lacking)),
            (None, None) => (Verdict::NotJudged, Some(LimitReason::Nothing(metric))),
            (None, Some(off)) => {
                let log_ratio = log_ratio(cell, metric);
                let measured = MeasuredDifference { metric, log_ratio, off, errors: cell.errors, asked, limit };
                if off > limit {
                    (Verdict::Over, Some(LimitReason::Over(measured)))
                } else if noise.is_some_and(|noise| noise > MAX_NOISE_FACTOR * asked) {
                    (Verdict::NotJudged, Some(LimitReason::Hidden(measured, cell.noise_from)))
                } else {
                    (Verdict::Within, (off > asked).then_some(LimitReason::ByChance(measured)))
                }
            }
        };
        Self { metric, asked, limit, off, verdict, reason }
    }
}

/// Returns the limit of a budget on a metric in a cell.
fn asked_here(cell: &Cell, budget: &GapBudget, metric: Metric, asked: f64) -> f64 {
    let percent = metric.percent().unwrap_or(50);
    budget.with_floor(metric, asked, cell.reference.latency.at(percent).0, cell.mock.latency.at(percent).0)
}

/// Returns the reason why a metric cannot be judged, if there is one.
fn lacking(cell: &Cell, metric: Metric, settles: bool) -> Option<LimitReason> {
    let calls = if metric.needs_answers() {
        cell.reference.answered.min(cell.mock.answered)
    } else {
        cell.reference.calls.min(cell.mock.calls)
    };
    let needed = metric.percent().map_or(MIN_CALLS, calls_needed);
    if calls < needed {
        return Some(LimitReason::Few { metric, needed, calls });
    }
    (!settles && metric.percent().is_some()).then_some(LimitReason::Overload)
}

/// Returns the noise of a metric as a share; `None` if it is not known for this metric.
fn noise(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => Some(cell.noise.at(percent).exp_m1()),
        Metric::Errors => Some(cell.noise_errors / 100.0),
        Metric::Wasserstein | Metric::Kolmogorov | Metric::Throughput => None,
    }
}

/// Returns the absolute difference in a metric, as a share. Ratios count alike in both directions:
/// half as long is as far off as twice as long.
fn measure(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => Some(cell.deviation?.log_ratio.at(percent).abs().exp_m1()),
        Metric::Wasserstein => Some(cell.deviation?.wasserstein),
        Metric::Kolmogorov => Some(cell.deviation?.kolmogorov),
        Metric::Errors => Some(cell.errors.abs() / 100.0),
        Metric::Throughput => Some(cell.throughput?.abs().exp_m1()),
    }
}

/// Returns the logarithm of the ratio mock by reference; `None` for a metric that is no ratio.
fn log_ratio(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => cell.deviation.map(|deviation| deviation.log_ratio.at(percent)),
        Metric::Throughput => cell.throughput,
        _ => None,
    }
}

/// The minimum number of calls to judge a metric that is no percentile.
const MIN_CALLS: u64 = 1_000;
