//! Keys of a service: its stations, limits, stalls, scale, operations and valid range.

use std::num::NonZeroU32;
use std::time::Duration;

use super::distribution::DISTRIBUTION;
use super::keys::{
    Codec, Inheritance, Schema, SchemaKey, Style, default_key, key, nested, nested_list, no_check, optional_key,
    read_items, read_node,
};
use super::merge::{merge_by_name, merge_flat, merge_with_pair};
use super::operation::{DEFAULT_OPERATION, OPERATION_KEYS};
use super::overflow::RATE_LIMIT_KEYS;
use super::station::{CAPACITY, FRONT};
use super::values::{COUNT, DURATION, NAME, NAME_HELP, NUMBER, REQUEST_PATTERN, SHARE, UTC_TIME};
use super::yaml::Yaml;
use crate::profile::model::{
    ConnectionRules, DistributionSpec, ProfileOperation, ProfileService, ProfileValidRange, Reneging, ScaleFactors,
    StallTimes,
};
use crate::station::Capacity;
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// An item of `services`.
pub(super) static SERVICE_KEYS: Schema<ProfileService> = Schema {
    name: "a service",
    subject: "the service",
    style: Style::Block,
    blank: ProfileService::default,
    keys: &[
        key!(ProfileService, "name", name, NAME).required(NAME_HELP),
        optional_key!(ProfileService, "match", pattern, REQUEST_PATTERN),
        key!(ProfileService, "capacity", station, CAPACITY)
            .required("add `capacity: {discipline: unlimited}`, or its workers")
            .inherited(Inheritance::Merge(merge_station)),
        optional_key!(ProfileService, "front", front_station, FRONT).inherited(Inheritance::Merge(merge_station)),
        optional_key!(ProfileService, "rateLimit", rate_limit, nested!(RATE_LIMIT_KEYS)),
        optional_key!(ProfileService, "stalls", stalls, nested!(STALL_KEYS))
            .comment("the whole service stands still")
            .inherited(Inheritance::Merge(merge_flat)),
        default_key!(ProfileService, "abandon", reneging, RENEGING, Reneging::default())
            .comment("a client that goes away frees its worker"),
        optional_key!(ProfileService, "connections", connections, nested!(CONNECTION_KEYS))
            .comment("when the service closes them")
            .inherited(Inheritance::Merge(merge_flat)),
        default_key!(ProfileService, "scale", scale, SCALE, ScaleFactors::default())
            .inherited(Inheritance::Merge(merge_flat)),
        SchemaKey::<ProfileService>::new(
            "operations",
            |service, object, reader| {
                let operations = OPERATIONS.read("operations", object, reader);
                operations.map(|operations| service.operations = operations).is_some()
            },
            |service| (!service.operations.is_empty()).then(|| OPERATIONS.write(&service.operations)),
        )
        .inherited(Inheritance::Merge(|own, base| merge_by_name(own, base, merge_operation))),
        optional_key!(ProfileService, "default", default, DEFAULT_OPERATION)
            .comment("calls of this service that match no operation")
            .inherited(Inheritance::Merge(merge_operation)),
        default_key!(ProfileService, "valid", valid, nested!(VALID_KEYS), ProfileValidRange::default())
            .comment("observed range; beyond it the model extrapolates")
            .inherited(Inheritance::Merge(merge_flat)),
    ],
    check: check_service,
};

const OPERATIONS: Codec<Vec<ProfileOperation>> =
    nested_list!(OPERATION_KEYS).checked(|_, node, reader| check_names(node, "operation", reader));

/// Merges two stations; one that names its discipline, or cores in place of one, replaces the
/// inherited one.
fn merge_station(own: &Node, base: &Node) -> Node {
    let has = |station: &Node, key: &str| station.get(key).is_some_and(|node| node.value != Value::Null);
    let is_of_another_kind = has(own, "discipline") || has(own, "cores") && has(base, "discipline");
    if is_of_another_kind { own.clone() } else { merge_flat(own, base) }
}

/// Merges two operations; an own `cpu` or `slowdown` takes the place of either.
fn merge_operation(own: &Node, base: &Node) -> Node {
    merge_with_pair(own, base, ["cpu", "slowdown"])
}

