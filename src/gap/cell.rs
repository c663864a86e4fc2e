//! One operation at one load: both sides, how far they are apart, and whether that can be judged.

use serde::Serialize;

use super::baseline::Baseline;
use super::budget::{Budget, Metric};
use super::distance::{kolmogorov, log_ratio, mean, quantile, wasserstein};
use super::inference::noise;
use super::sample::{Percentiles, Sample};

/// A row of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The operation: `GET /inventory/{id}`.
    pub operation: String,
    /// The name of the load level.
    pub level: String,
    /// The original.
    pub reference: Sample,
    /// What is compared with it.
    pub mock: Sample,
    /// How far answers of the mock are off; none where a side has no answers.
    pub deviation: Option<Deviation>,
    /// By how much the share of errors is higher, in points of a percentage.
    pub errors: f64,
    /// By how much more good answers came a second, as the logarithm of the ratio; none where a side had none.
    pub throughput: Option<f64>,
    /// The percentiles, in percent, of which there are enough calls to believe them.
    pub believable: Vec<u32>,
    /// What rounds of runs of one and the same service differ by at each percentile, as logarithms; none unless both sides have
    /// several runs of one schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Percentiles<f64>>,
    /// How far simpler mocks would be off.
    pub baselines: Vec<Baseline>,
    /// What the budget says.
    pub verdict: Verdict,
    /// What is over the budget, or why nothing is judged.
    pub reasons: Vec<String>,
}

/// How far one sample of latencies is from another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// The logarithm of mock by reference at each percentile: 0.095 is 10 % longer, -0.095 is 10 % shorter by the same ratio.
    pub log_ratio: Percentiles<f64>,
    /// Wasserstein-1 by the mean of the reference: the mean absolute error of all quantiles, as a share.
    pub wasserstein: f64,
    /// Kolmogorov and Smirnov's distance, 0 to 1.
    pub kolmogorov: f64,
}

/// What is to be thought of a cell, or of all.
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

impl Deviation {
    /// Of two sorted samples that are not empty.
    pub(super) fn new(reference: &[u64], mock: &[u64]) -> Self {
        let ratio = |percent| log_ratio(quantile(reference, percent) as f64, quantile(mock, percent) as f64);
        Self {
            log_ratio: Percentiles::from(ratio),
            wasserstein: wasserstein(reference, mock) / mean(reference).max(1.0),
            kolmogorov: kolmogorov(reference, mock),
        }
    }

    /// The gap: the mean over the given percentiles of how far each is off, either way, in logarithms.
    pub fn gap(&self, percents: &[u32]) -> Option<f64> {
        let off = percents.iter().map(|percent| self.log_ratio.at(*percent).abs());
        (!percents.is_empty()).then(|| off.sum::<f64>() / percents.len() as f64)
    }
}

impl Cell {
    pub(super) fn new(
        (operation, level): (&str, &str),
        (reference, reference_latencies): (Sample, &[u64]),
        (mock, mock_latencies): (Sample, &[u64]),
        baselines: Vec<Baseline>,
        budget: Option<&Budget>,
        repeats: bool,
    ) -> Self {
        let both = !reference_latencies.is_empty() && !mock_latencies.is_empty();
        let fewer = reference.answered.min(mock.answered);
        let mut cell = Self {
            operation: operation.to_owned(),
            level: level.to_owned(),
            deviation: both.then(|| Deviation::new(reference_latencies, mock_latencies)),
            errors: (mock.errors - reference.errors) * 100.0,
            throughput: (reference.per_second > 0.0 && mock.per_second > 0.0)
                .then(|| (mock.per_second / reference.per_second).ln()),
            believable: [50, 90, 95, 99].into_iter().filter(|percent| fewer >= needed(*percent)).collect(),
            noise: if repeats { noise(&reference.runs, &mock.runs) } else { None },
            baselines,
            verdict: Verdict::NoBudget,
            reasons: Vec::new(),
            reference,
            mock,
        };
        if let Some(budget) = budget {
            (cell.verdict, cell.reasons) = cell.judge(budget);
        }
        cell
    }

