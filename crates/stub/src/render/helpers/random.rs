//! Helpers for random values. They come from the random numbers of the request, so a server with
//! the same seed repeats them.

use rand::RngExt as _;

use super::{error_text, integer_arg, is_set};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::value::{ListKind, TemplateValue};

pub(super) fn pick_random<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.context.is_null() || !args.has_context() {
        return Ok(error_text("Must specify either a single list argument or a set of single value arguments."));
    }
    let mut items = match args.context.items() {
        Some(items) => items,
        None => [&args.context].into_iter().chain(&args.params).cloned().collect(),
    };
    evaluator.budget.spend(items.len())?;
    let count = match args.named("count") {
        None => 0,
        Some(TemplateValue::Int(count)) => usize::try_from(*count).unwrap_or(0),
        Some(_) => return Err(RenderError::failed("`count` is a whole number")),
    };
    if count == 0 {
        if items.is_empty() {
            return Err(RenderError::failed("there is nothing to pick from in an empty list"));
        }
        let place = evaluator.rng.random_range(0..items.len());
        return Ok(items.swap_remove(place));
    }
    let count = count.min(items.len());
    for place in 0..count {
        let other = evaluator.rng.random_range(place..items.len());
        items.swap(place, other);
    }
    items.truncate(count);
    evaluator.list(items, ListKind::Plain)
}

pub(super) fn random_decimal<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let (low, high) = (bound(args, "lower", f64::MIN_POSITIVE)?, bound(args, "upper", f64::MAX)?);
    if low >= high || !(high - low).is_finite() {
        return Err(RenderError::failed(format!(
            "`upper` is more than `lower`: there is nothing from {low} to {high}"
        )));
    }
    Ok(TemplateValue::Double(evaluator.rng.random_range(low..high)))
}

pub(super) fn random_int<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let low = integer_arg(args, "lower", i32::MIN.into())?;
    let high = integer_arg(args, "upper", i32::MAX.into())?;
    if low >= high {
        return Err(RenderError::failed(format!(
            "`upper` is more than `lower`: there is nothing from {low} to {high}"
        )));
    }
    Ok(TemplateValue::Int(evaluator.rng.random_range(low..high)))
}

pub(super) fn random_value<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let length = integer_arg(args, "length", 36)?;
    let length = usize::try_from(length)
        .map_err(|_| RenderError::failed(format!("`length` is not negative, as {length} is")))?;
    let kind = match args.named("type") {
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
    Ok(TemplateValue::text(if is_set(args, "uppercase") { text.to_uppercase() } else { text.to_lowercase() }))
}

fn uuid(evaluator: &mut Evaluator<'_>) -> String {
    let mut bytes = [0; 16];
    evaluator.rng.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn drawn(evaluator: &mut Evaluator<'_>, length: usize, from: &[u8]) -> Result<String, RenderError> {
    evaluator.budget.spend(length / 8)?;
    Ok((0..length).map(|_| char::from(from[evaluator.rng.random_range(0..from.len())])).collect())
}

fn bound(args: &HelperArgs<'_, '_>, key: &str, default: f64) -> Result<f64, RenderError> {
    match args.named(key) {
        None => Ok(default),
        Some(TemplateValue::Double(number)) => Ok(*number),
        Some(TemplateValue::Int(number)) => Ok(*number as f64),
        Some(TemplateValue::Text(text)) if text.parse::<f64>().is_ok() => Ok(text.parse().unwrap_or(default)),
        Some(other) => Err(RenderError::failed(format!("`{key}` is a number, not {}", other.kind_name()))),
    }
}

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
