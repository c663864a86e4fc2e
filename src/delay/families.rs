//! The families: each by its distribution function and the inverse of that. All in nanoseconds.

use super::bisect;
use super::normal;
use super::quantiles::Quantiles;

/// A family with its parameters, unbounded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Family {
    Exponential {
        mean: f64,
    },
    /// Of shape `1 / cv²` and scale `mean · cv²`.
    Gamma {
        shape: f64,
        scale: f64,
    },
    /// The logarithm is normal.
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
    /// The share at or below `x`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        match self {
            Self::Quantiles(table) => table.cdf(x),
            Self::Normal { mean, sd } => normal::cdf((x - mean) / sd),
            Self::Uniform { min, max } => ((x - min) / (max - min)).clamp(0.0, 1.0),
            _ if x <= 0.0 => 0.0,
            _ if x == f64::INFINITY => 1.0,
            Self::Exponential { mean } => -(-x / mean).exp_m1(),
            Self::Gamma { shape, scale } => normal::gamma_p(*shape, x / scale),
            Self::LogNormal { median, sigma } => normal::cdf((x / median).ln() / sigma),
            Self::Pareto { min, .. } if x <= *min => 0.0,
            Self::Pareto { min, alpha } => 1.0 - (min / x).powf(*alpha),
            Self::Weibull { scale, shape } => -(-(x / scale).powf(*shape)).exp_m1(),
        }
    }

    /// The value at or below which a share `p` lies.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Exponential { mean } => -mean * (-p).ln_1p(),
            Self::Gamma { shape, scale } => gamma_quantile(*shape, p) * scale,
            Self::LogNormal { median, sigma } => median * (sigma * normal::quantile(p)).exp(),
            Self::Normal { mean, sd } => mean + sd * normal::quantile(p),
            Self::Pareto { min, alpha } => min * (1.0 - p).powf(-1.0 / alpha),
            Self::Quantiles(table) => table.quantile(p),
            Self::Uniform { min, max } => min + p * (max - min),
            Self::Weibull { scale, shape } => scale * (-(-p).ln_1p()).powf(1.0 / shape),
        }
    }
}

/// The inverse of P(shape, x), by bisection from Wilson and Hilferty's bounds: slow, and right for every shape.
fn gamma_quantile(shape: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let mut high = shape.max(1.0);
    while normal::gamma_p(shape, high) < p {
        high *= 2.0;
    }
    bisect(0.0, high, |x| normal::gamma_p(shape, x) >= p)
}
