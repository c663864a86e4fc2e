//! The assertions of one subschema: the keywords without subschemas, which look at one value.
//!
//! The `jsonschema` crate evaluates them with one validator per subschema. Such a validator has no
//! references and does not descend, so its work is bounded by the sizes of the subschema and of the
//! value.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Number, Value};

use super::Exceeded;
use standin_dialect::cpu_time::thread_cpu_time;

/// The compiled assertions of a subschema.
pub(super) struct Leaf {
    validator: Validator,
    /// Steps per evaluation, apart from the length of the value.
    steps: usize,
    reads_numbers: bool,
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
        let schema = Value::Object(assertions.clone());
        let validator = jsonschema::options()
            .with_draft(draft)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
            .offline()
            .build(&schema)
            .map_err(|error| error.to_string())?;
        let reads_numbers = assertions.iter().any(|(key, value)| key != "type" || mentions_integer(value));
        let has_backtracking = assertions.get("pattern").and_then(Value::as_str).is_some_and(backtracks);
        let is_timed = has_backtracking || assertions.keys().any(|key| key == "format" || key.starts_with("content"));
        Ok(Self { validator, steps: 1 + size(&schema) / VALUES_PER_STEP, reads_numbers, is_timed })
    }

    /// Returns the members of a subschema that are assertions.
    pub(super) fn assertions(schema: &Map<String, Value>) -> Map<String, Value> {
        let is_assertion = |key: &str| ASSERTIONS.contains(&key);
        schema.iter().filter(|(key, _)| is_assertion(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns the minimum number of steps for this value.
    pub(super) fn cost(&self, value: &Value) -> usize {
        self.steps + value.as_str().map_or(0, |text| text.len() / BYTES_PER_STEP)
    }

    /// Evaluates the assertions. The second part of the result is the number of steps for the time
    /// that it took.
    pub(super) fn holds(&self, value: &Value) -> Result<(bool, usize), Exceeded> {
        if self.reads_numbers && matches!(value, Value::Number(number) if is_extreme(number)) {
            return Err(Exceeded);
        }
        if !self.is_timed || !value.is_string() {
            return Ok((self.validator.is_valid(value), 0));
        }
        let begin = thread_cpu_time();
        let holds = self.validator.is_valid(value);
        let gave_up = |kind: &ValidationErrorKind| matches!(kind, ValidationErrorKind::BacktrackLimitExceeded { .. });
        if !holds && self.validator.iter_errors(value).any(|error| gave_up(error.kind())) {
            return Err(Exceeded);
        }
        let spent = thread_cpu_time().saturating_sub(begin).as_nanos() as usize / NANOSECONDS_PER_STEP;
        Ok((holds, spent))
    }

    /// Counts the violated assertions.
    pub(super) fn errors(&self, value: &Value) -> Result<usize, Exceeded> {
        if self.holds(value)?.0 { Ok(0) } else { Ok(self.validator.iter_errors(value).count()) }
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
        Value::Number(number) if is_extreme(number) => {
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
fn is_extreme(number: &Number) -> bool {
    let text = number.as_str();
    let exponent = text.find(['e', 'E']).map_or("", |at| text[at + 1..].trim_start_matches(['+', '-']));
    text.len() > MAX_DIGITS || !exponent.is_empty() && exponent.parse().map_or(true, |size: usize| size > MAX_DIGITS)
}

fn mentions_integer(kind: &Value) -> bool {
    kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "integer"))
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

/// Maximum number of backtracking steps of a pattern.
const BACKTRACK_LIMIT: usize = 10_000;

/// Largest number of digits, and largest exponent, of a number that is compared or divided.
const MAX_DIGITS: usize = 1000;

/// Number of values of an `enum`, `const` or `required` that are compared per step.
const VALUES_PER_STEP: usize = 8;

/// Number of bytes of a text per step.
const BYTES_PER_STEP: usize = 64;

/// Nanoseconds of CPU time per step.
const NANOSECONDS_PER_STEP: usize = 20;
