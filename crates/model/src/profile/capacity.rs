//! The capacity of a service as profiles spell it: discipline, workers, queue, and what happens when it is full.

use std::num::NonZeroU32;

use super::delays::number;
use super::read::{close, count};
use super::spec::{Overflow, RateLimit};
use crate::station::{Capacity, Queue, RateCurve, RateCurveError, TokenRate};
use standin_stub::render::format::{fault, headers, status};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// Reads a capacity and its overflow; `what` has it: the capacity itself, or a front.
pub(super) fn capacity(node: &Node, subject: &str, reader: &mut Reader) -> Option<(Capacity, Option<Overflow>)> {
    let mut whole = Object::open(node, &format!("a {subject}"), reader)?;
    let Some(discipline) = whole.text("discipline", reader) else {
        if whole.node("discipline").is_none() {
            reader.error(
                node,
                format!("the {subject} has no `discipline`"),
                "add `discipline: fifo`, `sharing`, `curve` or `unlimited`",
            );
        }
        return None;
    };
    match discipline.as_str() {
        "unlimited" => {
            close(whole, &["discipline"], reader);
            Some((Capacity::Unlimited, None))
        }
        "fifo" | "sharing" => {
            let workers = workers(&whole, subject, reader);
            let queue = queue(&whole, subject, reader);
            let overflow = overflow_of(&whole, queue, reader);
            close(whole, &["discipline", "overflow", "queue", "workers"], reader);
            let (workers, queue) = (workers?, queue?);
            let capacity = match discipline.as_str() {
                "fifo" => Capacity::Fifo { workers, queue },
                _ => Capacity::Sharing { workers, queue },
            };
            Some((capacity, overflow))
        }
        "curve" => {
            let curve = curve(&whole, reader);
            let queue = queue(&whole, subject, reader);
            let overflow = overflow_of(&whole, queue, reader);
            close(whole, &["discipline", "overflow", "queue", "rates"], reader);
            Some((Capacity::Curve { curve: curve?, queue: queue? }, overflow))
        }
        other => {
            let node = whole.node("discipline").unwrap_or(node);
            let (message, help) = match nearest(other, DISCIPLINES) {
                Some(near) => (format!("`{other}` is no discipline"), format!("did you mean `{near}`?")),
                None => (format!("`{other}` is no discipline"), format!("use one of {}", DISCIPLINES.join(", "))),
            };
            reader.error_at(node, "discipline", message, help);
            None
        }
    }
}

/// What a call gets that finds a queue full.
fn overflow_of(whole: &Object<'_>, queue: Option<Queue>, reader: &mut Reader) -> Option<Overflow> {
    let node = whole.node("overflow")?;
    let overflow = reader.within("overflow", |reader| overflow(node, reader));
    if queue == Some(Queue::Unbounded) {
        let help = "give `queue` a number, or remove `overflow`";
        reader.warn_at(node, "overflow", "an unbounded queue never overflows", help);
    }
    overflow
}

/// Completions a second by population: `rates: {1: 40/s, 2: 78/s}`.
fn curve(whole: &Object<'_>, reader: &mut Reader) -> Option<RateCurve> {
    let Some(node) = whole.node("rates") else {
        let help =
            "add completions a second by how many calls are inside, such as `rates: {1: 40/s, 2: 78/s, 4: 130/s}`";
        reader.error(whole.whole(), "the curve has no `rates`", help);
        return None;
    };
    reader.within("rates", |reader| rates(node, reader))
}

fn rates(node: &Node, reader: &mut Reader) -> Option<RateCurve> {
    let whole = Object::open(node, "a curve", reader)?;
    let (mut rates, mut is_right) = (Vec::with_capacity(whole.members().len()), true);
    for member in whole.members() {
        let population = member.key.parse::<u32>().ok().filter(|count| (1..=MOST_WORKERS).contains(count));
        if population.is_none() {
            let place = Node { span: member.key_span.clone(), value: Value::Null };
            let help = format!("write how many calls are inside, from 1 to {MOST_WORKERS}");
            reader.error_at(&place, &member.key, format!("`{}` is no number of calls", member.key), help);
        }
        let rate = match &member.value.value {
            Value::String(text) => text.strip_suffix("/s").and_then(|digits| digits.trim_end().parse::<f64>().ok()),
            _ => None,
        };
        let rate = rate.filter(|rate| (LOWEST_RATE..=HIGHEST_RATE).contains(rate));
        if rate.is_none() {
            let message = format!("{} is no rate", member.value.to_json());
            let help = format!("write completions a second, such as `40/s`, from {LOWEST_RATE}/s to {HIGHEST_RATE}/s");
            reader.error_at(&member.value, &member.key, message, help);
        }
        is_right &= population.is_some() && rate.is_some();
        rates.extend(population.zip(rate));
    }
    if !is_right {
        return None;
    }
    let place = |population: u32| whole.node(&population.to_string()).unwrap_or(node);
    match RateCurve::new(rates) {
        Ok(curve) => return Some(curve),
        Err(RateCurveError::NotFromOne) => {
            let help = "begin with how many calls a second are done when there is one at a time, such as `1: 40/s`";
            reader.error(node, "the rates do not begin with a population of 1", help);
        }
        Err(RateCurveError::OutOfOrder(many)) => {
            reader.error(place(many), "the populations do not rise", "put them in order, each once");
        }
        // it was in range
        Err(RateCurveError::NoRate(population)) => reader.error(place(population), "there is no rate", "write `40/s`"),
        Err(RateCurveError::Faster { many, few }) => {
            let message = format!("each of {many} calls would be faster than each of {few}");
            let most = f64::from(many) / f64::from(few);
            let help = format!("lower it to at most {most} times the rate of {few}, or measure both again");
            reader.error(place(many), message, help);
        }
    }
    None
}

