//! Autocorrelated demands: slow spells stay together, and every distribution keeps its shape
//! (`order` in the file).
//!
//! A Gaussian copula of one factor (Embrechts, Lindskog and McNeil, *Modelling Dependence with
//! Copulas*, 2003): time is cut into blocks, each with a standard normal factor, and a call is
//! drawn at the quantile Φ(√ρ · block + √(1 - ρ) · own) of its distribution. That number is uniform
//! for every ρ. All operations of a service share the factor: it is the service that has a slow
//! spell.

use std::time::Duration;

use rand::RngExt as _;

use super::model::Autocorrelation;
use crate::draws::{Draws, RandomStream};
use standin_stub::delay::{normal, uniform};

/// An autocorrelation, prepared for drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockFactors {
    length: Duration,
    /// Weights of the block's factor and of the call's own score.
    weights: (f64, f64),
    /// Stream of the block factors, different for each service.
    key: u64,
}

impl BlockFactors {
    /// Prepares an autocorrelation; `key` must differ from that of every other service.
    pub(super) fn new(autocorrelation: Autocorrelation, key: u64) -> Self {
        let shared = autocorrelation.correlation.clamp(0.0, 1.0);
        let length = autocorrelation.block.max(Duration::from_nanos(1));
        Self { length, weights: (shared.sqrt(), (1.0 - shared).sqrt()), key }
    }

    /// Returns the probability, strictly between 0 and 1, at whose quantile a call is drawn.
    /// `after` is the time of the call since the profile was activated.
    pub(super) fn probability(&self, draws: Draws, after: Duration, own: &mut RandomStream) -> f64 {
        let block = (after.as_nanos() / self.length.as_nanos()) as u64;
        let normal = |stream: &mut RandomStream| normal::quantile(uniform(stream.random()));
        let score = self.weights.0 * normal(&mut draws.at(self.key, block)) + self.weights.1 * normal(own);
        normal::cdf(score).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use standin_stub::delay::{Distribution, Param, ParamValue};

    const BLOCK: Duration = Duration::from_millis(200);

    /// Calls of two operations, one of each every 2 ms: the shares at which they are drawn.
    fn shares(correlation: f64, seed: u64, calls: u64) -> [Vec<f64>; 2] {
        let blocks = BlockFactors::new(Autocorrelation { block: BLOCK, correlation }, 7);
        let draws = Draws::new(seed);
        [1, 2].map(|operation| {
            let share = |k| blocks.probability(draws, Duration::from_millis(2 * k), &mut draws.at(operation, k));
            (0..calls).map(share).collect()
        })
    }

    fn scores(shares: &[f64]) -> Vec<f64> {
        shares.iter().map(|share| normal::quantile(*share)).collect()
    }

    fn mean_product(one: &[f64], other: &[f64]) -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>() / one.len() as f64
    }

    #[test]
    fn calls_of_a_block_are_correlated_as_said_and_others_are_not() {
        for correlation in [0.1, 0.4, 0.9] {
            // 2,000 blocks of 100 calls: the mean of a block's products varies by about √2 times
            // the correlation
            let [one, other] = shares(correlation, 3, 200_000).map(|shares| scores(&shares));
            let error = 4.0 * 2f64.sqrt() / 2_000f64.sqrt();
            let within = |step: usize| {
                let pairs = (0..one.len() - step).filter(|k| k / 100 == (k + step) / 100);
                let products: Vec<f64> = pairs.map(|k| one[k] * one[k + step]).collect();
                products.iter().sum::<f64>() / products.len() as f64
            };
            for found in [within(1), within(50), mean_product(&one, &other)] {
                assert!((found - correlation).abs() < error, "{correlation}: {found}");
            }
            let apart = mean_product(&one[100..], &one[..one.len() - 100]);
            assert!(apart.abs() < error, "{correlation}: {apart}");
        }
    }

    #[test]
    fn the_distribution_stays_what_it_is() {
        // by the distance of Kolmogorov and Smirnov; a block counts as one draw at the worst
        for correlation in [0.2, 0.7, 1.0] {
            let mut shares = shares(correlation, 11, 400_000)[0].clone();
            shares.sort_by(f64::total_cmp);
            let count = shares.len() as f64;
            let distance = shares.iter().zip(0u32..).map(|(share, k)| (share - f64::from(k) / count).abs());
            let distance = distance.fold(0.0, f64::max);
            assert!(distance < 1.95 / 4_000f64.sqrt(), "{correlation}: {distance}");
        }
    }

    #[test]
    fn the_ends_of_a_distribution_are_within_reach_and_finite() {
        let exponential = [Param { name: "mean", value: ParamValue::Time(1e6) }];
        let exponential = Distribution::build("exponential", &exponential).unwrap();
        let longest = shares(1.0, 5, 100_000)[0].iter().map(|share| exponential.quantile(*share)).max().unwrap();
        assert!(longest > Duration::from_millis(5) && longest < Duration::from_millis(40), "{longest:?}");
        let blocks = BlockFactors::new(Autocorrelation { block: Duration::ZERO, correlation: 2.0 }, 0);
        let share = blocks.probability(Draws::new(1), Duration::MAX, &mut Draws::new(1).at(1, 1));
        assert!(share > 0.0 && share < 1.0, "what a program made is survived: {share}");
    }
}
