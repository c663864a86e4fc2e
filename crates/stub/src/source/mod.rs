//! Parsing of JSON and YAML into one kind of tree, in which every value has its span in the text.
//!
//! Values of `serde_json` have no spans, and its parser rejects comments and single quotes, which
//! WireMock accepts. A tree is at most [`MAX_DEPTH`] deep, so that functions may recurse over it. A
//! [`Reader`] collects defects while fields are read.

pub mod defect;
mod json;
mod object;
pub mod rule;
mod yaml;

use std::ops::Range;

use hashbrown::HashMap;
use serde_json::{Map, Value as Json};

pub use json::read_json;
use json::{Repeat, read_json_with_repeats, read_json_within};
pub use object::{Object, Reader, Strictness};
pub use yaml::read_yaml;

/// A value and its span in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Span in bytes. The span of a YAML alias is that of the alias itself; its members and items
    /// have those of the anchored value.
    pub span: Range<usize>,
    /// Value with its place.
    pub value: Value,
}

/// A JSON value whose parts have spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The literal `null`.
    Null,
    /// The literal `true` or `false`.
    Bool(bool),
    /// A number with its spelling, which is valid JSON.
    Number(String),
    /// A string without its escapes.
    String(String),
    /// A list with its items.
    Array(Vec<Node>),
    /// An object: members in the order of the text, each name once.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name without its escapes.
    pub key: String,
    /// Span of the name with its quotes, in bytes.
    pub key_span: Range<usize>,
    /// Value with its place.
    pub value: Node,
}

/// A syntax error of a JSON or YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Span in bytes, on character boundaries; may be empty.
    pub span: Range<usize>,
    /// Message, a sentence without a full stop.
    pub message: String,
    /// Way to correct it.
    pub help: Option<String>,
    /// Path of the innermost open value: names and indices, each after a `/` and without escapes;
    /// empty at the top.
    pub pointer: String,
}

impl Node {
    /// Returns the value of a member, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// Returns the members of an object; an empty slice for other values.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// Returns the items of a list; an empty slice for other values.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a string; `None` for other values.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the depth of nested lists and objects, including this one.
    pub fn depth(&self) -> usize {
        let inner = self.items().iter().chain(self.members().iter().map(|member| &member.value)).map(Self::depth).max();
        match self.value {
            Value::Array(_) | Value::Object(_) => 1 + inner.unwrap_or(0),
            _ => 0,
        }
    }

    /// Returns the kind of the value for a message, with its article.
    pub fn kind_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// Returns the value without spans. Numbers keep their spelling, except that `serde_json`
    /// normalizes exponents (`1e+3`).
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => text.parse().map_or_else(|_| Json::String(text.clone()), Json::Number),
            Value::String(text) => Json::String(text.clone()),
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Object(members) => {
                let members = members.iter().map(|member| (member.key.clone(), member.value.to_json()));
                Json::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

impl DocumentError {
    /// Returns an error with the path of the top.
    fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: Some(help.into()), pointer: String::new() }
    }

    /// Sets the path to these names and indices.
    fn with_path(mut self, steps: impl Iterator<Item = String>) -> Self {
        for step in steps {
            self.pointer.push('/');
            self.pointer.push_str(&step);
        }
        self
    }
}

/// Parses JSON that is not strict as WireMock's JSON library does: with comments, single quotes,
/// and any text after the value. `None` if it is not JSON, or deeper than [`MAX_DEPTH`].
pub fn lenient_json(text: &str) -> Option<Json> {
    read_json_within(text, DocumentLimits::FILE).ok().map(|node| node.to_json())
}

/// Returns the first member that repeats the name of an earlier one.
fn first_repeated(members: &[Member]) -> Option<&Member> {
    if members.len() <= PAIRWISE_LIMIT {
        let repeated = |(at, member): &(usize, &Member)| members[..*at].iter().any(|before| before.key == member.key);
        return members.iter().enumerate().find(repeated).map(|(_, member)| member);
    }
    let mut seen = HashMap::with_capacity(members.len());
    members.iter().find(|member| seen.insert(member.key.as_str(), ()).is_some())
}

/// Removes repeated names: each keeps its first position and its last value.
fn last_wins(members: Vec<Member>) -> Vec<Member> {
    if first_repeated(&members).is_none() {
        return members;
    }
    let mut places: HashMap<String, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        if let Some(place) = places.get(&member.key) {
            kept[*place] = member;
        } else {
            places.insert(member.key.clone(), kept.len());
            kept.push(member);
        }
    }
    kept
}

/// Maximum depth of nested lists and objects. Documents are written again and parsed with
/// `serde_json`, which accepts 127.
pub const MAX_DEPTH: usize = 125;

/// Limits of the size of a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentLimits {
    /// Maximum number of values, including items and members of all levels. Each takes some hundred
    /// bytes of memory while the document is read.
    pub(crate) values: usize,
    /// Maximum depth of nested lists and objects.
    pub(crate) depth: usize,
}

impl DocumentLimits {
    /// Limits for the admin API.
    pub(crate) const API: Self = Self { values: 1_000_000, depth: MAX_DEPTH };
    /// Limits for other documents, such as recorded responses.
    pub(crate) const OTHER: Self = Self { values: usize::MAX, depth: 512 };
    pub(crate) const FILE: Self = Self { values: usize::MAX, depth: MAX_DEPTH };
}

/// Number of members up to which pairwise comparison is faster than hashing.
const PAIRWISE_LIMIT: usize = 12;

#[cfg(test)]
mod tests;
