//! Distributions of delays.
//!
//! [`Distribution::build`] checks the parameters, so that drawing from a distribution cannot fail.
//! Bounds truncate: values are drawn from the conditional distribution within the bounds, with no
//! mass at them. Values are never negative.

mod build;
mod families;
mod gamma;
pub mod normal;
mod params;
mod quantiles;
mod shape;
pub mod special;
pub mod units;

use std::time::Duration;

use rand::Rng;

pub use params::{BuildError, Param, ParamValue};
use shape::DistributionShape;

/// A distribution of delays, in whole nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    shape: DistributionShape,
}

impl Distribution {
    /// Names of the kinds for [`Distribution::build`].
    pub const KINDS: &'static [&'static str] = &[
        "fixed",
        "uniform",
        "normal",
        "lognormal",
        "exponential",
        "gamma",
        "weibull",
        "pareto",
        "mixture",
        "quantiles",
    ];

    /// Builds a distribution of a kind from its named parameters. Each kind also takes the bounds
    /// `min` and `max`:
    ///
    /// | kind | parameters |
    /// |---|---|
    /// | `fixed` | `value` |
    /// | `uniform` | `min`, `max`, both included |
    /// | `normal` | `mean`, `sd`; truncated at 0 |
    /// | `lognormal` | `median`, and `p99` or `sigma` |
    /// | `exponential` | `mean` |
    /// | `gamma` | `mean`, `cv` (standard deviation by mean) |
    /// | `weibull` | `scale`, `shape` |
    /// | `pareto` | `min`, `p99` |
    /// | `mixture` | `parts`, each with its share |
    /// | `quantiles` | `p0`, `p100`, and any between such as `p99.9`; log-linear between them |
    ///
    /// `sigma`, `cv` and `shape` are plain numbers, the rest times, which are rounded to whole
    /// nanoseconds. WireMock's `milliseconds`, `lower`, `upper` and `maxValue` are other names of
    /// `value`, `min`, `max` and `max`. WireMock's uniform distribution draws whole milliseconds,
    /// this one any time between.
    pub fn build(kind: &str, params: &[Param<'_>]) -> Result<Self, BuildError> {
        build::shape(kind, params).map(|shape| Self { shape })
    }

    /// Returns the distribution of a constant delay.
    pub fn fixed(delay: Duration) -> Self {
        Self { shape: DistributionShape::Fixed(delay.as_nanos() as f64) }
    }

    /// Draws a delay by inversion of the truncated distribution function (Devroye, *Non-Uniform
    /// Random Variate Generation*, 1986, II.2). It takes one random number, and one more for each
    /// level of mixtures.
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> Duration {
        duration(self.shape.draw(&mut || uniform(rng.next_u64())))
    }

    /// Returns the quantile of probability `p` (0 to 1). For `p` = 1, an unbounded distribution
    /// returns the longest duration, 2^64 - 1 ns.
    pub fn quantile(&self, p: f64) -> Duration {
        duration(self.shape.quantile(p.clamp(0.0, 1.0)))
    }

    /// Returns the probability (0 to 1) that a draw does not exceed `delay`.
    pub fn cdf(&self, delay: Duration) -> f64 {
        self.shape.cdf(delay.as_nanos() as f64)
    }

    /// Returns the mean; `None` if it is infinite, as for a Pareto distribution with a heavy tail
    /// and no `max`.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.shape.mean();
        mean.is_finite().then(|| duration(mean))
    }
}

/// Returns a number strictly between 0 and 1 from the upper 52 bits, so that no quantile is
/// infinite.
pub fn uniform(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

fn duration(nanos: f64) -> Duration {
    // a float beyond u64 saturates at 584 years
    Duration::from_nanos(nanos.round() as u64)
}

#[cfg(test)]
mod tests;