fn workers(whole: &Object<'_>, subject: &str, reader: &mut Reader) -> Option<NonZeroU32> {
    let Some(node) = whole.node("workers") else {
        let message = format!("the {subject} has no `workers`");
        reader.error(whole.whole(), message, "add how many calls are worked on at once");
        return None;
    };
    let count = count("workers", whole, reader)?;
    let workers = u32::try_from(count).ok().filter(|count| *count <= MOST_WORKERS).and_then(NonZeroU32::new);
    if workers.is_none() {
        let help = format!("use a number from 1 to {MOST_WORKERS}, or `discipline: unlimited`");
        reader.error_at(node, "workers", format!("there cannot be {count} workers"), help);
    }
    workers
}

fn queue(whole: &Object<'_>, subject: &str, reader: &mut Reader) -> Option<Queue> {
    let help = "write how many calls may wait, or `queue: unbounded`";
    let Some(node) = whole.node("queue") else {
        reader.error(whole.whole(), format!("the {subject} has no `queue`"), help);
        return None;
    };
    if node.as_str() == Some("unbounded") {
        return Some(Queue::Unbounded);
    }
    let limit = match &node.value {
        Value::Number(text) | Value::String(text) => text.parse().ok().filter(|limit| *limit <= LONGEST_QUEUE),
        _ => None,
    };
    if limit.is_none() {
        reader.error_at(node, "queue", format!("{} is no length of a queue", node.to_json()), help);
    }
    limit.map(Queue::AtMost)
}

/// Reads a limit of the rate.
pub(super) fn rate_limit(node: &Node, reader: &mut Reader) -> Option<RateLimit> {
    let mut whole = Object::open(node, "a rate limit", reader)?;
    let per_second = match whole.node("perSecond") {
        Some(node) => reader.within("perSecond", |reader| number(node, reader)),
        None => {
            reader.error(node, "the rate limit has no `perSecond`", "add how many calls may come a second");
            None
        }
    };
    if let Some(node) = whole.node("perSecond")
        && per_second.is_some_and(|rate| !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate))
    {
        let help = format!("use a number from {LOWEST_RATE} to {HIGHEST_RATE}");
        reader.error_at(node, "perSecond", format!("{} is no rate to limit to", node.to_json()), help);
    }
    let burst = match whole.node("burst") {
        None => Some(1),
        Some(node) => {
            let burst = count("burst", &whole, reader)?;
            let burst = u32::try_from(burst).ok().filter(|burst| *burst > 0);
            if burst.is_none() {
                reader.error_at(node, "burst", "a burst has at least one call", "use a number from 1 up, or remove it");
            }
            burst
        }
    };
    let overflow = whole.node("overflow").map(|node| reader.within("overflow", |reader| overflow(node, reader)));
    let spaced = whole.boolean("spaced", reader).unwrap_or(false);
    close(whole, &["burst", "overflow", "perSecond", "spaced"], reader);
    Some(RateLimit { rate: TokenRate { per_second: per_second?, burst: burst?, spaced }, overflow: overflow.flatten() })
}

/// The status of an answer of a service; HTTP has none beyond 599.
pub(super) fn answered(whole: &mut Object<'_>, reader: &mut Reader) -> u16 {
    let status = status(whole, reader).as_u16();
    if status > 599
        && let Some(node) = whole.node("status")
    {
        reader.error_at(node, "status", format!("no service answers {status}"), "use a number from 200 to 599");
    }
    status
}

fn overflow(node: &Node, reader: &mut Reader) -> Option<Overflow> {
    let mut whole = Object::open(node, "an overflow", reader)?;
    if whole.node("fault").is_some() {
        let name = fault(&mut whole, reader).and_then(|_| whole.node("fault")?.as_str().map(str::to_owned));
        close(whole, &["fault"], reader);
        return name.map(Overflow::Fault);
    }
    if whole.node("status").is_none() {
        reader.error(node, "the overflow has no `status`", "add one such as `status: 503`, or a `fault`");
    }
    let status = answered(&mut whole, reader);
    let headers = headers(&mut whole, reader);
    let body = whole.text("body", reader);
    close(whole, &["body", "headers", "status"], reader);
    Some(Overflow::Answer { status, headers, body })
}

const DISCIPLINES: &[&str] = &["curve", "fifo", "sharing", "unlimited"];

/// A call in a quarter of an hour; and more calls than any machine takes.
const LOWEST_RATE: f64 = 0.001;
const HIGHEST_RATE: f64 = 1e9;

/// More than any process has threads for.
const MOST_WORKERS: u32 = 1_000_000;

/// More calls than memory holds.
const LONGEST_QUEUE: u32 = 1_000_000_000;
