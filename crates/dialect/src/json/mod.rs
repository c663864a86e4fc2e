//! Equality of JSON as JsonUnit sees it: objects without order, numbers by value, and what the
//! options forgive.
//!
//! A document without options or placeholders has a digest, so that a body is compared with
//! thousands of them in one look-up.

mod digest;
mod distance;
mod member_index;
mod node;
pub(crate) mod number;
mod pairing;
mod pattern;
mod pretty;
mod text;
mod text_digest;
mod tree;
mod tree_node;
mod tree_parser;

use serde_json::Value;

pub use digest::{digest, digest_ignoring_order, digest_of_node};
pub use member_index::MemberIndex;
use member_index::MemberSequence;
pub use node::{JsonItems, JsonKind, JsonMembers, JsonNode, JsonShape};
use pattern::{JsonComparison, JsonPattern};
pub use pretty::pretty_text;
pub use text::push_quoted;
pub use text_digest::{TextDigest, digest_of_text};
pub use tree::JsonTree;

use crate::SyntaxError;
use crate::java_regex::MatchOutcome;

/// An expected JSON document, with the options and placeholders of JsonUnit.
#[derive(Clone, Debug)]
pub struct JsonEquality {
    expected: Value,
    pattern: JsonPattern,
    leniency: JsonLeniency,
    digest: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct JsonLeniency {
    array_order: bool,
    extra_elements: bool,
}

impl JsonEquality {
    /// Expects this document. `ignore_array_order` takes lists as bags; `ignore_extra_elements`
    /// forgives members and items that are not expected (items only at the end, unless order is
    /// ignored too).
    pub fn new(expected: Value, ignore_array_order: bool, ignore_extra_elements: bool) -> Result<Self, SyntaxError> {
        let leniency = JsonLeniency { array_order: ignore_array_order, extra_elements: ignore_extra_elements };
        let pattern = JsonPattern::new(&expected, leniency)?;
        let exact = !ignore_array_order && !ignore_extra_elements && pattern.is_literal();
        let digest = exact.then(|| digest(&expected));
        Ok(Self { expected, pattern, leniency, digest })
    }

    /// Returns true if the document is equal to the expected one.
    pub fn matches<'a>(&self, actual: impl Into<JsonNode<'a>>) -> bool {
        self.compare(actual) == MatchOutcome::Match
    }

    /// Compares a document with the expected one. A comparison of lists whose order does not matter
    /// may reach a limit.
    pub fn compare<'a>(&self, actual: impl Into<JsonNode<'a>>) -> MatchOutcome {
        let mut comparison = JsonComparison::new(self.leniency);
        let fits = comparison.fits(&self.pattern, actual.into());
        if !fits && comparison.is_exhausted() { MatchOutcome::LimitExceeded } else { MatchOutcome::from(fits) }
    }

    /// Returns the [`digest()`] of the expected document, if only documents of that digest can
    /// match.
    pub fn digest(&self) -> Option<u64> {
        self.digest
    }

    /// Returns the distance of the document from the expected one: 0 for equal, 1 for nothing in
    /// common.
    ///
    /// It is the number of differences divided by the size of the larger document, both counted in
    /// values, as WireMock ranks near misses.
    pub fn distance<'a>(&self, actual: impl Into<JsonNode<'a>>) -> f64 {
        let actual = actual.into();
        let differences = distance::differences(&mut JsonComparison::new(self.leniency), &self.pattern, actual);
        let size = distance::deep_size((&self.expected).into()).max(distance::deep_size(actual));
        (differences as f64 / size as f64).min(1.0)
    }

    /// Returns the expected document.
    pub fn expected(&self) -> &Value {
        &self.expected
    }
}

/// Returns true if two documents are equal: members in any order, numbers by value.
pub fn equal<'a>(one: impl Into<JsonNode<'a>>, other: impl Into<JsonNode<'a>>) -> bool {
    nodes_equal(one.into(), other.into())
}

fn nodes_equal(one: JsonNode<'_>, other: JsonNode<'_>) -> bool {
    match (one.shape(), other.shape()) {
        (JsonShape::Null, JsonShape::Null) => true,
        (JsonShape::Bool(one), JsonShape::Bool(other)) => one == other,
        (JsonShape::Number(one), JsonShape::Number(other)) => number::equal(one, other),
        (JsonShape::String(one), JsonShape::String(other)) => one == other,
        (JsonShape::Array(mut items), JsonShape::Array(mut others)) => loop {
            match (items.next(), others.next()) {
                (None, None) => return true,
                (Some(item), Some(other)) if nodes_equal(item, other) => {}
                _ => return false,
            }
        },
        (JsonShape::Object(members), JsonShape::Object(others)) => {
            let length = one.len();
            if length != other.len() {
                return false;
            }
            let (mut members, object) = if other.is_searched() { (others, one) } else { (members, other) };
            let mut object = MemberSequence::new(object, length);
            members.all(|(name, one)| object.get(&name).is_some_and(|other| nodes_equal(one, other)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;
