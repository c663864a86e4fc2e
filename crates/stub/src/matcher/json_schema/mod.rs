//! `matchesJsonSchema`: a value that is valid by a JSON Schema.
//!
//! As in WireMock, a text that is not JSON is validated as a JSON string, an invalid number or
//! boolean is validated again as its text, and an invalid schema is accepted and never matches.
//! Nothing is fetched: a schema may refer only to itself and to the standard schemas.

mod compile;
mod errors;
mod evaluate;
mod instance;
mod leaf;
mod program;
mod scope;
#[cfg(test)]
mod tests;
mod unevaluated;
mod unique;

use std::fmt;
use std::sync::Arc;

use jsonschema::Draft;
use serde_json::{Map, Value};

use self::evaluate::Evaluation;
use self::program::Program;
use standin_dialect::java_regex::MatchOutcome;
use standin_dialect::json::{JsonKind, JsonNode};

/// A compiled JSON Schema.
#[derive(Clone)]
pub struct JsonSchema {
    schema: Value,
    /// The compiled program; `None` if the schema is invalid.
    program: Option<Arc<Program>>,
    /// True if the schema has references, so that the number of errors says little.
    refers: bool,
}

/// A version of JSON Schema, as named by WireMock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaVersion(Draft);

/// Error: an evaluation takes more steps than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exceeded;

impl JsonSchema {
    /// Compiles a schema of this version, unless the schema names another. The second value is the
    /// error if the schema is invalid.
    pub fn new(schema: Value, version: SchemaVersion) -> (Self, Option<String>) {
        let mut nullable = schema.clone();
        allow_nulls(&mut nullable, true);
        let (program, problem) = match compile::compile(&nullable, version.0) {
            Ok(program) => (Some(Arc::new(program)), None),
            Err(problem) => (None, Some(problem)),
        };
        let refers = mentions(&schema, &["$ref", "$dynamicRef", "$recursiveRef"]);
        (Self { schema, program, refers }, problem)
    }

    /// Returns the schema as the stub has it.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Returns whether a value is valid. `json` is the value as JSON, if it is JSON; `text` is its
    /// text.
    pub fn matches(&self, json: Option<JsonNode<'_>>, text: &str) -> MatchOutcome {
        let Some(program) = &self.program else { return MatchOutcome::NoMatch };
        let outcome = |value: JsonNode<'_>| match Evaluation::new(program, MAX_STEPS).run(value) {
            Ok(holds) => MatchOutcome::from(holds),
            Err(Exceeded) => MatchOutcome::LimitExceeded,
        };
        let spelt = || outcome(JsonNode::from(&Value::String(text.to_owned())));
        let Some(json) = json else { return spelt() };
        let is_simple = matches!(json.kind(), JsonKind::Null | JsonKind::Bool | JsonKind::Number);
        match outcome(json) {
            MatchOutcome::NoMatch if is_simple => spelt(),
            outcome => outcome,
        }
    }

    /// Returns the distance of a value: the number of violated assertions over the number of
    /// properties that the schema names, at most 1.
    pub fn distance(&self, json: Option<JsonNode<'_>>, text: &str) -> f64 {
        let Some(program) = &self.program else { return 1.0 };
        let properties = properties(&self.schema);
        if properties == 0 || self.refers {
            return 1.0;
        }
        let mut evaluation = Evaluation::new(program, MAX_STEPS);
        let errors =
            match json.filter(|json| !matches!(json.kind(), JsonKind::Null | JsonKind::Bool | JsonKind::Number)) {
                Some(json) => evaluation.errors(json),
                None => evaluation.errors(JsonNode::from(&Value::String(text.to_owned()))),
            };
        errors.map_or(1.0, |errors| (errors as f64 / properties as f64).min(1.0))
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSchema({})", self.schema)
    }
}

impl SchemaVersion {
    /// The names of all versions.
    pub const NAMES: [&str; 5] = ["V4", "V6", "V7", "V201909", "V202012"];

    /// Returns the version of this name.
    pub fn named(name: &str) -> Option<Self> {
        let drafts = [Draft::Draft4, Draft::Draft6, Draft::Draft7, Draft::Draft201909, Draft::Draft202012];
        let place = Self::NAMES.iter().position(|known| *known == name)?;
        Some(Self(drafts[place]))
    }

    /// Returns the name of the default version.
    pub fn default_name() -> &'static str {
        Self::NAMES[4]
    }
}

