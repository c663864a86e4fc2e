//! Distributions of delays: built from numbers that people have, checked at the door, cheap and safe afterwards.
//!
//! A distribution that exists is valid: drawing from it cannot fail. Bounds truncate it properly, so that nothing piles
//! up at them: what is drawn is the distribution given that it lies within. Values are never negative.

mod build;
mod families;
pub mod gamma;
pub mod normal;
mod params;
mod quantiles;
mod shape;
pub mod units;

use std::time::Duration;

use rand::Rng;

pub use params::{BuildError, Param, ParamValue};
use shape::Shape;

/// A distribution of delays, in whole nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    shape: Shape,
}

impl Distribution {
    /// The kinds that [`Distribution::build`] knows.
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

    /// Builds a distribution of a kind from its named parameters. Each kind also takes `min` and `max`, times that
    /// truncate it:
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
    /// `sigma`, `cv` and `shape` are plain numbers, the rest times, which are rounded to whole nanoseconds. WireMock's
    /// `milliseconds`, `lower`, `upper` and `maxValue` are other names of `value`, `min`, `max` and `max`; WireMock's uniform
    /// distribution draws whole milliseconds, this one any time between.
    pub fn build(kind: &str, params: &[Param<'_>]) -> Result<Self, BuildError> {
        build::shape(kind, params).map(|shape| Self { shape })
    }

    /// Always the same delay.
    pub fn fixed(delay: Duration) -> Self {
        Self { shape: Shape::Fixed(delay.as_nanos() as f64) }
    }

    /// Draws a delay from one random number, and one more for each mixture on the way: the inverse of the distribution
    /// function, on the part of it that lies within the bounds (Devroye, *Non-Uniform Random Variate Generation*, 1986, II.2).
    pub fn sample(&self, rng: &mut (impl Rng + ?Sized)) -> Duration {
        duration(self.shape.draw(&mut || uniform(rng.next_u64())))
    }

    /// The delay that a share `p` (0 to 1) of draws does not exceed. For `p` = 1, a distribution without an upper end gives
    /// the longest duration of 64 bits of nanoseconds.
    pub fn quantile(&self, p: f64) -> Duration {
        duration(self.shape.quantile(p.clamp(0.0, 1.0)))
    }

    /// The share of draws (0 to 1) that do not exceed `delay`.
    pub fn cdf(&self, delay: Duration) -> f64 {
        self.shape.cdf(delay.as_nanos() as f64)
    }

    /// The mean; `None` if it is infinite, as for a Pareto distribution with a heavy tail and no `max`.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.shape.mean();
        mean.is_finite().then(|| duration(mean))
    }
}

/// A number strictly between 0 and 1, from the upper 52 bits: no family is asked for an infinite quantile.
pub fn uniform(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

fn duration(nanos: f64) -> Duration {
    // a float beyond u64 saturates: 584 years are long enough
    Duration::from_nanos(nanos.round() as u64)
}

#[cfg(test)]
mod tests;
