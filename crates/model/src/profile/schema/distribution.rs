//! Distributions of times: one kind with its parameters, `{lognormal: {median: 80ms, p99: 200ms}}`.

use super::keys::{Codec, read_node};
use super::values::{read_duration, read_number, read_share, typed_text};
use super::yaml::{Yaml, word};
use crate::profile::model::{DistributionParam, DistributionSpec};
use standin_stub::delay::{Distribution, units};
use standin_stub::source::defect::nearest;
use standin_stub::source::{Member, Node, Object, Reader, Value};

/// A distribution of times that can be built.
pub(super) const DISTRIBUTION: Codec<DistributionSpec> = Codec::new(
    |key, object, reader| read_node(key, object, reader, read_distribution),
    |distribution| Yaml::Inline(format!("{{{}}}", write_kind(distribution))),
);

fn read_distribution(node: &Node, reader: &mut Reader) -> Option<DistributionSpec> {
    let Value::Object(members) = &node.value else {
        let help = match typed_text(node) {
            Some(text) => format!("write `{{fixed: {text}}}`"),
            None => "write `{fixed: 2ms}` or `{lognormal: {median: 80ms, p99: 200ms}}`".to_owned(),
        };
        reader.error(node, format!("a distribution is an object, not {}", node.kind_name()), help);
        return None;
    };
    let kind = kind_of(node, members, reader)?;
    let mut params = reader.within(&kind.key, |reader| read_params(&kind.key, &kind.value, reader))?;
    for bound in members.iter().filter(|member| member.key != kind.key) {
        params.push((bound.key.clone(), DistributionParam::Time(read_duration(&bound.value, reader)?)));
    }
    let distribution = DistributionSpec { kind: kind.key.clone(), params };
    match distribution.build() {
        Ok(_) => Some(distribution),
        Err(error) => {
            let named = error.param.as_deref().and_then(|name| kind.value.get(name).or_else(|| node.get(name)));
            reader.error(named.unwrap_or(&kind.value), error.message, error.help);
            None
        }
    }
}

/// Returns the member that names the kind; there must be exactly one beside the bounds.
fn kind_of<'n>(node: &Node, members: &'n [Member], reader: &mut Reader) -> Option<&'n Member> {
    let mut kinds = members.iter().filter(|member| !BOUNDS.contains(&member.key.as_str()));
    let all = || format!("use one of {}", Distribution::KINDS.join(", "));
    let Some(kind) = kinds.next() else {
        reader.error(node, "the distribution has no kind", all());
        return None;
    };
    let key_node = |member: &Member| Node { span: member.key_span.clone(), value: Value::Null };
    if !Distribution::KINDS.contains(&kind.key.as_str()) {
        let help = match nearest(&kind.key, Distribution::KINDS) {
            // stubs have the kind under `type`
            None if kind.key == "type" => {
                format!("write the kind as the key: `{{{}: {{…}}}}`", typed_text(&kind.value).unwrap_or("lognormal"))
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => all(),
        };
        reader.error(&key_node(kind), format!("`{}` is no distribution", kind.key), help);
        return None;
    }
    if let Some(second) = kinds.next() {
        let message = format!("`{}` beside `{}`: a distribution has one kind", second.key, kind.key);
        reader.error(&key_node(second), message, "remove one of them, or make a `mixture` of both");
        return None;
    }
    Some(kind)
}

/// Reads the parameters of a kind; `None` if one of them is wrong.
fn read_params(kind: &str, node: &Node, reader: &mut Reader) -> Option<Vec<(String, DistributionParam)>> {
    match kind {
        "fixed" => Some(vec![("value".to_owned(), DistributionParam::Time(read_duration(node, reader)?))]),
        "mixture" => Some(vec![("parts".to_owned(), DistributionParam::Parts(read_parts(node, reader)?))]),
        _ => {
            let object = Object::open(node, &format!("the value of `{kind}`"), reader)?;
            let read = object.members().iter().map(|member| {
                let value = reader.within(&member.key, |reader| match member.key.as_str() {
                    "cv" | "shape" | "sigma" => read_number(&member.value, reader).map(DistributionParam::Number),
                    _ => read_duration(&member.value, reader).map(DistributionParam::Time),
                });
                Some((member.key.clone(), value?))
            });
            // collected first, so that every wrong parameter is reported
            read.collect::<Vec<_>>().into_iter().collect()
        }
    }
}

/// Reads `[{share: 90%, fixed: 1ms}, {share: 10%, exponential: {mean: 5ms}}]`.
fn read_parts(node: &Node, reader: &mut Reader) -> Option<Vec<(f64, DistributionSpec)>> {
    let Value::Array(items) = &node.value else {
        let help = "write `[{share: 90%, fixed: 1ms}, {share: 10%, fixed: 9ms}]`";
        reader.error(node, format!("a mixture is a list, not {}", node.kind_name()), help);
        return None;
    };
    let items = items.iter().enumerate();
    let parts = items.map(|(index, item)| reader.within(index.to_string(), |reader| read_part(item, reader)));
    // collected first, so that every wrong part is reported
    parts.collect::<Vec<_>>().into_iter().collect()
}

fn read_part(node: &Node, reader: &mut Reader) -> Option<(f64, DistributionSpec)> {
    let object = Object::open(node, "a part of a mixture", reader)?;
    let share = match object.node("share") {
        Some(node) => reader.within("share", |reader| read_share(node, reader)),
        None => {
            reader.error(node, "a part of a mixture has no `share`", "add one, such as `share: 10%`");
            None
        }
    };
    let members = object.members().iter().filter(|member| member.key != "share").cloned().collect();
    let rest = Node { span: node.span.clone(), value: Value::Object(members) };
    let distribution = read_distribution(&rest, reader);
    Some((share?, distribution?))
}

/// Returns `lognormal: {median: 80ms, p99: 200ms}`.
fn write_kind(distribution: &DistributionSpec) -> String {
    let write_all = |params: &mut dyn Iterator<Item = &(String, DistributionParam)>| {
        params.map(|(name, value)| format!("{}: {}", word(name), write_param(value))).collect::<Vec<_>>()
    };
    let main = match distribution.kind.as_str() {
        "fixed" => "value",
        "mixture" => "parts",
        kind => {
            let params = write_all(&mut distribution.params.iter());
            return format!("{}: {{{}}}", word(kind), params.join(", "));
        }
    };
    // the value of these kinds stands behind the key, and the bounds beside it
    let value = distribution.params.iter().find(|(name, _)| name == main).map(|(_, value)| write_param(value));
    let mut parts = vec![format!("{}: {}", distribution.kind, value.unwrap_or_default())];
    parts.extend(write_all(&mut distribution.params.iter().filter(|(name, _)| name != main)));
    parts.join(", ")
}

fn write_param(value: &DistributionParam) -> String {
    match value {
        DistributionParam::Number(number) => number.to_string(),
        DistributionParam::Time(time) => units::duration(*time),
        DistributionParam::Parts(parts) => {
            let part = |(share, part): &(f64, DistributionSpec)| {
                format!("{{share: {}, {}}}", units::share(*share), write_kind(part))
            };
            format!("[{}]", parts.iter().map(part).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Keys that may stand beside the kind.
const BOUNDS: &[&str] = &["max", "min"];
