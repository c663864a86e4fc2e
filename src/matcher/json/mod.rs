//! Equality of JSON as JsonUnit sees it: objects without order, numbers by value, and what the options forgive.
//!
//! A document without options or placeholders has a digest, so that a body is compared with thousands of them in one
//! look-up.

mod number;

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use serde_json::{Map, Value};

use super::java_regex::{JavaRegex, Outcome};

/// Pairs of items that are tried when the order of two lists does not matter, before the lists are said to differ.
const MAX_TRIES: usize = 4_000_000;

/// What a JSON document must be equal to.
#[derive(Clone, Debug)]
pub struct JsonEquality {
    expected: Value,
    pattern: Pattern,
    leniency: Leniency,
    digest: Option<u64>,
}

/// Why a document cannot be an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPatternError {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Leniency {
    array_order: bool,
    extra_elements: bool,
}

/// The expected document with its placeholders compiled.
#[derive(Clone, Debug)]
enum Pattern {
    AnyBoolean,
    AnyNumber,
    AnyString,
    /// Anything, present or not.
    IgnoreElement,
    /// Anything that is present.
    Ignore,
    List(Vec<Pattern>),
    /// Null, a boolean, a number or a text.
    Literal(Value),
    Object(Vec<(String, Pattern)>),
    Regex(JavaRegex),
}

impl JsonEquality {
    /// Expects this document. `ignore_array_order` takes lists as bags; `ignore_extra_elements` forgives members and items
    /// that are not expected (items only at the end, unless order is ignored too).
    pub fn new(
        expected: Value,
        ignore_array_order: bool,
        ignore_extra_elements: bool,
    ) -> Result<Self, JsonPatternError> {
        let pattern = Pattern::new(&expected)?;
        let exact = !ignore_array_order && !ignore_extra_elements && pattern.is_literal();
        let digest = exact.then(|| digest(&expected));
        let leniency = Leniency { array_order: ignore_array_order, extra_elements: ignore_extra_elements };
        Ok(Self { expected, pattern, leniency, digest })
    }

    /// Whether the document is equal to the expected one.
    pub fn matches(&self, actual: &Value) -> bool {
        self.pattern.matches(actual, self.leniency, &mut 0)
    }

    /// [`digest`] of the expected document, if only documents of that digest can match.
    pub fn digest(&self) -> Option<u64> {
        self.digest
    }

    /// The expected document.
    pub fn expected(&self) -> &Value {
        &self.expected
    }
}

impl Pattern {
    fn new(expected: &Value) -> Result<Self, JsonPatternError> {
        Ok(match expected {
            Value::Array(items) => Self::List(items.iter().map(Self::new).collect::<Result<_, _>>()?),
            Value::Object(members) => Self::Object(
                members.iter().map(|(key, value)| Ok((key.clone(), Self::new(value)?))).collect::<Result<_, _>>()?,
            ),
            Value::String(text) => match placeholder(text) {
                Some("json-unit.any-boolean") => Self::AnyBoolean,
                Some("json-unit.any-number") => Self::AnyNumber,
                Some("json-unit.any-string") => Self::AnyString,
                Some("json-unit.ignore") => Self::Ignore,
                Some("json-unit.ignore-element") => Self::IgnoreElement,
                _ => match regex(text) {
                    Some(pattern) => Self::Regex(JavaRegex::new(pattern).map_err(|error| JsonPatternError {
                        what: format!("{} at index {} of the pattern `{pattern}`", error.what, error.at),
                        mend: error.mend,
                    })?),
                    None => Self::Literal(expected.clone()),
                },
            },
            literal => Self::Literal(literal.clone()),
        })
    }

    fn is_literal(&self) -> bool {
        match self {
            Self::List(items) => items.iter().all(Self::is_literal),
            Self::Literal(_) => true,
            Self::Object(members) => members.iter().all(|(_, pattern)| pattern.is_literal()),
            _ => false,
        }
    }

    fn matches(&self, actual: &Value, leniency: Leniency, tries: &mut usize) -> bool {
        match (self, actual) {
            (Self::AnyBoolean, actual) => actual.is_boolean(),
            (Self::AnyNumber, actual) => actual.is_number(),
            (Self::AnyString, actual) => actual.is_string(),
            (Self::Ignore | Self::IgnoreElement, _) => true,
            (Self::List(expected), Value::Array(actual)) => lists_match(expected, actual, leniency, tries),
            (Self::Literal(Value::Number(expected)), Value::Number(actual)) => {
                number::equal(expected.as_str(), actual.as_str())
            }
            (Self::Literal(expected), actual) => expected == actual,
            (Self::Object(expected), Value::Object(actual)) => objects_match(expected, actual, leniency, tries),
            (Self::Regex(pattern), Value::String(text)) => pattern.matches(text) == Outcome::Match,
            _ => false,
        }
    }
}

