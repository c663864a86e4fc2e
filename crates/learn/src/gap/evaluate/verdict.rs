//! What a budget says of a cell: each limit is the larger of what is asked and the noise.

use crate::gap::compare::cell::Cell;
use crate::gap::compare::sample::calls_needed;
use crate::gap::evaluate::budget::{CAPACITY, GapBudget, Metric};
use crate::gap::evaluate::limit_outcome::{LimitReason, LimitResult, MOST_NOISE, MeasuredDifference, Verdict};
use crate::gap::noise::NoiseFrom;

/// The limits of a cell, and what follows from all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evaluation {
    pub(crate) limits: Vec<LimitResult>,
    pub(crate) verdict: Verdict,
    /// What is over the budget or within it by chance alone, or why nothing is judged.
    pub(crate) reasons: Vec<String>,
}

impl Evaluation {
    pub(crate) fn new(cell: &Cell, budget: &GapBudget, utilization: Option<f64>) -> Self {
        if cell.mock.answered == 0 && cell.mock.calls > 0 && cell.reference.answered >= LEAST_CALLS {
            return Self {
                limits: Vec::new(),
                verdict: Verdict::Over,
                reasons: vec!["no call was answered".to_owned()],
            };
        }
        // in overload waiting only grows, so that a part of a run is nothing by itself
        let settles = cell.noise_from == NoiseFrom::Runs || utilization.is_none_or(|used| used <= CAPACITY);
        let settles = settles || !budget.takes_what_there_is();
        let limits: Vec<LimitResult> = budget
            .limits(utilization)
            .iter()
            .map(|(metric, asked)| LimitResult::new(cell, *metric, *asked, settles))
            .collect();
        let of = |verdict| limits.iter().filter(move |limit| limit.verdict == verdict);
        let is_judged = if budget.takes_what_there_is() {
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
        if verdict == Verdict::NotJudged && budget.takes_what_there_is() {
            // one would do, and the first needs least
            reasons.truncate(1);
        }
        let in_overload = limits.iter().any(|limit| limit.reason == Some(LimitReason::Overload));
        if verdict != Verdict::NotJudged && in_overload {
            reasons.push(LimitReason::Overload.to_string());
        }
        let left_out = cell.mock.left_out.max(cell.reference.left_out);
        if verdict == Verdict::NotJudged && left_out > 0 {
            reasons.push(format!(
                "{left_out} calls are left out, for the mock itself was too slow when they came or ended"
            ));
        }
        Self { limits, verdict, reasons }
    }
}

impl Cell {
    /// With what a budget says of it, where the service used so much of its capacity.
    pub(crate) fn evaluated(mut self, budget: &GapBudget, utilization: Option<f64>) -> Self {
        let Evaluation { limits, verdict, reasons } = Evaluation::new(&self, budget, utilization);
        (self.limits, self.verdict, self.reasons) = (limits, verdict, reasons);
        self
    }
}

impl LimitResult {
    fn new(cell: &Cell, metric: Metric, asked: f64, settles: bool) -> Self {
        let noise = noise(cell, metric).filter(|noise| noise.is_finite());
        // what is due to chance is not held against the mock, and where chance hides what is asked, nothing is said
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
                } else if noise.is_some_and(|noise| noise > MOST_NOISE * asked) {
                    (Verdict::NotJudged, Some(LimitReason::Hidden(measured, cell.noise_from)))
                } else {
                    (Verdict::Within, (off > asked).then_some(LimitReason::ByChance(measured)))
                }
            }
        };
        Self { metric, asked, limit, off, verdict, reason }
    }
}

/// Why there are too few calls to judge a metric, if there are.
fn lacking(cell: &Cell, metric: Metric, settles: bool) -> Option<LimitReason> {
    let calls = if metric.is_of_answers() {
        cell.reference.answered.min(cell.mock.answered)
    } else {
        cell.reference.calls.min(cell.mock.calls)
    };
    let needed = metric.percent().map_or(LEAST_CALLS, calls_needed);
    if calls < needed {
        return Some(LimitReason::Few { metric, needed, calls });
    }
    (!settles && metric.percent().is_some()).then_some(LimitReason::Overload)
}

/// What chance hardly ever exceeds, as a share; none if it is not known for this metric.
fn noise(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => Some(cell.noise.at(percent).exp_m1()),
        Metric::Errors => Some(cell.noise_errors / 100.0),
        Metric::Wasserstein | Metric::Kolmogorov | Metric::Throughput => None,
    }
}

/// How far a metric is off, as a share; of ratios it is the same up and down: half as long is as far as twice as long.
fn measure(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => Some(cell.deviation?.log_ratio.at(percent).abs().exp_m1()),
        Metric::Wasserstein => Some(cell.deviation?.wasserstein),
        Metric::Kolmogorov => Some(cell.deviation?.kolmogorov),
        Metric::Errors => Some(cell.errors.abs() / 100.0),
        Metric::Throughput => Some(cell.throughput?.abs().exp_m1()),
    }
}

/// The ratio of mock by reference that stands in the table, of what is one.
fn log_ratio(cell: &Cell, metric: Metric) -> Option<f64> {
    match metric {
        Metric::Percentile(percent) => cell.deviation.map(|deviation| deviation.log_ratio.at(percent)),
        Metric::Throughput => cell.throughput,
        _ => None,
    }
}

/// How many calls it takes for whatever is no percentile.
const LEAST_CALLS: u64 = 1_000;
