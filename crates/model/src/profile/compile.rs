//! Compilation of profiles: patterns, distributions and scale factors are prepared once.

use std::num::NonZeroU32;

use http::StatusCode;
use serde_json::Value as Json;
use uuid::Uuid;

use super::autocorrelation::BlockFactors;
use super::compiled::{
    CompiledClass, CompiledConnectionRules, CompiledOperation, CompiledProfile, CompiledRateLimit, CompiledService,
    CompiledStation, TimeFactors,
};
use super::model::{
    ConnectionRules, DistributionSpec, OperationTiming, Overflow, Profile, ProfileService, ScaleFactors, StallTimes,
    StationSpec,
};
use crate::station::{Capacity, Contention, StallSchedule};
use standin_stub::delay::Distribution;
use standin_stub::matcher::RequestPattern;
use standin_stub::matcher::format::request_pattern;
use standin_stub::render::format::ending;
use standin_stub::reply::{Body, Reply};
use standin_stub::source::Reader;
use standin_stub::source::defect::Defect;

impl CompiledProfile {
    /// Compiles a profile. A profile that was read has no defects; one that a program made may have
    /// some.
    pub fn new(name: &str, spec: Profile) -> Result<Self, Vec<Defect>> {
        let mut compiler = ProfileCompiler::default();
        let services = spec.services.iter().map(|service| compiler.service(service)).collect();
        if compiler.defects.is_empty() {
            Ok(Self { name: name.to_owned(), services, spec })
        } else {
            Err(compiler.defects)
        }
    }

    /// Compiles the profile again, under the factors of a step of a timeline on top of those of its
    /// services.
    pub fn scaled(&self, scale: ScaleFactors) -> Result<Self, Vec<Defect>> {
        let mut spec = self.spec.clone();
        for service in &mut spec.services {
            service.scale.latency *= scale.latency;
            service.scale.capacity *= scale.capacity;
        }
        Self::new(&self.name, spec)
    }
}

/// Compiles the parts of a profile and collects their defects.
#[derive(Default)]
struct ProfileCompiler {
    defects: Vec<Defect>,
}

impl ProfileCompiler {
    fn service(&mut self, spec: &ProfileService) -> CompiledService {
        let (station, slowdown) = self.station(&spec.station, spec.scale);
        let front = spec.front_station.as_ref().map(|front| self.station(front, spec.scale));
        // resolved here, because scaling makes a core explicit that a measured slowdown implies
        let shares_cpu = spec.station.capacity.cores().is_some();
        let contention = |timing: &OperationTiming| match timing.contention.unwrap_or_default() {
            Contention::Cpu(_) if !shares_cpu => Contention::Cpu(0.0),
            contention => contention,
        };
        let factors = TimeFactors {
            demand: slowdown * spec.scale.latency,
            front_demand: front.as_ref().map_or(1.0, |(_, slowdown)| *slowdown) * spec.scale.latency,
            outside_latency: spec.scale.latency,
        };
        let mut operations = Vec::with_capacity(spec.operations.len() + 1);
        for operation in &spec.operations {
            let compiled = self.operation(&spec.name, &operation.name, &operation.timing, factors);
            let pattern = self.pattern(operation.pattern.as_ref());
            let contention = contention(&operation.timing);
            operations.extend(compiled.map(|compiled| CompiledOperation { contention, pattern, ..compiled }));
        }
        let default = spec.default.as_ref();
        let default = default.and_then(|timing| {
            let compiled = self.operation(&spec.name, DEFAULT_OPERATION, timing, factors)?;
            Some(CompiledOperation { contention: contention(timing), ..compiled })
        });
        let default_index = default.as_ref().map(|_| operations.len());
        operations.extend(default);
        let rate_limit = spec.rate_limit.as_ref().map(|limit| CompiledRateLimit {
            rate: limit.rate,
            overflow: self.overflow(limit.overflow.as_ref(), StatusCode::TOO_MANY_REQUESTS),
        });
        CompiledService {
            name: spec.name.clone(),
            pattern: self.pattern(spec.pattern.as_ref()),
            station,
            front_station: front.map(|(station, _)| station),
            rate_limit,
            stalls: spec.stalls.as_ref().and_then(|stalls| self.stalls(&spec.name, stalls)),
            reneging: spec.reneging,
            connections: spec.connections.as_ref().and_then(|rules| self.connections(&spec.name, rules)),
            operations,
            default: default_index,
            valid: spec.valid,
        }
    }

    /// Compiles a station; also returns the factor by which demands grow, because workers are
    /// whole.
    fn station(&mut self, spec: &StationSpec, scale: ScaleFactors) -> (CompiledStation, f64) {
        let (capacity, slowdown) = scale_capacity(&spec.capacity, scale.capacity);
        let overflow = self.overflow(spec.overflow.as_ref(), StatusCode::SERVICE_UNAVAILABLE);
        (CompiledStation { capacity, overflow }, slowdown)
    }