    /// The gap over the percentiles that can be believed.
    pub fn gap(&self) -> Option<f64> {
        self.deviation.and_then(|deviation| deviation.gap(&self.believable))
    }

    fn judge(&self, budget: &Budget) -> (Verdict, Vec<String>) {
        let (mut over, mut lacking) = (Vec::new(), Vec::new());
        if self.mock.answered == 0 && self.reference.answered >= LEAST_CALLS {
            return (Verdict::Over, vec!["no call was answered".to_owned()]);
        }
        for (metric, asked) in budget.limits() {
            let limit = asked;
            let calls = if metric.is_of_answers() {
                self.reference.answered.min(self.mock.answered)
            } else {
                self.reference.calls.min(self.mock.calls)
            };
            let needed = metric.percent().map_or(LEAST_CALLS, needed);
            let noise = metric.percent().and_then(|percent| Some(self.noise?.at(percent).exp_m1()));
            // what is due to chance is not held against the mock, and where chance hides what is asked, nothing is said
            let limit = noise.map_or(limit, |noise| limit.max(noise));
            let hidden = noise.filter(|noise| *noise > MOST_NOISE * asked);
            match self.measure(metric) {
                _ if calls < needed => lacking.push(format!("{metric} needs {needed} calls, there are {calls}")),
                Some(off) if hidden.is_some() && off <= limit => lacking.push(format!(
                    "{metric}: runs of the service itself differ by {:.0} %, more than twice what is asked",
                    hidden.unwrap_or_default() * 100.0
                )),
                Some(off) if off > limit => over.push(self.tell(metric, off, limit)),
                Some(_) => {}
                None => lacking.push(format!("{metric} cannot be compared")),
            }
        }
        match (over.is_empty(), lacking.is_empty()) {
            (false, _) => (Verdict::Over, over),
            (true, false) => (Verdict::NotJudged, lacking),
            (true, true) => (Verdict::Within, over),
        }
    }

    /// Ratios are told as they stand in the table, with what the budget allows either way.
    fn tell(&self, metric: Metric, off: f64, limit: f64) -> String {
        let ratio = match metric {
            Metric::Percentile(percent) => self.deviation.map(|deviation| deviation.log_ratio.at(percent)),
            Metric::Throughput => self.throughput,
            _ => None,
        };
        let percent = |ratio: f64| format!("{:+.1} %", ratio.exp_m1() * 100.0);
        let most = limit.ln_1p();
        match ratio {
            Some(ratio) => {
                format!(
                    "{metric} is off by {}, the budget allows {} to {}",
                    percent(ratio),
                    percent(-most),
                    percent(most)
                )
            }
            None => format!("{metric} is off by {}, the budget is {}", metric.show(off), metric.show(limit)),
        }
    }

    /// How far a metric is off, as a share; of ratios it is the same up and down: half as long is as far as twice as long.
    fn measure(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Percentile(percent) => Some(self.deviation?.log_ratio.at(percent).abs().exp_m1()),
            Metric::Wasserstein => Some(self.deviation?.wasserstein),
            Metric::Kolmogorov => Some(self.deviation?.kolmogorov),
            Metric::Errors => Some(self.errors.abs() / 100.0),
            Metric::Throughput => Some(self.throughput?.abs().exp_m1()),
        }
    }
}

/// How many calls it takes to believe a percentile: a hundred beyond it.
pub(super) fn needed(percent: u32) -> u64 {
    10_000 / u64::from(100 - percent.min(99))
}

/// Noise that is more than so many times what is asked hides it.
const MOST_NOISE: f64 = 2.0;
/// How many calls it takes for whatever is no percentile.
const LEAST_CALLS: u64 = 1_000;
