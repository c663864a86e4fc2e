//! One operation at one load: both sides, how far they are apart, and whether that can be judged.

use serde::Serialize;

use crate::gap::compare::baseline::Baseline;
use crate::gap::compare::deviation::Deviation;
use crate::gap::compare::sample::{CellSample, Percentiles, SampleSummary, calls_needed};
use crate::gap::evaluate::limit_outcome::{LimitReason, LimitResult, MeasuredDifference, Verdict};
use crate::gap::noise::{self, NoiseFrom};

/// A row of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The operation: `GET /inventory/{id}`.
    pub operation: String,
    /// The name of the load level.
    pub level: String,
    /// The original.
    pub reference: SampleSummary,
    /// What is compared with it.
    pub mock: SampleSummary,
    /// How far answers of the mock are off; none where a side has no answers.
    pub deviation: Option<Deviation>,
    /// By how much the share of errors is higher, in points of a percentage.
    pub errors: f64,
    /// By how much more good answers came a second, as the logarithm of the ratio; none where a side had none.
    pub throughput: Option<f64>,
    /// The percentiles, in percent, of which there are enough calls to believe them.
    #[serde(rename = "believable")]
    pub reliable_percentiles: Vec<u32>,
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
    pub limits: Vec<LimitResult>,
    /// What the budget says.
    pub verdict: Verdict,
    /// What is over the budget or within it by chance alone, or why nothing is judged.
    pub reasons: Vec<String>,
}

impl Cell {
    pub(crate) fn new(
        (operation, level): (&str, &str),
        reference: CellSample,
        mock: CellSample,
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
            reliable_percentiles: [50, 90, 95, 99]
                .into_iter()
                .filter(|percent| fewer >= calls_needed(*percent))
                .collect(),
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

    /// Why it is not judged: of a limit that needs least.
    pub(crate) fn why_not_judged(&self) -> Option<&LimitReason> {
        let lacking = self.limits.iter().filter(|limit| limit.verdict == Verdict::NotJudged);
        lacking.filter(|_| self.verdict == Verdict::NotJudged).find_map(|limit| limit.reason.as_ref())
    }

    /// The limit that is exceeded most, by how many times it is.
    pub(crate) fn most_over(&self) -> Option<(f64, MeasuredDifference)> {
        let over = self.limits.iter().filter_map(|limit| match limit.reason {
            Some(LimitReason::Over(measured)) => Some((measured.off / measured.limit.max(f64::MIN_POSITIVE), measured)),
            _ => None,
        });
        over.max_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// The percentile that is furthest off of those that can be believed, and how far.
    pub(crate) fn furthest(&self) -> Option<(u32, f64)> {
        let deviation = self.deviation?;
        let off = self.reliable_percentiles.iter().map(|percent| (*percent, deviation.log_ratio.at(*percent)));
        off.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }

    /// Whether all that can be compared differs by no more than chance makes.
    pub(crate) fn is_chance(&self) -> bool {
        let within = |deviation: Deviation| {
            self.reliable_percentiles
                .iter()
                .all(|percent| deviation.log_ratio.at(*percent).abs() <= self.noise.at(*percent))
        };
        self.deviation.is_some_and(within) && self.errors.abs() <= self.noise_errors
    }

    /// The gap over the percentiles that can be believed.
    pub fn gap(&self) -> Option<f64> {
        self.deviation.and_then(|deviation| deviation.gap(&self.reliable_percentiles))
    }
}
