//! Helpers that edit JSON texts: merge objects, remove by path, and add to lists.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ptr;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::json::{self, JsonLibrary};
use super::{as_integer, error_text, is_set, text_or_block};
use crate::render::template::budget::RenderError;
use crate::render::template::eval::Evaluator;
use crate::render::template::helper_args::HelperArgs;
use crate::render::template::print::Layout;
use crate::render::template::value::TemplateValue;
use standin_dialect::json_path::{JsonPath, PathSelection, SelectedValue};

pub(super) fn json_merge<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let TemplateValue::Text(base) = &args.context else {
        return Ok(error_text("Base JSON parameter must be a string"));
    };
    let Some(document) = evaluator.document(base)? else {
        return Ok(error_text(format!("Base JSON is not valid JSON ('{base}')")));
    };
    let Json::Object(members) = &*document else {
        return Ok(error_text(format!("Base JSON is not a JSON object ('{base}')")));
    };
    let Some(overlay) = text_param(evaluator, args)? else {
        return Ok(error_text("JSON to merge must be a string"));
    };
    let Some(document) = evaluator.document(&overlay)? else {
        return Ok(error_text(format!("JSON to merge is not valid JSON ('{overlay}')")));
    };
    let Json::Object(over) = &*document else {
        return Ok(error_text(format!("JSON to merge is not a JSON object ('{overlay}')")));
    };
    let mut merged = members.clone();
    merge(&mut merged, over, is_set(args, "removeNulls"));
    written(evaluator, &Json::Object(merged))
}

pub(super) fn json_remove<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let TemplateValue::Text(input) = &args.context else { return Ok(error_text("Input JSON must be a string")) };
    if &**input == "null" {
        return Ok(args.context.clone());
    }
    let [expression] = args.params.as_slice() else {
        return Ok(error_text("A single JSONPath expression parameter must be supplied"));
    };
    let TemplateValue::Text(expression) = expression else {
        return Ok(error_text("JSONPath parameter must be a string"));
    };
    let Some(document) = evaluator.document(input)? else {
        return Ok(error_text(format!("Input JSON string is not valid JSON ('{input}')")));
    };
    let Some(path) = json::path(evaluator, args, expression)?.filter(|_| !expression.is_empty()) else {
        let message = format!("JSONPath parameter is not a valid JSONPath expression ('{expression}')");
        return Ok(error_text(message));
    };
    let found = match json::selected(evaluator, &path, &*document)? {
        PathSelection::Missing => return Ok(args.context.clone()),
        PathSelection::One(found) => vec![found],
        PathSelection::Many(found) => found,
    };
    // selected values are parts of the document, and are identified by their addresses
    let mut doomed = HashSet::with_capacity(found.len());
    for item in &found {
        let SelectedValue::Found(item) = item else { return Ok(undeletable(expression)) };
        let Cow::Borrowed(item) = item.to_value() else { return Ok(undeletable(expression)) };
        if ptr::eq(item, &raw const *document) {
            return Ok(undeletable(expression));
        }
        doomed.insert(ptr::from_ref::<Json>(item));
    }
    let mut kept = without(&document, &doomed);
    // what is written again has no members that are null
    drop_null_members(&mut kept);
    written(evaluator, &kept)
}

