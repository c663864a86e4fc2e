//! Matchers for values that are texts: path, query and header parameters, and fields of forms.

use serde_json::{Value, json};
use standin_dialect::java_regex::JavaRegex;

use super::prefer::escaped;
use crate::sample::{Kind, Merged};
use crate::schema::CompiledSchema;

/// Returns what a text must meet to be valid by a schema; `None` if any text is, or if the schema
/// is of lists or objects, whose texts have many forms.
pub(super) fn of_schema(schema: &CompiledSchema) -> Option<Value> {
    let mut merged = Merged::default();
    if schema.problem.is_some() || !merged.add(&schema.json, &schema.json) || !merged.choices.is_empty() {
        return None;
    }
    if let Some(values) = &merged.values {
        let texts: Option<Vec<String>> = values.iter().map(|value| plain_text(value)).collect();
        return Some(match texts?.as_slice() {
            [one] => json!({ "equalTo": one }),
            texts => {
                let texts: Vec<String> = texts.iter().map(|text| escaped(text)).collect();
                json!({ "matches": texts.join("|") })
            }
        });
    }
    let kinds: Vec<Kind> = merged.kinds.iter().flatten().copied().filter(|kind| *kind != Kind::Null).collect();
    match kinds.as_slice() {
        [kind @ (Kind::Integer | Kind::Number)] => {
            let has_bounds = BOUNDS.iter().any(|key| merged.all(key).next().is_some());
            let pattern = if *kind == Kind::Integer { "-?[0-9]+" } else { "-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?" };
            Some(match has_bounds {
                true => json!({ "and": [{ "matches": pattern }, { "matchesJsonSchema": schema.json }] }),
                false => json!({ "matches": pattern }),
            })
        }
        [Kind::Boolean] => Some(json!({ "matches": "true|false" })),
        [Kind::String] => of_string(&merged),
        _ => None,
    }
}

fn of_string(merged: &Merged<'_>) -> Option<Value> {
    let mut patterns: Vec<String> = merged.texts("pattern").filter_map(whole_pattern).collect();
    patterns.extend(merged.texts("format").filter_map(format_pattern).map(str::to_owned));
    let bound = |key| merged.all(key).filter_map(Value::as_u64);
    let (least, most) = (bound("minLength").max().unwrap_or(0), bound("maxLength").min());
    match most {
        Some(most) if most >= least => patterns.push(format!("[\\s\\S]{{{least},{most}}}")),
        // a path segment, a field of a form and a value have a character anyway
        _ if least > 1 => patterns.push(format!("[\\s\\S]{{{least},}}")),
        _ => {}
    }
    let mut rules: Vec<Value> = patterns
        .into_iter()
        .filter(|pattern| JavaRegex::new(pattern).is_ok())
        .map(|pattern| json!({ "matches": pattern }))
        .collect();
    match rules.len() {
        0 => None,
        1 => rules.pop(),
        _ => Some(json!({ "and": rules })),
    }
}

/// Returns a pattern that a whole text has where the text contains this one.
fn whole_pattern(pattern: &str) -> Option<String> {
    JavaRegex::new(pattern).ok()?;
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    let is_anchored = inner.filter(|inner| !inner.ends_with('\\') && !inner.contains(['|', '^', '$']));
    Some(is_anchored.map_or_else(|| format!("[\\s\\S]*?(?:{pattern})[\\s\\S]*"), str::to_owned))
}

fn format_pattern(format: &str) -> Option<&'static str> {
    Some(match format {
        "uuid" => "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "date" => "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "date-time" => "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}.*",
        "ipv4" => "[0-9]{1,3}(\\.[0-9]{1,3}){3}",
        _ => return None,
    })
}

/// Returns a value as the text of a parameter; `None` for lists and objects.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) | Value::Null => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Keywords that bound numbers.
const BOUNDS: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
