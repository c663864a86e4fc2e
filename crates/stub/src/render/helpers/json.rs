//! Helpers for JSON: look up by path, parse, and print.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{error_text, text_of_param, text_or_block};
use crate::render::template::budget::RenderError;
use crate::render::template::documents::JsonDocument;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::print::Layout;
use crate::render::template::tree::Cached;
use crate::render::template::value::{ListKind, MapKind, TemplateValue};
use standin_dialect::java_decimal::decimal_text;
use standin_dialect::json::{JsonNode, JsonShape};
use standin_dialect::json_path::{JsonPath, PathFailure, PathSelection};

/// The JSON library that WireMock uses; the two print lists and decimal numbers differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonLibrary {
    /// Jackson, which keeps all digits of a decimal number.
    Jackson,
    /// json-smart, which JSONPath uses, and which makes doubles of decimal numbers.
    Smart,
}

pub(super) fn json_path<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.context.is_null() || matches!(&args.context, TemplateValue::Text(text) if text.is_empty()) {
        return Ok(TemplateValue::text(""));
    }
    if args.param(0).is_null() {
        return Ok(error_text("The JSONPath cannot be empty"));
    }
    let expression = Arc::clone(text_of_param(args.param(0), "JSONPath")?);
    if expression.is_empty() {
        return Err(RenderError::failed("the JSONPath is empty; write `$` for the whole document"));
    }
    let Some(path) = path(evaluator, args, &expression)? else {
        return Ok(error_text(format!("{expression} is not a valid JSONPath expression")));
    };
    let default = || args.named("default").cloned().unwrap_or_else(|| TemplateValue::text(""));
    let Some(document) = document(evaluator, &args.context)? else {
        // a bare word is a text to WireMock's JSON library, in which nothing is found
        let text = evaluator.text_of(&args.context)?;
        let is_broken = text.trim_start().starts_with(['{', '[']);
        return Ok(if is_broken { error_text(format!("{text} is not valid JSON")) } else { default() });
    };
    let found = match selected(evaluator, &path, document.node())? {
        PathSelection::Missing => TemplateValue::Null,
        PathSelection::One(found) => value(evaluator, found.node(), JsonLibrary::Smart)?,
        PathSelection::Many(items) => {
            let items =
                items.iter().map(|item| value(evaluator, item.node(), JsonLibrary::Smart)).collect::<Result<_, _>>()?;
            evaluator.list(items, ListKind::Json)?
        }
    };
    match found {
        TemplateValue::Null => Ok(default()),
        TemplateValue::Map(map) => Ok(TemplateValue::map(map.entries.clone(), MapKind::Json)?),
        found => Ok(found),
    }
}

/// Evaluates a path and spends its steps. A path that does not apply selects nothing.
pub(super) fn selected<'a>(
    evaluator: &mut Evaluator<'_>,
    path: &JsonPath,
    root: impl Into<JsonNode<'a>>,
) -> Result<PathSelection<'a>, RenderError> {
    let (selected, steps) = path.select_within(root, evaluator.budget.left().saturating_mul(PATH_STEPS_PER_STEP));
    evaluator.budget.spend(steps / PATH_STEPS_PER_STEP)?;
    match selected {
        Ok(selection) => Ok(selection),
        Err(PathFailure::NotApplicable) => Ok(PathSelection::Missing),
        Err(PathFailure::LimitExceeded) => Err(RenderError::Exhausted),
    }
}

/// JSONPath steps per step of the budget.
const PATH_STEPS_PER_STEP: usize = 4;

pub(super) fn parse_json<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let nothing = || Ok(TemplateValue::map(Vec::new(), MapKind::Plain)?);
    if args.context.is_null() {
        return nothing();
    }
    let name = match (args.is_block(), args.has_context()) {
        (true, true) => evaluator.text_of(&args.context).map(Some)?,
        (true, false) => None,
        (false, true) => match args.param(0) {
            TemplateValue::Null => None,
            name => Some(evaluator.text_of(name)?),
        },
        (false, false) => return Ok(error_text("Missing required JSON string parameter")),
    };
    let text = text_or_block(evaluator, args)?;
    let parsed = if text.trim().is_empty() { nothing()? } else { parsed(evaluator, &text)? };
    let Some(name) = name else { return Ok(parsed) };
    evaluator.assign(&name, parsed);
    Ok(TemplateValue::Null)
}

