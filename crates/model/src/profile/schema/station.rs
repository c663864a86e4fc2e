//! Keys of a station: capacity, front and rate curve.

use std::num::NonZeroU32;

use super::keys::{Codec, Schema, SchemaKey, Style, Usage, optional_key, read_node};
use super::overflow::{MAX_RATE, MIN_RATE, OVERFLOW};
use super::values::{NUMBER, read_count, typed_text};
use super::yaml::Yaml;
use crate::profile::model::{Overflow, StationSpec};
use crate::station::{Capacity, Queue, RateCurve, RateCurveError};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// `capacity` of a service.
pub(super) const CAPACITY: Codec<StationSpec> = Codec::new(
    |key, object, reader| {
        read_node(key, object, reader, |node, reader| CAPACITY_KEYS.read(node, reader)?.into_station())
    },
    |station| CAPACITY_KEYS.write(&station.into()),
);

/// `front` of a service.
pub(super) const FRONT: Codec<StationSpec> = Codec::new(
    |key, object, reader| read_node(key, object, reader, |node, reader| FRONT_KEYS.read(node, reader)?.into_station()),
    |station| FRONT_KEYS.write(&station.into()),
);

pub(super) static CAPACITY_KEYS: Schema<StationKeys> =
    Schema { name: "a capacity", subject: "the capacity", ..STATION_KEYS };

pub(super) static FRONT_KEYS: Schema<StationKeys> = Schema { name: "a front", subject: "the front", ..STATION_KEYS };

const STATION_KEYS: Schema<StationKeys> = Schema {
    name: "",
    subject: "",
    style: Style::Block,
    blank: StationKeys::default,
    keys: &[
        optional_key!(StationKeys, "discipline", discipline, DISCIPLINE).selector(),
        optional_key!(StationKeys, "workers", workers, WORKERS)
            .required("add how many calls are worked on at once")
            .used(|object| if is_layered(object) { Usage::Optional } else { used_by(object, &["fifo", "sharing"]) }),
        optional_key!(
            StationKeys,
            "cores",
            cores,
            NUMBER.checked(|value, node, reader| check_cores(*value, node, reader))
        )
        .used(|object| {
            if is_layered(object) {
                return Usage::Optional;
            }
            Usage::Conflict(
                "`cores` beside `discipline`",
                "remove one of them: without a `discipline`, calls hold one of the `workers` and share the `cores`",
            )
        }),
        optional_key!(StationKeys, "rates", rates, RATES)
            .required(
                "add completions a second by how many calls are inside, such as `rates: {1: 40/s, 2: 78/s, 4: 130/s}`",
            )
            .used(|object| used_by(object, &["curve"]))
            .comment("completions a second by the number of calls inside"),
        optional_key!(StationKeys, "queue", queue, QUEUE)
            .required("write how many calls may wait, or `queue: unbounded`")
            .used(used_by_queues),
        optional_key!(StationKeys, "overflow", overflow, OVERFLOW).used(used_by_queues),
    ],
    check: |station, object, _, reader| {
        if has_no_kind(object) {
            let help = "add `workers: 4` for how many calls are worked on at once, `cores: 1` for what they share, or a \
                        `discipline`: `fifo`, `sharing`, `curve` or `unlimited`";
            reader.error(object.whole(), "there are no `workers` and no `cores`", help);
        }
        if let (Some(Queue::Unbounded), Some(node)) = (station.queue, object.node("overflow")) {
            let help = "give `queue` a number, or remove `overflow`";
            reader.warn_at(node, "overflow", "an unbounded queue never overflows", help);
        }
    },
};

