//! Baselines: two simpler mocks fitted to the same recording, with a constant delay and with
//! WireMock's log-normal one.
//!
//! Neither has a queue, so its delays are the same at every load. The difference to them is what
//! standin's model is worth.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::gap::compare::deviation::Deviation;
use standin_model::stats::quantile;
use standin_stub::delay::{Distribution, Param, ParamValue};

/// A simple mock, and how far it would be off.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The kind of the simpler mock.
    pub kind: BaselineKind,
    /// The deviation of the simpler mock from the reference.
    pub deviation: Deviation,
}

/// A kind of simpler mock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BaselineKind {
    /// Every answer takes the operation's recorded median.
    ConstantMedian,
    /// Log-normal delays of the operation's recorded median and spread, as WireMock draws them.
    LogNormal,
}

/// A caveat of every comparison with the baselines, for reports.
pub(crate) const BASELINES_AT_THEIR_BEST: &str =
    "the two simple mocks were fitted to these same calls, so this comparison flatters them";

/// The delays that each operation would be given.
#[derive(Clone, Debug, Default)]
pub(crate) struct FittedBaselines {
    by_operation: BTreeMap<String, [Distribution; 2]>,
}

impl FittedBaselines {
    /// Learns an operation from its sorted latencies at all loads together, as people who set such
    /// a mock up would.
    pub(crate) fn fit(&mut self, operation: &str, sorted: &[u64]) {
        if sorted.is_empty() {
            return;
        }
        let median = (quantile(sorted, 0.5).round() as u64).max(1);
        let spread = sigma(sorted, median);
        let constant = Distribution::fixed(Duration::from_nanos(median));
        let params = [
            Param { name: "median", value: ParamValue::Time(median as f64) },
            Param { name: "sigma", value: ParamValue::Number(spread) },
        ];
        // a spread of nothing is a constant
        let log_normal = Distribution::build("lognormal", &params).unwrap_or_else(|_| constant.clone());
        self.by_operation.insert(operation.to_owned(), [constant, log_normal]);
    }

    /// Compares each baseline with the reference latencies of a cell. A baseline is represented by
    /// as many of its exact quantiles as there are values in `reference`.
    pub(crate) fn compare(&self, operation: &str, reference: &[u64]) -> Vec<Baseline> {
        let Some(distributions) = self.by_operation.get(operation).filter(|_| !reference.is_empty()) else {
            return Vec::new();
        };
        let compared = [BaselineKind::ConstantMedian, BaselineKind::LogNormal].into_iter().zip(distributions).map(
            |(kind, delay)| {
                let calls = reference.len();
                let share = |call: usize| (call as f64 + 0.5) / calls as f64;
                let served: Vec<u64> = (0..calls).map(|call| delay.quantile(share(call)).as_nanos() as u64).collect();
                Baseline { kind, deviation: Deviation::new(reference, &served) }
            },
        );
        compared.collect()
    }

    /// Returns the quantile of a baseline's latency in milliseconds; `None` for an unknown
    /// operation.
    pub(crate) fn quantile(&self, operation: &str, kind: BaselineKind, share: f64) -> Option<f64> {
        let [constant, log_normal] = self.by_operation.get(operation)?;
        let delay = match kind {
            BaselineKind::ConstantMedian => constant,
            BaselineKind::LogNormal => log_normal,
        };
        Some(delay.quantile(share).as_secs_f64() * 1e3)
    }
}

/// Returns the standard deviation of the logarithms around that of the median: the likeliest sigma
/// of a log-normal distribution whose median is given.
fn sigma(sorted: &[u64], median: u64) -> f64 {
    let logs = sorted.iter().map(|nanos| ((*nanos).max(1) as f64 / median as f64).ln());
    (logs.map(|log| log * log).sum::<f64>() / sorted.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_a_log_normal_is_found_again() {
        let params = [
            Param { name: "median", value: ParamValue::Time(80e6) },
            Param { name: "sigma", value: ParamValue::Number(0.4) },
        ];
        let truth = Distribution::build("lognormal", &params).unwrap();
        let sample: Vec<u64> =
            (0..20_000).map(|k| truth.quantile((f64::from(k) + 0.5) / 20_000.0).as_nanos() as u64).collect();
        let median = quantile(&sample, 0.5).round() as u64;
        assert!((median as f64 / 80e6 - 1.0).abs() < 0.001);
        assert!((sigma(&sample, median) - 0.4).abs() < 0.001);
        let mut baselines = FittedBaselines::default();
        baselines.fit("GET /", &sample);
        let compared = baselines.compare("GET /", &sample);
        assert_eq!(
            compared.iter().map(|one| one.kind).collect::<Vec<_>>(),
            [BaselineKind::ConstantMedian, BaselineKind::LogNormal]
        );
        let (constant, log_normal) = (&compared[0].deviation, &compared[1].deviation);
        assert!(log_normal.wasserstein < 0.001 && log_normal.kolmogorov < 0.001, "{log_normal:?}");
        // a constant is right at the median alone: the p99 is exp(0.4 · 2.326) times as long
        assert!(constant.log_ratio.p50.abs() < 0.001);
        assert!((constant.log_ratio.p99 + 0.4 * 2.326).abs() < 0.005, "{constant:?}");
        assert!((constant.kolmogorov - 0.5).abs() < 0.001);
        assert!(baselines.compare("GET /other", &sample).is_empty());
    }

    #[test]
    fn what_never_varies_is_a_constant_to_both() {
        let mut baselines = FittedBaselines::default();
        baselines.fit("GET /", &[5_000_000; 100]);
        for baseline in baselines.compare("GET /", &[5_000_000; 10]) {
            assert_eq!(baseline.deviation.wasserstein, 0.0, "{baseline:?}");
        }
    }
}