/// Parses the argument of `parseJson`.
fn parsed(evaluator: &mut Evaluator<'_>, text: &Arc<str>) -> Result<TemplateValue, RenderError> {
    let Some(document) = evaluator.document(text)? else {
        return Err(RenderError::failed("the argument of `parseJson` is not JSON"));
    };
    if matches!(&*document, Json::Array(_) | Json::Object(_) | Json::Null) {
        return value(evaluator, &*document, JsonLibrary::Jackson);
    }
    Err(RenderError::failed("the argument of `parseJson` is neither a JSON object nor a list"))
}

pub(super) fn to_json<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    if args.context.is_null() {
        return Ok(TemplateValue::text(""));
    }
    evaluator.json_of(&args.context, Layout::PrettyNonNull).map(TemplateValue::text)
}

/// Returns a compiled path, cached if the template has it as a literal; `None` if it is invalid.
pub(super) fn path(
    evaluator: &mut Evaluator<'_>,
    args: &HelperArgs<'_, '_>,
    expression: &str,
) -> Result<Option<Arc<JsonPath>>, RenderError> {
    let parse = || JsonPath::parse(expression).ok().map(Arc::new);
    match args.cached(expression, evaluator.budget, || Cached::JsonPath(parse()))? {
        Cached::JsonPath(path) => Ok(path),
        Cached::Regex(_) | Cached::XPath(_) => evaluator.budget.spend_time(parse),
    }
}

/// Returns the document of a text or object; `None` for other values, or if it is not JSON.
fn document(evaluator: &mut Evaluator<'_>, value: &TemplateValue) -> Result<Option<JsonDocument>, RenderError> {
    match value {
        TemplateValue::Text(text) => evaluator.readable_document(text),
        TemplateValue::List(list) if list.kind == ListKind::Values => {
            let text = evaluator.text_of(value)?;
            evaluator.readable_document(&text)
        }
        TemplateValue::Null => Ok(None),
        value => {
            let text = evaluator.json_of(value, Layout::Compact)?.into();
            evaluator.readable_document(&text)
        }
    }
}

/// Converts a value of a stub, which nests no deeper than template values may; a deeper part
/// becomes null.
pub(super) fn plain(json: &Json) -> TemplateValue {
    match json {
        Json::Null => TemplateValue::Null,
        Json::Bool(value) => TemplateValue::Bool(*value),
        Json::Number(number) => number_of(number.as_str(), JsonLibrary::Jackson),
        Json::String(text) => TemplateValue::text(text.as_str()),
        Json::Array(items) => {
            TemplateValue::list(items.iter().map(plain).collect(), ListKind::Plain).unwrap_or(TemplateValue::Null)
        }
        Json::Object(members) => {
            let entries = members.iter().map(|(key, member)| (key.as_str().into(), plain(member)));
            TemplateValue::map(entries.collect(), MapKind::Plain).unwrap_or(TemplateValue::Null)
        }
    }
}

/// Converts a JSON value, spending steps for it.
pub(super) fn value<'v>(
    evaluator: &mut Evaluator<'_>,
    json: impl Into<JsonNode<'v>>,
    reader: JsonLibrary,
) -> Result<TemplateValue, RenderError> {
    evaluator.budget.spend(1)?;
    Ok(match json.into().shape() {
        JsonShape::Null => TemplateValue::Null,
        JsonShape::Bool(value) => TemplateValue::Bool(value),
        JsonShape::Number(spelling) => number_of(spelling, reader),
        JsonShape::String(text) => {
            evaluator.budget.spend_bytes(text.len())?;
            TemplateValue::text(&*text)
        }
        JsonShape::Array(items) => {
            let items = items.map(|item| value(evaluator, item, reader)).collect::<Result<_, _>>()?;
            TemplateValue::list(items, if reader == JsonLibrary::Smart { ListKind::Json } else { ListKind::Plain })?
        }
        JsonShape::Object(members) => {
            let entries = members.map(|(key, member)| Ok(((&*key).into(), value(evaluator, member, reader)?)));
            TemplateValue::map(entries.collect::<Result<_, RenderError>>()?, MapKind::Plain)?
        }
    })
}

fn number_of(spelling: &str, reader: JsonLibrary) -> TemplateValue {
    let is_whole = !spelling.contains(['.', 'e', 'E']);
    let exact = || TemplateValue::Number(decimal_text(spelling).into());
    if is_whole {
        return spelling.parse().map_or_else(|_| exact(), TemplateValue::Int);
    }
    if reader == JsonLibrary::Jackson || spelling.len() > MAX_DOUBLE_CHARS {
        return exact();
    }
    spelling.parse().map_or_else(|_| exact(), TemplateValue::Double)
}

/// Length of a fraction, in characters, up to which json-smart reads it as a double.
const MAX_DOUBLE_CHARS: usize = 18;
