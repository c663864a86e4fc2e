//! Beta-binomial test: whether a share of calls differs from the tape's share by more than chance.
//!
//! Both shares come from samples, and small samples differ much. The posterior of the tape's share,
//! with its counts as the parameters of a beta distribution, gives the beta-binomial distribution
//! of a count in later calls. A kind of call that the tape never has is not attributed to chance:
//! where the tape has no errors, any error is significant.

use standin_stub::delay::special::ln_gamma;

/// A share of calls, kept as counts so that its precision is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Proportion {
    /// Calls of the kind.
    pub count: f64,
    /// Calls of all kinds.
    pub total: f64,
}

impl Proportion {
    /// `count` out of `total` calls.
    pub fn new(count: usize, total: usize) -> Self {
        Self { count: count as f64, total: total as f64 }
    }

    /// Returns the share, 0 to 1; 0 where there are no calls.
    pub fn value(self) -> f64 {
        if self.total > 0.0 { self.count / self.total } else { 0.0 }
    }

    /// Returns true if `count` of `total` later calls are significantly many.
    pub(super) fn is_exceeded_by(self, count: u64, total: u64) -> bool {
        self.tail_probability(count as f64, total as f64) < SIGNIFICANCE
    }

    /// Returns true if `count` of `total` later calls are significantly many or few.
    pub(super) fn differs_from(self, count: u64, total: u64) -> bool {
        let others = Self { count: self.total - self.count, ..self };
        self.is_exceeded_by(count, total) || others.is_exceeded_by(total - count, total)
    }

    /// Returns the probability of `count` or more of `total` later calls; 1 where `count` does not
    /// exceed the expectation.
    fn tail_probability(self, count: f64, total: f64) -> f64 {
        let (alpha, beta) = (self.count, self.total - self.count);
        if count <= total * self.value() {
            return 1.0;
        }
        if alpha <= 0.0 {
            return 0.0;
        }
        let choices = ln_gamma(total + 1.0) - ln_gamma(count + 1.0) - ln_gamma(total - count + 1.0);
        let mut term = (choices + ln_beta(count + alpha, total - count + beta) - ln_beta(alpha, beta)).exp();
        let (mut count, mut sum) = (count, term);
        while count < total && term > sum * NEGLIGIBLE_TERM {
            term *= (total - count) * (count + alpha) / ((count + 1.0) * (total - count - 1.0 + beta));
            sum += term;
            count += 1.0;
        }
        sum
    }
}

/// Returns the logarithm of the beta function.
fn ln_beta(one: f64, other: f64) -> f64 {
    // `ln_gamma` is accurate from 1 on
    let ln_gamma = |x: f64| ln_gamma(x + 1.0) - x.ln();
    ln_gamma(one) + ln_gamma(other) - ln_gamma(one + other)
}

/// Significance level of one test. The test runs at every call, so that a run of 20,000 calls is
/// stopped by chance in a few of a hundred cases; a lower level would miss real harm to the
/// service.
const SIGNIFICANCE: f64 = 0.001;

/// Terms below this share of the sum are left out.
const NEGLIGIBLE_TERM: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certain_share_gives_the_binomial() {
        // P(X >= 13) of 100 at 3.9 %, by the sum of its terms
        let binomial = |least: i32| {
            let term = |k: i32| {
                let choices: f64 = (0..k).map(|i| f64::from(100 - i) / f64::from(k - i)).product();
                choices * 0.039_f64.powi(k) * 0.961_f64.powi(100 - k)
            };
            (least..=100).map(term).sum::<f64>()
        };
        let certain = Proportion { count: 39e6, total: 1e9 };
        for count in [5, 9, 13] {
            let (got, expected) = (certain.tail_probability(f64::from(count), 100.0), binomial(count));
            assert!((got / expected - 1.0).abs() < 1e-4, "{count}: {got} for {expected}");
        }
        // a tape of few calls says less
        assert!(Proportion::new(4, 100).tail_probability(13.0, 100.0) > 10.0 * binomial(13));
    }

    #[test]
    fn what_the_tape_never_shows_is_no_chance() {
        assert!(Proportion::new(0, 50).is_exceeded_by(1, 1_000));
        assert!(!Proportion::new(0, 50).is_exceeded_by(0, 1_000));
        // and what it always shows is expected
        assert!(Proportion::new(50, 50).differs_from(999, 1_000));
        assert!(!Proportion::new(50, 50).differs_from(1_000, 1_000));
    }

    #[test]
    fn too_few_are_seen_as_too_many_are() {
        let tape = Proportion::new(48, 1_220);
        assert!(!tape.differs_from(0, 50) && tape.differs_from(0, 500));
        assert!(!tape.differs_from(5, 50) && tape.differs_from(10, 50));
    }
}
