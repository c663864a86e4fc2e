//! A profile as a file that people read and change: block style, units, and a word where a key needs one.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::spec::{
    Abandon, Class, Delay, DelayParam, Front, Operation, Order, Overflow, Profile, RateLimit, Scale, Service, Step,
    Timeline, Valid, Work,
};
use crate::station::{Capacity, Queue, TokenRate};
use standin_stub::delay::units::{duration, rate, share, size};

impl Profile {
    /// The profile as YAML, below `notes` as comment lines. Reading it back gives the same profile.
    pub fn to_yaml(&self, notes: &str) -> String {
        let mut out = Writer::default();
        for note in notes.lines() {
            // what breaks a line elsewhere must not end the comment here
            out.line(0, format!("# {}", note.replace(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c), " ")));
        }
        if let Some(description) = &self.description {
            out.line(0, format!("description: {}", text(description)));
        }
        if let Some(priority) = self.priority {
            out.line(0, format!("priority: {priority}"));
        }
        if let Some(extends) = &self.extends {
            out.line(0, format!("extends: {}", text(extends)));
        }
        if let Some(timeline) = &self.timeline {
            out.timeline(timeline);
            return out.text;
        }
        if self.services.is_empty() {
            out.line(0, "services: []");
            return out.text;
        }
        out.line(0, "services:");
        for service in &self.services {
            out.service(service);
        }
        out.text
    }
}

