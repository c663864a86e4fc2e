//! From what a profile file says to what is served: patterns, distributions and scales are worked out once.

use std::num::NonZeroU32;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value as Json;
use uuid::Uuid;

use super::order::Blocks;
use super::spec::{self, Delay, Overflow, Scale, Work};
use super::{Class, Front, Operation, Profile, Service};
use crate::station::{Capacity, StallSchedule};
use standin_stub::delay::Distribution;
use standin_stub::matcher::RequestPattern;
use standin_stub::matcher::format::request_pattern;
use standin_stub::render::format::ending;
use standin_stub::reply::{Body, Reply};
use standin_stub::source::Reader;
use standin_stub::source::defect::Defect;

/// The profile that a specification describes. What came from a file has been checked; what a program made may be wrong.
pub(super) fn profile(name: &str, spec: spec::Profile) -> Result<Profile, Vec<Defect>> {
    let mut defects = Vec::new();
    let services = spec.services.iter().map(|service| service_of(service, &mut defects)).collect();
    if defects.is_empty() { Ok(Profile { name: name.to_owned(), services, spec }) } else { Err(defects) }
}

fn service_of(spec: &spec::Service, defects: &mut Vec<Defect>) -> Service {
    let (capacity, slowing) = scaled(&spec.capacity, spec.scale);
    let slowing = slowing * spec.scale.latency;
    let (front_capacity, front_slowing) =
        scaled(spec.front.as_ref().map_or(&Capacity::Unlimited, |front| &front.capacity), spec.scale);
    let work = |name: &str, work: &Work, defects: &mut Vec<Defect>| {
        let key = |part: &str| operation_key(&spec.name, name, part);
        let mut classes = Vec::with_capacity(work.classes.len());
        for class in &work.classes {
            let status = class.status.and_then(|status| StatusCode::from_u16(status).ok());
            let demand = distribution(&class.demand, defects)?;
            classes.push(Class { share: class.share, from: class.from, status, demand });
        }
        Some(Operation {
            name: name.to_owned(),
            pattern: None,
            demand: distribution(&work.demand, defects)?,
            outside: match &work.outside {
                Some(delay) => Some(distribution(delay, defects)?),
                None => None,
            },
            front: match &work.front {
                Some(delay) => Some(distribution(delay, defects)?),
                None => None,
            },
            classes,
            keys: [key("class"), key("demand"), key("outside"), key("front")],
            blocks: work.order.map(|order| Blocks::new(order, operation_key(&spec.name, "", "order"))),
            transfer: work.transfer.map(|rate| rate / spec.scale.latency),
            slowing,
            front_slowing: front_slowing * spec.scale.latency,
            latency: spec.scale.latency,
        })
    };
    let mut operations = Vec::with_capacity(spec.operations.len() + 1);
    for operation in &spec.operations {
        let compiled = work(&operation.name, &operation.work, defects);
        let pattern = pattern(operation.pattern.as_ref(), defects);
        operations.extend(compiled.map(|compiled| Operation { pattern, ..compiled }));
    }
    let default = spec.default.as_ref().and_then(|default| work(DEFAULT, default, defects));
    let default_place = default.as_ref().map(|_| operations.len());
    operations.extend(default);
    Service {
        name: spec.name.clone(),
        pattern: pattern(spec.pattern.as_ref(), defects),
        capacity,
        overflow: overflow(spec.overflow.as_ref(), StatusCode::SERVICE_UNAVAILABLE, defects),
        front: spec.front.as_ref().map(|front| Front {
            capacity: front_capacity,
            overflow: overflow(front.overflow.as_ref(), StatusCode::SERVICE_UNAVAILABLE, defects),
        }),
        rate_limit: spec
            .rate_limit
            .as_ref()
            .map(|limit| (limit.rate, overflow(limit.overflow.as_ref(), StatusCode::TOO_MANY_REQUESTS, defects))),
        stalls: spec.stalls.as_ref().and_then(|stalls| {
            Some(StallSchedule {
                every: distribution(&stalls.every, defects)?,
                last: distribution(&stalls.last, defects)?,
                // no operation has an empty name
                keys: ["every", "last"].map(|part| operation_key(&spec.name, "", part)),
            })
        }),
        abandon: spec.abandon,
        operations,
        default: default_place,
        valid: spec.valid,
    }
}

/// A capacity as many times as large; also says by how much demands grow.
fn scaled(capacity: &Capacity, scale: Scale) -> (Capacity, f64) {
    match capacity {
        _ if scale.capacity == 1.0 => (capacity.clone(), 1.0),
        Capacity::Unlimited => (Capacity::Unlimited, 1.0),
        Capacity::Fifo { workers, queue } => {
            let (workers, slowing) = whole(*workers, scale);
            (Capacity::Fifo { workers, queue: *queue }, slowing)
        }
        Capacity::Sharing { workers, queue } => {
            let (workers, slowing) = whole(*workers, scale);
            (Capacity::Sharing { workers, queue: *queue }, slowing)
        }
        Capacity::Curve { curve, queue } => {
            let (curve, slowing) = curve.scaled(scale.capacity);
            (Capacity::Curve { curve, queue: *queue }, slowing)
        }
    }
}

/// Workers are whole: what rounding adds to them is taken from their speed, and the other way round.
fn whole(workers: NonZeroU32, scale: Scale) -> (NonZeroU32, f64) {
    let exact = f64::from(workers.get()) * scale.capacity;
    let whole = NonZeroU32::new(exact.round() as u32).unwrap_or(NonZeroU32::MIN);
    (whole, f64::from(whole.get()) / exact)
}

fn distribution(delay: &Delay, defects: &mut Vec<Defect>) -> Option<Distribution> {
    delay.build().map_err(|error| defects.push(Defect::error(error.message).help(error.help))).ok()
}

fn pattern(json: Option<&Json>, defects: &mut Vec<Defect>) -> Option<RequestPattern> {
    let text = json?.to_string();
    let mut reader = Reader::of_api(&text);
    let tree = reader.parse(&text)?;
    let pattern = request_pattern(&tree, &mut reader);
    defects.extend(reader.into_defects().into_iter().filter(Defect::is_error));
    Some(pattern)
}

fn overflow(overflow: Option<&Overflow>, usual: StatusCode, defects: &mut Vec<Defect>) -> Reply {
    let empty = Reply {
        status: usual,
        reason: None,
        headers: HeaderMap::new(),
        body: Body::Bytes(Bytes::new()),
        dribble: None,
        ending: None,
    };
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
                defects.push(Defect::error(format!("`{name}` is no fault")).help("use one of WireMock's"));
            }
            Reply { ending, ..empty }
        }
    }
}

/// The number by which an operation draws: the upper half of the version 5 UUID of `service`, `operation` and what is
/// drawn, joined by line breaks.
fn operation_key(service: &str, operation: &str, part: &str) -> u64 {
    Uuid::new_v5(&DRAWS, format!("{service}\n{operation}\n{part}").as_bytes()).as_u64_pair().0
}

/// The name space of those UUIDs.
const DRAWS: Uuid = Uuid::from_u128(0x2f7d_84c6_0a1e_5b39_8c42_d6e1_73b0_95fa);

/// The name of what calls do that match no operation.
const DEFAULT: &str = "default";
