//! The four kinds of values and what each is as another.

use std::borrow::Cow;

use super::{Document, NodeId};

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum XPathValue {
    /// Nodes and attributes in document order.
    Nodes(Vec<NodeId>),
    /// A text, called string in XPath.
    Text(String),
    /// A number; there is but one kind.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

impl XPathValue {
    /// Converts the value to a truth value.
    pub fn as_boolean(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Boolean(value) => *value,
        }
    }

    /// Converts the value to a text; of nodes, the first one's.
    pub fn as_text<'a>(&'a self, document: &'a Document) -> Cow<'a, str> {
        match self {
            Self::Nodes(nodes) => nodes.first().map_or(Cow::Borrowed(""), |first| document.string_value(*first)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }

    /// Converts the value to a number; NaN if it is none.
    pub fn as_number(&self, document: &Document) -> f64 {
        match self {
            Self::Nodes(_) | Self::Text(_) => number(&self.as_text(document)),
            Self::Number(number) => *number,
            Self::Boolean(value) => f64::from(*value),
        }
    }
}

/// Parses a number of XPath: digits with at most a point and a minus. NaN if the text is no number.
pub(super) fn number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && unsigned.bytes().any(|byte| byte.is_ascii_digit());
    if is_number { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// Prints a number as XPath does: without an exponent, and without a point if it is whole.
pub(super) fn number_text(number: f64) -> String {
    if number == f64::INFINITY {
        return "Infinity".to_owned();
    }
    if number == f64::NEG_INFINITY {
        return "-Infinity".to_owned();
    }
    // there is a zero below zero, but it has no sign
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}