    fn operation(
        &mut self,
        service: &str,
        name: &str,
        timing: &OperationTiming,
        factors: TimeFactors,
    ) -> Option<CompiledOperation> {
        let key = |part: &str| stream_key(service, name, part);
        let mut classes = Vec::with_capacity(timing.classes.len());
        for class in &timing.classes {
            classes.push(CompiledClass {
                share: class.share,
                min_body_bytes: class.min_body_bytes,
                status: class.status.and_then(|status| StatusCode::from_u16(status).ok()),
                demand: self.distribution(&class.demand)?,
            });
        }
        Some(CompiledOperation {
            name: name.to_owned(),
            pattern: None,
            demand: self.distribution(&timing.demand)?,
            contention: Contention::default(),
            outside_latency: self.optional_distribution(timing.outside_latency.as_ref())?,
            front_demand: self.optional_distribution(timing.front_demand.as_ref())?,
            classes,
            keys: [key("class"), key("demand"), key("outside"), key("front")],
            // no operation has an empty name
            blocks: timing.autocorrelation.map(|order| BlockFactors::new(order, stream_key(service, "", "order"))),
            transfer_rate: timing.transfer_rate.map(|rate| rate / factors.outside_latency),
            factors,
        })
    }

    fn stalls(&mut self, service: &str, stalls: &StallTimes) -> Option<StallSchedule> {
        Some(StallSchedule {
            interval: self.distribution(&stalls.interval)?,
            duration: self.distribution(&stalls.duration)?,
            keys: ["every", "last"].map(|part| stream_key(service, "", part)),
        })
    }

    fn connections(&mut self, service: &str, rules: &ConnectionRules) -> Option<CompiledConnectionRules> {
        Some(CompiledConnectionRules {
            max_requests: rules.max_requests,
            race: rules.race,
            idle: self.optional_distribution(rules.idle.as_ref())?,
            key: stream_key(service, "", "connections"),
        })
    }

    fn distribution(&mut self, spec: &DistributionSpec) -> Option<Distribution> {
        spec.build().map_err(|error| self.defects.push(Defect::error(error.message).help(error.help))).ok()
    }

    /// Builds a distribution if there is one; `None` if it is wrong.
    #[expect(clippy::option_option, reason = "one level is the distribution's, the other is the error's")]
    fn optional_distribution(&mut self, spec: Option<&DistributionSpec>) -> Option<Option<Distribution>> {
        match spec {
            Some(spec) => self.distribution(spec).map(Some),
            None => Some(None),
        }
    }

    fn pattern(&mut self, json: Option<&Json>) -> Option<RequestPattern> {
        let text = json?.to_string();
        let mut reader = Reader::of_api(&text);
        let tree = reader.parse(&text)?;
        let pattern = request_pattern(&tree, &mut reader);
        self.defects.extend(reader.into_defects().into_iter().filter(Defect::is_error));
        Some(pattern)
    }

    fn overflow(&mut self, overflow: Option<&Overflow>, usual: StatusCode) -> Reply {
        let empty = Reply::empty(usual);
        match overflow {
            None => empty,
            Some(Overflow::Answer { status, headers, body }) => Reply {
                status: StatusCode::from_u16(*status).unwrap_or(usual),
                headers: headers.clone(),
                body: Body::Bytes(body.clone().unwrap_or_default().into()),
                ..empty
            },
            Some(Overflow::Fault(name)) => {
                let ending = ending(name);
                if ending.is_none() {
                    self.defects.push(Defect::error(format!("`{name}` is no fault")).help("use one of WireMock's"));
                }
                Reply { ending, ..empty }
            }
        }
    }
}

/// Returns a capacity multiplied by a factor, and the factor by which demands grow.
fn scale_capacity(capacity: &Capacity, factor: f64) -> (Capacity, f64) {
    match capacity {
        _ if factor == 1.0 => (capacity.clone(), 1.0),
        Capacity::Unlimited => (Capacity::Unlimited, 1.0),
        Capacity::Fifo { workers, queue } => {
            let (workers, slowdown) = scale_workers(*workers, factor);
            (Capacity::Fifo { workers, queue: *queue }, slowdown)
        }
        Capacity::Sharing { workers, queue } => {
            let (workers, slowdown) = scale_workers(*workers, factor);
            (Capacity::Sharing { workers, queue: *queue }, slowdown)
        }
        Capacity::Curve { curve, queue } => {
            let (curve, slowdown) = curve.scaled(factor);
            (Capacity::Curve { curve, queue: *queue }, slowdown)
        }
        Capacity::Layered { workers, cores, queue } => {
            let scaled = workers.map(|workers| scale_workers(workers, factor));
            let slowdown = scaled.map_or(1.0, |(_, slowdown)| slowdown);
            // what rounding makes of demands must not change what the cores can do
            let cores = cores.unwrap_or(1.0) * factor * slowdown;
            let workers = scaled.map(|(workers, _)| workers);
            (Capacity::Layered { workers, cores: Some(cores), queue: *queue }, slowdown)
        }
    }
}

/// Workers are whole: what rounding adds to their number is taken from their speed, and the other
/// way round.
fn scale_workers(workers: NonZeroU32, factor: f64) -> (NonZeroU32, f64) {
    let exact = f64::from(workers.get()) * factor;
    let whole = NonZeroU32::new(exact.round() as u32).unwrap_or(NonZeroU32::MIN);
    (whole, f64::from(whole.get()) / exact)
}

/// Returns the key of a random stream: the upper half of the version 5 UUID of service, operation
/// and part, joined by line breaks.
fn stream_key(service: &str, operation: &str, part: &str) -> u64 {
    Uuid::new_v5(&STREAM_NAMESPACE, format!("{service}\n{operation}\n{part}").as_bytes()).as_u64_pair().0
}

/// Namespace of the UUIDs that random streams are keyed by.
const STREAM_NAMESPACE: Uuid = Uuid::from_u128(0x2f7d_84c6_0a1e_5b39_8c42_d6e1_73b0_95fa);

/// Name of the operation of the calls that match no other.
const DEFAULT_OPERATION: &str = "default";
