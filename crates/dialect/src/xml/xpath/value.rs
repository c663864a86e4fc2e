//! The four kinds of values and what each is as another.

use std::borrow::Cow;

use super::{Document, NodeId};

/// What an expression says.
#[derive(Clone, Debug, PartialEq)]
pub enum XPathValue {
    /// Nodes and attributes in document order.
    Nodes(Vec<NodeId>),
    /// A text.
    Text(String),
    /// A number; there is but one kind.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

impl XPathValue {
    /// As true or false.
    pub fn as_boolean(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Boolean(value) => *value,
        }
    }

    /// As a text; of nodes, the first one's.
    pub fn as_text<'a>(&'a self, document: &'a Document) -> Cow<'a, str> {
        match self {
            Self::Nodes(nodes) => nodes.first().map_or(Cow::Borrowed(""), |first| document.string_value(*first)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }

    /// As a number; not a number if it is none.
    pub fn as_number(&self, document: &Document) -> f64 {
        match self {
            Self::Nodes(_) | Self::Text(_) => number(&self.as_text(document)),
            Self::Number(number) => *number,
            Self::Boolean(value) => f64::from(*value),
        }
    }
}

/// The number that a text is: digits with a point and a minus at most.
pub(super) fn number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && unsigned.bytes().any(|byte| byte.is_ascii_digit());
    if is_number { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// A number as XPath spells it: without exponent, and without point if it is whole.
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
