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
    /// Latencies of the service.
    pub reference: SampleSummary,
    /// Latencies of the mock.
    pub mock: SampleSummary,
    /// The distance between the latencies of both sides; `None` if a side has no answers.
    pub deviation: Option<Deviation>,
    /// The difference of the error shares, mock minus service, in percentage points.
    pub errors: f64,
    /// The logarithm of the ratio of good answers a second, mock by service; `None` if a side had
    /// none.
    pub throughput: Option<f64>,
    /// The percentiles, in percent, of which there are enough calls to believe them.
    #[serde(rename = "believable")]
    pub reliable_percentiles: Vec<u32>,
    /// The noise of each percentile, as a logarithm: two samples of one service differ by more with
    /// a probability of about 0.01. Infinite if there are too few calls.
    pub noise: Percentiles<f64>,
    /// The noise of the error share, in percentage points.
    pub noise_errors: f64,
    /// The repeats from which the noise is estimated.
    pub noise_from: NoiseFrom,
    /// The deviations of simpler mocks.
    pub baselines: Vec<Baseline>,
    /// Each limit of the budget, and what was measured.
    pub limits: Vec<LimitResult>,
    /// The verdict on the cell.
    pub verdict: Verdict,
    /// The reasons for the verdict, in words.
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
            (noise::from_runs(&reference.sample.runs, &mock.sample.runs), NoiseFrom::Runs)
        } else {
            (noise::from_parts(&reference.ordered, &mock.ordered), NoiseFrom::Parts)
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
            noise_errors: noise::error_noise_from_parts(&reference.ordered, &mock.ordered) * 100.0,
            noise_from,
            baselines,
            limits: Vec::new(),
            verdict: Verdict::NoBudget,
            reasons: Vec::new(),
            reference: reference.sample,
            mock: mock.sample,
        }
    }

    /// Returns the reason why the cell is not judged: that of the first limit, which needs the
    /// fewest calls.
    pub(crate) fn reason_not_judged(&self) -> Option<&LimitReason> {
        let lacking = self.limits.iter().filter(|limit| limit.verdict == Verdict::NotJudged);
        lacking.filter(|_| self.verdict == Verdict::NotJudged).find_map(|limit| limit.reason.as_ref())
    }

    /// Returns the limit that is exceeded most, with the ratio of the difference to the limit.
    pub(crate) fn largest_excess(&self) -> Option<(f64, MeasuredDifference)> {
        let over = self.limits.iter().filter_map(|limit| match limit.reason {
            Some(LimitReason::Over(measured)) => Some((measured.off / measured.limit.max(f64::MIN_POSITIVE), measured)),
            _ => None,
        });
        over.max_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Returns the reliable percentile with the largest difference, and the logarithm of the ratio.
    pub(crate) fn furthest(&self) -> Option<(u32, f64)> {
        let deviation = self.deviation?;
        let off = self.reliable_percentiles.iter().map(|percent| (*percent, deviation.log_ratio.at(*percent)));
        off.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }

    /// Returns true if no difference in the cell exceeds its noise.
    pub(crate) fn is_chance(&self) -> bool {
        let within = |deviation: Deviation| {
            self.reliable_percentiles
                .iter()
                .all(|percent| deviation.log_ratio.at(*percent).abs() <= self.noise.at(*percent))
        };
        self.deviation.is_some_and(within) && self.errors.abs() <= self.noise_errors
    }

    /// Returns the gap over the reliable percentiles.
    pub fn gap(&self) -> Option<f64> {
        self.deviation.and_then(|deviation| deviation.gap(&self.reliable_percentiles))
    }
}
