//! Distributions of delays: built from numbers that people have, checked at the door, cheap and safe afterwards.
//!
//! A distribution that exists is valid: drawing cannot fail. Bounds truncate it properly, so that nothing piles up at
//! them: what is drawn is the distribution given that it lies within. Values are never negative.

mod build;
mod families;
mod normal;
mod quantiles;
pub mod units;

use std::time::Duration;

use rand::{Rng, RngExt as _};

pub use build::{BuildError, Param, ParamValue};
use families::Family;

/// A distribution of delays, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Fixed(f64),
    /// Parts with their cumulated shares; the last is 1.
    Mixture(Vec<(f64, Distribution)>),
    /// A family between two bounds, given as probabilities of the whole family.
    Truncated {
        family: Family,
        from: f64,
        to: f64,
        min: f64,
        max: f64,
    },
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

    /// Always the same delay.
    pub fn fixed(delay: Duration) -> Self {
        Self { shape: Shape::Fixed(delay.as_nanos() as f64) }
    }

    /// Draws a delay, by one uniform number a part: the inverse of the distribution function, on the part of it that lies
    /// within the bounds (Devroye, *Non-Uniform Random Variate Generation*, 1986, II.2).
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        // open at both ends, so that no family is asked for an infinite quantile
        let uniform = (rng.random::<u64>() >> 11) as f64 + 0.5;
        let uniform = uniform / (1u64 << 53) as f64;
        match &self.shape {
            Shape::Mixture(parts) => {
                let (_, part) = parts.iter().find(|(share, _)| uniform < *share).unwrap_or(&parts[parts.len() - 1]);
                part.sample(rng)
            }
            _ => duration(self.quantile_nanos(uniform)),
        }
    }

    /// The delay that a share `p` (0 to 1) of draws does not exceed.
    pub fn quantile(&self, p: f64) -> Duration {
        duration(self.quantile_nanos(p.clamp(0.0, 1.0)))
    }

    /// The share of draws that do not exceed `delay`.
    pub fn cdf(&self, delay: Duration) -> f64 {
        self.cdf_nanos(delay.as_nanos() as f64)
    }

    fn quantile_nanos(&self, p: f64) -> f64 {
        match &self.shape {
            Shape::Fixed(nanos) => *nanos,
            Shape::Truncated { family, from, to, min, max } => {
                family.quantile(from + p * (to - from)).clamp(*min, *max)
            }
            Shape::Mixture(parts) => {
                let ends = |p: f64| parts.iter().map(move |(_, part)| part.quantile_nanos(p));
                let low = ends(p).fold(f64::INFINITY, f64::min);
                let high = ends(p).fold(0.0, f64::max);
                bisect(low, high, |nanos| self.cdf_nanos(nanos) >= p)
            }
        }
    }

    fn cdf_nanos(&self, nanos: f64) -> f64 {
        match &self.shape {
            Shape::Fixed(fixed) => f64::from(nanos >= *fixed),
            Shape::Truncated { min, .. } if nanos < *min => 0.0,
            Shape::Truncated { max, .. } if nanos >= *max => 1.0,
            Shape::Truncated { family, from, to, .. } => ((family.cdf(nanos) - from) / (to - from)).clamp(0.0, 1.0),
            Shape::Mixture(parts) => {
                let mut before = 0.0;
                parts.iter().fold(0.0, |sum, (share, part)| {
                    let weight = share - before;
                    before = *share;
                    sum + weight * part.cdf_nanos(nanos)
                })
            }
        }
    }
}

/// The least number in an interval from which `holds` is true, to the last bit or so.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..80 {
        let middle = low + (high - low) / 2.0;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

fn duration(nanos: f64) -> Duration {
    // a float beyond u64 saturates: 584 years are long enough
    Duration::from_nanos(nanos.round() as u64)
}

#[cfg(test)]
mod tests;
