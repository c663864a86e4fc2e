//! The data of a profile: what a profile file states, and what fitting and importing produce.

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::station::{Capacity, Contention, TokenRate};
use standin_stub::delay::{BuildError, Distribution, Param, ParamValue, units};

/// A performance model of a backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Description that reports show.
    pub description: Option<String>,
    /// Priority of the peak-load scenario that the profile stands for.
    pub priority: Option<i64>,
    /// Name of the profile that this one extends. A profile that was read has the inherited
    /// services already.
    pub extends: Option<String>,
    /// Services, in the order in which they are matched.
    pub services: Vec<ProfileService>,
    /// Schedule of other profiles, in place of services.
    pub timeline: Option<Timeline>,
}

/// A resource whose operations compete for the same workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileService {
    /// Name, unique in the profile.
    pub name: String,
    /// WireMock request pattern of the calls of the service; `None` matches every call.
    pub pattern: Option<Json>,
    /// Workers and queue, before scaling.
    pub station: StationSpec,
    /// Station that calls pass before the workers, such as an event loop before a thread pool
    /// (`front` in the file).
    pub front_station: Option<StationSpec>,
    /// Limit of the rate at which calls are let in.
    pub rate_limit: Option<RateLimit>,
    /// Times at which the whole service stands still.
    pub stalls: Option<StallTimes>,
    /// Behaviour when a client goes away before its answer (`abandon` in the file).
    pub reneging: Reneging,
    /// Rules by which the service closes its connections; `None` leaves them open.
    pub connections: Option<ConnectionRules>,
    /// Factors for what-if questions.
    pub scale: ScaleFactors,
    /// Operations, in the order in which they are matched.
    pub operations: Vec<ProfileOperation>,
    /// Timing of the calls that match no operation.
    pub default: Option<OperationTiming>,
    /// Range in which the service was observed.
    pub valid: ProfileValidRange,
}

/// A station: its capacity, and the response of a full queue.
#[derive(Clone, Debug, PartialEq)]
pub struct StationSpec {
    /// Workers and their queue.
    pub capacity: Capacity,
    /// Response to a call that finds the queue full; `None` stands for status 503.
    pub overflow: Option<Overflow>,
}

/// A limit that calls pass before they ask for a worker. Scaling leaves it alone: it is a rule, not
/// what a service can do.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// Rate and burst of the token bucket.
    pub rate: TokenRate,
    /// Response to a call that is turned away; `None` stands for status 429.
    pub overflow: Option<Overflow>,
}

/// Times at which a whole service stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct StallTimes {
    /// Time from the end of one stall to the begin of the next.
    pub interval: DistributionSpec,
    /// Time that a stall takes.
    pub duration: DistributionSpec,
}

/// Rules by which a service closes its connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionRules {
    /// Number of answers after which a connection is closed; with 1, every request needs a
    /// connection of its own. HTTP/2 connections get GOAWAY.
    pub max_requests: Option<NonZeroU32>,
    /// Time without a request after which a connection is closed.
    pub idle: Option<DistributionSpec>,
    /// Time after that in which a request is lost: the connection is reset instead of an answer.
    pub race: Duration,
}

/// Behaviour of a service when a client goes away before its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reneging {
    /// The worker works on to the end, as in most servers.
    #[default]
    KeepWorker,
    /// The worker is free for later calls.
    FreeWorker,
}

/// Response to a call that is turned away.
#[derive(Clone, Debug, PartialEq)]
pub enum Overflow {
    /// An answer in place of the stub's.
    Answer {
        /// Status from 200 to 599.
        status: u16,
        /// Headers of the answer.
        headers: HeaderMap,
        /// Body; empty if `None`.
        body: Option<String>,
    },
    /// A fault, by WireMock's name.
    Fault(String),
}

/// Factors for what-if questions; 1 changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleFactors {
    /// Factor of all times.
    pub latency: f64,
    /// Factor of the capacity.
    pub capacity: f64,
}

/// A kind of calls.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileOperation {
    /// Name, unique in the service.
    pub name: String,
    /// WireMock request pattern of the calls of the operation; `None` matches every call.
    pub pattern: Option<Json>,
    /// Times that a call takes.
    pub timing: OperationTiming,
}

/// Times that a call of an operation takes at the service.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationTiming {
    /// Time that a call holds a worker.
    pub demand: DistributionSpec,
    /// The part of the demand that other calls disturb, where the capacity is layered (`cpu` or
    /// `slowdown` in the file); all of it needs a core if `None`.
    pub contention: Option<Contention>,
    /// Time before a call asks for a worker, independent of load (`outside` in the file); zero if
    /// `None`.
    pub outside_latency: Option<DistributionSpec>,
    /// Time that a call holds a worker of the front station; a call does not stop there if `None`.
    pub front_demand: Option<DistributionSpec>,
    /// Correlation of demands in time (`order` in the file); demands are independent if `None`.
    pub autocorrelation: Option<Autocorrelation>,
    /// Rate at which bodies leave, in bytes a second; without limit if `None`.
    pub transfer_rate: Option<f64>,
    /// Shares of the calls that have other demands.
    pub classes: Vec<DemandClass>,
}

