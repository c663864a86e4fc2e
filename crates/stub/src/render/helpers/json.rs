//! JSON as values: found by a path, read from a text, written again.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{complaint, text_or_block};
use crate::render::template::budget::Stop;
use crate::render::template::eval::Evaluator;
use crate::render::template::given::Given;
use crate::render::template::print::Layout;
use crate::render::template::tree::Memo;
use crate::render::template::value::{ListKind, MapKind, Value};
use standin_dialect::json_path::{Failure, JsonPath, Selection};

/// Whose JSON it is: WireMock reads it with two libraries, which print lists and long numbers differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Jackson,
    /// The one of JSONPath.
    Smart,
}

pub(super) fn json_path<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_null() || !given.has_context() {
        return Ok(Value::text(""));
    }
    if given.param(0).is_null() {
        return Ok(complaint("The JSONPath cannot be empty"));
    }
    let expression = evaluator.text_of(given.param(0))?;
    let Some(path) = path(evaluator, given, &expression)? else {
        return Ok(complaint(format!("{expression} is not a valid JSONPath expression")));
    };
    let default = || given.named("default").cloned().unwrap_or_else(|| Value::text(""));
    let Some(document) = document(evaluator, &given.context)? else { return Ok(default()) };
    let found = match selected(evaluator, &path, &document)? {
        Selection::Missing => Value::Null,
        Selection::One(found) => value(evaluator, &found, Reader::Smart)?,
        Selection::Many(items) => {
            let items = items.iter().map(|item| value(evaluator, item, Reader::Smart)).collect::<Result<_, _>>()?;
            evaluator.list(items, ListKind::Json)?
        }
    };
    match found {
        Value::Null => Ok(default()),
        Value::Map(map) => Ok(Value::map(map.entries.clone(), MapKind::Json)?),
        found => Ok(found),
    }
}

/// What a path selects, paid for. What it does not apply to is not there.
pub(super) fn selected<'a>(
    evaluator: &mut Evaluator<'_>,
    path: &JsonPath,
    root: &'a Json,
) -> Result<Selection<'a>, Stop> {
    let (selected, steps) = path.select_within(root, evaluator.budget.left().saturating_mul(WALKED_A_STEP));
    evaluator.budget.spend(steps / WALKED_A_STEP)?;
    match selected {
        Ok(selection) => Ok(selection),
        Err(Failure::NotApplicable) => Ok(Selection::Missing),
        Err(Failure::GaveUp) => Err(Stop::Exhausted),
    }
}

/// Steps along a path are short.
const WALKED_A_STEP: usize = 4;

pub(super) fn parse_json<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let nothing = || Ok(Value::map(Vec::new(), MapKind::Plain)?);
    if given.context.is_null() {
        return nothing();
    }
    let name = match (given.is_block(), given.has_context()) {
        (true, true) => evaluator.text_of(&given.context).map(Some)?,
        (true, false) => None,
        (false, true) => match given.param(0) {
            Value::Null => None,
            name => Some(evaluator.text_of(name)?),
        },
        (false, false) => return Ok(complaint("Missing required JSON string parameter")),
    };
    let text = text_or_block(evaluator, given)?;
    if text.chars().filter(|c| !c.is_whitespace()).take(3).collect::<String>() == "{}" || text.trim().is_empty() {
        return nothing();
    }
    let Some(document) = evaluator.document(&text)? else {
        return Err(Stop::failed("what `parseJson` is given is not JSON"));
    };
    if !document.is_array() && !document.is_object() {
        return Err(Stop::failed("what `parseJson` is given is neither a JSON object nor a list"));
    }
    let parsed = value(evaluator, &document, Reader::Jackson)?;
    let Some(name) = name else { return Ok(parsed) };
    evaluator.assign(&name, parsed);
    Ok(Value::Null)
}

pub(super) fn to_json<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    if given.context.is_null() {
        return Ok(Value::text(""));
    }
    evaluator.json_of(&given.context, Layout::Pretty).map(Value::text)
}

