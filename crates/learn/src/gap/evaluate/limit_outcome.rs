//! Outcomes of limits: exceeded, kept, or not judged, and the reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gap::evaluate::budget::Metric;
use crate::gap::format::{longer, points, signed};
use crate::gap::noise::NoiseFrom;
use standin_text::{grouped, percent, percent_up_to_decimals};

/// The verdict on a limit, on a cell, or on the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// No budget was given.
    NoBudget,
    /// The difference is within the budget.
    Within,
    /// The difference is over the budget.
    Over,
    /// There are too few calls to say.
    NotJudged,
}

/// A limit of the budget in a cell, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitResult {
    /// The metric that is limited.
    pub metric: Metric,
    /// The limit of the budget, as a share.
    pub asked: f64,
    /// The larger of `asked` and the noise, as a share.
    pub limit: f64,
    /// The absolute difference, as a share; `None` if it cannot be compared.
    pub off: Option<f64>,
    /// The verdict on this limit.
    pub verdict: Verdict,
    /// Why it is over, within by chance alone, or not judged.
    #[serde(skip)]
    pub(crate) reason: Option<LimitReason>,
}

/// The reason for a verdict on a limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LimitReason {
    /// The difference exceeds the limit.
    Over(MeasuredDifference),
    /// It is more than was asked, and may be chance.
    ByChance(MeasuredDifference),
    /// Chance alone makes so much that nothing can be said.
    Hidden(MeasuredDifference, NoiseFrom),
    /// There are too few calls.
    Few { metric: Metric, needed: u64, calls: u64 },
    /// Beyond the capacity waiting only grows, so that parts of one run say nothing.
    Overload,
    /// A side has nothing to compare.
    Nothing(Metric),
}

/// A difference and what it is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MeasuredDifference {
    pub(crate) metric: Metric,
    /// As a logarithm of mock by reference, where it is one.
    pub(crate) log_ratio: Option<f64>,
    /// The absolute difference, as a share.
    pub(crate) off: f64,
    /// The difference of the error shares, mock minus service, in percentage points.
    pub(crate) errors: f64,
    pub(crate) asked: f64,
    /// The larger of what is asked and what chance makes.
    pub(crate) limit: f64,
}

impl LimitReason {
    /// Returns the factor by which the number of calls must grow for a verdict; `None` if more
    /// calls do not help.
    pub(crate) fn more_calls(&self) -> Option<f64> {
        match self {
            Self::Few { needed, calls, .. } => Some(*needed as f64 / (*calls).max(1) as f64),
            // noise falls as the root of the calls
            Self::Hidden(measured, _) => {
                Some((measured.limit.ln_1p() / (MAX_NOISE_FACTOR * measured.asked).ln_1p()).powi(2))
            }
            _ => None,
        }
    }

    /// Returns a label for reasons of this kind, by which reports group them.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Over(_) => "over the budget",
            Self::ByChance(_) => "within by chance alone",
            Self::Hidden(..) => "chance alone makes more than is asked",
            Self::Few { .. } => "too few calls",
            Self::Overload => "beyond the capacity",
            Self::Nothing(_) => "nothing to compare",
        }
    }
}

impl fmt::Display for LimitReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(measured) => {
                write!(out, "{}; ", measured.difference())?;
                if measured.limit > measured.asked && measured.metric != Metric::Errors {
                    let (chance, budget) = (measured.allowed(measured.limit), measured.asked());
                    write!(out, "up to {chance} could be chance here (the budget itself is {budget})")
                } else {
                    let plural = if measured.metric == Metric::Errors { "are" } else { "is" };
                    write!(out, "{} {plural} allowed", measured.allowed(measured.limit))
                }
            }
            Self::ByChance(measured) => write!(
                out,
                "{}, which is more than the budget ({}), but may be chance: up to {} could be here",
                measured.difference(),
                measured.asked(),
                measured.allowed(measured.limit)
            ),
            Self::Hidden(measured, from) => {
                let of = match from {
                    NoiseFrom::Runs => "from run to run",
                    NoiseFrom::Parts => "from one part of the run to another",
                };
                write!(
                    out,
                    "{}, but chance alone makes up to {} here, {of} (the budget is {})",
                    measured.difference(),
                    measured.allowed(measured.limit),
                    measured.asked()
                )
            }
            Self::Few { metric, needed, calls } => {
                write!(out, "{metric} needs {} calls, there are {}", grouped(*needed), grouped(*calls))
            }
            Self::Overload => out.write_str(
                "answer times are not judged here: beyond its capacity they only grow. It takes several runs a side to judge them",
            ),
            Self::Nothing(metric) => write!(out, "{metric} cannot be compared"),
        }
    }
}

impl MeasuredDifference {
    /// Formats the difference for a table: `p95 +5.4 %`.
    pub(crate) fn brief(&self) -> String {
        match (self.metric, self.log_ratio) {
            (Metric::Errors, _) => format!("errors {:+.2} points", self.errors),
            (metric, Some(log)) => format!("{metric} {}", signed(log)),
            (metric, None) => format!("{metric} {}", metric.show(self.off)),
        }
    }

