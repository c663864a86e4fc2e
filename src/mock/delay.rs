//! Delays of replies: fixed, or drawn from a distribution.

use std::time::Duration;

use serde_json::{Map, Value};

/// Delay of a reply, from the last byte of the request to the first byte of the reply. A
/// [`Duration`] is always the same; distributions are drawn for each request, in the same order in
/// each run of a test.
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

/// Returns a uniform distribution between `min` and `max`.
pub fn uniform(min: Duration, max: Duration) -> Delay {
    Delay::of("uniform").with("min", min).with("max", max)
}

/// Returns a normal distribution, truncated at 0.
pub fn normal(mean: Duration, standard_deviation: Duration) -> Delay {
    Delay::of("normal").with("mean", mean).with("sd", standard_deviation)
}

/// Returns a log-normal distribution, as most services have: half of the replies take at most
/// `median`, 99 % at most `p99`.
pub fn lognormal(median: Duration, p99: Duration) -> Delay {
    Delay::of("lognormal").with("median", median).with("p99", p99)
}

/// Returns an exponential distribution.
pub fn exponential(mean: Duration) -> Delay {
    Delay::of("exponential").with("mean", mean)
}

/// Returns a measured distribution: percentiles from 0 to 100, both included, with log-linear
/// interpolation.
///
/// ```
/// # use std::time::Duration;
/// # use standin::mock::{get, percentiles};
/// let ms = Duration::from_millis;
/// let measured = percentiles([(0.0, ms(2)), (50.0, ms(8)), (99.9, ms(70)), (100.0, ms(400))]);
/// get("/").reply(200).delay(measured);
/// ```
pub fn percentiles(points: impl IntoIterator<Item = (f64, Duration)>) -> Delay {
    points.into_iter().fold(Delay::of("quantiles"), |delay, (percent, time)| delay.with(&format!("p{percent}"), time))
}

impl Delay {
    fn of(kind: &str) -> Self {
        Self(Map::from_iter([("type".to_owned(), kind.into())]))
    }

    /// Truncates the distribution above `max`.
    pub fn at_most(self, max: Duration) -> Self {
        self.with("max", max)
    }

    /// Truncates the distribution below `min`.
    pub fn at_least(self, min: Duration) -> Self {
        self.with("min", min)
    }

    fn with(mut self, name: &str, time: Duration) -> Self {
        // the stub format has milliseconds
        self.0.insert(name.to_owned(), (time.as_nanos() as f64 / 1e6).into());
        self
    }
}

impl From<Duration> for Delay {
    fn from(time: Duration) -> Self {
        Self::of("fixed").with("value", time)
    }
}