pub(super) fn format_json<'t>(evaluator: &mut Evaluator<'t>, given: &Given<'t, '_>) -> Result<Value, Stop> {
    let text = match &given.context {
        _ if given.is_block() => text_or_block(evaluator, given)?,
        Value::Text(text) => Arc::clone(text),
        _ => "".into(),
    };
    if text.trim().is_empty() {
        return Ok(complaint("formatJson should take a block of JSON to format or a single parameter of type String"));
    }
    let layout = match given.named("format") {
        None => Layout::Pretty,
        Some(format) => match &*evaluator.text_of(format)? {
            "pretty" => Layout::Pretty,
            "compact" => Layout::Compact,
            other => {
                return Ok(complaint(format!("formatJson: format [{other}] should be one of [pretty, compact]")));
            }
        },
    };
    let Some(document) = evaluator.document(&text)? else {
        return Ok(complaint("There was an error parsing the json. Please make sure the json is valid"));
    };
    let value = value(evaluator, &document, Reader::Jackson)?;
    evaluator.json_of(&value, layout).map(Value::text)
}

/// A path, compiled once where a template gives it as text.
pub(super) fn path(
    evaluator: &mut Evaluator<'_>,
    given: &Given<'_, '_>,
    expression: &str,
) -> Result<Option<Arc<JsonPath>>, Stop> {
    let parse = || JsonPath::parse(expression).ok().map(Arc::new);
    match given.memo(expression, evaluator.budget, || Memo::JsonPath(parse()))? {
        Memo::JsonPath(path) => Ok(path),
        Memo::Regex(_) => evaluator.budget.spend_time(parse),
    }
}

/// The document that a text or an object is; `None` of anything else.
fn document(evaluator: &mut Evaluator<'_>, value: &Value) -> Result<Option<Arc<Json>>, Stop> {
    match value {
        Value::Text(text) => evaluator.document(text),
        Value::List(list) if list.kind == ListKind::Values => {
            let text = evaluator.text_of(value)?;
            evaluator.document(&text)
        }
        Value::List(_) | Value::Map(_) | Value::Part(_) => {
            let text = evaluator.json_of(value, Layout::Compact)?.into();
            evaluator.document(&text)
        }
        _ => Ok(None),
    }
}

/// A value of a file that was read, so that it nests no deeper than values may; where it does, it is nothing.
pub(super) fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number_of(number.as_str(), Reader::Jackson),
        Json::String(text) => Value::text(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(plain).collect(), ListKind::Plain).unwrap_or(Value::Null),
        Json::Object(members) => {
            let entries = members.iter().map(|(key, member)| (key.as_str().into(), plain(member)));
            Value::map(entries.collect(), MapKind::Plain).unwrap_or(Value::Null)
        }
    }
}

/// A value of JSON as one of a template.
pub(super) fn value(evaluator: &mut Evaluator<'_>, json: &Json, reader: Reader) -> Result<Value, Stop> {
    evaluator.budget.spend(1)?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number_of(number.as_str(), reader),
        Json::String(text) => {
            evaluator.budget.spend_bytes(text.len())?;
            Value::text(text.as_str())
        }
        Json::Array(items) => {
            let items = items.iter().map(|item| value(evaluator, item, reader)).collect::<Result<_, _>>()?;
            Value::list(items, if reader == Reader::Smart { ListKind::Json } else { ListKind::Plain })?
        }
        Json::Object(members) => {
            let entry = |(key, member): (&String, &Json)| Ok((key.as_str().into(), value(evaluator, member, reader)?));
            Value::map(members.iter().map(entry).collect::<Result<_, Stop>>()?, MapKind::Plain)?
        }
    })
}

fn number_of(spelling: &str, reader: Reader) -> Value {
    let is_whole = !spelling.contains(['.', 'e', 'E']);
    if is_whole {
        return spelling.parse().map_or_else(|_| Value::Number(spelling.into()), Value::Int);
    }
    if reader == Reader::Smart && spelling.len() > LONGEST_DOUBLE {
        return Value::Number(spelling.into());
    }
    spelling.parse().map_or_else(|_| Value::Number(spelling.into()), Value::Double)
}

/// Characters up to which WireMock's JSONPath reads a fraction as a double.
const LONGEST_DOUBLE: usize = 18;