pub(super) fn json_array_add<'t>(
    evaluator: &mut Evaluator<'t>,
    args: &HelperArgs<'t, '_>,
) -> Result<TemplateValue, RenderError> {
    let TemplateValue::Text(input) = &args.context else { return Ok(error_text("Base JSON must be a string")) };
    let Some(document) = evaluator.document(input)? else {
        return Ok(error_text(format!("Base JSON is not valid JSON ('{input}')")));
    };
    let expression = match args.named("jsonPath") {
        None => None,
        Some(TemplateValue::Text(expression)) => Some(Arc::clone(expression)),
        Some(_) => return Ok(error_text("jsonPath option must be a string")),
    };
    let target = match &expression {
        None => Some(&*document),
        Some(expression) => match evaluator.budget.spend_time(|| JsonPath::parse(expression))? {
            Ok(path) if !expression.is_empty() => match json::selected(evaluator, &path, &*document)? {
                PathSelection::One(SelectedValue::Found(found)) => match found.to_value() {
                    Cow::Borrowed(found) => Some(found),
                    Cow::Owned(_) => None,
                },
                _ => None,
            },
            _ => return Ok(error_text(format!("jsonPath option is not valid JSONPath expression ('{expression}')"))),
        },
    };
    let Some(target @ Json::Array(items)) = target else {
        let detail = match expression {
            None => format!("'{input}'"),
            Some(expression) => format!("root: '{input}', jsonPath: '{expression}'"),
        };
        return Ok(error_text(format!("Target JSON is not a JSON array ({detail})")));
    };
    let Some(text) = text_param(evaluator, args)? else {
        return Ok(error_text("Item-to-add JSON must be a string"));
    };
    let Some(added) = evaluator.document(&text)? else {
        return Ok(error_text(format!("Item-to-add JSON is not valid JSON ('{text}')")));
    };
    let flattens = match args.named("flatten") {
        None => false,
        Some(TemplateValue::Bool(flattens)) => *flattens,
        Some(_) => return Ok(error_text("flatten option must be a boolean")),
    };
    let mut items = items.clone();
    match &*added {
        Json::Array(added) if flattens => items.extend(added.iter().cloned()),
        added => items.push(added.clone()),
    }
    if let Some(most) = args.named("maxItems") {
        let Some(most) = as_integer(most).filter(|_| most.is_number()) else {
            return Ok(error_text("maxItems option must be an integer"));
        };
        let Ok(most) = usize::try_from(most) else {
            return Ok(error_text("maxItems option integer must be positive"));
        };
        // the last items are kept
        items.drain(..items.len().saturating_sub(most));
    }
    let changed = with(&document, target, &Json::Array(items));
    written(evaluator, &changed)
}

/// Returns the body of a block, else the first parameter after the JSON if it is a text.
fn text_param<'t>(evaluator: &mut Evaluator<'t>, args: &HelperArgs<'t, '_>) -> Result<Option<Arc<str>>, RenderError> {
    if args.is_block() {
        return text_or_block(evaluator, args).map(Some);
    }
    Ok(match args.param(0) {
        TemplateValue::Text(text) => Some(Arc::clone(text)),
        _ => None,
    })
}

fn written(evaluator: &mut Evaluator<'_>, json: &Json) -> Result<TemplateValue, RenderError> {
    let value = json::value(evaluator, json, JsonLibrary::Jackson)?;
    evaluator.json_of(&value, Layout::CompactPlain).map(TemplateValue::text)
}

fn drop_null_members(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(drop_null_members),
        Json::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_null_members);
        }
        _ => {}
    }
}

fn undeletable(expression: &str) -> TemplateValue {
    error_text(format!("Delete operation cannot be applied to JSONPath expression ('{expression}')"))
}

/// Merges `over` into `base`. Objects are merged recursively; other values are replaced.
fn merge(base: &mut Map<String, Json>, over: &Map<String, Json>, removes_nulls: bool) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (_, Json::Null) if removes_nulls => {
                base.shift_remove(key);
            }
            (Some(Json::Object(base)), Json::Object(over)) => merge(base, over, removes_nulls),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Returns a copy of a document without some of its values.
fn without(json: &Json, doomed: &HashSet<*const Json>) -> Json {
    let stays = |value: &&Json| !doomed.contains(&ptr::from_ref::<Json>(value));
    match json {
        Json::Array(items) => items.iter().filter(stays).map(|item| without(item, doomed)).collect(),
        Json::Object(members) => {
            let kept = members.iter().filter(|(_, value)| stays(value));
            Json::Object(kept.map(|(key, value)| (key.clone(), without(value, doomed))).collect())
        }
        other => other.clone(),
    }
}

/// Returns a copy of a document in which one value is replaced.
fn with(json: &Json, old: &Json, new: &Json) -> Json {
    match json {
        _ if ptr::eq(json, old) => new.clone(),
        Json::Array(items) => items.iter().map(|item| with(item, old, new)).collect(),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(key, value)| (key.clone(), with(value, old, new))).collect())
        }
        other => other.clone(),
    }
}