/// A share of the calls of an operation, with its own demand.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandClass {
    /// Share of all calls, from 0 to 1.
    pub share: f64,
    /// Length of the response body, in bytes, from which on calls belong to the class; any length
    /// if `None`.
    pub min_body_bytes: Option<u64>,
    /// Status of the answer, in place of the stub's answer.
    pub status: Option<u16>,
    /// Time that a call holds a worker.
    pub demand: DistributionSpec,
}

/// Correlation of the demands of calls that come close together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Autocorrelation {
    /// Length of a block of time whose calls are correlated; above 0.
    pub block: Duration,
    /// Correlation of two calls in a block, from 0 to 1: of their ranks as normal scores.
    /// Spearman's correlation of the ranks themselves is 6/π · asin(ρ/2), less by 0.02 at most.
    pub correlation: f64,
}

/// Range in which a service was observed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProfileValidRange {
    /// Highest utilization, from 0 to 1.
    pub utilization: Option<f64>,
    /// Most calls at once.
    pub in_flight: Option<u64>,
    /// Most calls a second.
    pub per_second: Option<f64>,
    /// Number of calls that were observed.
    pub samples: Option<u64>,
    /// Begin of the latest recording, in seconds since 1970.
    pub recorded: Option<u64>,
}

/// A distribution of times, by its kind and parameters as [`Distribution::build`] takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionSpec {
    /// Kind, one of [`Distribution::KINDS`].
    pub kind: String,
    /// Parameters, in the order of the file; `value` of `fixed` and `parts` of `mixture` among
    /// them.
    pub params: Vec<(String, DistributionParam)>,
}

/// A parameter of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub enum DistributionParam {
    /// A number without a unit.
    Number(f64),
    /// A time with its unit.
    Time(Duration),
    /// Distributions, each with its share from 0 to 1.
    Parts(Vec<(f64, DistributionSpec)>),
}

/// A schedule of profiles, counted from the time at which it is activated.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Steps, by rising time from 0; at least one, the first with a profile.
    pub steps: Vec<TimelineStep>,
    /// Length of a round, after which the timeline starts again; the last step stays active if
    /// `None`.
    pub repeat: Option<Duration>,
    /// Factor by which the timeline runs faster than the clock.
    pub speed: f64,
}

/// A step of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineStep {
    /// Begin of the step, in the timeline's own time.
    pub at: Duration,
    /// Profile that becomes active; the step before keeps its own if `None`.
    pub profile: Option<String>,
    /// Factors on top of those of the profile's services.
    pub scale: ScaleFactors,
}

impl Default for StationSpec {
    /// A station without a limit.
    fn default() -> Self {
        Self { capacity: Capacity::Unlimited, overflow: None }
    }
}

impl Default for ScaleFactors {
    fn default() -> Self {
        Self { latency: 1.0, capacity: 1.0 }
    }
}

impl OperationTiming {
    /// A demand with its classes, and nothing else.
    pub fn new(demand: DistributionSpec, classes: Vec<DemandClass>) -> Self {
        Self {
            demand,
            contention: None,
            outside_latency: None,
            front_demand: None,
            autocorrelation: None,
            transfer_rate: None,
            classes,
        }
    }
}

/// Serializes with units, as in a profile.
impl Serialize for Autocorrelation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = [("blocks", units::duration(self.block)), ("correlation", units::share(self.correlation))];
        serializer.collect_map(parts)
    }
}

impl DistributionSpec {
    /// Returns the distribution of a constant time.
    pub fn fixed(time: Duration) -> Self {
        Self { kind: "fixed".to_owned(), params: vec![("value".to_owned(), DistributionParam::Time(time))] }
    }

    /// A table of percentiles (0 to 100) and times, each time rounded to four digits: an error of
    /// at most 0.05 %.
    pub fn quantiles(points: impl IntoIterator<Item = (f64, Duration)>) -> Self {
        let param = |(percent, time)| (format!("p{percent}"), DistributionParam::Time(round_to_four_digits(time)));
        Self { kind: "quantiles".to_owned(), params: points.into_iter().map(param).collect() }
    }

    /// Builds the distribution. An error says which parameter is wrong.
    pub fn build(&self) -> Result<Distribution, BuildError> {
        let mut params = Vec::with_capacity(self.params.len());
        for (name, value) in &self.params {
            let value = match value {
                DistributionParam::Number(number) => ParamValue::Number(*number),
                DistributionParam::Time(time) => ParamValue::Time(time.as_nanos() as f64),
                DistributionParam::Parts(parts) => {
                    let built = parts.iter().map(|(share, part)| Ok((*share, part.build()?)));
                    ParamValue::Parts(built.collect::<Result<_, BuildError>>()?)
                }
            };
            params.push(Param { name, value });
        }
        Distribution::build(&self.kind, &params)
    }
}

fn round_to_four_digits(time: Duration) -> Duration {
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
            prop_assert!(round_to_four_digits(one) <= round_to_four_digits(other));
            let error = round_to_four_digits(one).abs_diff(one).as_secs_f64();
            prop_assert!(error <= 0.0005 * one.as_secs_f64());
        }
    }
}
