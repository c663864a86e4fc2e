//! Reading of delays: distributions, and the `delay` of a chunk or an action.

use std::time::Duration;

use crate::delay::{Distribution, Param, ParamValue};
use crate::source::{Node, Object, Reader, Value};

/// Reads a delay: a number of milliseconds, or a distribution.
pub(crate) fn delay(object: &Object<'_>, reader: &mut Reader) -> Option<Distribution> {
    let node = object.node("delay")?;
    match &node.value {
        Value::Number(text) | Value::String(text) => {
            match text.parse::<f64>().ok().filter(|number| *number >= 0.0 && *number <= MAX_DELAY_MILLISECONDS) {
                Some(number) => Some(Distribution::fixed(Duration::from_secs_f64(number / 1e3))),
                None => {
                    let message = format!("a `delay` is a number of milliseconds of up to a year, not `{text}`");
                    reader.error_at(node, "delay", message, "write digits, or a distribution");
                    None
                }
            }
        }
        _ => reader.within("delay", |reader| distribution_of(node, reader)),
    }
}

/// Reads a delay distribution in milliseconds; `None` if it has an error.
pub(super) fn distribution_of(node: &Node, reader: &mut Reader) -> Option<Distribution> {
    let whole = Object::open(node, "a distribution", reader)?;
    let kind = match whole.node("type").map(|node| &node.value) {
        Some(Value::String(kind)) => kind.as_str(),
        _ => {
            let help = format!("add `\"type\"`: one of {}", Distribution::KINDS.join(", "));
            reader.error(node, "a distribution needs a `type`", help);
            return None;
        }
    };
    let params = params(&whole, reader)?;
    match Distribution::build(kind, &params) {
        Ok(distribution) => Some(distribution),
        Err(error) => {
            let at = error.param.as_deref().and_then(|key| whole.node(key)).unwrap_or(node);
            reader.error(at, error.message, error.help);
            None
        }
    }
}

fn params<'n>(whole: &Object<'n>, reader: &mut Reader) -> Option<Vec<Param<'n>>> {
    let mut params = Vec::new();
    for member in whole.members().iter().filter(|member| member.key != "type") {
        let number = match &member.value.value {
            Value::Null => continue,
            Value::Number(text) | Value::String(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let message = format!("`{}` is a number, not {}", member.key, member.value.kind_name());
            reader.error_at(&member.value, &member.key, message, "give it in milliseconds");
            return None;
        };
        let value = match member.key.as_str() {
            "cv" | "shape" | "sigma" => ParamValue::Number(number),
            _ => ParamValue::Time(number * 1e6),
        };
        params.push(Param { name: &member.key, value });
    }
    Some(params)
}

/// Longest delay of a chunk in milliseconds: a year.
const MAX_DELAY_MILLISECONDS: f64 = 365.0 * 86_400e3;
