//! Distributions as profiles spell them: one kind with its parameters, `{lognormal: {median: 80ms, p99: 200ms}}`.

use std::time::Duration;

use super::spec::{Delay, DelayParam};
use standin_stub::delay::{Distribution, units};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Node, Object, Reader, Value};

/// Reads a distribution and checks that it can be built.
pub(super) fn delay(node: &Node, reader: &mut Reader) -> Option<Delay> {
    let Value::Object(members) = &node.value else {
        let help = match text_of(node) {
            Some(text) => format!("write `{{fixed: {text}}}`"),
            None => "write `{fixed: 2ms}` or `{lognormal: {median: 80ms, p99: 200ms}}`".to_owned(),
        };
        reader.error(node, format!("a distribution is an object, not {}", node.kind_name()), help);
        return None;
    };
    let mut kinds = members.iter().filter(|member| !BOUNDS.contains(&member.key.as_str()));
    let Some(kind) = kinds.next() else {
        reader.error(node, "the distribution has no kind", format!("use one of {}", Distribution::KINDS.join(", ")));
        return None;
    };
    let place = Node { span: kind.key_span.clone(), value: Value::Null };
    if !Distribution::KINDS.contains(&kind.key.as_str()) {
        let help = match nearest(&kind.key, Distribution::KINDS) {
            // as stubs have it
            None if kind.key == "type" => {
                format!("write the kind as the key: `{{{}: {{…}}}}`", text_of(&kind.value).unwrap_or("lognormal"))
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use one of {}", Distribution::KINDS.join(", ")),
        };
        reader.error(&place, format!("`{}` is no distribution", kind.key), help);
        return None;
    }
    if let Some(second) = kinds.next() {
        let place = Node { span: second.key_span.clone(), value: Value::Null };
        let message = format!("`{}` beside `{}`: a distribution has one kind", second.key, kind.key);
        reader.error(&place, message, "remove one of them, or make a `mixture` of both");
        return None;
    }
    let mut params = reader.within(&kind.key, |reader| kind_params(&kind.key, &kind.value, reader))?;
    for bound in members.iter().filter(|member| member.key != kind.key) {
        params.push((bound.key.clone(), DelayParam::Time(duration(&bound.value, reader)?)));
    }
    let delay = Delay { kind: kind.key.clone(), params };
    match delay.build() {
        Ok(_) => Some(delay),
        Err(error) => {
            let named = error.param.as_deref().and_then(|name| kind.value.get(name).or_else(|| node.get(name)));
            reader.error(named.unwrap_or(&kind.value), error.message, error.help);
            None
        }
    }
}

/// Reads a duration with its unit.
pub(super) fn duration(node: &Node, reader: &mut Reader) -> Option<Duration> {
    let Some(text) = text_of(node) else {
        reader.error(node, format!("a time is needed here, not {}", node.kind_name()), "write one such as `3.2ms`");
        return None;
    };
    let read = units::parse_duration(text).map_err(|error| reader.error(node, error.message, error.help));
    read.ok()
}

/// Reads a percentage.
pub(super) fn share(node: &Node, reader: &mut Reader) -> Option<f64> {
    let Some(text) = text_of(node) else {
        reader.error(node, format!("a share is needed here, not {}", node.kind_name()), "write one such as `0.4%`");
        return None;
    };
    units::parse_share(text).map_err(|error| reader.error(node, error.message, error.help)).ok()
}

/// Reads a plain number.
pub(super) fn number(node: &Node, reader: &mut Reader) -> Option<f64> {
    let number = text_of(node).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    if number.is_none() {
        let typed = text_of(node).map_or_else(|| node.kind_name().to_owned(), |text| format!("`{text}`"));
        reader.error(node, format!("a plain number is needed here, not {typed}"), "write digits without a unit");
    }
    number
}

/// The parameters of a kind; `None` if one of them cannot be read.
fn kind_params(kind: &str, node: &Node, reader: &mut Reader) -> Option<Vec<(String, DelayParam)>> {
    match kind {
        "fixed" => Some(vec![("value".to_owned(), DelayParam::Time(duration(node, reader)?))]),
        "mixture" => Some(vec![("parts".to_owned(), DelayParam::Parts(parts(node, reader)?))]),
        _ => {
            let whole = Object::open(node, &format!("what `{kind}` takes"), reader)?;
            let read = whole.members().iter().map(|member| {
                let value = reader.within(&member.key, |reader| match member.key.as_str() {
                    "cv" | "shape" | "sigma" => number(&member.value, reader).map(DelayParam::Number),
                    _ => duration(&member.value, reader).map(DelayParam::Time),
                });
                Some((member.key.clone(), value?))
            });
            // all of them are read, so that every defect is found
            read.collect::<Vec<_>>().into_iter().collect()
        }
    }
}

/// `[{share: 90%, fixed: 1ms}, {share: 10%, exponential: {mean: 5ms}}]`
fn parts(node: &Node, reader: &mut Reader) -> Option<Vec<(f64, Delay)>> {
    let Value::Array(items) = &node.value else {
        let help = "write `[{share: 90%, fixed: 1ms}, {share: 10%, fixed: 9ms}]`";
        reader.error(node, format!("a mixture is a list, not {}", node.kind_name()), help);
        return None;
    };
    let mut parts = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        parts.push(reader.within(place.to_string(), |reader| part(item, reader)));
    }
    parts.into_iter().collect()
}

fn part(item: &Node, reader: &mut Reader) -> Option<(f64, Delay)> {
    let whole = Object::open(item, "a part of a mixture", reader)?;
    let share = match whole.node("share") {
        Some(node) => reader.within("share", |reader| share(node, reader)),
        None => {
            reader.error(item, "a part of a mixture has no `share`", "add one, such as `share: 10%`");
            None
        }
    };
    let members = whole.members().iter().filter(|member| member.key != "share").cloned().collect();
    let rest = Node { span: item.span.clone(), value: Value::Object(members) };
    let delay = delay(&rest, reader);
    Some((share?, delay?))
}

/// What was typed, with or without quotes.
fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

/// What may stand beside the kind.
const BOUNDS: &[&str] = &["max", "min"];
