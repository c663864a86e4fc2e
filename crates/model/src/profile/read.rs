//! The profile file, read from the spanned tree: everything that is wrong with it is collected before anything is refused.

use super::capacity::{answered, capacity as capacity_of, rate_limit};
use super::delays::{delay, number, share};
use super::order::order;
use super::serving::{abandon, front_is_used, stalls};
use super::spec::{Abandon, Class, Front, Operation, Profile, Scale, Service, Valid, Work};
use super::timeline::timeline;
use super::transfer::transfer;
use crate::station::Capacity;
use standin_stub::delay::units::{parse_size, size};
use standin_stub::matcher::format::request_pattern;
use standin_stub::source::{Node, Object, Reader, Strictness, Value};

/// Reads a profile. It may only be used if the reader has found no error.
pub(super) fn profile(node: &Node, reader: &mut Reader) -> Option<Profile> {
    let mut whole = Object::open(node, "a profile", reader)?;
    let description = whole.text("description", reader);
    let priority = whole.integer("priority", reader);
    let extends = whole.text("extends", reader);
    let timeline = timeline(&whole, reader);
    let services = match whole.node("services") {
        _ if whole.node("timeline").is_some() => Vec::new(),
        Some(node) => reader.within("services", |reader| list(node, "services", reader, service)),
        None => {
            reader.error(node, "the profile has no `services`", "add at least one, or say which profile it `extends`");
            Vec::new()
        }
    };
    unlike(whole.node("services"), "service", reader);
    close(whole, &["description", "extends", "priority", "repeat", "services", "speed", "timeline"], reader);
    Some(Profile { description, priority, extends, services, timeline })
}

fn service(node: &Node, reader: &mut Reader) -> Option<Service> {
    let mut whole = Object::open(node, "a service", reader)?;
    let name = name(&mut whole, "a service", reader);
    let pattern = pattern(&whole, reader);
    let capacity = match whole.node("capacity") {
        Some(node) => reader.within("capacity", |reader| capacity_of(node, "capacity", reader)),
        None => {
            reader.error(
                node,
                "the service has no `capacity`",
                "add `capacity: {discipline: unlimited}`, or its workers",
            );
            None
        }
    };
    let front =
        whole.node("front").and_then(|node| reader.within("front", |reader| capacity_of(node, "front", reader)));
    let scale = whole.node("scale").map(|node| reader.within("scale", |reader| scale(node, reader)));
    let operations = match whole.node("operations") {
        Some(node) => reader.within("operations", |reader| list(node, "operations", reader, operation)),
        None => Vec::new(),
    };
    unlike(whole.node("operations"), "operation", reader);
    let default = whole.node("default").and_then(|node| reader.within("default", |reader| default(node, reader)));
    if whole.node("operations").is_none_or(|node| node.items().is_empty()) && whole.node("default").is_none() {
        let help = "add `operations`, or a `default` for all its calls";
        reader.error(node, "the service has no operation, so none of its calls would be paced", help);
    }
    front_is_used(&whole, reader);
    let valid = whole.node("valid").map(|node| reader.within("valid", |reader| valid(node, reader)));
    let limit = whole.node("rateLimit").map(|node| reader.within("rateLimit", |reader| rate_limit(node, reader)));
    let stalls = whole.node("stalls").map(|node| reader.within("stalls", |reader| stalls(node, reader)));
    let scaled = scale.flatten().unwrap_or_default();
    let abandon = abandon(&mut whole, reader);
    let is_limited = |capacity: &(Capacity, _)| capacity.0 != Capacity::Unlimited;
    if capacity.is_some()
        && !capacity.iter().chain(&front).any(is_limited)
        && scaled.capacity != 1.0
        && let Some(node) = whole.node("scale")
    {
        let help = "remove it, or give the service workers";
        reader.warn_at(node, "scale", "`scale.capacity` changes nothing where the capacity is unlimited", help);
    }
    if let Some(Abandon::Free) = abandon
        && capacity.is_some()
        && !capacity.iter().chain(&front).any(is_limited)
        && let Some(node) = whole.node("abandon")
    {
        let help = "remove it, or give the service workers";
        reader.warn_at(node, "abandon", "where the capacity is unlimited, there is nothing to free", help);
    }
    let known = [
        "abandon",
        "capacity",
        "default",
        "front",
        "match",
        "name",
        "operations",
        "rateLimit",
        "scale",
        "stalls",
        "valid",
    ];
    close(whole, &known, reader);
    let (capacity, overflow) = capacity?;
    Some(Service {
        name: name?,
        pattern,
        capacity,
        overflow,
        front: front.map(|(capacity, overflow)| Front { capacity, overflow }),
        rate_limit: limit.flatten(),
        stalls: stalls.flatten(),
        abandon: abandon.unwrap_or_default(),
        scale: scaled,
        operations,
        default,
        valid: valid.flatten().unwrap_or_default(),
    })
}

