//! How late an answer comes, said in the words of a test.

use std::time::Duration;

use serde_json::{Map, Value};

/// How late an answer comes, from the last byte of the call to the first of the answer. A [`Duration`] is always the
/// same; the others are drawn anew for each call, in the same order in each run of a test.
///
/// ```
/// # use std::time::Duration;
/// # use standin::mock::{get, lognormal};
/// let (median, p99) = (Duration::from_millis(60), Duration::from_millis(250));
/// get("/users").reply(200).delay(lognormal(median, p99).at_most(p99 * 4));
/// get("/users").reply(200).delay(Duration::from_micros(300));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Delay(pub(super) Map<String, Value>);

/// Any time between these, with equal chance.
pub fn uniform(min: Duration, max: Duration) -> Delay {
    Delay::of("uniform").with("min", min).with("max", max)
}

/// A normal distribution, truncated at 0.
pub fn normal(mean: Duration, standard_deviation: Duration) -> Delay {
    Delay::of("normal").with("mean", mean).with("sd", standard_deviation)
}

/// A log-normal distribution, as most services have: half of the answers come by `median`, 99 of a hundred by `p99`.
pub fn lognormal(median: Duration, p99: Duration) -> Delay {
    Delay::of("lognormal").with("median", median).with("p99", p99)
}

/// An exponential distribution.
pub fn exponential(mean: Duration) -> Delay {
    Delay::of("exponential").with("mean", mean)
}

/// A measured distribution: percentiles from 0 to 100, both included, log-linear between them.
///
/// ```
/// # use std::time::Duration;
/// # use standin::mock::{get, percentiles};
/// let ms = Duration::from_millis;
/// get("/").reply(200).delay(percentiles([(0.0, ms(2)), (50.0, ms(8)), (99.9, ms(70)), (100.0, ms(400))]));
/// ```
pub fn percentiles(points: impl IntoIterator<Item = (f64, Duration)>) -> Delay {
    points.into_iter().fold(Delay::of("quantiles"), |delay, (percent, time)| delay.with(&format!("p{percent}"), time))
}

impl Delay {
    fn of(kind: &str) -> Self {
        Self(Map::from_iter([("type".to_owned(), kind.into())]))
    }

    /// Truncated: what is drawn is the distribution given that it is not more.
    pub fn at_most(self, max: Duration) -> Self {
        self.with("max", max)
    }

    /// Truncated: what is drawn is the distribution given that it is not less.
    pub fn at_least(self, min: Duration) -> Self {
        self.with("min", min)
    }

    fn with(mut self, name: &str, time: Duration) -> Self {
        // a stub gives times in milliseconds
        self.0.insert(name.to_owned(), (time.as_nanos() as f64 / 1e6).into());
        self
    }
}

impl From<Duration> for Delay {
    fn from(time: Duration) -> Self {
        Self::of("fixed").with("value", time)
    }
}
