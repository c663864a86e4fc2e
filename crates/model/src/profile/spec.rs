//! What a profile file says, as data: fitting builds it and writes it, and a profile is compiled from it.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value as Json;

pub use super::order::Order;
pub use super::timeline::{Step, Timeline};
use crate::station;
use standin_stub::delay::{BuildError, Distribution, Param, ParamValue};

/// A profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// What it stands for, in words.
    pub description: Option<String>,
    /// The priority of the peak-load scenario that it stands for.
    pub priority: Option<i64>,
    /// The profile that it is a change of. What was read has that one's services already.
    pub extends: Option<String>,
    /// The services, in the order in which they are tried.
    pub services: Vec<Service>,
    /// Which profile is served when, in place of services of its own.
    pub timeline: Option<Timeline>,
}

/// One shared resource: its operations compete for the same workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name, unlike all others of the profile.
    pub name: String,
    /// Which calls it serves, as a WireMock request pattern; all if there is none.
    pub pattern: Option<Json>,
    /// Its workers and their queue, before scaling.
    pub capacity: station::Capacity,
    /// What a call gets that finds the queue full; 503 if nothing is said.
    pub overflow: Option<Overflow>,
    /// What calls pass before its workers, if anything.
    pub front: Option<Front>,
    /// How fast calls may come, if that is limited.
    pub rate_limit: Option<RateLimit>,
    /// When it stands still, if it does.
    pub stalls: Option<Stalls>,
    /// What becomes of a call's worker when its client goes away.
    pub abandon: Abandon,
    /// What if it were slower, or larger.
    pub scale: Scale,
    /// The operations, in the order in which they are tried.
    pub operations: Vec<Operation>,
    /// What the calls do that match no operation.
    pub default: Option<Work>,
    /// The range in which it was observed.
    pub valid: Valid,
}

/// A limit at the door, before a worker is asked for. It is not scaled: it is somebody's rule, not what a service can do.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// How many, and how many at once.
    pub rate: station::TokenRate,
    /// What a call beyond it gets; 429 if nothing is said.
    pub overflow: Option<Overflow>,
}

/// A station in front of another, such as an event loop before a pool: a call comes to the service's workers at the moment
/// at which it is finished here.
#[derive(Clone, Debug, PartialEq)]
pub struct Front {
    /// Its workers and their queue, before scaling.
    pub capacity: station::Capacity,
    /// What a call gets that finds the queue full; 503 if nothing is said.
    pub overflow: Option<Overflow>,
}

/// Times in which a whole service stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct Stalls {
    /// The time from the end of one to the begin of the next.
    pub every: Delay,
    /// The time that one takes.
    pub last: Delay,
}

/// What becomes of the worker of a call whose client goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abandon {
    /// It works on to the end, as most servers do.
    #[default]
    Keep,
    /// It is free for calls that come later.
    Free,
}

/// What a call gets that finds the queue full.
#[derive(Clone, Debug, PartialEq)]
pub enum Overflow {
    /// An answer.
    Answer {
        /// The status.
        status: u16,
        /// The headers.
        headers: HeaderMap,
        /// The body.
        body: Option<String>,
    },
    /// A fault, as WireMock names it.
    Fault(String),
}

/// Factors for what-if questions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// All times are so many times as long.
    pub latency: f64,
    /// There is so many times the capacity.
    pub capacity: f64,
}

/// One kind of call.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its name, unlike all others of the service.
    pub name: String,
    /// Which calls it is, as a WireMock request pattern; all if there is none.
    pub pattern: Option<Json>,
    /// What they demand.
    pub work: Work,
}

/// What calls demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The time that a call holds a worker.
    pub demand: Delay,
    /// The time that it takes before it asks for a worker; none if not given.
    pub outside: Option<Delay>,
    /// The time that a call holds a worker of the front; it does not stop there if not given.
    pub front: Option<Delay>,
    /// How slow spells stay together; each draw is on its own if not given.
    pub order: Option<Order>,
    /// The bytes a second at which bodies leave; at once if not given.
    pub transfer: Option<f64>,
    /// Shares of the calls that demand otherwise.
    pub classes: Vec<Class>,
}

