//! Profiles: how stubs are served, apart from what they say.
//!
//! A profile is a YAML file of services, each with workers, and operations, each with a demand. `docs/PROFILES.md` has the
//! format. [`spec`] is a profile as data, [`Profile`] what is served from.

mod capacity;
mod compile;
mod delays;
mod extends;
mod load;
mod order;
mod read;
mod serving;
pub mod spec;
mod timeline;
mod transfer;
mod write;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use rand::RngExt as _;

pub use load::{File, load, load_up_to, read_all};
pub use timeline::Turn;

use self::order::Blocks;
use crate::draws::{Draws, RandomStream};
use crate::station::{Capacity, StallSchedule, TokenRate};
use standin_stub::call::Call;
use standin_stub::delay::Distribution;
use standin_stub::matcher::{MatchStats, RequestPattern};
use standin_stub::reply::Reply;
use standin_stub::source::defect::Defect;

/// A profile, compiled.
#[derive(Debug)]
pub struct Profile {
    /// Its name: that of its file.
    pub name: String,
    /// The services, in the order in which they are tried.
    pub services: Vec<Service>,
    /// What its file says, with what it extends.
    pub spec: spec::Profile,
}

/// One shared resource.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What its station is made of, scaled.
    pub capacity: Capacity,
    /// What a call gets that finds the queue full.
    pub overflow: Reply,
    /// What calls pass before its station, if anything.
    pub front: Option<Front>,
    /// How fast calls may come, and what those beyond that get.
    pub rate_limit: Option<(TokenRate, Reply)>,
    /// When it stands still, if it does.
    pub stalls: Option<StallSchedule>,
    /// What becomes of a call's worker when its client goes away.
    pub abandon: spec::Abandon,
    /// The operations; the default one is the last.
    pub operations: Vec<Operation>,
    /// The range in which it was observed.
    pub valid: spec::Valid,
    pattern: Option<RequestPattern>,
    default: Option<usize>,
}

/// A station before another.
#[derive(Debug)]
pub struct Front {
    /// What it is made of, scaled.
    pub capacity: Capacity,
    /// What a call gets that finds its queue full.
    pub overflow: Reply,
}

/// One kind of call.
#[derive(Debug)]
pub struct Operation {
    /// Its name; `default` for the default one.
    pub name: String,
    pattern: Option<RequestPattern>,
    demand: Distribution,
    outside: Option<Distribution>,
    front: Option<Distribution>,
    classes: Vec<Class>,
    /// By which class, demand, outside and front are drawn.
    keys: [u64; 4],
    /// By which block a demand is drawn, if slow spells stay together.
    blocks: Option<Blocks>,
    /// The bytes a second at which bodies leave.
    transfer: Option<f64>,
    /// The factors that demands, those of the front, and what is waited outside, grow by.
    slowing: f64,
    front_slowing: f64,
    latency: f64,
}

/// A share of an operation's calls that demand otherwise.
#[derive(Debug)]
pub struct Class {
    /// Of all calls, from 0 to 1.
    pub share: f64,
    /// The bytes of a body from which on its calls are of this class; any calls if `None`.
    pub from: Option<u64>,
    /// The status that they are answered with, in place of the stub's answer.
    pub status: Option<StatusCode>,
    demand: Distribution,
}

/// Where a call belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The index of its service.
    pub service: usize,
    /// The index of its operation; `None` if it matches none and the service has no default: it is counted, not paced.
    pub operation: Option<usize>,
}

/// What one call demands.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'o> {
    /// The time that it holds a worker.
    pub demand: Duration,
    /// The time before it asks for a worker.
    pub outside: Duration,
    /// The bytes a second at which its body leaves; none if at once.
    pub transfer: Option<f64>,
    /// The time that it holds a worker of the front; `None` if it does not stop there.
    pub front: Option<Duration>,
    /// Its class, if it is of one.
    pub class: Option<&'o Class>,
}

/// The profiles of a folder.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that are right, by name.
    pub profiles: Vec<Profile>,
    /// What is wrong or odd, in the order of the files.
    pub defects: Vec<Defect>,
    /// The text of each file, with its name.
    pub texts: Vec<(String, Arc<str>)>,
}

impl Profile {
    /// Compiles a profile that a program made, or says what is wrong with it.
    pub fn new(name: &str, spec: spec::Profile) -> Result<Self, Vec<Defect>> {
        compile::profile(name, spec)
    }

    /// The same profile under the factors of a step of a timeline, on top of those of its services.
    pub fn scaled(&self, scale: spec::Scale) -> Result<Self, Vec<Defect>> {
        let mut spec = self.spec.clone();
        for service in &mut spec.services {
            service.scale.latency *= scale.latency;
            service.scale.capacity *= scale.capacity;
        }
        compile::profile(&self.name, spec)
    }