impl Default for SchemaVersion {
    fn default() -> Self {
        Self(Draft::Draft202012)
    }
}

/// Translates OpenAPI's `nullable: true`, which WireMock supports, into JSON Schema.
fn allow_nulls(value: &mut Value, is_schema: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| allow_nulls(item, is_schema)),
        Value::Object(members) => {
            if is_schema && members.get("nullable") == Some(&Value::Bool(true)) {
                allow_null(members);
            }
            for (key, inner) in members {
                if !(is_schema && matches!(key.as_str(), "const" | "default" | "enum" | "examples")) {
                    allow_nulls(inner, !(is_schema && matches!(key.as_str(), "properties" | "$defs" | "definitions")));
                }
            }
        }
        _ => {}
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind @ Value::String(_)) = schema.get_mut("type") {
        *kind = Value::Array(vec![kind.take(), "null".into()]);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

/// Returns the number of properties that a schema names, at any depth.
fn properties(schema: &Value) -> usize {
    match schema {
        Value::Array(items) => items.iter().map(properties).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, inner)| {
                let named = if key == "properties" { inner.as_object().map_or(0, Map::len) } else { 0 };
                named + properties(inner)
            })
            .sum(),
        _ => 0,
    }
}

fn mentions(value: &Value, keys: &[&str]) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| mentions(item, keys)),
        Value::Object(members) => {
            members.iter().any(|(key, inner)| keys.contains(&key.as_str()) || mentions(inner, keys))
        }
        _ => false,
    }
}

/// Maximum number of steps of one evaluation: a subschema, a property or 64 bytes of text each.
/// They take a few milliseconds.
const MAX_STEPS: usize = 500_000;

#[cfg(test)]
mod value_tests {
    use serde_json::json;

    use super::*;

    fn matches(schema: &Value, text: &str) -> bool {
        let (schema, problem) = JsonSchema::new(schema.clone(), SchemaVersion::default());
        assert_eq!(problem, None);
        schema.matches(serde_json::from_str::<Value>(text).ok().as_ref().map(JsonNode::from), text)
            == MatchOutcome::Match
    }

