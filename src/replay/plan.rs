//! Schedule of a replay: the calls and their times, fixed before the first call and the same for
//! every target.

use std::time::Duration;

use rand::RngExt as _;

use standin_model::draws::Draws;
use standin_tape::exchange::Exchange;
use standin_tape::{LoadedTape, busiest_second};

/// Schedule of calls, ordered by their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Calls, ordered by `at`.
    pub calls: Vec<ScheduledCall>,
    /// Number of calls that are left out for their methods.
    pub left_out: u64,
    /// Requested rate in calls per second; `None` for the recorded times.
    rate: Option<f64>,
}

/// A call of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledCall {
    /// Index of the exchange on the tape.
    pub call: usize,
    /// Time in nanoseconds since the first call.
    pub at: u64,
}

/// Arrival times of the calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Recorded times, `speed` times as fast.
    Recorded {
        /// Factor of the speed: 2 is twice as fast.
        speed: f64,
    },
    /// Random times of a Poisson process.
    Poisson {
        /// Mean rate in calls per second.
        per_second: f64,
        /// Seed of the random times: the same seed gives the same times.
        seed: u64,
    },
}

impl Plan {
    /// Schedules the calls of a tape that reached the service and whose method `is_sent`.
    pub fn new(recording: &LoadedTape, pace: Pace, is_sent: impl Fn(&str) -> bool) -> Self {
        let all = recording.exchanges.iter().enumerate();
        let came = |(call, exchange): (usize, &Exchange)| Some((recording.arrival(exchange)?, call));
        let mut arrivals: Vec<(u64, usize)> = all.filter_map(came).collect();
        arrivals.sort_unstable();
        let came = arrivals.len();
        arrivals.retain(|(_, call)| is_sent(&recording.exchanges[*call].request.method));
        let left_out = (came - arrivals.len()) as u64;
        let first = arrivals.first().map_or(0, |(at, _)| *at);
        let mut poisson = 0.0;
        let calls = arrivals.iter().enumerate().map(|(ordinal, (arrival, call))| {
            let at = match pace {
                Pace::Recorded { speed } => ((arrival - first) as f64 / speed).round() as u64,
                Pace::Poisson { per_second, seed } => {
                    let at = poisson;
                    let uniform: f64 = Draws::new(seed).at(GAPS, ordinal as u64).random();
                    poisson -= (1.0 - uniform).ln() / per_second * 1e9;
                    at as u64
                }
            };
            ScheduledCall { call: *call, at }
        });
        let calls = calls.collect();
        let rate = match pace {
            Pace::Recorded { .. } => None,
            Pace::Poisson { per_second, .. } => Some(per_second),
        };
        Self { calls, left_out, rate }
    }

    /// Schedules random calls of `calls` at random times (Poisson) for `length`. `stream`
    /// distinguishes plans with the same seed.
    pub fn random(calls: &[usize], per_second: f64, length: Duration, seed: u64, stream: u64) -> Self {
        let draws = Draws::new(seed);
        let (mut at, mut planned) = (0.0, Vec::new());
        for ordinal in 0.. {
            let mut drawn = draws.at(GAPS ^ (stream + 1), ordinal);
            let uniform: f64 = drawn.random();
            at -= (1.0 - uniform).ln() / per_second * 1e9;
            if at >= length.as_nanos() as f64 || calls.is_empty() {
                break;
            }
            planned.push(ScheduledCall { call: calls[drawn.random_range(0..calls.len())], at: at as u64 });
        }
        Self { calls: planned, left_out: 0, rate: Some(per_second) }
    }

    /// Returns the rate in calls per second: the requested one, or that of the busiest second.
    pub fn per_second(&self) -> f64 {
        self.rate.unwrap_or_else(|| busiest_second(self.calls.iter().map(|due| due.at)))
    }

    /// Returns the time of the last call, in nanoseconds since the first.
    pub fn length(&self) -> u64 {
        self.calls.last().map_or(0, |due| due.at)
    }

    /// Splits the plan into `count` blocks of equal time. Times count from the first call of a
    /// block; empty blocks are left out.
    pub fn blocks(&self, count: u64) -> Vec<Self> {
        let length = self.length() / count.max(1) + 1;
        let block = |due: &&ScheduledCall| due.at / length;
        let stretches = self.calls.chunk_by(|one, other| block(&one) == block(&other));
        let counted = |stretch: &[ScheduledCall]| {
            let first = stretch[0].at;
            let calls = stretch.iter().map(|due| ScheduledCall { at: due.at - first, ..*due }).collect();
            Self { calls, left_out: 0, rate: self.rate }
        };
        stretches.map(counted).collect()
    }
}