/// The keys of a station, before they are known to fit together.
#[derive(Clone, Default)]
pub(super) struct StationKeys {
    discipline: Option<DisciplineKey>,
    workers: Option<NonZeroU32>,
    cores: Option<f64>,
    rates: Option<RateCurve>,
    queue: Option<Queue>,
    overflow: Option<Overflow>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DisciplineKey {
    Unlimited,
    Fifo,
    Sharing,
    Curve,
}

impl StationKeys {
    /// Returns the station; `None` if a key that its discipline needs is missing.
    fn into_station(self) -> Option<StationSpec> {
        let capacity = match self.discipline {
            None if self.workers.is_none() && self.cores.is_none() => return None,
            None => Capacity::Layered { workers: self.workers, cores: self.cores, queue: self.queue? },
            Some(DisciplineKey::Unlimited) => Capacity::Unlimited,
            Some(DisciplineKey::Fifo) => Capacity::Fifo { workers: self.workers?, queue: self.queue? },
            Some(DisciplineKey::Sharing) => Capacity::Sharing { workers: self.workers?, queue: self.queue? },
            Some(DisciplineKey::Curve) => Capacity::Curve { curve: self.rates?, queue: self.queue? },
        };
        Some(StationSpec { capacity, overflow: self.overflow })
    }
}

impl From<&StationSpec> for StationKeys {
    fn from(station: &StationSpec) -> Self {
        let none = Self::default();
        let (keys, queue) = match &station.capacity {
            Capacity::Unlimited => return Self { discipline: Some(DisciplineKey::Unlimited), ..none },
            Capacity::Fifo { workers, queue } => {
                (Self { discipline: Some(DisciplineKey::Fifo), workers: Some(*workers), ..none }, *queue)
            }
            Capacity::Sharing { workers, queue } => {
                (Self { discipline: Some(DisciplineKey::Sharing), workers: Some(*workers), ..none }, *queue)
            }
            Capacity::Curve { curve, queue } => {
                (Self { discipline: Some(DisciplineKey::Curve), rates: Some(curve.clone()), ..none }, *queue)
            }
            Capacity::Layered { workers, cores, queue } => (Self { workers: *workers, cores: *cores, ..none }, *queue),
        };
        Self { queue: Some(queue), overflow: station.overflow.clone(), ..keys }
    }
}

/// Names of the disciplines, with the comments behind them in written profiles.
const DISCIPLINES: [(&str, DisciplineKey, &str); 4] = [
    ("curve", DisciplineKey::Curve, "all calls are worked on at once, at the measured rates"),
    ("fifo", DisciplineKey::Fifo, "a worker takes one call at a time, first come, first served"),
    ("sharing", DisciplineKey::Sharing, "all calls are worked on at once and share the workers"),
    ("unlimited", DisciplineKey::Unlimited, "latency does not depend on load"),
];

const DISCIPLINE: Codec<DisciplineKey> = Codec::new(
    |key, object, reader| {
        let typed = object.text(key, reader)?;
        let found = DISCIPLINES.iter().find(|(name, ..)| *name == typed);
        if found.is_none() {
            let names = DISCIPLINES.map(|(name, ..)| name);
            let help = match nearest(&typed, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of {}", names.join(", ")),
            };
            let node = object.node(key).unwrap_or(object.whole());
            reader.error_at(node, key, format!("`{typed}` is no discipline"), help);
        }
        found.map(|(_, discipline, _)| *discipline)
    },
    |discipline| {
        let found = DISCIPLINES.iter().find(|(_, other, _)| other == discipline);
        found.map_or_else(
            || Yaml::Inline(String::new()),
            |(name, _, comment)| Yaml::Commented((*name).to_owned(), comment),
        )
    },
);

/// Returns whether a key belongs to the discipline of a station.
fn used_by(object: &Object<'_>, disciplines: &[&str]) -> Usage {
    let discipline = object.node("discipline").and_then(typed_text);
    if discipline.is_some_and(|name| disciplines.contains(&name)) { Usage::Read } else { Usage::Unknown }
}

fn used_by_queues(object: &Object<'_>) -> Usage {
    match object.node("discipline") {
        None if has_no_kind(object) => Usage::Optional,
        None => Usage::Read,
        Some(_) => used_by(object, &["curve", "fifo", "sharing"]),
    }
}

/// Returns whether the capacity is a layered queue.
fn is_layered(object: &Object<'_>) -> bool {
    object.node("discipline").is_none()
}

/// Returns whether nothing says how calls are served.
fn has_no_kind(object: &Object<'_>) -> bool {
    ["discipline", "workers", "cores"].iter().all(|key| object.node(key).is_none())
}

fn check_cores(cores: f64, node: &Node, reader: &mut Reader) {
    if !(MIN_CORES..=f64::from(MAX_WORKERS)).contains(&cores) {
        let help = format!("use a number from {MIN_CORES} to {MAX_WORKERS}, such as `4`, or `0.5` for half of one");
        reader.error(node, format!("{} is no number of cores", node.to_json()), help);
    }
}

const WORKERS: Codec<NonZeroU32> = Codec::new(
    |key, object, reader| {
        let count = read_count(key, object, reader)?;
        let workers = u32::try_from(count).ok().filter(|count| *count <= MAX_WORKERS).and_then(NonZeroU32::new);
        if workers.is_none() {
            let node = object.node(key)?;
            let help = format!("use a number from 1 to {MAX_WORKERS}, or `discipline: unlimited`");
            reader.error_at(node, key, format!("{count} is no number of workers"), help);
        }
        workers
    },
    |workers| Yaml::Inline(workers.to_string()),
);

const QUEUE: Codec<Queue> = Codec::new(
    |key, object, reader| {
        let node = object.node(key)?;
        if node.as_str() == Some("unbounded") {
            return Some(Queue::Unbounded);
        }
        let limit = typed_text(node).and_then(|text| text.parse().ok()).filter(|limit| *limit <= MAX_QUEUE_LENGTH);
        if limit.is_none() {
            let help = "write how many calls may wait, or `queue: unbounded`";
            reader.error_at(node, key, format!("{} is no length of a queue", node.to_json()), help);
        }
        limit.map(Queue::AtMost)
    },
    |queue| match queue {
        Queue::Unbounded => Yaml::Inline("unbounded".to_owned()),
        Queue::AtMost(limit) => Yaml::Commented(limit.to_string(), "calls that may wait"),
    },
);

/// Completions a second by population: `{1: 40/s, 2: 78/s}`.
const RATES: Codec<RateCurve> = Codec::new(
    |key, object, reader| read_node(key, object, reader, read_rates),
    |curve| {
        let rates = curve.rates().iter().map(|(population, rate)| format!("{population}: {rate}/s"));
        Yaml::Inline(format!("{{{}}}", rates.collect::<Vec<_>>().join(", ")))
    },
);

fn read_rates(node: &Node, reader: &mut Reader) -> Option<RateCurve> {
    let object = Object::open(node, "a curve", reader)?;
    let (mut rates, mut is_complete) = (Vec::with_capacity(object.members().len()), true);
    for member in object.members() {
        let population = member.key.parse::<u32>().ok().filter(|count| (1..=MAX_WORKERS).contains(count));
        if population.is_none() {
            let key_node = Node { span: member.key_span.clone(), value: Value::Null };
            let help = format!("write how many calls are inside, from 1 to {MAX_WORKERS}");
            reader.error_at(&key_node, &member.key, format!("`{}` is no number of calls", member.key), help);
        }
        let rate = match &member.value.value {
            Value::String(text) => text.strip_suffix("/s").and_then(|digits| digits.trim_end().parse::<f64>().ok()),
            _ => None,
        };
        let rate = rate.filter(|rate| (MIN_RATE..=MAX_RATE).contains(rate));
        if rate.is_none() {
            let message = format!("{} is no rate", member.value.to_json());
            let help = format!("write completions a second, such as `40/s`, from {MIN_RATE}/s to {MAX_RATE}/s");
            reader.error_at(&member.value, &member.key, message, help);
        }
        is_complete &= population.is_some() && rate.is_some();
        rates.extend(population.zip(rate));
    }
    if !is_complete {
        return None;
    }
    let curve = RateCurve::new(rates);
    curve.map_err(|error| report_curve_error(error, &object, reader)).ok()
}

fn report_curve_error(error: RateCurveError, object: &Object<'_>, reader: &mut Reader) {
    let at = |population: u32| object.node(&population.to_string()).unwrap_or(object.whole());
    match error {
        RateCurveError::NotFromOne => {
            let help = "begin with how many calls a second are done when there is one at a time, such as `1: 40/s`";
            reader.error(object.whole(), "the rates do not begin with a population of 1", help);
        }
        RateCurveError::OutOfOrder(many) => {
            reader.error(at(many), "the populations do not rise", "put them in order, each once");
        }
        // rates out of range are reported before the curve is made
        RateCurveError::NoRate(population) => reader.error(at(population), "there is no rate", "write `40/s`"),
        RateCurveError::Faster { many, few } => {
            let message = format!("each of {many} calls would be faster than each of {few}");
            let most = f64::from(many) / f64::from(few);
            let help = format!("lower it to at most {most} times the rate of {few}, or measure both again");
            reader.error(at(many), message, help);
        }
    }
}

/// The least part of a core that a container gets.
const MIN_CORES: f64 = 0.001;

/// More than any process has threads for.
const MAX_WORKERS: u32 = 1_000_000;

/// More calls than fit into memory.
const MAX_QUEUE_LENGTH: u32 = 1_000_000_000;
