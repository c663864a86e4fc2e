//! A timeline as profiles spell it, and what can be wrong with one.

use std::time::Duration;

use super::{Step, Timeline};
use crate::profile::delays::{duration, number};
use crate::profile::read::{close, list, scale};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// Reads the timeline of a profile, if it is one.
pub(in crate::profile) fn timeline(whole: &Object<'_>, reader: &mut Reader) -> Option<Timeline> {
    let Some(node) = whole.node("timeline") else {
        for key in ["repeat", "speed"] {
            if let Some(node) = whole.node(key) {
                let message = format!("`{key}` says something of a `timeline`, and there is none");
                reader.error_at(node, key, message, "remove it, or add a `timeline`");
            }
        }
        return None;
    };
    if let Some(base) = whole.node("extends") {
        let help = "remove it, and point to that profile with a step";
        reader.error_at(base, "extends", "a timeline has no services of its own, so it extends nothing", help);
    } else if let Some(services) = whole.node("services") {
        let help = "put the services into a profile of their own, and point to it with a step";
        reader.error_at(services, "services", "a timeline has no services of its own", help);
    }
    let steps = reader.within("timeline", |reader| list(node, "timeline", reader, step));
    if node.items().is_empty() {
        let help = "write `[{at: 0s, profile: recorded}, {at: 10m, profile: peak}]`";
        reader.error_at(node, "timeline", "the timeline has no steps", help);
    }
    if let (Some(first), Some(step)) = (node.items().first(), steps.first()) {
        if step.at != Duration::ZERO {
            let at = first.get("at").unwrap_or(first);
            reader.error_at(at, "timeline", "the first step begins at 0s", "write `at: 0s`");
        }
        if step.profile.is_none() && first.get("profile").is_none_or(|node| node.value == Value::Null) {
            let help = "add `profile: …`; steps after it may leave it out to keep it";
            reader.error_at(first, "timeline", "the first step has no `profile`", help);
        }
    }
    // all of them could be read, so that they stand side by side
    if steps.len() == node.items().len() {
        for (pair, item) in steps.windows(2).zip(node.items().iter().skip(1)) {
            if pair[1].at <= pair[0].at {
                let at = item.get("at").unwrap_or(item);
                reader.error_at(at, "timeline", "a step begins after the one before it", "put the steps in order");
            }
        }
    }
    let repeat = whole.node("repeat").and_then(|node| reader.within("repeat", |reader| duration(node, reader)));
    if let (Some(node), Some(repeat), Some(last)) =
        (whole.node("repeat"), repeat, steps.iter().map(|step| step.at).max())
        && repeat <= last
    {
        let help = "use the length of a whole round, such as `24h`";
        reader.error_at(node, "repeat", "it begins again before its last step", help);
    }
    let speed = whole.node("speed").and_then(|node| reader.within("speed", |reader| number(node, reader)));
    if let (Some(node), Some(speed)) = (whole.node("speed"), speed)
        && !(SLOWEST..=FASTEST).contains(&speed)
    {
        let help = format!("use a number from {SLOWEST} to {FASTEST}");
        reader.error_at(node, "speed", format!("time cannot run {speed} times as fast"), help);
    }
    Some(Timeline { steps, repeat, speed: speed.unwrap_or(1.0) })
}

/// Checks the names that the steps of a timeline point to: `others` are all profiles, each with whether it is a timeline.
pub(in crate::profile) fn names(whole: &Node, others: &[(&str, bool)], reader: &mut Reader) {
    let steps = whole.get("timeline").map_or(&[][..], Node::items);
    for (place, node) in steps.iter().enumerate().filter_map(|(place, step)| Some((place, step.get("profile")?))) {
        // what is no text has been told
        let name = match &node.value {
            Value::String(name) | Value::Number(name) => name.clone(),
            Value::Bool(name) => name.to_string(),
            _ => continue,
        };
        let mut error = |message: String, help: String| {
            reader.within("timeline", |reader| {
                reader.within(place.to_string(), |reader| reader.error_at(node, "profile", message, help));
            });
        };
        match others.iter().find(|(known, _)| *known == name) {
            Some((_, false)) => {}
            Some((_, true)) => {
                let message = format!("`{name}` is a timeline, and a timeline may not point to one");
                error(message, "point to profiles that have services".to_owned());
            }
            None => {
                let known: Vec<&str> = others.iter().filter(|(_, line)| !line).map(|(name, _)| *name).collect();
                let help = match nearest(&name, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "put a profile with services beside it, and point to that".to_owned(),
                    None => format!("use one of {}", known.join(", ")),
                };
                error(format!("there is no profile `{name}`"), help);
            }
        }
    }
}

fn step(node: &Node, reader: &mut Reader) -> Option<Step> {
    let mut whole = Object::open(node, "a step", reader)?;
    let at = match whole.node("at") {
        Some(node) => reader.within("at", |reader| duration(node, reader)),
        None => {
            reader.error(node, "the step has no `at`", "add when it begins, such as `at: 10m`");
            None
        }
    };
    let profile = whole.text("profile", reader);
    let factors = whole.node("scale").map(|node| reader.within("scale", |reader| scale(node, reader)));
    if whole.node("profile").is_none() && whole.node("scale").is_none() {
        reader.error(node, "the step changes nothing", "add a `profile`, or a `scale` for the one before it");
    }
    close(whole, &["at", "profile", "scale"], reader);
    Some(Step { at: at?, profile, scale: factors.flatten().unwrap_or_default() })
}

/// From a thousandth of the speed to a day in less than a tenth of a second.
const SLOWEST: f64 = 0.001;
const FASTEST: f64 = 1_000_000.0;
