//! What a budget says of a cell: each limit is the larger of what is asked and the noise.

use serde::Serialize;

use super::budget::{Budget, Metric};
use super::cell::{Cell, NoiseFrom, needed};

/// What is to be thought of a limit, of a cell, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// No budget was given.
    NoBudget,
    /// Within the budget.
    Within,
    /// Over the budget.
    Over,
    /// There are too few calls to say.
    NotJudged,
}

/// A limit of the budget in a cell, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// What is judged.
    pub metric: Metric,
    /// What the budget allows, as a share.
    pub asked: f64,
    /// The larger of that and the noise.
    pub limit: f64,
    /// How far it is off, either way; none if it cannot be compared.
    pub off: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why it is over, or not judged.
    #[serde(skip)]
    pub(super) reason: Option<String>,
}

/// The limits of a cell, and what follows from all of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judgement {
    pub(super) limits: Vec<Limit>,
    pub(super) verdict: Verdict,
    /// What is over the budget, or why nothing is judged.
    pub(super) reasons: Vec<String>,
}

impl Judgement {
    pub(super) fn new(cell: &Cell, budget: &Budget, utilization: Option<f64>) -> Self {
        if cell.mock.answered == 0 && cell.mock.calls > 0 && cell.reference.answered >= LEAST_CALLS {
            return Self {
                limits: Vec::new(),
                verdict: Verdict::Over,
                reasons: vec!["no call was answered".to_owned()],
            };
        }
        let limits: Vec<Limit> =
            budget.limits(utilization).iter().map(|(metric, asked)| Limit::new(cell, *metric, *asked)).collect();
        let of = |verdict| limits.iter().filter(move |limit| limit.verdict == verdict);
        let is_judged = if budget.takes_what_there_is() {
            of(Verdict::Within).any(|limit| limit.metric.percent().is_some())
        } else {
            of(Verdict::NotJudged).next().is_none()
        };
        let verdict = match (of(Verdict::Over).next(), is_judged) {
            (Some(_), _) => Verdict::Over,
            (None, true) => Verdict::Within,
            (None, false) => Verdict::NotJudged,
        };
        let mut reasons: Vec<String> = of(verdict).filter_map(|limit| limit.reason.clone()).collect();
        if verdict == Verdict::NotJudged && budget.takes_what_there_is() {
            // one would do, and the first needs least
            reasons.truncate(1);
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

impl Limit {
    fn new(cell: &Cell, metric: Metric, asked: f64) -> Self {
        let noise = noise(cell, metric).filter(|noise| noise.is_finite());
        // what is due to chance is not held against the mock, and where chance hides what is asked, nothing is said
        let limit = noise.map_or(asked, |noise| asked.max(noise));
        let off = measure(cell, metric);
        let (verdict, reason) = match (lacking(cell, metric), off) {
            (Some(lacking), _) => (Verdict::NotJudged, Some(lacking)),
            (None, None) => (Verdict::NotJudged, Some(format!("{metric} cannot be compared"))),
            (None, Some(off)) if off > limit => (Verdict::Over, Some(tell(cell, metric, off, limit))),
            (None, Some(_)) => match noise.filter(|noise| *noise > MOST_NOISE * asked) {
                Some(noise) => (Verdict::NotJudged, Some(hidden(cell, metric, noise))),
                None => (Verdict::Within, None),
            },
        };
        Self { metric, asked, limit, off, verdict, reason }
    }
}

/// Why there are too few calls to judge a metric, if there are.
fn lacking(cell: &Cell, metric: Metric) -> Option<String> {
    let calls = if metric.is_of_answers() {
        cell.reference.answered.min(cell.mock.answered)
    } else {
        cell.reference.calls.min(cell.mock.calls)
    };
    let needed = metric.percent().map_or(LEAST_CALLS, needed);
    (calls < needed).then(|| format!("{metric} needs {needed} calls, there are {calls}"))
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

/// Ratios are told as they stand in the table, with what the budget allows either way.
fn tell(cell: &Cell, metric: Metric, off: f64, limit: f64) -> String {
    let ratio = match metric {
        Metric::Percentile(percent) => cell.deviation.map(|deviation| deviation.log_ratio.at(percent)),
        Metric::Throughput => cell.throughput,
        _ => None,
    };
    let percent = |ratio: f64| format!("{:+.1} %", ratio.exp_m1() * 100.0);
    let most = limit.ln_1p();
    match ratio {
        Some(ratio) => {
            format!("{metric} is off by {}, the budget allows {} to {}", percent(ratio), percent(-most), percent(most))
        }
        None => format!("{metric} is off by {}, the budget is {}", metric.show(off), metric.show(limit)),
    }
}

fn hidden(cell: &Cell, metric: Metric, noise: f64) -> String {
    let what = match cell.noise_from {
        NoiseFrom::Runs => "runs of the service itself",
        NoiseFrom::Parts => "parts of one and the same run",
    };
    format!("{metric}: {what} may differ by {}, more than twice what is asked", metric.show(noise))
}

/// Noise that is more than so many times what is asked hides it.
const MOST_NOISE: f64 = 2.0;
/// How many calls it takes for whatever is no percentile.
const LEAST_CALLS: u64 = 1_000;