fn operation(node: &Node, reader: &mut Reader) -> Option<Operation> {
    let mut whole = Object::open(node, "an operation", reader)?;
    let name = name(&mut whole, "an operation", reader);
    let pattern = pattern(&whole, reader);
    let work = work(&whole, reader);
    close(whole, &["classes", "demand", "front", "match", "name", "order", "outside", "transfer"], reader);
    Some(Operation { name: name?, pattern, work: work? })
}

fn default(node: &Node, reader: &mut Reader) -> Option<Work> {
    let whole = Object::open(node, "`default`", reader)?;
    let work = work(&whole, reader);
    close(whole, &["classes", "demand", "front", "order", "outside", "transfer"], reader);
    work
}

fn work(whole: &Object<'_>, reader: &mut Reader) -> Option<Work> {
    let demand = match whole.node("demand") {
        Some(node) => reader.within("demand", |reader| delay(node, reader)),
        None => {
            let help =
                "add the time that a call holds a worker, such as `demand: {lognormal: {median: 3ms, p99: 30ms}}`";
            reader.error(whole.whole(), "the operation has no `demand`", help);
            None
        }
    };
    let outside = whole.node("outside").map(|node| reader.within("outside", |reader| delay(node, reader)));
    let front = whole.node("front").map(|node| reader.within("front", |reader| delay(node, reader)));
    let classes = match whole.node("classes") {
        Some(node) => reader.within("classes", |reader| list(node, "classes", reader, class)),
        None => Vec::new(),
    };
    let sum: f64 = classes.iter().map(|class| class.share).sum();
    if let Some(node) = whole.node("classes")
        && sum > 1.0 + ROUNDING
    {
        let message = format!("the shares of the classes add up to {}", standin_stub::delay::units::share(sum));
        reader.error_at(node, "classes", message, "lower them to 100% at most; what is left demands as `demand` says");
    }
    if let Some(node) = whole.node("classes") {
        same_lengths(node, &classes, reader);
    }
    let order = whole.node("order").map(|node| reader.within("order", |reader| order(node, reader)));
    let transfer = whole.node("transfer").map(|node| reader.within("transfer", |reader| transfer(node, reader)));
    Some(Work {
        demand: demand?,
        outside: outside.flatten(),
        front: front.flatten(),
        order: order.flatten(),
        transfer: transfer.flatten(),
        classes,
    })
}

fn class(node: &Node, reader: &mut Reader) -> Option<Class> {
    let mut whole = Object::open(node, "a class", reader)?;
    let share = match whole.node("share") {
        Some(node) => reader.within("share", |reader| share(node, reader)),
        None => {
            reader.error(node, "the class has no `share`", "add one, such as `share: 0.4%`");
            None
        }
    };
    let from = whole.node("from").and_then(|node| reader.within("from", |reader| bytes(node, reader)));
    let status = whole.node("status").map(|_| answered(&mut whole, reader));
    let demand = match whole.node("demand") {
        Some(node) => reader.within("demand", |reader| delay(node, reader)),
        None => {
            reader.error(node, "the class has no `demand`", "add one, such as `demand: {fixed: 2ms}`");
            None
        }
    };
    close(whole, &["demand", "from", "share", "status"], reader);
    Some(Class { share: share?, from, status, demand: demand? })
}

/// A length: a number of bytes, or one with a unit.
fn bytes(node: &Node, reader: &mut Reader) -> Option<u64> {
    let read = match &node.value {
        Value::String(text) | Value::Number(text) => parse_size(text).map_err(|error| (error.message, error.help)),
        _ => Err((format!("a length is needed here, not {}", node.kind_name()), "write one such as `32kB`".to_owned())),
    };
    read.map_err(|(message, help)| reader.error(node, message, help)).ok()
}

/// Two classes that begin at the same length: the calls of which would they be?
fn same_lengths(node: &Node, classes: &[Class], reader: &mut Reader) {
    let mut lengths: Vec<u64> = classes.iter().filter_map(|class| class.from).collect();
    lengths.sort_unstable();
    if let Some(pair) = lengths.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("two classes are of bodies from {} on", size(pair[0]));
        reader.error_at(node, "classes", message, "give each another `from`, or make them one");
    }
}

