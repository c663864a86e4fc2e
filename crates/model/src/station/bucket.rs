//! A token bucket in simulated time: a limit of the calls a second, and of the calls at once.

use super::SimTime;

/// The rate and the burst of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenRate {
    /// Calls a second in the long run.
    pub per_second: f64,
    /// Calls that may come at once after a pause; 1 or more.
    pub burst: u32,
    /// `true` if the calls of a burst go on one by one, at the rate.
    pub spaced: bool,
}

/// The state of a token bucket.
///
/// It is stored as the time at which the bucket is full again (generic cell rate algorithm, ITU-T
/// I.371): one number, and no tokens to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenBucket {
    /// Nanoseconds since the epoch.
    full_at: f64,
    /// Latest arrival so far, in nanoseconds since the epoch. Threads hand in their calls a little
    /// out of order, and a call from before the latest would find tokens that have not come yet
    /// missing.
    latest: f64,
}

impl TokenBucket {
    /// Returns when a call that comes at this time may go on; `None` if it may not pass, and then
    /// it takes no token.
    pub fn admit(&mut self, at: SimTime, rate: TokenRate) -> Option<SimTime> {
        let (now, token) = (self.latest.max(at.nanos() as f64), 1e9 / rate.per_second);
        self.latest = now;
        let full_at = self.full_at.max(now) + token;
        // the tolerance of half a nanosecond is the rounding of `at`
        let passes = full_at - now <= f64::from(rate.burst) * token + 0.5;
        if !passes {
            return None;
        }
        let turn = SimTime::from_nanos((full_at - token).ceil() as u64);
        self.full_at = full_at;
        Some(if rate.spaced { turn.max(at) } else { at })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn moment(nanos: u64) -> SimTime {
        Duration::from_nanos(nanos).into()
    }

    #[test]
    fn a_rest_is_saved_up_to_the_burst() {
        let (mut bucket, rate) = (TokenBucket::default(), TokenRate { per_second: 10.0, burst: 3, spaced: false });
        let mut passed =
            |ms: u64, calls: usize| (0..calls).filter(|_| bucket.admit(moment(ms * 1_000_000), rate).is_some()).count();
        assert_eq!(passed(1_000, 5), 3);
        assert_eq!(passed(1_099, 1), 0);
        assert_eq!(passed(1_100, 2), 1);
        assert_eq!(passed(1_250, 2), 1);
        assert_eq!(passed(60_000, 9), 3);
    }

    #[test]
    fn a_burst_that_is_spaced_goes_on_at_the_rate() {
        let (mut bucket, rate) = (TokenBucket::default(), TokenRate { per_second: 10.0, burst: 3, spaced: true });
        let mut turn = |ms: u64| bucket.admit(moment(ms * 1_000_000), rate).map(|at| at.nanos() / 1_000_000);
        assert_eq!([turn(1_000), turn(1_000), turn(1_010), turn(1_020)], [Some(1_000), Some(1_100), Some(1_200), None]);
        // one has gone on, and the next may wait behind the last
        assert_eq!([turn(1_110), turn(1_110)], [Some(1_300), None]);
        assert_eq!(turn(5_000), Some(5_000));
    }

    #[test]
    fn calls_of_a_burst_may_come_out_of_order() {
        let rate = TokenRate { per_second: 10.0, burst: 3, spaced: false };
        let mut bucket = TokenBucket::default();
        let passed: Vec<bool> =
            [1_003, 1_000, 1_002, 1_001].map(|ms| bucket.admit(moment(ms * 1_000_000), rate).is_some()).into();
        assert_eq!(passed, [true, true, true, false]);
    }

    proptest! {
        /// Compares with a bucket that counts its tokens.
        #[test]
        fn it_is_a_bucket_of_tokens(
            gaps in prop::collection::vec(0_u64..300_000_000, 1..300),
            per_second in 1_u32..1_000,
            burst in 1_u32..20,
        ) {
            let rate = TokenRate { per_second: f64::from(per_second), burst, spaced: false };
            let (mut bucket, mut tokens, mut now) = (TokenBucket::default(), f64::from(burst), 1_000_000_000_u64);
            for gap in gaps {
                now += gap;
                tokens = (tokens + gap as f64 * 1e-9 * rate.per_second).min(f64::from(burst));
                // where rounding decides, either is right
                let sure = (tokens - 1.0).abs() > 1e-5;
                let passes = bucket.admit(moment(now), rate).is_some();
                prop_assert!(!sure || passes == (tokens >= 1.0), "{tokens} tokens, {passes}");
                if passes {
                    tokens -= 1.0;
                }
            }
        }
    }
}