    #[test]
    fn values() {
        for (schema, good, bad) in [
            (json!({"type": "object", "required": ["a"]}), r#"{"a": 1}"#, "{}"),
            (json!({"properties": {"n": {"multipleOf": 0.01}}}), r#"{"n": 4.35}"#, r#"{"n": 4.355}"#),
            (json!({"type": "integer"}), "12345678901234567890123", "1.5"),
            (json!({"properties": {"n": {"type": "integer"}}}), r#"{"n": 1.0}"#, r#"{"n": 1.5}"#),
            (json!({"$defs": {"p": {"type": "integer"}}, "$ref": "#/$defs/p"}), "1", "[]"),
            (json!({"prefixItems": [{"type": "string"}]}), r#"["a"]"#, "[1]"),
            (json!({"properties": {"s": {"pattern": "^a+$"}}}), r#"{"s": "aa"}"#, r#"{"s": "b"}"#),
            (json!({"properties": {"n": {"type": "string", "nullable": true}}}), r#"{"n": null}"#, r#"{"n": 1}"#),
            (json!({"properties": {"n": {"enum": ["a"], "nullable": true}}}), r#"{"n": null}"#, r#"{"n": 1}"#),
            // a property may have the name of a keyword
            (json!({"properties": {"nullable": {"type": "string"}}}), r#"{"nullable": "x"}"#, r#"{"nullable": 1}"#),
            (
                json!({"properties": {"c": {"$ref": "#"}}, "type": "object"}),
                r#"{"c": {"c": {}}}"#,
                r#"{"c": {"c": 1}}"#,
            ),
        ] {
            assert!(matches(&schema, good), "{schema} {good}");
            assert!(!matches(&schema, bad), "{schema} {bad}");
        }
    }

    #[test]
    fn texts_and_what_is_simple() {
        let text = json!({"type": "string"});
        for (body, expected) in [("\"a\"", true), ("5", true), ("true", true), ("no json", true), ("{}", false)] {
            assert_eq!(matches(&text, body), expected, "{body}");
        }
        assert!(!matches(&json!({"type": "object"}), "no json"));
        assert!(matches(&json!({"type": "integer"}), "5"));
        assert!(matches(&json!(true), "5") && !matches(&json!(false), "5"));
        // the default version treats formats as annotations
        assert!(matches(&json!({"format": "email"}), "\"nope\""));
    }

    #[test]
    fn versions() {
        let tuple = json!({"items": [{"type": "string"}], "additionalItems": false});
        let exclusive = json!({"minimum": 1, "exclusiveMinimum": true});
        for (version, schema, body, expected) in [
            ("V7", &tuple, "[\"a\"]", true),
            ("V7", &tuple, "[\"a\", 1]", false),
            ("V4", &exclusive, "[]", true),
            ("V4", &exclusive, "2", true),
            ("V6", &json!({"exclusiveMinimum": 1}), "2", true),
            ("V201909", &json!({"dependentRequired": {"a": ["b"]}}), "{\"a\": 1}", false),
        ] {
            let (schema, problem) = JsonSchema::new(schema.clone(), SchemaVersion::named(version).expect(version));
            assert_eq!(problem, None);
            let outcome = schema.matches(serde_json::from_str::<Value>(body).ok().as_ref().map(JsonNode::from), body);
            assert_eq!(outcome == MatchOutcome::Match, expected, "{version} {schema:?} {body}");
        }
        assert_eq!(SchemaVersion::named("V8"), None);
    }

    #[test]
    fn what_cannot_be_used_never_holds() {
        for schema in [
            json!({"type": "nonsense"}),
            json!({"pattern": "["}),
            json!({"$ref": "#/missing"}),
            json!({"$ref": "https://example.org/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$schema": "https://example.org/meta", "type": "object"}),
            json!(5),
        ] {
            let (compiled, problem) = JsonSchema::new(schema.clone(), SchemaVersion::default());
            assert!(problem.is_some(), "{schema}");
            assert_eq!(compiled.matches(Some((&json!({"p": 1})).into()), "{}"), MatchOutcome::NoMatch, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_only_refers_to_itself_ends() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"not": {"$ref": "#"}}),
            json!({"$id": "https://e.org/a", "anyOf": [{"$ref": "https://e.org/a"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            json!({"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]}),
            json!({"unevaluatedProperties": {"$ref": "#"}, "allOf": [{"$ref": "#"}]}),
        ] {
            let (compiled, _) = JsonSchema::new(schema, SchemaVersion::default());
            compiled.matches(Some((&json!({"p": 1})).into()), "{}");
        }
    }

    /// Each level of the body is evaluated twice, so a list of errors would double with each level.
    #[test]
    fn a_schema_that_branches_over_the_body_ends() {
        let node = json!({"properties": {
            "c": {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]},
            "s": {"pattern": "x"}
        }});
        let (schema, problem) =
            JsonSchema::new(json!({"$defs": {"n": node}, "$ref": "#/$defs/n"}), SchemaVersion::default());
        assert_eq!(problem, None);
        let body = (0..60).fold(json!({"s": "y"}), |inner, _| json!({"c": inner}));
        assert_eq!(schema.matches(Some((&body).into()), ""), MatchOutcome::NoMatch);
        assert_eq!(schema.distance(Some((&body).into()), ""), 1.0);
        let body = (0..60).fold(json!({"s": "x"}), |inner, _| json!({"c": inner}));
        assert_eq!(schema.matches(Some((&body).into()), ""), MatchOutcome::Match);
    }

    #[test]
    fn a_pattern_that_runs_away_is_given_up() {
        let (schema, _) = JsonSchema::new(json!({"pattern": "^(?=(a+)+$)(a|aa)+\\1b$"}), SchemaVersion::default());
        let text = "a".repeat(64);
        assert_eq!(schema.matches(Some((&json!(text)).into()), &text), MatchOutcome::LimitExceeded);
    }

    #[test]
    fn distances() {
        let schema =
            json!({"properties": {"a": {"type": "string"}, "b": {"properties": {"c": {}, "d": {"type": "null"}}}}});
        let (schema, _) = JsonSchema::new(schema, SchemaVersion::default());
        assert_eq!(schema.distance(Some((&json!({"a": 1})).into()), ""), 0.25);
        assert_eq!(schema.distance(Some((&json!({"a": 1, "b": {"d": 1}})).into()), ""), 0.5);
        let (bare, _) = JsonSchema::new(json!({"type": "object"}), SchemaVersion::default());
        assert_eq!(bare.distance(None, "x"), 1.0);
    }
}
