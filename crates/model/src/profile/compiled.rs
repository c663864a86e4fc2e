//! Compiled profiles: the patterns and distributions that calls are matched with and drawn from.

use std::num::NonZeroU32;
use std::time::Duration;

use http::StatusCode;
use rand::RngExt as _;

use super::autocorrelation::BlockFactors;
use super::model::{Profile, ProfileValidRange, Reneging};
use crate::draws::{Draws, RandomStream};
use crate::station::{Capacity, Contention, StallSchedule, TokenRate};
use standin_stub::call::Call;
use standin_stub::delay::Distribution;
use standin_stub::matcher::{MatchStats, RequestPattern};
use standin_stub::reply::Reply;

/// A profile that requests are paced by.
#[derive(Debug)]
pub struct CompiledProfile {
    /// Name: that of the file, without its extension.
    pub name: String,
    /// Services, in the order in which they are matched.
    pub services: Vec<CompiledService>,
    /// The profile that was compiled, with the services that it inherits.
    pub spec: Profile,
}

/// A service of a compiled profile.
#[derive(Debug)]
pub struct CompiledService {
    /// Name as in the profile.
    pub name: String,
    /// Workers and queue, scaled.
    pub station: CompiledStation,
    /// Station that calls pass before the workers.
    pub front_station: Option<CompiledStation>,
    /// Limit of the rate at which calls are let in.
    pub rate_limit: Option<CompiledRateLimit>,
    /// Times at which the service stands still.
    pub stalls: Option<StallSchedule>,
    /// Behaviour when a client goes away before its answer.
    pub reneging: Reneging,
    /// Rules by which the service closes its connections.
    pub connections: Option<CompiledConnectionRules>,
    /// Operations; the default one is the last.
    pub operations: Vec<CompiledOperation>,
    /// Range in which the service was observed.
    pub valid: ProfileValidRange,
    pub(super) pattern: Option<RequestPattern>,
    /// Index of the default operation.
    pub(super) default: Option<usize>,
}

/// A station with its scale applied.
#[derive(Debug)]
pub struct CompiledStation {
    /// Workers and their queue.
    pub capacity: Capacity,
    /// Response to a call that finds the queue full.
    pub overflow: Reply,
}

/// A limit of the rate at which calls are let in.
#[derive(Debug)]
pub struct CompiledRateLimit {
    /// Rate and burst of the token bucket.
    pub rate: TokenRate,
    /// Response to a call that is turned away.
    pub overflow: Reply,
}

/// Rules by which a service closes its connections.
#[derive(Debug)]
pub struct CompiledConnectionRules {
    /// Number of answers after which a connection is closed.
    pub max_requests: Option<NonZeroU32>,
    /// Time after the end of the idle time in which a request is lost.
    pub race: Duration,
    pub(super) idle: Option<Distribution>,
    pub(super) key: u64,
}

/// An operation of a compiled service.
#[derive(Debug)]
pub struct CompiledOperation {
    /// Name; `default` for the default operation.
    pub name: String,
    /// The part of the demand that other calls disturb; no CPU if the service shares none.
    pub contention: Contention,
    pub(super) pattern: Option<RequestPattern>,
    pub(super) demand: Distribution,
    pub(super) outside_latency: Option<Distribution>,
    pub(super) front_demand: Option<Distribution>,
    pub(super) classes: Vec<CompiledClass>,
    /// Streams that class, demand, outside latency and front demand are drawn from.
    pub(super) keys: [u64; 4],
    pub(super) blocks: Option<BlockFactors>,
    /// Bytes a second at which bodies leave.
    pub(super) transfer_rate: Option<f64>,
    pub(super) factors: TimeFactors,
}

/// Factors of the times of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeFactors {
    pub(super) demand: f64,
    pub(super) front_demand: f64,
    pub(super) outside_latency: f64,
}

/// A share of an operation's calls with its own demand.
#[derive(Debug)]
pub struct CompiledClass {
    /// Share of all calls, from 0 to 1.
    pub share: f64,
    /// Length of the response body, in bytes, from which on calls belong to the class; any length
    /// if `None`.
    pub min_body_bytes: Option<u64>,
    /// Status of the answer, in place of the stub's answer.
    pub status: Option<StatusCode>,
    pub(super) demand: Distribution,
}

/// The service and the operation that a call matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationMatch {
    /// Index of the service.
    pub service: usize,
    /// Index of the operation; `None` if the call matches none and the service has no default: it
    /// is counted, not paced.
    pub operation: Option<usize>,
}

/// The demands of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallDemands<'o> {
    /// Time that the call holds a worker.
    pub demand: Duration,
    /// Time before the call asks for a worker.
    pub outside_latency: Duration,
    /// Bytes a second at which the body leaves; without limit if `None`.
    pub transfer_rate: Option<f64>,
    /// Time that the call holds a worker of the front station; it does not stop there if `None`.
    pub front_demand: Option<Duration>,
    /// Class of the call, if it is of one.
    pub class: Option<&'o CompiledClass>,
}

