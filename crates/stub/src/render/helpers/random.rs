//! Random values. They come from the draws of the call, so that a server with the same seed gives the same ones again.

use rand::RngExt as _;

use super::{complaint, is_set, whole, whole_named};
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::value::{ListKind, Value};

pub(super) fn pick_random<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_null() || !given.has_context() {
        return Ok(complaint("Must specify either a single list argument or a set of single value arguments."));
    }
    let mut items = match given.context.items() {
        Some(items) => items,
        None => [&given.context].into_iter().chain(&given.params).cloned().collect(),
    };
    evaluator.budget.spend(items.len())?;
    let Some(count) = given.named("count") else {
        if items.is_empty() {
            return Err(Stop::failed("there is nothing to pick from in an empty list"));
        }
        let place = evaluator.chance.random_range(0..items.len());
        return evaluator.text_of(&items[place]).map(Value::Text);
    };
    let count = whole(count).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| Stop::failed("`count` is a whole number"))?.min(items.len());
    for place in 0..count {
        let other = evaluator.chance.random_range(place..items.len());
        items.swap(place, other);
    }
    items.truncate(count);
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn random_decimal<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let (low, high) = (bound(given, "lower", f64::MIN_POSITIVE)?, bound(given, "upper", f64::MAX)?);
    if low >= high || !(high - low).is_finite() {
        return Err(Stop::failed(format!("`upper` is more than `lower`: there is nothing from {low} to {high}")));
    }
    Ok(Value::Double(evaluator.chance.random_range(low..high)))
}

pub(super) fn random_int<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let low = whole_named(given, "lower", i32::MIN.into())?;
    let high = whole_named(given, "upper", i32::MAX.into())?;
    if low >= high {
        return Err(Stop::failed(format!("`upper` is more than `lower`: there is nothing from {low} to {high}")));
    }
    Ok(Value::Int(evaluator.chance.random_range(low..high)))
}

pub(super) fn random_value<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let length = usize::try_from(whole_named(given, "length", 36)?).unwrap_or(0);
    let kind = match given.named("type") {
        Some(kind) => evaluator.text_of(kind)?,
        None => "ALPHANUMERIC".into(),
    };
    let text = match &*kind {
        "UUID" => uuid(evaluator),
        "ALPHABETIC" => drawn(evaluator, length, LETTERS)?,
        "ALPHANUMERIC" => drawn(evaluator, length, &[LETTERS, DIGITS].concat())?,
        "ALPHANUMERIC_AND_SYMBOLS" => drawn(evaluator, length, &(b'!'..=b'}').collect::<Vec<u8>>())?,
        "HEXADECIMAL" => drawn(evaluator, length, b"0123456789ABCDEF")?,
        "NUMERIC" => drawn(evaluator, length, DIGITS)?,
        _ => drawn(evaluator, length, &(b' '..=b'~').collect::<Vec<u8>>())?,
    };
    Ok(Value::text(if is_set(given, "uppercase") { text.to_uppercase() } else { text.to_lowercase() }))
}

fn uuid(evaluator: &mut Evaluator<'_>) -> String {
    let mut bytes = [0; 16];
    evaluator.chance.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn drawn(evaluator: &mut Evaluator<'_>, length: usize, from: &[u8]) -> Result<String, Stop> {
    evaluator.budget.spend(length / 8)?;
    Ok((0..length).map(|_| char::from(from[evaluator.chance.random_range(0..from.len())])).collect())
}

fn bound(given: &Given<'_, '_>, key: &str, default: f64) -> Result<f64, Stop> {
    match given.named(key) {
        None => Ok(default),
        Some(Value::Double(number)) => Ok(*number),
        Some(Value::Int(number)) => Ok(*number as f64),
        Some(Value::Text(text)) if text.parse::<f64>().is_ok() => Ok(text.parse().unwrap_or(default)),
        Some(other) => Err(Stop::failed(format!("`{key}` is a number, not {}", other.kind_name()))),
    }
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