fn check_service(service: &ProfileService, object: &Object<'_>, is_complete: bool, reader: &mut Reader) {
    let has_operations = object.node("operations").is_some_and(|node| !node.items().is_empty());
    if !has_operations && object.node("default").is_none() {
        let message = "the service has no operation, so it paces no call";
        reader.error(object.whole(), message, "add `operations`, or a `default` for all its calls");
    }
    check_front(object, reader);
    if is_complete {
        check_contention(&service.station.capacity, object, reader);
    }
    let stations = std::iter::once(&service.station).chain(&service.front_station);
    let is_unlimited = stations.into_iter().all(|station| station.capacity == Capacity::Unlimited);
    if !(is_complete && is_unlimited) {
        return;
    }
    let help = "remove it, or give the service workers";
    if let Some(node) = object.node("scale").filter(|_| service.scale.capacity != 1.0) {
        reader.warn_at(node, "scale", "`scale.capacity` has no effect where the capacity is unlimited", help);
    }
    if let Some(node) = object.node("abandon").filter(|_| service.reneging == Reneging::FreeWorker) {
        reader.warn_at(node, "abandon", "`abandon: free` has no effect where the capacity is unlimited", help);
    }
}

/// Checks that what operations say of other calls counts with the capacity of their service.
fn check_contention(capacity: &Capacity, service: &Object<'_>, reader: &mut Reader) {
    if matches!(capacity, Capacity::Layered { cores: Some(_), .. }) {
        return;
    }
    let operations = service.node("operations").map_or(&[][..], Node::items);
    for operation in operations.iter().chain(service.node("default")) {
        for key in ["cpu", "slowdown"] {
            let Some(node) = operation.get(key).filter(|node| node.value != Value::Null) else { continue };
            match (capacity, key) {
                (Capacity::Layered { .. }, "cpu") => {
                    let help = "add `cores: 1` to the `capacity`, or remove it";
                    reader.warn_at(node, key, "`cpu` has no effect where no `cores` are shared", help);
                }
                (Capacity::Layered { .. }, _) => {}
                (Capacity::Unlimited, _) => {
                    let message = format!("`{key}` has no effect where the capacity is unlimited");
                    reader.warn_at(node, key, message, "remove it, or give the service `workers` or `cores`");
                }
                _ => {
                    let message = format!("`{key}` does not go with the `discipline` of the capacity");
                    let help = "remove it, or write the capacity as `{workers: 4, cores: 1, queue: 256}`, without a \
                                `discipline`";
                    reader.error_at(node, key, message, help);
                }
            }
        }
    }
}

/// Checks that a front and what operations demand of it go together.
fn check_front(service: &Object<'_>, reader: &mut Reader) {
    let operations = service.node("operations").map_or(&[][..], Node::items);
    let has_demand = |operation: &&Node| operation.get("front").is_some_and(|node| node.value != Value::Null);
    let demanding: Vec<&Node> = operations.iter().chain(service.node("default")).filter(has_demand).collect();
    match service.node("front") {
        None => {
            for operation in demanding {
                let help = "give the service one: `front: {discipline: fifo, workers: 1, queue: unbounded}`";
                let node = operation.get("front").unwrap_or(operation);
                reader.error_at(node, "front", "the service has no `front`", help);
            }
        }
        Some(node) if demanding.is_empty() => {
            let help = "add `front: {fixed: 1ms}` to an operation, or remove it here";
            reader.warn_at(node, "front", "no operation demands anything of the front", help);
        }
        Some(_) => {}
    }
}

/// Checks that no two services or operations of a list have one name: they would draw the same
/// random numbers.
pub(super) fn check_names(list: &Node, kind: &str, reader: &mut Reader) {
    let names: Vec<_> = list.items().iter().map(|item| item.get("name")).collect();
    for (index, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        if names[..index].iter().flatten().any(|before| before.value == name.value) {
            let message = format!("there is another {kind} of this name");
            reader.error(name, message, "give each a name of its own");
        }
    }
}

