//! The log-normal distribution of mean 1.

use standin_stub::delay::normal;

/// A log-normal distribution of mean 1 with a given coefficient of variation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// The standard deviation of the logarithm.
    sigma: f64,
    /// The mean of the logarithm.
    mu: f64,
}

impl LogNormal {
    /// Returns the distribution whose standard deviation, by its mean of 1, is `variation` (0 or
    /// more): `σ² = ln(1 + variation²)` and `μ = −σ²/2`.
    pub fn of_mean_one(variation: f64) -> Self {
        let variance = (1.0 + variation * variation).ln();
        Self { sigma: variance.sqrt(), mu: -variance / 2.0 }
    }

    /// Returns the value that belongs to a standard normal value.
    pub fn at(&self, normal: f64) -> f64 {
        (self.sigma * normal + self.mu).exp()
    }

    /// Returns the value that a share (between 0 and 1) of all values does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        self.at(normal::quantile(share))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Moments;
    use super::*;

    #[test]
    fn mean_and_variation_are_as_asked_for() {
        for variation in [0.0, 0.3, 1.0] {
            let distribution = LogNormal::of_mean_one(variation);
            let values = (0..100_000).map(|rank| distribution.quantile((f64::from(rank) + 0.5) / 1e5));
            let moments = Moments::new(values);
            assert!((moments.mean - 1.0).abs() < 1e-3, "{variation}: {moments:?}");
            assert!((moments.variance().sqrt() - variation).abs() < 0.01, "{variation}: {moments:?}");
        }
    }
}
