//! One tree for JSON and YAML, in which every value knows its place in the text.

mod json;
mod yaml;

use std::ops::Range;

use serde_json::{Map, Value as Json};

pub use json::read as read_json;
pub use yaml::read as read_yaml;

/// How deep values may stand in each other.
pub const MAX_DEPTH: usize = 256;

/// A value and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The part of the text that it takes.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as it is spelt, in JSON's spelling.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// Names and values in their order, each name once.
    Object(Vec<Member>),
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub key: String,
    /// Where the name stands.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// The innermost value that was being read, as a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: Option<String>,
}

impl Node {
    /// The value of a member of this object.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => members.iter().find(|member| member.key == key).map(|member| &member.value),
            _ => None,
        }
    }

    /// What kind of value it is, with its article.
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

    /// The value without its places. Numbers keep their spelling.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => text.parse().map_or_else(|_| Json::String(text.clone()), Json::Number),
            Value::String(text) => Json::String(text.clone()),
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Object(members) => {
                members.iter().map(|member| (member.key.clone(), member.value.to_json())).collect::<Map<_, _>>().into()
            }
        }
    }
}
