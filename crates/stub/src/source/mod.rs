//! One tree for JSON and YAML, in which every value knows where it stands in the text.
//!
//! Trees of serde_json have no places, and its reader stops at what WireMock's reader takes: comments and single
//! quotes. A tree is at most [`MAX_DEPTH`] deep, so that whoever walks it may recurse. A [`Reader`] collects what is wrong
//! while fields are read from it.

pub mod defect;
mod json;
mod object;
mod yaml;

use std::ops::Range;

use hashbrown::HashMap;
use serde_json::{Map, Value as Json};

pub use json::read_json;
use json::read_json_within;
pub use object::{Object, Reader, Strictness};
pub use yaml::read_yaml;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The part of the text that it takes, in bytes. What came through a YAML alias stands where the alias stands, and
    /// its members and items where the anchor does.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, as it is spelled; always in JSON's spelling.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// Names and their values, in the order of the text, each name once.
    Object(Vec<Member>),
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub key: String,
    /// Where the name stands, with its quotes, in bytes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where, in bytes; on character boundaries, and perhaps empty.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The names and indices that lead to the innermost value that was open, each behind a `/` and without escapes;
    /// empty at the top.
    pub pointer: String,
}

impl Node {
    /// The value of a member, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string; `None` of anything else.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns how many lists and objects stand in each other, this one counted.
    pub fn depth(&self) -> usize {
        let inner = self.items().iter().chain(self.members().iter().map(|member| &member.value)).map(Self::depth).max();
        match self.value {
            Value::Array(_) | Value::Object(_) => 1 + inner.unwrap_or(0),
            _ => 0,
        }
    }

    /// What kind of value it is, as it is said in a message.
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

    /// The value without its places. Numbers keep their spelling, but for serde_json's way with exponents (`1e+3`).
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

impl SyntaxError {
    fn new(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: Some(help.into()), pointer: String::new() }
    }

    /// With the steps that lead to where it is.
    fn under(mut self, steps: impl Iterator<Item = String>) -> Self {
        for step in steps {
            self.pointer.push('/');
            self.pointer.push_str(&step);
        }
        self
    }
}

/// The first member that has the name of one before it.
fn first_repeated(members: &[Member]) -> Option<&Member> {
    if members.len() <= FEW {
        let repeated = |(at, member): &(usize, &Member)| members[..*at].iter().any(|before| before.key == member.key);
        return members.iter().enumerate().find(repeated).map(|(_, member)| member);
    }
    let mut seen = HashMap::with_capacity(members.len());
    members.iter().find(|member| seen.insert(member.key.as_str(), ()).is_some())
}

/// The members with each name once, where it stood first and with the value that it had last.
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

/// How many lists and objects may stand in each other. What is read is written again, no deeper,
/// and read with serde_json, which takes 127.
pub const MAX_DEPTH: usize = 125;

/// How large a JSON document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentLimits {
    /// Values, items and members of all levels counted. Each takes some hundred bytes of memory
    /// while it is read.
    pub(crate) values: usize,
    /// Lists and objects in each other.
    pub(crate) depth: usize,
}

impl DocumentLimits {
    /// Limits of what comes over the admin API.
    pub(crate) const API: Self = Self { values: 1_000_000, depth: MAX_DEPTH };
    /// Limits of a document that is no stub, such as a recorded answer.
    pub(crate) const OTHER: Self = Self { values: usize::MAX, depth: 512 };
    /// Limits of a file.
    pub(crate) const FILE: Self = Self { values: usize::MAX, depth: MAX_DEPTH };
}

/// So many members are compared faster one by one than by hashing.
const FEW: usize = 12;

#[cfg(test)]
mod tests;