    fn difference(&self) -> String {
        match (self.metric, self.log_ratio) {
            (Metric::Errors, _) => {
                let how = if self.errors < 0.0 { "less" } else { "more" };
                format!("answers fail {:.2} points {how} often", self.errors.abs())
            }
            (Metric::Throughput, Some(log)) => {
                let percent = (log.exp() - 1.0) * 100.0;
                let how = if percent < 0.0 { "fewer" } else { "more" };
                format!("{:.1} % {how} good answers a second", percent.abs())
            }
            (metric, Some(log)) => format!("{metric} is {}", longer(log)),
            (metric, None) => format!("{metric} is {}", metric.show(self.off)),
        }
    }

    /// Formats a limit in the direction of the difference: a third shorter is as far off as half as
    /// long again.
    pub(crate) fn allowed(&self, limit: f64) -> String {
        match (self.metric, self.log_ratio) {
            (Metric::Errors, _) => points(limit * 100.0),
            (Metric::Kolmogorov, _) => self.metric.show(limit),
            (_, Some(log)) if log < 0.0 => exact(1.0 - 1.0 / (1.0 + limit)),
            _ => exact(limit),
        }
    }

    /// Formats the limit of the budget.
    fn asked(&self) -> String {
        match self.metric {
            Metric::Errors => format!("{} points", points(self.asked * 100.0)),
            Metric::Kolmogorov => self.metric.show(self.asked),
            _ => percent(self.asked),
        }
    }
}

/// Formats a limit with one more digit, as the difference may be just beyond it.
fn exact(limit: f64) -> String {
    if limit >= 1.0 { percent(limit) } else { percent_up_to_decimals(limit, 1) }
}

/// Noise that is more than so many times what is asked hides it: then already the standard error is
/// about what is asked.
pub(crate) const MAX_NOISE_FACTOR: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(metric: Metric, ratio: Option<f64>, asked: f64, limit: f64) -> MeasuredDifference {
        let off = ratio.map_or(0.12, |ratio: f64| ratio.ln().abs().exp_m1());
        MeasuredDifference { metric, log_ratio: ratio.map(f64::ln), off, errors: 1.76, asked, limit }
    }

    #[test]
    fn a_limit_says_what_is_asked_and_what_may_be_chance() {
        let p50 = |ratio: f64, asked, limit| measured(Metric::Percentile(50), Some(ratio), asked, limit);
        let errors = measured(Metric::Errors, None, 0.002, 0.0049);
        for (reason, told) in [
            (
                LimitReason::Over(p50(81.1, 0.03, 3.737)),
                "p50 is 81 times as long; up to 374 % could be chance here (the budget itself is 3 %)",
            ),
            (LimitReason::Over(p50(1.054, 0.05, 0.05)), "p50 is 5.4 % longer; 5 % is allowed"),
            (LimitReason::Over(p50(0.5, 0.1, 0.1)), "p50 is 50.0 % shorter; 9.1 % is allowed"),
            (LimitReason::Over(errors), "answers fail 1.76 points more often; 0.49 are allowed"),
            (
                LimitReason::Over(measured(Metric::Throughput, Some(0.759), 0.03, 0.03)),
                "24.1 % fewer good answers a second; 2.9 % is allowed",
            ),
            (LimitReason::Over(measured(Metric::Wasserstein, None, 0.1, 0.1)), "w1 is 12.0 %; 10 % is allowed"),
            (
                LimitReason::ByChance(p50(1.06, 0.05, 0.081)),
                "p50 is 6.0 % longer, which is more than the budget (5 %), but may be chance: up to 8.1 % could be here",
            ),
            (
                LimitReason::Hidden(p50(1.054, 0.07, 0.36), NoiseFrom::Parts),
                "p50 is 5.4 % longer, but chance alone makes up to 36 % here, from one part of the run to another (the budget is 7 %)",
            ),
            (
                LimitReason::Few { metric: Metric::Percentile(99), needed: 10_000, calls: 1_500 },
                "p99 needs 10,000 calls, there are 1,500",
            ),
        ] {
            assert_eq!(reason.to_string(), told);
        }
    }

    #[test]
    fn how_many_more_calls_it_takes_is_known() {
        let few = LimitReason::Few { metric: Metric::Percentile(50), needed: 200, calls: 50 };
        assert_eq!((few.more_calls(), LimitReason::Overload.more_calls()), (Some(4.0), None));
        // noise of six times what may hide it: the square of two
        let limit = (2.0 * 1.09_f64.ln()).exp_m1();
        let hidden = LimitReason::Hidden(measured(Metric::Percentile(50), Some(1.0), 0.03, limit), NoiseFrom::Parts);
        assert!((hidden.more_calls().unwrap() - 4.0).abs() < 1e-9, "{hidden:?}");
    }
}
