//! Whether a share that differs from the tape's may do so by chance alone: both sides are samples, and small ones differ much.
//!
//! The tape's own share is known from its calls, so that what is to be expected of some calls more is the beta-binomial of
//! these counts. What a tape never shows is not expected at all: where it has no errors, no error is put down to chance.

use standin_stub::delay::gamma::ln_gamma;

/// How many of some calls were of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Those of the kind.
    pub of: f64,
    /// All of them.
    pub calls: f64,
}

impl Share {
    /// Of so many calls, so many.
    pub fn new(of: usize, calls: usize) -> Self {
        Self { of: of as f64, calls: calls as f64 }
    }

    /// From 0 to 1; 0 of no calls.
    pub fn value(self) -> f64 {
        if self.calls > 0.0 { self.of / self.calls } else { 0.0 }
    }

    /// Whether `count` of `calls` more are too many for chance.
    pub(super) fn is_passed_by(self, count: u64, calls: u64) -> bool {
        self.at_least(count as f64, calls as f64) < CHANCE
    }

    /// Whether they are too many or too few for chance.
    pub(super) fn differs_from(self, count: u64, calls: u64) -> bool {
        let others = Self { of: self.calls - self.of, ..self };
        self.is_passed_by(count, calls) || others.is_passed_by(calls - count, calls)
    }

    /// How probable so many are, or more, of `calls` more; 1 where they are no more than expected.
    fn at_least(self, count: f64, calls: f64) -> f64 {
        let (of, others) = (self.of, self.calls - self.of);
        if count <= calls * self.value() {
            return 1.0;
        }
        if of <= 0.0 {
            return 0.0;
        }
        let choices = ln_gamma(calls + 1.0) - ln_gamma(count + 1.0) - ln_gamma(calls - count + 1.0);
        let mut one = (choices + ln_beta(count + of, calls - count + others) - ln_beta(of, others)).exp();
        let (mut count, mut sum) = (count, one);
        while count < calls && one > sum * NEGLIGIBLE {
            one *= (calls - count) * (count + of) / ((count + 1.0) * (calls - count - 1.0 + others));
            sum += one;
            count += 1.0;
        }
        sum
    }
}

fn ln_beta(one: f64, other: f64) -> f64 {
    // the logarithm is good from 1 up
    let ln_gamma = |x: f64| ln_gamma(x + 1.0) - x.ln();
    ln_gamma(one) + ln_gamma(other) - ln_gamma(one + other)
}

/// What is rarer than this is no chance. It is asked at every call of a run, and a run of 20,000 calls is to end by chance in a
/// few of a hundred cases only; less would make it blind for what harms a service.
const CHANCE: f64 = 0.001;

/// Terms below this share of the sum do not change it.
const NEGLIGIBLE: f64 = 1e-9;

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
        let certain = Share { of: 39e6, calls: 1e9 };
        for count in [5, 9, 13] {
            let (got, expected) = (certain.at_least(f64::from(count), 100.0), binomial(count));
            assert!((got / expected - 1.0).abs() < 1e-4, "{count}: {got} for {expected}");
        }
        // a tape of few calls says less
        assert!(Share::new(4, 100).at_least(13.0, 100.0) > 10.0 * binomial(13));
    }

    #[test]
    fn what_the_tape_never_shows_is_no_chance() {
        assert!(Share::new(0, 50).is_passed_by(1, 1_000));
        assert!(!Share::new(0, 50).is_passed_by(0, 1_000));
        // and what it always shows is expected
        assert!(Share::new(50, 50).differs_from(999, 1_000));
        assert!(!Share::new(50, 50).differs_from(1_000, 1_000));
    }

    #[test]
    fn too_few_are_seen_as_too_many_are() {
        let tape = Share::new(48, 1_220);
        assert!(!tape.differs_from(0, 50) && tape.differs_from(0, 500));
        assert!(!tape.differs_from(5, 50) && tape.differs_from(10, 50));
    }
}