/// Lines below each other.
#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, indent: usize, line: impl AsRef<str>) {
        let _ = writeln!(self.text, "{:indent$}{}", "", line.as_ref().trim_end());
    }

    fn service(&mut self, service: &Service) {
        self.line(2, format!("- name: {}", text(&service.name)));
        if let Some(pattern) = &service.pattern {
            self.line(4, format!("match: {}", flow(pattern)));
        }
        self.capacity("capacity", &service.capacity, service.overflow.as_ref());
        if let Some(Front { capacity, overflow }) = &service.front {
            self.capacity("front", capacity, overflow.as_ref());
        }
        if let Some(RateLimit { rate, overflow }) = &service.rate_limit {
            let overflow =
                overflow.as_ref().map_or_else(String::new, |overflow| format!(", overflow: {}", answer(overflow)));
            let TokenRate { per_second, burst, spaced } = rate;
            let spaced = if *spaced { ", spaced: true" } else { "" };
            self.line(4, format!("rateLimit: {{perSecond: {per_second}, burst: {burst}{spaced}{overflow}}}"));
        }
        if let Some(stalls) = &service.stalls {
            let (every, last) = (delay(&stalls.every), delay(&stalls.last));
            self.line(4, format!("stalls: {{every: {every}, last: {last}}} # everything stands still"));
        }
        if service.abandon == Abandon::Free {
            self.line(4, "abandon: free # a client that goes away leaves its worker to others");
        }
        if service.scale != Scale::default() {
            let Scale { latency, capacity } = service.scale;
            self.line(4, format!("scale: {{latency: {latency}, capacity: {capacity}}}"));
        }
        if !service.operations.is_empty() {
            self.line(4, "operations:");
        }
        for Operation { name, pattern, work } in &service.operations {
            self.line(6, format!("- name: {}", text(name)));
            if let Some(pattern) = pattern {
                self.line(8, format!("match: {}", flow(pattern)));
            }
            self.work(8, work);
        }
        if let Some(work) = &service.default {
            self.line(4, "default: # calls of this service that match no operation");
            self.work(6, work);
        }
        self.valid(service.valid);
    }

    fn timeline(&mut self, timeline: &Timeline) {
        self.line(0, "timeline:");
        for Step { at, profile, scale } in &timeline.steps {
            let at = if at.is_zero() { "0s".to_owned() } else { duration(*at) };
            let profile = profile.as_ref().map_or_else(String::new, |name| format!(", profile: {}", word(name)));
            let Scale { latency, capacity } = *scale;
            // a step says one of the two at least
            let scale = if *scale == Scale::default() && !profile.is_empty() {
                String::new()
            } else {
                format!(", scale: {{latency: {latency}, capacity: {capacity}}}")
            };
            self.line(2, format!("- {{at: {at}{profile}{scale}}}"));
        }
        if let Some(repeat) = timeline.repeat {
            self.line(0, format!("repeat: {} # from the beginning again", duration(repeat)));
        }
        if timeline.speed != 1.0 {
            self.line(0, format!("speed: {} # so many times as fast", timeline.speed));
        }
    }

    fn capacity(&mut self, key: &str, capacity: &Capacity, overflow: Option<&Overflow>) {
        self.line(4, format!("{key}:"));
        let queue = match capacity {
            Capacity::Unlimited => {
                self.line(6, "discipline: unlimited # latency does not depend on load");
                return;
            }
            Capacity::Fifo { workers, queue } => {
                self.line(6, "discipline: fifo # a worker takes one call at a time, first come, first served");
                self.line(6, format!("workers: {workers}"));
                queue
            }
            Capacity::Sharing { workers, queue } => {
                self.line(
                    6,
                    "discipline: sharing # all calls are worked on at once, each the slower the more there are",
                );
                self.line(6, format!("workers: {workers}"));
                queue
            }
            Capacity::Curve { curve, queue } => {
                self.line(6, "discipline: curve # all calls are worked on at once, as fast as was measured");
                let rates = curve.rates().iter().map(|(population, rate)| format!("{population}: {rate}/s"));
                let rates = rates.collect::<Vec<_>>().join(", ");
                self.line(6, format!("rates: {{{rates}}} # done a second by how many are inside"));
                queue
            }
        };
        match queue {
            Queue::Unbounded => self.line(6, "queue: unbounded"),
            Queue::AtMost(limit) => self.line(6, format!("queue: {limit} # calls that may wait")),
        }
        if let Some(overflow) = overflow {
            self.line(6, format!("overflow: {}", answer(overflow)));
        }
    }

    fn work(&mut self, indent: usize, work: &Work) {
        self.line(indent, format!("demand: {}", delay(&work.demand)));
        if let Some(outside) = &work.outside {
            self.line(indent, format!("outside: {} # waited before a worker is asked for", delay(outside)));
        }
        if let Some(front) = &work.front {
            self.line(indent, format!("front: {} # demanded of the front, before", delay(front)));
        }
        if let Some(Order { blocks, correlation }) = work.order {
            let order = format!("{{blocks: {}, correlation: {}}}", duration(blocks), share(correlation));
            self.line(indent, format!("order: {order} # slow spells stay together"));
        }
        if let Some(bytes) = work.transfer {
            self.line(indent, format!("transfer: {{rate: {}}}", rate(bytes)));
        }
        if work.classes.is_empty() {
            return;
        }
        self.line(indent, "classes:");
        for Class { share: part, from, status, demand } in &work.classes {
            let from = from.map_or_else(String::new, |bytes| format!("from: {}, ", size(bytes)));
            let status = status.map_or_else(String::new, |status| format!("status: {status}, "));
            self.line(indent + 2, format!("- {{share: {}, {from}{status}demand: {}}}", share(*part), delay(demand)));
        }
    }

    fn valid(&mut self, valid: Valid) {
        let parts: Vec<_> = [
            valid.utilization.map(|part| format!("utilization: {}", share(part))),
            valid.in_flight.map(|count| format!("inFlight: {count}")),
            valid.per_second.map(|rate| format!("perSecond: {rate}")),
            valid.samples.map(|count| format!("samples: {count}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !parts.is_empty() {
            self.line(
                4,
                format!("valid: {{{}}} # what was observed; beyond it the model is a guess", parts.join(", ")),
            );
        }
    }
}

/// What a call gets that is turned away.
fn answer(overflow: &Overflow) -> String {
    match overflow {
        Overflow::Fault(fault) => format!("{{fault: {}}}", word(fault)),
        Overflow::Answer { status, headers, body } => {
            let mut parts = vec![format!("status: {status}")];
            let named: Vec<_> = headers
                .keys()
                .map(|name| {
                    let values = headers.get_all(name).iter();
                    let values: Vec<_> = values.map(|v| quoted(&String::from_utf8_lossy(v.as_bytes()))).collect();
                    match values.as_slice() {
                        [value] => format!("{}: {value}", word(name.as_str())),
                        values => format!("{}: [{}]", word(name.as_str()), values.join(", ")),
                    }
                })
                .collect();
            if !named.is_empty() {
                parts.push(format!("headers: {{{}}}", named.join(", ")));
            }
            parts.extend(body.as_ref().map(|body| format!("body: {}", quoted(body))));
            format!("{{{}}}", parts.join(", "))
        }
    }
}

/// `{lognormal: {median: 80ms, p99: 200ms}}`
fn delay(delay: &Delay) -> String {
    format!("{{{}}}", kind(delay))
}

fn kind(delay: &Delay) -> String {
    let beside = |own: &str| {
        let others = delay.params.iter().filter(|(name, _)| name != own);
        others.fold(String::new(), |all, (name, value)| format!("{all}, {}: {}", word(name), param(value)))
    };
    let own = |own: &str| delay.params.iter().find(|(name, _)| name == own).map(|(_, value)| param(value));
    match delay.kind.as_str() {
        "fixed" => format!("fixed: {}{}", own("value").unwrap_or_default(), beside("value")),
        "mixture" => format!("mixture: {}{}", own("parts").unwrap_or_default(), beside("parts")),
        kind => {
            let params = delay.params.iter().map(|(name, value)| format!("{}: {}", word(name), param(value)));
            format!("{}: {{{}}}", word(kind), params.collect::<Vec<_>>().join(", "))
        }
    }
}

fn param(value: &DelayParam) -> String {
    match value {
        DelayParam::Number(number) => number.to_string(),
        DelayParam::Time(time) => duration(*time),
        DelayParam::Parts(parts) => {
            let parts = parts.iter().map(|(part, delay)| format!("{{share: {}, {}}}", share(*part), kind(delay)));
            format!("[{}]", parts.collect::<Vec<_>>().join(", "))
        }
    }
}

/// JSON as YAML has it between braces, with as few quotes as it needs.
fn flow(json: &Json) -> String {
    match json {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", word(name), flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text at the end of a line.
fn text(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-/.{}()%,".contains(c);
    if is_own_word(text) && text.chars().all(is_plain) && !text.ends_with(' ') { text.to_owned() } else { quoted(text) }
}

/// A text between braces.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if is_own_word(text) && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// Whether it cannot be taken for a number, a boolean or nothing.
fn is_own_word(text: &str) -> bool {
    let reserved = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && !reserved.contains(&text.to_ascii_lowercase().as_str())
}

/// A text in double quotes, with JSON's escapes for ASCII and YAML's for what a reader might not take as it is.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
