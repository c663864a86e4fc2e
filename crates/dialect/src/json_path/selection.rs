//! The values that a path selects.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::json::JsonNode;

/// The values that a path selects from a document.
#[derive(Clone, Debug, PartialEq)]
pub enum PathSelection<'a> {
    /// A definite path leads nowhere.
    Missing,
    /// The value of a definite path, or the result of a function.
    One(SelectedValue<'a>),
    /// All that an indefinite path leads to, be it nothing.
    Many(Vec<SelectedValue<'a>>),
}

/// A value that a path selects.
#[derive(Clone)]
pub enum SelectedValue<'a> {
    /// A value of the document.
    Found(JsonNode<'a>),
    /// A value that a function or a merge of members has made.
    Made(Box<Value>),
}

impl PathSelection<'_> {
    /// Returns true if WireMock's `matchesJsonPath` holds without a further rule: for a value that
    /// is not null, and not an empty list or object.
    pub fn is_found(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::One(value) => {
                let node = value.node();
                let is_container = node.is_array() || node.is_object();
                !(node.is_null() || is_container && node.is_empty())
            }
            Self::Many(items) => !items.is_empty(),
        }
    }
}

impl SelectedValue<'_> {
    /// Returns a value that is not of the document.
    pub(super) fn made(value: impl Into<Value>) -> Self {
        Self::Made(Box::new(value.into()))
    }

    /// Returns the value that was selected.
    pub fn node(&self) -> JsonNode<'_> {
        match self {
            Self::Found(node) => *node,
            Self::Made(value) => JsonNode::from(&**value),
        }
    }

    /// Returns the value as one of `serde_json`.
    pub fn into_value(self) -> Value {
        match self {
            Self::Found(node) => node.to_value().into_owned(),
            Self::Made(value) => *value,
        }
    }

    /// Returns a value that lives without the document.
    pub(super) fn into_made<'b>(self) -> SelectedValue<'b> {
        SelectedValue::made(self.into_value())
    }
}

impl<'a> From<JsonNode<'a>> for SelectedValue<'a> {
    fn from(node: JsonNode<'a>) -> Self {
        Self::Found(node)
    }
}

/// Values are the same if they are equal in `serde_json`.
impl PartialEq for SelectedValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.node().to_value() == other.node().to_value()
    }
}

impl Serialize for SelectedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.node().serialize(serializer)
    }
}

/// Writes the value as compact JSON.
impl fmt::Display for SelectedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.node(), f)
    }
}

impl fmt::Debug for SelectedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
