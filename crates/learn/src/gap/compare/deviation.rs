//! The distance between two samples of latencies.

use serde::Serialize;

use crate::gap::compare::sample::Percentiles;
use standin_model::stats::{kolmogorov_smirnov, log_ratio, mean, quantile, wasserstein};

/// The distance between two samples of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// The logarithm of mock by reference at each percentile: 0.095 is 10 % longer, -0.095 is 10 %
    /// shorter by the same ratio.
    pub log_ratio: Percentiles<f64>,
    /// Wasserstein-1 by the mean of the reference: the mean absolute error of all quantiles, as a
    /// share.
    pub wasserstein: f64,
    /// Kolmogorov and Smirnov's distance, 0 to 1.
    pub kolmogorov: f64,
}

impl Deviation {
    /// Compares two sorted samples that are not empty.
    pub(crate) fn new(reference: &[u64], mock: &[u64]) -> Self {
        let ratio = |percent: u32| {
            let share = f64::from(percent) / 100.0;
            log_ratio(quantile(reference, share), quantile(mock, share))
        };
        Self {
            log_ratio: Percentiles::from(ratio),
            wasserstein: wasserstein(reference, mock) / mean(reference).max(1.0),
            kolmogorov: kolmogorov_smirnov(reference, mock),
        }
    }

    /// Returns the gap: the mean of the absolute logarithms over the given percentiles.
    pub fn gap(&self, percents: &[u32]) -> Option<f64> {
        let off = percents.iter().map(|percent| self.log_ratio.at(*percent).abs());
        (!percents.is_empty()).then(|| off.sum::<f64>() / percents.len() as f64)
    }
}