/// Stream of the random times, distinct from the streams of stubs.
const GAPS: u64 = 0x7265_706c_6179;

#[cfg(test)]
mod tests {
    use super::*;
    use standin_tape::exchange::{ExchangeFailure, ExchangeRequest, ExchangeTimes, FailureReason};

    fn exchange(method: &str, sent: u64) -> Exchange {
        Exchange {
            number: 1,
            operation: None,
            request: ExchangeRequest {
                method: method.to_owned(),
                url: "/".to_owned(),
                headers: Vec::new(),
                body: None,
            },
            response: None,
            failure: None,
            times: ExchangeTimes { received: 0, sent: Some(sent), ..ExchangeTimes::default() },
            in_flight: 1,
            reused: true,
        }
    }

    fn recording(exchanges: Vec<Exchange>) -> LoadedTape {
        LoadedTape { exchanges, ..LoadedTape::default() }
    }

    #[test]
    fn recorded_times_are_kept_or_sped_up() {
        let mut refused = exchange("GET", 1_500);
        refused.failure = Some(ExchangeFailure { reason: FailureReason::Limit, detail: String::new() });
        let tape = recording(vec![exchange("GET", 3_000), exchange("POST", 2_000), exchange("GET", 1_000), refused]);
        let plan = Plan::new(&tape, Pace::Recorded { speed: 1.0 }, |_| true);
        let due = |call, at| ScheduledCall { call, at };
        assert_eq!(plan.calls, [due(2, 0), due(1, 1_000), due(0, 2_000)]);
        let plan = Plan::new(&tape, Pace::Recorded { speed: 2.0 }, |method| method == "GET");
        assert_eq!((plan.calls.as_slice(), plan.left_out), (&[due(2, 0), due(0, 1_000)][..], 1));
    }

    #[test]
    fn poisson_calls_have_their_rate_and_come_again_with_their_seed() {
        let tape = recording((0..20_000).map(|at| exchange("GET", at)).collect());
        let plan = |seed| Plan::new(&tape, Pace::Poisson { per_second: 100.0, seed }, |_| true);
        let (one, other) = (plan(1), plan(2));
        assert_eq!(one, plan(1));
        assert_ne!(one, other);
        assert!((one.length() as f64 / 200e9 - 1.0).abs() < 0.03, "{}", one.length());
        assert_eq!(one.per_second(), 100.0);
        // exponential gaps: the standard deviation is the mean
        let gaps: Vec<f64> = one.calls.windows(2).map(|two| (two[1].at - two[0].at) as f64 / 1e7).collect();
        let variance = gaps.iter().map(|gap| (gap - 1.0).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance - 1.0).abs() < 0.1, "{variance}");
    }

    #[test]
    fn random_plans_have_their_rate_and_their_calls() {
        let plan = |seed, stream| Plan::random(&[3, 5, 8], 200.0, Duration::from_secs(20), seed, stream);
        let one = plan(1, 0);
        assert_eq!(one, plan(1, 0));
        assert!(one != plan(2, 0) && one != plan(1, 1));
        // 4,000 are expected; five standard deviations
        assert!((3_684..=4_316).contains(&one.calls.len()), "{}", one.calls.len());
        for call in [3, 5, 8] {
            let count = one.calls.iter().filter(|due| due.call == call).count();
            assert!((1_150..=1_520).contains(&count), "{call}: {count}");
        }
        assert!(one.length() < 20_000_000_000 && one.calls.is_sorted_by_key(|due| due.at));
        assert!(Plan::random(&[], 200.0, Duration::from_secs(1), 1, 0).calls.is_empty());
    }

    #[test]
    fn blocks_are_stretches_of_equal_time() {
        let tape = recording([0, 10, 20, 90, 100].map(|at| exchange("GET", at)).to_vec());
        let plan = Plan::new(&tape, Pace::Recorded { speed: 1.0 }, |_| true);
        let times: Vec<Vec<u64>> =
            plan.blocks(4).iter().map(|block| block.calls.iter().map(|due| due.at).collect()).collect();
        assert_eq!(times, [vec![0, 10, 20], vec![0, 10]]);
        assert!(Plan::default().blocks(4).is_empty());
    }
}
