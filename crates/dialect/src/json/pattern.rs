//! The expected document with its placeholders compiled, and how a document is held against it.

use serde_json::Value;

use super::digest::digest_ignoring_order;
use super::{JsonKind, JsonLeniency, JsonNode, MemberSequence, equal, pairing};
use crate::SyntaxError;
use crate::java_regex::{JavaRegex, MatchOutcome};

/// The expected document with its placeholders compiled.
#[derive(Clone, Debug)]
pub(super) enum JsonPattern {
    AnyBoolean,
    AnyNumber,
    AnyString,
    /// Anything that is present.
    Ignore,
    /// Anything, present or not.
    IgnoreElement,
    List(Vec<JsonPatternItem>),
    /// Null, a boolean, a number or a text.
    Literal(Value),
    /// `${json-unit.matches:…}`: WireMock registers no matchers, so that nothing is equal to it.
    Never,
    Object(Vec<(String, JsonPattern)>),
    Regex(JavaRegex),
}

/// An item of an expected list.
#[derive(Clone, Debug)]
pub(super) struct JsonPatternItem {
    pub(super) pattern: JsonPattern,
    /// If all that fits the pattern is equal: the digest, without the order of lists, of all that
    /// fits.
    pub(super) digest: Option<u64>,
}

/// One document held against an expected one.
pub(super) struct JsonComparison {
    pub(super) leniency: JsonLeniency,
    /// Items that may still be tried for an expected one where order does not matter.
    tries: usize,
}

impl JsonPattern {
    pub(super) fn new(expected: &Value, leniency: JsonLeniency) -> Result<Self, SyntaxError> {
        Ok(match expected {
            Value::Array(items) => {
                Self::List(items.iter().map(|item| JsonPatternItem::new(item, leniency)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::new(value, leniency)?)))
                    .collect::<Result<_, _>>()?,
            ),
            Value::String(text) => match placeholder(text)? {
                Some(placeholder) => placeholder,
                None => Self::Literal(expected.clone()),
            },
            literal => Self::Literal(literal.clone()),
        })
    }

    /// Returns true if the pattern has no placeholder.
    pub(super) fn is_literal(&self) -> bool {
        match self {
            Self::List(items) => items.iter().all(|item| item.pattern.is_literal()),
            Self::Literal(_) => true,
            Self::Object(members) => members.iter().all(|(_, pattern)| pattern.is_literal()),
            _ => false,
        }
    }
}

impl JsonPatternItem {
    fn new(expected: &Value, leniency: JsonLeniency) -> Result<Self, SyntaxError> {
        let pattern = JsonPattern::new(expected, leniency)?;
        // with extra elements forgiven, an object or list is met by others that are not equal to it
        let one_of_a_kind = match &pattern {
            JsonPattern::Literal(_) => true,
            pattern => !leniency.extra_elements && pattern.is_literal(),
        };
        let digest = (leniency.array_order && one_of_a_kind).then(|| digest_ignoring_order(expected));
        Ok(Self { pattern, digest })
    }
}

impl JsonComparison {
    pub(super) fn new(leniency: JsonLeniency) -> Self {
        Self { leniency, tries: MAX_TRIES }
    }

    pub(super) fn fits(&mut self, pattern: &JsonPattern, actual: JsonNode<'_>) -> bool {
        match pattern {
            JsonPattern::AnyBoolean => actual.kind() == JsonKind::Bool,
            JsonPattern::AnyNumber => actual.kind() == JsonKind::Number,
            JsonPattern::AnyString => actual.kind() == JsonKind::String,
            JsonPattern::Ignore | JsonPattern::IgnoreElement => true,
            JsonPattern::List(expected) => actual.is_array() && self.list_fits(expected, actual),
            JsonPattern::Literal(expected) => equal(expected, actual),
            JsonPattern::Never => false,
            JsonPattern::Object(expected) => actual.is_object() && self.object_fits(expected, actual),
            JsonPattern::Regex(pattern) => {
                actual.as_str().is_some_and(|text| pattern.matches(&text) == MatchOutcome::Match)
            }
        }
    }

    /// Spends one attempt; returns true if another item may be tried.
    pub(super) fn may_try(&mut self) -> bool {
        self.tries = self.tries.saturating_sub(1);
        self.tries > 0
    }

    /// Returns true if no item may be tried any more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.tries == 0
    }

    fn object_fits(&mut self, expected: &[(String, JsonPattern)], actual: JsonNode<'_>) -> bool {
        let mut present = 0;
        let mut members = MemberSequence::new(actual, expected.len());
        for (key, pattern) in expected {
            match members.get(key) {
                Some(value) if self.fits(pattern, value) => present += 1,
                None if matches!(pattern, JsonPattern::IgnoreElement) => {}
                _ => return false,
            }
        }
        self.leniency.extra_elements || present == actual.len()
    }

    fn list_fits(&mut self, expected: &[JsonPatternItem], actual: JsonNode<'_>) -> bool {
        let JsonLeniency { array_order, extra_elements } = self.leniency;
        let length = actual.len();
        let long_enough = if extra_elements { expected.len() <= length } else { expected.len() == length };
        if !long_enough {
            return false;
        }
        let mut items = actual.items().into_iter().flatten();
        if array_order {
            if length > self.tries {
                self.tries = 0;
                return false;
            }
            return pairing::is_complete(self, expected, &items.collect::<Vec<_>>());
        }
        expected.iter().all(|item| items.next().is_some_and(|value| self.fits(&item.pattern, value)))
    }
}

/// Returns the placeholder that a text of the expected document is, if it is one.
fn placeholder(text: &str) -> Result<Option<JsonPattern>, SyntaxError> {
    if text == "${json-unit.ignore-element}" {
        return Ok(Some(JsonPattern::IgnoreElement));
    }
    let Some(name) = text.strip_prefix("${json-unit.").or_else(|| text.strip_prefix("#{json-unit.")) else {
        return Ok(None);
    };
    Ok(match name {
        "any-boolean}" => Some(JsonPattern::AnyBoolean),
        "any-number}" => Some(JsonPattern::AnyNumber),
        "any-string}" => Some(JsonPattern::AnyString),
        "ignore}" => Some(JsonPattern::Ignore),
        name => match name.strip_prefix("regex}") {
            Some(pattern) => Some(JsonPattern::Regex(regex(pattern)?)),
            // a name of at least one character
            None if name.strip_prefix("matches:").and_then(|name| name.get(1..)?.find('}')).is_some() => {
                Some(JsonPattern::Never)
            }
            None => None,
        },
    })
}

fn regex(pattern: &str) -> Result<JavaRegex, SyntaxError> {
    JavaRegex::new(pattern).map_err(|error| SyntaxError {
        message: format!("{} at index {} of the pattern `{pattern}`", error.message, error.at),
        ..error
    })
}

/// Items that are tried where order does not matter, before lists are said to differ: at some 100
/// ns each this ends within a tenth of a second, and two lists of a thousand are well within it.
const MAX_TRIES: usize = 1_000_000;