impl CompiledProfile {
    /// Returns the first service that a call matches, and its first operation there; `None` if no
    /// service matches.
    pub fn match_call(&self, call: &Call, stats: &MatchStats) -> Option<OperationMatch> {
        let matches = |pattern: &Option<RequestPattern>| pattern.as_ref().is_none_or(|p| p.matches(call, stats));
        let index = self.services.iter().position(|service| matches(&service.pattern))?;
        let service = &self.services[index];
        let mut named = service.operations.iter().enumerate().filter(|(index, _)| Some(*index) != service.default);
        let matched = named.find(|(_, operation)| matches(&operation.pattern)).map(|(index, _)| index);
        Some(OperationMatch { service: index, operation: matched.or(service.default) })
    }
}

impl CompiledConnectionRules {
    /// Draws the time without a request after which a connection is closed, for the connection of
    /// the request with this index; `None` if it stays open.
    pub fn draw_idle(&self, draws: &Draws, ordinal: u64) -> Option<Duration> {
        self.idle.as_ref().map(|idle| idle.sample(&mut draws.at(self.key, ordinal)))
    }
}

impl CompiledOperation {
    /// Draws the demands of the call with this 0-based index in its operation: the same on any
    /// worker.
    ///
    /// `after` is the time of the call since the profile was activated; it counts for
    /// autocorrelated demands only. `body_bytes` is the length of the answer's body, if known; it
    /// counts where classes depend on it.
    ///
    /// Class, demand, outside latency and front demand are drawn from streams of their own (see
    /// [`Draws`]), keyed by the version 5 UUID of service, operation and `class`, `demand`,
    /// `outside` or `front`: a change of one distribution leaves the draws of the others as they
    /// are.
    pub fn draw(&self, draws: &Draws, ordinal: u64, after: Duration, body_bytes: Option<u64>) -> CallDemands<'_> {
        let [class, demand, outside, front] = self.keys;
        let class = self.draw_class(draws.at(class, ordinal), body_bytes);
        let distribution = class.map_or(&self.demand, |class| &class.demand);
        let mut stream = draws.at(demand, ordinal);
        let drawn = match &self.blocks {
            None => distribution.sample(&mut stream),
            Some(blocks) => distribution.quantile(blocks.probability(*draws, after, &mut stream)),
        };
        let sample = |distribution: &Option<Distribution>, key| {
            distribution.as_ref().map(|distribution| distribution.sample(&mut draws.at(key, ordinal)))
        };
        let outside_latency = sample(&self.outside_latency, outside).unwrap_or_default();
        CallDemands {
            demand: scale(drawn, self.factors.demand),
            outside_latency: scale(outside_latency, self.factors.outside_latency),
            front_demand: sample(&self.front_demand, front).map(|time| scale(time, self.factors.front_demand)),
            transfer_rate: self.transfer_rate,
            class,
        }
    }

    /// Returns whether a class depends on the length of the answer's body.
    pub fn has_class_by_length(&self) -> bool {
        self.classes.iter().any(|class| class.min_body_bytes.is_some())
    }

    /// Returns the mean demand over all classes; `None` if it is infinite.
    pub fn mean_demand(&self) -> Option<Duration> {
        let rest = 1.0 - self.classes.iter().map(|class| class.share).sum::<f64>();
        let parts = self.classes.iter().map(|class| (class.share, &class.demand));
        let parts = parts.chain([(rest.max(0.0), &self.demand)]).filter(|(share, _)| *share > 0.0);
        let mut sum = 0.0;
        for (share, distribution) in parts {
            sum += share * distribution.mean()?.as_nanos() as f64;
        }
        Some(scale(Duration::from_nanos(sum.round() as u64), self.factors.demand))
    }

    /// Returns the mean demand of the front station, zero if calls do not stop there; `None` if it
    /// is infinite.
    pub fn mean_front_demand(&self) -> Option<Duration> {
        let mean = self.front_demand.as_ref().map_or(Some(Duration::ZERO), Distribution::mean)?;
        Some(scale(mean, self.factors.front_demand))
    }

    /// Draws the class of a call. Classes by length have their share only if the length is not
    /// known.
    fn draw_class(&self, mut stream: RandomStream, body_bytes: Option<u64>) -> Option<&CompiledClass> {
        if self.classes.is_empty() {
            return None;
        }
        let (choice, mut cumulated): (f64, f64) = (stream.random(), 0.0);
        let has_share = |class: &&CompiledClass| class.min_body_bytes.is_none() || body_bytes.is_none();
        let drawn = self.classes.iter().filter(has_share).find(|class| {
            cumulated += class.share;
            choice < cumulated
        });
        drawn.or_else(|| {
            let is_long_enough =
                |class: &&CompiledClass| class.min_body_bytes.is_some() && class.min_body_bytes <= body_bytes;
            self.classes.iter().filter(is_long_enough).max_by_key(|class| class.min_body_bytes)
        })
    }
}

/// Returns a time multiplied by a factor, in whole nanoseconds.
fn scale(time: Duration, factor: f64) -> Duration {
    if factor == 1.0 {
        return time;
    }
    // a float beyond u64 saturates
    Duration::from_nanos((time.as_nanos() as f64 * factor).round() as u64)
}