    /// The first service that a call matches, and the first operation there; `None` if it matches no service.
    pub fn place(&self, call: &Call, stats: &MatchStats) -> Option<Placed> {
        let holds = |pattern: &Option<RequestPattern>| pattern.as_ref().is_none_or(|p| p.matches(call, stats));
        let index = self.services.iter().position(|service| holds(&service.pattern))?;
        let service = &self.services[index];
        let named = service.operations.iter().enumerate().filter(|(place, _)| Some(*place) != service.default);
        let matched = named.into_iter().find(|(_, operation)| holds(&operation.pattern)).map(|(place, _)| place);
        Some(Placed { service: index, operation: matched.or(service.default) })
    }
}

impl Operation {
    /// What its `ordinal`-th call demands that comes so long after the profile came in force and is answered with a body of so many
    /// bytes, if that is known: the same on any worker, whatever else is served. The time counts only where slow spells stay
    /// together, the length where there are classes by it.
    ///
    /// Class, demand, outside and front are drawn from streams of their own (see [`Draws`]), keyed by the version 5 UUID of
    /// service, operation and `class`, `demand`, `outside` or `front`: changing one distribution leaves the draws of the others
    /// as they are.
    pub fn draw(&self, draws: &Draws, ordinal: u64, after: Duration, length: Option<u64>) -> Drawn<'_> {
        let [class, demand, outside, front] = self.keys;
        let class = self.class(draws.at(class, ordinal), length);
        let distribution = class.map_or(&self.demand, |class| &class.demand);
        let mut stream = draws.at(demand, ordinal);
        let drawn = match &self.blocks {
            None => distribution.sample(&mut stream),
            Some(blocks) => distribution.quantile(blocks.share(*draws, after, &mut stream)),
        };
        let waited = self.outside.as_ref().map(|distribution| distribution.sample(&mut draws.at(outside, ordinal)));
        let front = self.front.as_ref().map(|distribution| distribution.sample(&mut draws.at(front, ordinal)));
        Drawn {
            demand: scaled(drawn, self.slowing),
            outside: scaled(waited.unwrap_or_default(), self.latency),
            front: front.map(|time| scaled(time, self.front_slowing)),
            transfer: self.transfer,
            class,
        }
    }

    /// Whether the length of a body decides on a class.
    pub fn asks_for_length(&self) -> bool {
        self.classes.iter().any(|class| class.from.is_some())
    }

    /// The mean demand over all classes; `None` if it is infinite.
    pub fn mean_demand(&self) -> Option<Duration> {
        let rest = 1.0 - self.classes.iter().map(|class| class.share).sum::<f64>();
        let parts = self.classes.iter().map(|class| (class.share, &class.demand));
        let parts = parts.chain([(rest.max(0.0), &self.demand)]).filter(|(share, _)| *share > 0.0);
        let mut sum = 0.0;
        for (share, distribution) in parts {
            sum += share * distribution.mean()?.as_nanos() as f64;
        }
        Some(scaled(Duration::from_nanos(sum.round() as u64), self.slowing))
    }

    /// The mean demand of the front, nothing if it does not stop there; `None` if it is infinite.
    pub fn mean_front_demand(&self) -> Option<Duration> {
        let mean = self.front.as_ref().map_or(Some(Duration::ZERO), Distribution::mean)?;
        Some(scaled(mean, self.front_slowing))
    }

    /// The class of a call. Those by length have their share only where a length is not known.
    fn class(&self, mut stream: RandomStream, length: Option<u64>) -> Option<&Class> {
        if self.classes.is_empty() {
            return None;
        }
        let (choice, mut upto): (f64, f64) = (stream.random(), 0.0);
        let drawn = self.classes.iter().filter(|class| class.from.is_none() || length.is_none()).find(|class| {
            upto += class.share;
            choice < upto
        });
        drawn.or_else(|| {
            let short_enough = self.classes.iter().filter(|class| class.from.is_some() && class.from <= length);
            short_enough.max_by_key(|class| class.from)
        })
    }
}

impl Loaded {
    /// Whether something is wrong, so that none of the profiles may be served.
    pub fn failed(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }
}

/// A time that is `factor` times as long, in whole nanoseconds.
fn scaled(time: Duration, factor: f64) -> Duration {
    if factor == 1.0 {
        return time;
    }
    // a float beyond u64 saturates
    Duration::from_nanos((time.as_nanos() as f64 * factor).round() as u64)
}

#[cfg(test)]
mod defects;
#[cfg(test)]
mod tests;
