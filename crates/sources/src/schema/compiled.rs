//! [`CompiledSchema`]: a schema that stands alone, and its evaluator.

use serde_json::Value;
use standin_dialect::java_regex::MatchOutcome;
use standin_stub::matcher::json_schema::{JsonSchema, SchemaVersion};

/// A schema that stands alone, and its evaluator.
pub(crate) struct CompiledSchema {
    pub(crate) json: Value,
    evaluator: JsonSchema,
    /// Error of a schema that nothing is valid by, such as of a pattern that does not parse.
    pub(crate) problem: Option<String>,
}

impl CompiledSchema {
    pub(crate) fn new(json: Value) -> Self {
        let (evaluator, problem) = JsonSchema::new(json.clone(), SchemaVersion::default());
        Self { json, evaluator, problem }
    }

    /// Returns true if a value is valid. An evaluation that exceeds its limit is not.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.evaluator.matches(Some(value.into()), &value.to_string()) == MatchOutcome::Match
    }

    /// Returns true if every value is valid.
    pub(crate) fn allows_everything(&self) -> bool {
        self.json == Value::Bool(true) || self.json.as_object().is_some_and(serde_json::Map::is_empty)
    }
}