const RENEGING: Codec<Reneging> = Codec::new(
    |key, object, reader| {
        let typed = object.text(key, reader)?;
        match typed.as_str() {
            "keep" => Some(Reneging::KeepWorker),
            "free" => Some(Reneging::FreeWorker),
            other => {
                let help = match nearest(other, &["free", "keep"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "use `keep` or `free`".to_owned(),
                };
                let message = format!("`{other}` is no value of `abandon`");
                reader.error_at(object.node(key)?, key, message, help);
                None
            }
        }
    },
    |reneging| {
        let name = match reneging {
            Reneging::KeepWorker => "keep",
            Reneging::FreeWorker => "free",
        };
        Yaml::Inline(name.to_owned())
    },
);

pub(super) static STALL_KEYS: Schema<StallTimes> = Schema {
    name: "`stalls`",
    subject: "`stalls`",
    style: Style::Flow,
    blank: || {
        let none = DistributionSpec::fixed(Duration::ZERO);
        StallTimes { interval: none.clone(), duration: none }
    },
    keys: &[
        key!(StallTimes, "every", interval, DISTRIBUTION.checked(check_interval))
            .required("add the time between two, such as `every: {exponential: {mean: 30s}}`"),
        key!(StallTimes, "last", duration, DISTRIBUTION)
            .required("add the time that one takes, such as `last: {lognormal: {median: 120ms, p99: 400ms}}`"),
    ],
    check: no_check,
};

fn check_interval(interval: &DistributionSpec, node: &Node, reader: &mut Reader) {
    let mean = interval.build().ok().and_then(|built| built.mean());
    if mean.is_some_and(|mean| mean < MIN_STALL_INTERVAL) {
        let help = "use a mean of 1ms or more; for a slower service use `scale`";
        reader.error(node, "the mean time between stalls is too short", help);
    }
}

pub(super) static CONNECTION_KEYS: Schema<ConnectionRules> = Schema {
    name: "`connections`",
    subject: "`connections`",
    style: Style::Flow,
    blank: ConnectionRules::default,
    keys: &[
        SchemaKey::<ConnectionRules>::new(
            "requests",
            |rules, object, reader| {
                let count = COUNT
                    .checked(|count, node, reader| check_requests(*count, node, reader))
                    .read("requests", object, reader);
                rules.max_requests = count.and_then(|count| NonZeroU32::new(count.min(u64::from(u32::MAX)) as u32));
                rules.max_requests.is_some()
            },
            |rules| rules.max_requests.map(|count| COUNT.write(&u64::from(count.get()))),
        ),
        optional_key!(ConnectionRules, "idle", idle, DISTRIBUTION),
        default_key!(ConnectionRules, "race", race, DURATION, Duration::ZERO),
    ],
    check: check_connections,
};

fn check_requests(count: u64, node: &Node, reader: &mut Reader) {
    if count == 0 {
        reader.error(node, "a connection carries one request or more", "use 1 to close it after each answer");
    }
}

fn check_connections(rules: &ConnectionRules, object: &Object<'_>, is_complete: bool, reader: &mut Reader) {
    if !is_complete {
        return;
    }
    match (object.node("race"), &rules.idle) {
        (Some(node), None) => {
            let help = "add `idle: {fixed: 2s}`, or remove it";
            reader.warn_at(node, "race", "`race` has no effect without `idle`", help);
        }
        (None, None) if rules.max_requests.is_none() => {
            let help = "add `requests: 1` or `idle: {fixed: 2s}`, or remove it";
            reader.error(object.whole(), "`connections` says nothing", help);
        }
        _ => {}
    }
}

/// `scale` of a service or of a step of a timeline.
pub(super) const SCALE: Codec<ScaleFactors> = nested!(SCALE_KEYS);

pub(super) static SCALE_KEYS: Schema<ScaleFactors> = Schema {
    name: "a scale",
    subject: "the scale",
    style: Style::Flow,
    blank: ScaleFactors::default,
    keys: &[
        key!(
            ScaleFactors,
            "latency",
            latency,
            NUMBER.checked(|value, node, reader| check_factor(*value, node, reader))
        ),
        key!(
            ScaleFactors,
            "capacity",
            capacity,
            NUMBER.checked(|value, node, reader| check_factor(*value, node, reader))
        ),
    ],
    check: no_check,
};

fn check_factor(factor: f64, node: &Node, reader: &mut Reader) {
    let (min, max) = (MIN_FACTOR, 1.0 / MIN_FACTOR);
    if !(min..=max).contains(&factor) {
        let help = format!("use a number from {min} to {max}");
        reader.error(node, format!("{factor} is no scale factor"), help);
    }
}

pub(super) static VALID_KEYS: Schema<ProfileValidRange> = Schema {
    name: "`valid`",
    subject: "the valid range",
    style: Style::Flow,
    blank: ProfileValidRange::default,
    keys: &[
        optional_key!(ProfileValidRange, "utilization", utilization, SHARE),
        optional_key!(ProfileValidRange, "inFlight", in_flight, COUNT),
        optional_key!(
            ProfileValidRange,
            "perSecond",
            per_second,
            NUMBER.checked(|value, node, reader| check_per_second(*value, node, reader))
        ),
        optional_key!(ProfileValidRange, "samples", samples, COUNT),
        optional_key!(ProfileValidRange, "recorded", recorded, UTC_TIME),
    ],
    check: no_check,
};

fn check_per_second(rate: f64, node: &Node, reader: &mut Reader) {
    if rate < 0.0 {
        reader.error(node, "a rate is not negative", "use a number from 0 up");
    }
}

/// The least mean time between two stalls: schedules are drawn ahead, and more frequent stalls are
/// a slower service.
const MIN_STALL_INTERVAL: Duration = Duration::from_millis(1);

/// The least factor to scale by; the greatest is its inverse.
const MIN_FACTOR: f64 = 0.001;
