//! The distance between two samples of latencies.

use serde::Serialize;

use crate::gap::compare::sample::Percentiles;
use crate::gap::stats::{kolmogorov, log_ratio, mean, quantile, wasserstein};

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

impl Deviation {
    /// Of two sorted samples that are not empty.
    pub(crate) fn new(reference: &[u64], mock: &[u64]) -> Self {
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
