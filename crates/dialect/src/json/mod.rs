//! Equality of JSON as JsonUnit sees it: objects without order, numbers by value, and what the
//! options forgive.
//!
//! A document without options or placeholders has a digest, so that a body is compared with
//! thousands of them in one look-up.

mod digest;
mod distance;
pub(crate) mod number;
mod pairing;
mod pattern;
mod text;
mod text_digest;

use serde_json::Value;

pub use digest::{digest, digest_ignoring_order};
use pattern::{JsonComparison, JsonPattern};
pub use text::push_quoted;
pub use text_digest::{TextDigest, digest_of_text};

use crate::SyntaxError;

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
    pub fn matches(&self, actual: &Value) -> bool {
        JsonComparison::new(self.leniency).fits(&self.pattern, actual)
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
    pub fn distance(&self, actual: &Value) -> f64 {
        let differences = distance::differences(&mut JsonComparison::new(self.leniency), &self.pattern, actual);
        let size = distance::deep_size(&self.expected).max(distance::deep_size(actual));
        (differences as f64 / size as f64).min(1.0)
    }

    /// Returns the expected document.
    pub fn expected(&self) -> &Value {
        &self.expected
    }
}

/// Returns true if two documents are equal: members in any order, numbers by value.
pub fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number::equal(one.as_str(), other.as_str()),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests;