/// What stands in `${…}` or `#{…}`.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${").or_else(|| text.strip_prefix("#{"))?.strip_suffix('}')
}

/// `${json-unit.regex}RE`: the pattern.
fn regex(text: &str) -> Option<&str> {
    text.strip_prefix("${json-unit.regex}").or_else(|| text.strip_prefix("#{json-unit.regex}"))
}

fn objects_match(
    expected: &[(String, Pattern)],
    actual: &Map<String, Value>,
    leniency: Leniency,
    tries: &mut usize,
) -> bool {
    let mut present = 0;
    for (key, pattern) in expected {
        match actual.get(key) {
            Some(value) if pattern.matches(value, leniency, tries) => present += 1,
            None if matches!(pattern, Pattern::IgnoreElement) => {}
            _ => return false,
        }
    }
    leniency.extra_elements || present == actual.len()
}

fn lists_match(expected: &[Pattern], actual: &[Value], leniency: Leniency, tries: &mut usize) -> bool {
    let long_enough =
        if leniency.extra_elements { expected.len() <= actual.len() } else { expected.len() == actual.len() };
    if !long_enough {
        return false;
    }
    if !leniency.array_order {
        return expected.iter().zip(actual).all(|(pattern, value)| pattern.matches(value, leniency, tries));
    }
    pairs_up(expected, actual, leniency, tries)
}

/// Whether each expected item has an actual item of its own: a matching in a bipartite graph, by augmenting paths
/// (Kuhn 1955). An item may meet several patterns, so that taking the first that fits could be wrong.
fn pairs_up(expected: &[Pattern], actual: &[Value], leniency: Leniency, tries: &mut usize) -> bool {
    let mut taken_by: Vec<Option<usize>> = vec![None; actual.len()];
    let mut fits = Vec::with_capacity(expected.len());
    for pattern in expected {
        *tries += actual.len();
        if *tries > MAX_TRIES {
            return false;
        }
        let fitting: Vec<usize> =
            (0..actual.len()).filter(|at| pattern.matches(&actual[*at], leniency, tries)).collect();
        fits.push(fitting);
    }
    (0..expected.len()).all(|pattern| {
        let mut seen = vec![false; actual.len()];
        augment(pattern, &fits, &mut taken_by, &mut seen)
    })
}

/// Gives `pattern` an item, moving others to another item of theirs where that frees one.
fn augment(pattern: usize, fits: &[Vec<usize>], taken_by: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    // a stack of (pattern, how many of its items were tried), so that long chains do not recurse
    let mut stack: Vec<(usize, usize)> = vec![(pattern, 0)];
    while let Some((pattern, next)) = stack.last_mut() {
        let (pattern, place) = (*pattern, *next);
        let Some(&item) = fits[pattern].get(place) else {
            stack.pop();
            continue;
        };
        *next += 1;
        if std::mem::replace(&mut seen[item], true) {
            continue;
        }
        match taken_by[item] {
            Some(owner) => stack.push((owner, 0)),
            None => {
                for (pattern, next) in stack {
                    taken_by[fits[pattern][next - 1]] = Some(pattern);
                }
                return true;
            }
        }
    }
    false
}

/// Whether two documents are equal to the letter: what looks like a placeholder is a text.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number::equal(one.as_str(), other.as_str()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
        }
        (one, other) => one == other,
    }
}

/// Which of two numbers, as they are spelt, is the larger.
pub(super) fn compare_numbers(one: &str, other: &str) -> Ordering {
    number::compare(one, other)
}

/// A hash that equal documents share: members in any order, numbers by their value.
pub fn digest(value: &Value) -> u64 {
    const STATE: FixedState = FixedState::with_seed(0x7374_616e_6469_6e21);
    let mut hasher = STATE.build_hasher();
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(value) => hasher.write_u8(1 + u8::from(*value)),
        Value::Number(number) => {
            hasher.write_u8(3);
            number::hash(number.as_str(), &mut hasher);
        }
        Value::String(text) => {
            hasher.write_u8(4);
            hasher.write(text.as_bytes());
        }
        Value::Array(items) => {
            hasher.write_u8(5);
            for item in items {
                hasher.write_u64(digest(item));
            }
        }
        Value::Object(members) => {
            // a sum does not depend on the order of its terms
            let sum = members.iter().fold(0u64, |sum, (key, value)| {
                let mut member = STATE.build_hasher();
                member.write(key.as_bytes());
                member.write_u64(digest(value));
                sum.wrapping_add(member.finish())
            });
            hasher.write_u8(6);
            hasher.write_u64(sum);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
