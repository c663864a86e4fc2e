//! Families of distributions: distribution function, quantile function, and mean between two
//! bounds.

use std::f64::consts::PI;

use super::quantiles::Quantiles;
use super::{gamma, normal, special};

/// A family with its parameters, without bounds. Values are in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Family {
    Exponential {
        mean: f64,
    },
    /// Gamma distribution with mean `shape` times `scale`.
    Gamma {
        shape: f64,
        scale: f64,
    },
    /// Distribution whose logarithm is normal.
    LogNormal {
        median: f64,
        sigma: f64,
    },
    Normal {
        mean: f64,
        sd: f64,
    },
    Pareto {
        min: f64,
        alpha: f64,
    },
    Quantiles(Quantiles),
    Uniform {
        min: f64,
        max: f64,
    },
    Weibull {
        scale: f64,
        shape: f64,
    },
}

impl Family {
    /// Returns the probability of a value at or below `x`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        match self {
            Self::Quantiles(table) => table.cdf(x),
            Self::Normal { mean, sd } => normal::cdf((x - mean) / sd),
            Self::Uniform { min, max } => ((x - min) / (max - min)).clamp(0.0, 1.0),
            _ if x <= 0.0 => 0.0,
            _ if x == f64::INFINITY => 1.0,
            Self::Exponential { mean } => -(-x / mean).exp_m1(),
            Self::Gamma { shape, scale } => gamma::cdf(*shape, x / scale),
            Self::LogNormal { median, sigma } => normal::cdf((x / median).ln() / sigma),
            Self::Pareto { min, .. } if x <= *min => 0.0,
            Self::Pareto { min, alpha } => -(alpha * (min / x).ln()).exp_m1(),
            Self::Weibull { scale, shape } => -(-(x / scale).powf(*shape)).exp_m1(),
        }
    }

    /// Returns the probability of a value below `x`, which is less than [`Family::cdf`] at an atom.
    pub(super) fn below(&self, x: f64) -> f64 {
        match self {
            Self::Quantiles(table) => table.below(x),
            _ => self.cdf(x),
        }
    }

    /// Returns the quantile of probability `p`.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Exponential { mean } => -mean * (-p).ln_1p(),
            Self::Gamma { shape, scale } => gamma::quantile(*shape, p) * scale,
            Self::LogNormal { median, sigma } => median * (sigma * normal::quantile(p)).exp(),
            Self::Normal { mean, sd } => mean + sd * normal::quantile(p),
            Self::Pareto { min, alpha } => min * (-(-p).ln_1p() / alpha).exp(),
            Self::Quantiles(table) => table.quantile(p),
            Self::Uniform { min, max } => min + p * (max - min),
            Self::Weibull { scale, shape } => scale * (-(-p).ln_1p()).powf(1.0 / shape),
        }
    }

    /// Returns the partial expectation between two bounds, the integral of x times the density,
    /// which may be infinite. `from` and `to` are the probabilities at the bounds.
    ///
    /// For each family, the antiderivative is its own distribution function with other parameters
    /// (Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions*, 1994).
    pub(super) fn partial_expectation(&self, (min, max): (f64, f64), (from, to): (f64, f64)) -> f64 {
        match self {
            Self::Quantiles(table) => table.integral(from, to),
            Self::Uniform { .. } => (to - from) * self.quantile(f64::midpoint(from, to)),
            _ => self.antiderivative(max) - self.antiderivative(min),
        }
    }

    /// Returns the antiderivative of x times the density at `x`, up to a constant.
    fn antiderivative(&self, x: f64) -> f64 {
        match self {
            Self::Quantiles(_) | Self::Uniform { .. } => 0.0,
            Self::Normal { mean, sd } => {
                let z = (x - mean) / sd;
                mean * normal::cdf(z) - sd * (-z * z / 2.0).exp() / (2.0 * PI).sqrt()
            }
            _ if x <= 0.0 => 0.0,
            Self::Exponential { mean } => mean * gamma::cdf(2.0, x / mean),
            Self::Gamma { shape, scale } => shape * scale * gamma::cdf(shape + 1.0, x / scale),
            Self::LogNormal { median, sigma } => {
                median * (sigma * sigma / 2.0).exp() * normal::cdf((x / median).ln() / sigma - sigma)
            }
            Self::Pareto { min, .. } if x <= *min => 0.0,
            Self::Pareto { min, alpha } => {
                let (excess, log_ratio) = (alpha - 1.0, (x / min).ln());
                if log_ratio.is_infinite() {
                    return if excess > 0.0 { alpha * min / excess } else { f64::INFINITY };
                }
                // the limit at alpha = 1 is the logarithm itself
                let part = if excess == 0.0 { log_ratio } else { -(-excess * log_ratio).exp_m1() / excess };
                alpha * min * part
            }
            Self::Weibull { scale, shape } => {
                let order = 1.0 + 1.0 / shape;
                scale * special::ln_gamma(order).exp() * gamma::cdf(order, (x / scale).powf(*shape))
            }
        }
    }
}
