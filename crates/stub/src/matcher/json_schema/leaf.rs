//! The assertions of one subschema: the keywords without subschemas, which look at one value.
//!
//! The `jsonschema` crate evaluates them with one validator per subschema. Such a validator has no
//! references and does not descend, so its work is bounded by the sizes of the subschema and of the
//! value.

use std::fmt;

use base64::Engine as _;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use super::Exceeded;
use super::instance::{NodeJson, SchemaInstance};
use crate::java_base64::BASE64;
use standin_dialect::cpu_time::thread_cpu_time;
use standin_dialect::json::{JsonKind, JsonNode};

/// The compiled assertions of a subschema.
pub(super) struct Leaf {
    validator: Validator<NodeJson>,
    /// Steps per evaluation, apart from the length of the value.
    steps: usize,
    reads_numbers: bool,
    /// True if its work grows with the length of a list or object.
    reads_children: bool,
    /// True if its work is measured by time: it backtracks, or checks a format, which may be
    /// `regex`.
    is_timed: bool,
}

impl Leaf {
    /// Compiles the assertions of a subschema.
    ///
    /// # Errors
    ///
    /// Fails if the crate cannot compile them.
    pub(super) fn compile(assertions: &Map<String, Value>, draft: Draft) -> Result<Self, String> {
        let mut assertions = assertions.clone();
        if draft == Draft::Draft6 {
            // the library of WireMock knows them from version 7 on
            assertions.retain(|key, _| !key.starts_with("content"));
        }
        let schema = Value::Object(assertions.clone());
        let mut options = jsonschema::options_for::<NodeJson>();
        if matches!(draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7) {
            // later versions assert no formats; the library of WireMock knows these here too
            options = options
                .with_content_encoding("base64", |text| decoded_base64(text).is_some(), |text| Ok(decoded_base64(text)))
                .with_format("uuid", |text: &str| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok())
                .with_format("duration", |text: &str| text.starts_with('P') && text.parse::<jiff::Span>().is_ok())
                .with_format("alpha", |text: &str| text.chars().all(char::is_alphabetic))
                .with_format("alphanumeric", |text: &str| text.chars().all(char::is_alphanumeric));
        }
        let validator = options
            .with_draft(draft)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
            .offline()
            .build(&schema)
            .map_err(|error| error.to_string())?;
        let reads_numbers = assertions.iter().any(|(key, value)| key != "type" || mentions_integer(value));
        let has_backtracking = assertions.get("pattern").and_then(Value::as_str).is_some_and(backtracks);
        let is_timed = has_backtracking || assertions.keys().any(|key| key == "format" || key.starts_with("content"));
        let reads_children = assertions.keys().any(|key| READING_CHILDREN.contains(&key.as_str()));
        let steps = 1 + size(&schema) / VALUES_PER_STEP;
        Ok(Self { validator, steps, reads_numbers, reads_children, is_timed })
    }

    /// Returns the members of a subschema that are assertions.
    pub(super) fn assertions(schema: &Map<String, Value>) -> Map<String, Value> {
        let is_assertion = |key: &str| ASSERTIONS.contains(&key);
        schema.iter().filter(|(key, _)| is_assertion(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns the minimum number of steps for this value.
    pub(super) fn cost(&self, value: JsonNode<'_>) -> usize {
        match value.kind() {
            JsonKind::String => self.steps + value.as_str().map_or(0, |text| text.len() / BYTES_PER_STEP),
            JsonKind::Array | JsonKind::Object if self.reads_children && value.is_searched() => {
                self.steps.saturating_mul(1 + value.len() / CHILDREN_PER_STEP)
            }
            _ => self.steps,
        }
    }

    /// Evaluates the assertions. The second part of the result is the number of steps for the time
    /// that it took.
    pub(super) fn holds(&self, value: JsonNode<'_>) -> Result<(bool, usize), Exceeded> {
        if self.reads_numbers && value.as_number().is_some_and(is_extreme) {
            return Err(Exceeded);
        }
        let instance = SchemaInstance(value);
        if !self.is_timed || value.kind() != JsonKind::String {
            return Ok((self.validator.is_valid(instance), 0));
        }
        let begin = thread_cpu_time();
        let holds = self.validator.is_valid(instance);
        let gave_up = |kind: &ValidationErrorKind| matches!(kind, ValidationErrorKind::BacktrackLimitExceeded { .. });
        if !holds && self.validator.iter_errors(instance).any(|error| gave_up(error.kind())) {
            return Err(Exceeded);
        }
        let spent = thread_cpu_time().saturating_sub(begin).as_nanos() as usize / NANOSECONDS_PER_STEP;
        Ok((holds, spent))
    }

    /// Counts the violated assertions.
    pub(super) fn errors(&self, value: JsonNode<'_>) -> Result<usize, Exceeded> {
        if self.holds(value)?.0 { Ok(0) } else { Ok(self.validator.iter_errors(SchemaInstance(value)).count()) }
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// Refuses a schema with a number whose comparison would take long.
pub(super) fn check_numbers(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(members) => members.values().try_for_each(check_numbers),
        Value::Number(number) if is_extreme(number.as_str()) => {
            Err(format!("a number has more than {MAX_DIGITS} digits, or a larger exponent"))
        }
        _ => Ok(()),
    }
}

/// Returns the number of values inside a value, itself included.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// Returns whether arithmetic with the number would take long. Numbers are exact, so an exponent
/// becomes digits.
fn is_extreme(text: &str) -> bool {
    let exponent = text.find(['e', 'E']).map_or("", |at| text[at + 1..].trim_start_matches(['+', '-']));
    text.len() > MAX_DIGITS || !exponent.is_empty() && exponent.parse().map_or(true, |size: usize| size > MAX_DIGITS)
}

fn mentions_integer(kind: &Value) -> bool {
    kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "integer"))
}

/// Returns the text that base64 stands for. Padding may be left out, as in Java.
fn decoded_base64(text: &str) -> Option<String> {
    BASE64.decode(text).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns whether a pattern has look-around, a back-reference or an atomic group; all others take
/// linear time.
fn backtracks(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    bytes.windows(3).any(|three| three[..2] == *b"(?" && matches!(three[2], b'=' | b'!' | b'<' | b'>'))
        || bytes.windows(2).any(|two| two[0] == b'\\' && matches!(two[1], b'1'..=b'9' | b'k'))
}

/// Keywords without subschemas. The crate knows which of them exist in which version.
const ASSERTIONS: &[&str] = &[
    "const",
    "contentEncoding",
    "contentMediaType",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
];

/// Keywords that count the items or members of a value, look for members, or compare the whole.
const READING_CHILDREN: &[&str] =
    &["const", "dependentRequired", "enum", "maxItems", "maxProperties", "minItems", "minProperties", "required"];

/// Maximum number of backtracking steps of a pattern.
const BACKTRACK_LIMIT: usize = 10_000;

/// Largest number of digits, and largest exponent, of a number that is compared or divided.
const MAX_DIGITS: usize = 1000;

/// Number of values of an `enum`, `const` or `required` that are compared per step.
const VALUES_PER_STEP: usize = 8;

/// Number of items or members that are passed per step.
pub(super) const CHILDREN_PER_STEP: usize = 8;

/// Number of bytes of a text per step.
const BYTES_PER_STEP: usize = 64;

/// Nanoseconds of CPU time per step.
const NANOSECONDS_PER_STEP: usize = 20;