pub(super) fn scale(node: &Node, reader: &mut Reader) -> Option<Scale> {
    let whole = Object::open(node, "a scale", reader)?;
    let mut factor = |key: &str| {
        let node = whole.node(key)?;
        let factor = reader.within(key, |reader| number(node, reader))?;
        if !(SMALLEST_FACTOR..=1.0 / SMALLEST_FACTOR).contains(&factor) {
            let help = format!("use a number from {SMALLEST_FACTOR} to {}", 1.0 / SMALLEST_FACTOR);
            reader.error_at(node, key, format!("nothing can be scaled by {factor}"), help);
        }
        Some(factor)
    };
    let scale = Scale { latency: factor("latency").unwrap_or(1.0), capacity: factor("capacity").unwrap_or(1.0) };
    close(whole, &["capacity", "latency"], reader);
    Some(scale)
}

fn valid(node: &Node, reader: &mut Reader) -> Option<Valid> {
    let whole = Object::open(node, "`valid`", reader)?;
    let utilization =
        whole.node("utilization").and_then(|node| reader.within("utilization", |reader| share(node, reader)));
    let per_second = whole.node("perSecond").and_then(|node| reader.within("perSecond", |reader| number(node, reader)));
    if let Some(node) = whole.node("perSecond")
        && per_second.is_some_and(|rate| rate < 0.0)
    {
        reader.error_at(node, "perSecond", "a rate is not negative", "use a number from 0 up");
    }
    let in_flight = count("inFlight", &whole, reader);
    let samples = count("samples", &whole, reader);
    close(whole, &["inFlight", "perSecond", "samples", "utilization"], reader);
    Some(Valid { utilization, in_flight, per_second, samples })
}

fn name(whole: &mut Object<'_>, subject: &str, reader: &mut Reader) -> Option<String> {
    let name = whole.text("name", reader).filter(|name| !name.trim().is_empty());
    if name.is_none() {
        let message = format!("{subject} has no `name`");
        reader.error(whole.whole(), message, "give it one: draws, metrics and `extends` go by it");
    }
    name
}

/// Checks the request pattern; it is compiled when the profile is.
fn pattern(whole: &Object<'_>, reader: &mut Reader) -> Option<serde_json::Value> {
    let node = whole.node("match")?;
    reader.within("match", |reader| request_pattern(node, reader));
    Some(node.to_json())
}

/// A whole number from 0 up.
pub(super) fn count(key: &str, whole: &Object<'_>, reader: &mut Reader) -> Option<u64> {
    let node = whole.node(key)?;
    let count = match &node.value {
        Value::Number(text) | Value::String(text) => text.parse().ok(),
        _ => None,
    };
    if count.is_none() {
        reader.error_at(node, key, format!("`{key}` is a whole number, not {}", node.to_json()), "write digits");
    }
    count
}

pub(super) fn list<T>(
    node: &Node,
    subject: &str,
    reader: &mut Reader,
    mut read: impl FnMut(&Node, &mut Reader) -> Option<T>,
) -> Vec<T> {
    let Value::Array(items) = &node.value else {
        reader.error(node, format!("`{subject}` is a list, not {}", node.kind_name()), "write `-` before each item");
        return Vec::new();
    };
    let mut list = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        list.extend(reader.within(place.to_string(), |reader| read(item, reader)));
    }
    list
}

/// Two things of one name could not be told apart, and would draw the same.
fn unlike(list: Option<&Node>, subject: &str, reader: &mut Reader) {
    let items = list.map_or(&[][..], Node::items);
    let names: Vec<_> = items.iter().map(|item| item.get("name")).collect();
    for (place, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        if names[..place].iter().flatten().any(|before| before.value == name.value) {
            let message = format!("there is another {subject} of this name");
            reader.error(name, message, "give each a name of its own");
        }
    }
}

/// Reports what is unknown: to ignore it would be to serve another model than is said.
pub(super) fn close(whole: Object<'_>, known: &[&str], reader: &mut Reader) {
    whole.close(known, Strictness::Strict, reader);
}

/// The least factor to scale by, and one by the greatest.
const SMALLEST_FACTOR: f64 = 0.001;

/// Shares are written in decimals.
const ROUNDING: f64 = 1e-9;
