//! One operation at one load: both sides, how far they are apart, and whether that can be judged.

use serde::Serialize;

use super::baseline::Baseline;
use super::budget::Budget;
use super::distance::{kolmogorov, log_ratio, mean, quantile, wasserstein};
use super::judgement::{Judgement, Limit};
use super::noise;
use super::reason::{Measured, Reason};
use super::sample::{Half, Percentiles, Sample};

pub(super) use super::judgement::Verdict;

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
    /// What two samples of one and the same service differ by at each percentile, as logarithms: chance hardly ever makes more.
    /// Infinite where there are too few calls to say.
    pub noise: Percentiles<f64>,
    /// The same of the share of errors, in points of a percentage.
    pub noise_errors: f64,
    /// What that is estimated from.
    pub noise_from: NoiseFrom,
    /// How far simpler mocks would be off.
    pub baselines: Vec<Baseline>,
    /// Each limit of the budget, and what was measured.
    pub limits: Vec<Limit>,
    /// What the budget says.
    pub verdict: Verdict,
    /// What is over the budget or within it by chance alone, or why nothing is judged.
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

/// What noise is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NoiseFrom {
    /// Several runs of one schedule a side.
    Runs,
    /// Parts of the calls, in the order in which they came.
    Parts,
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
        reference: Half,
        mock: Half,
        baselines: Vec<Baseline>,
        repeats: bool,
    ) -> Self {
        let both = !reference.latencies.is_empty() && !mock.latencies.is_empty();
        let fewer = reference.sample.answered.min(mock.sample.answered);
        let (noise, noise_from) = if repeats {
            (noise::of_runs(&reference.sample.runs, &mock.sample.runs), NoiseFrom::Runs)
        } else {
            (noise::of_parts(&reference.ordered, &mock.ordered), NoiseFrom::Parts)
        };
        let (one, other) = (&reference.sample, &mock.sample);
        Self {
            operation: operation.to_owned(),
            level: level.to_owned(),
            deviation: both.then(|| Deviation::new(&reference.latencies, &mock.latencies)),
            errors: (other.errors - one.errors) * 100.0,
            throughput: (one.per_second > 0.0 && other.per_second > 0.0)
                .then(|| (other.per_second / one.per_second).ln()),
            believable: [50, 90, 95, 99].into_iter().filter(|percent| fewer >= needed(*percent)).collect(),
            noise,
            noise_errors: noise::of_errors(&reference.ordered, &mock.ordered) * 100.0,
            noise_from,
            baselines,
            limits: Vec::new(),
            verdict: Verdict::NoBudget,
            reasons: Vec::new(),
            reference: reference.sample,
            mock: mock.sample,
        }
    }

    /// With what a budget says of it, where the service used so much of its capacity.
    pub(super) fn judged(mut self, budget: &Budget, utilization: Option<f64>) -> Self {
        let Judgement { limits, verdict, reasons } = Judgement::new(&self, budget, utilization);
        (self.limits, self.verdict, self.reasons) = (limits, verdict, reasons);
        self
    }

    /// Why it is not judged: of a limit that needs least.
    pub(super) fn why_not_judged(&self) -> Option<&Reason> {
        let lacking = self.limits.iter().filter(|limit| limit.verdict == Verdict::NotJudged);
        lacking.filter(|_| self.verdict == Verdict::NotJudged).find_map(|limit| limit.reason.as_ref())
    }

    /// The limit that is exceeded most, by how many times it is.
    pub(super) fn most_over(&self) -> Option<(f64, Measured)> {
        let over = self.limits.iter().filter_map(|limit| match limit.reason {
            Some(Reason::Over(measured)) => Some((measured.off / measured.limit.max(f64::MIN_POSITIVE), measured)),
            _ => None,
        });
        over.max_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// The percentile that is furthest off of those that can be believed, and how far.
    pub(super) fn furthest(&self) -> Option<(u32, f64)> {
        let deviation = self.deviation?;
        let off = self.believable.iter().map(|percent| (*percent, deviation.log_ratio.at(*percent)));
        off.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }

    /// Whether all that can be compared differs by no more than chance makes.
    pub(super) fn is_chance(&self) -> bool {
        let within = |deviation: Deviation| {
            self.believable.iter().all(|percent| deviation.log_ratio.at(*percent).abs() <= self.noise.at(*percent))
        };
        self.deviation.is_some_and(within) && self.errors.abs() <= self.noise_errors
    }

    /// The gap over the percentiles that can be believed.
    pub fn gap(&self) -> Option<f64> {
        self.deviation.and_then(|deviation| deviation.gap(&self.believable))
    }
}

/// How many calls it takes to believe a percentile: a hundred beyond it.
pub(super) fn needed(percent: u32) -> u64 {
    10_000 / u64::from(100 - percent.min(99))
}
