//! Reads `matchesJsonSchema` and `schemaVersion`.

use serde_json::Value as Json;

use crate::matcher::ValueMatcher;
use crate::matcher::json_schema::{JsonSchema, SchemaVersion};
use crate::source::{Node, Reader, Value};
use standin_dialect::json::pretty_text;

/// Reads `matchesJsonSchema`: JSON, or a string with JSON. As in WireMock, an invalid schema is
/// accepted and never matches.
pub(super) fn matches_json_schema(operand: &Node, whole: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    let schema = match &operand.value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(schema) => schema,
            Err(error) => {
                reader.error(operand, format!("the schema does not parse: {error}"), "correct the JSON in this string");
                return None;
            }
        },
        Value::Null => {
            reader.error(operand, "`matchesJsonSchema` has no schema", "write one such as `{\"type\": \"object\"}`");
            return None;
        }
        _ => operand.to_json(),
    };
    let version = match whole.get("schemaVersion") {
        None => SchemaVersion::default(),
        Some(node) if matches!(node.value, Value::Null) => SchemaVersion::default(),
        Some(node) => {
            let named = node.as_str().and_then(SchemaVersion::named);
            if named.is_none() {
                let help = format!("write one of: {}", SchemaVersion::NAMES.join(", "));
                reader.error(node, "`schemaVersion` is not a version of JSON Schema", help);
            }
            named?
        }
    };
    let (schema, problem) = JsonSchema::new(schema, version);
    if let Some(problem) = problem.filter(|_| reader.is_lenient()) {
        let message = format!("the schema is invalid; nothing matches it: {problem}");
        let help = "correct the schema; references may lead to parts of the schema only, since nothing is fetched";
        reader.warn_at(operand, "matchesJsonSchema", message, help);
    }
    Some(ValueMatcher::MatchesJsonSchema(Box::new(schema)))
}

/// Writes schemas in the echo of a request pattern as WireMock does: as texts.
pub(super) fn echo_schemas(pattern: &mut Json) {
    match pattern {
        Json::Array(items) => items.iter_mut().for_each(echo_schemas),
        Json::Object(members) => {
            if members.contains_key("matchesJsonSchema") {
                let version = || SchemaVersion::default_name().into();
                members.entry("schemaVersion").or_insert_with(version);
            }
            for (key, value) in members {
                match key.as_str() {
                    "matchesJsonSchema" if !value.is_string() => *value = pretty_text(value).into(),
                    "customMatcher" | "equalToJson" | "matchesJsonSchema" => {}
                    _ => echo_schemas(value),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::matcher::format::value_matcher;
    use crate::matcher::{MatchInput, MatchStats};
    use crate::source::Reader;

    fn read(matcher: &str, text: &str) -> (usize, Option<bool>) {
        let mut reader = Reader::of_file("a.json", matcher.into());
        let node = reader.parse(matcher).expect("JSON");
        let rule = value_matcher(&node, false, &mut reader);
        let holds = rule.map(|rule| rule.matches(MatchInput::Text(text), &MatchStats::default()));
        (reader.into_defects().len(), holds)
    }

    #[test]
    fn schemas_are_json_or_texts_of_it() {
        for (matcher, text, told, holds) in [
            (r#"{"matchesJsonSchema": {"type": "object"}}"#, "{}", 0, Some(true)),
            (r#"{"matchesJsonSchema": "{\"type\": \"object\"}"}"#, "[]", 0, Some(false)),
            (r#"{"matchesJsonSchema": {"items": [{"type": "null"}]}, "schemaVersion": "V7"}"#, "[1]", 0, Some(false)),
            (
                r#"{"matchesJsonPath": {"expression": "$.a", "matchesJsonSchema": {"required": ["b"]}}}"#,
                r#"{"a": {"b": 1}}"#,
                0,
                Some(true),
            ),
            (r#"{"matchesJsonSchema": {"type": "nonsense"}}"#, "{}", 1, Some(false)),
            (r#"{"matchesJsonSchema": "{"}"#, "{}", 1, None),
            (r#"{"matchesJsonSchema": null}"#, "{}", 1, None),
            (r#"{"matchesJsonSchema": {}, "schemaVersion": "V8"}"#, "{}", 1, None),
        ] {
            assert_eq!(read(matcher, text), (told, holds), "{matcher}");
        }
    }
}