/// A share of the calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Of all calls, from 0 to 1.
    pub share: f64,
    /// The bytes of a body from which on its calls are of this class; any calls if not given.
    pub from: Option<u64>,
    /// The status that they are answered with, in place of the stub's answer.
    pub status: Option<u16>,
    /// The time that they hold a worker.
    pub demand: Delay,
}

/// The range in which a service was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Valid {
    /// The highest share of the capacity that was in use.
    pub utilization: Option<f64>,
    /// The most calls at once.
    pub in_flight: Option<u64>,
    /// The most calls a second.
    pub per_second: Option<f64>,
    /// How many calls were observed.
    pub samples: Option<u64>,
}

/// A distribution of times, by its kind and parameters as [`Distribution::build`] takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// One of [`Distribution::KINDS`].
    pub kind: String,
    /// The parameters, in the order of the file; `value` of `fixed` and `parts` of `mixture` among them.
    pub params: Vec<(String, DelayParam)>,
}

/// A parameter of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub enum DelayParam {
    /// A plain number.
    Number(f64),
    /// A time.
    Time(Duration),
    /// Distributions, each with its share from 0 to 1.
    Parts(Vec<(f64, Delay)>),
}

impl Work {
    /// A demand with its classes, and nothing beside it.
    pub fn of(demand: Delay, classes: Vec<Class>) -> Self {
        Self { demand, outside: None, front: None, order: None, transfer: None, classes }
    }
}

impl Delay {
    /// Always the same time.
    pub fn fixed(time: Duration) -> Self {
        Self { kind: "fixed".to_owned(), params: vec![("value".to_owned(), DelayParam::Time(time))] }
    }

    /// A table of percentiles (0 to 100) and times, each rounded to four digits: within 0.05 % of what was measured, and
    /// short enough to be read.
    pub fn quantiles(points: impl IntoIterator<Item = (f64, Duration)>) -> Self {
        let params = points.into_iter().map(|(percent, time)| (format!("p{percent}"), DelayParam::Time(rounded(time))));
        Self { kind: "quantiles".to_owned(), params: params.collect() }
    }

    /// The distribution, or what is wrong with it.
    pub fn build(&self) -> Result<Distribution, BuildError> {
        let mut params = Vec::with_capacity(self.params.len());
        for (name, value) in &self.params {
            let value = match value {
                DelayParam::Number(number) => ParamValue::Number(*number),
                DelayParam::Time(time) => ParamValue::Time(time.as_nanos() as f64),
                DelayParam::Parts(parts) => {
                    let built = parts.iter().map(|(share, part)| Ok((*share, part.build()?)));
                    ParamValue::Parts(built.collect::<Result<_, BuildError>>()?)
                }
            };
            params.push(Param { name, value });
        }
        Distribution::build(&self.kind, &params)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self { latency: 1.0, capacity: 1.0 }
    }
}

/// A time with four digits.
fn rounded(time: Duration) -> Duration {
    let nanos = time.as_nanos() as u64;
    let unit = 10u64.pow(nanos.checked_ilog10().unwrap_or(0).saturating_sub(3));
    Duration::from_nanos(nanos.saturating_add(unit / 2) / unit * unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounding_loses_little_and_keeps_the_order(nanos in 0..u64::MAX / 4, more in 0..1_000_000u64) {
            let (one, other) = (Duration::from_nanos(nanos), Duration::from_nanos(nanos + more));
            prop_assert!(rounded(one) <= rounded(other));
            prop_assert!(rounded(one).abs_diff(one).as_secs_f64() <= 0.0005 * one.as_secs_f64());
        }
    }
}
