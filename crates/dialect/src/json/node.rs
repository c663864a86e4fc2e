//! A read-only view of a JSON value, be it of `serde_json` or of a [`JsonTree`].

use std::borrow::Cow;
use std::fmt;
use std::slice;

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value, map};

use super::tree::{JsonTree, TreeChildren, TreeValue};
use super::tree_node::TreeKind;

/// A JSON value of a document that lives for `'a`.
#[derive(Clone, Copy)]
pub struct JsonNode<'a>(NodeSource<'a>);

#[derive(Clone, Copy)]
enum NodeSource<'a> {
    Value(&'a Value),
    /// A tree and the index of a value in it.
    Tree(&'a JsonTree, u32),
}

/// A JSON value by its kind.
#[derive(Clone)]
pub enum JsonShape<'a> {
    /// The literal `null`.
    Null,
    /// The literal `true` or `false`.
    Bool(bool),
    /// A number as it is spelt.
    Number(&'a str),
    /// A string without its escapes.
    String(Cow<'a, str>),
    /// A list and its items.
    Array(JsonItems<'a>),
    /// An object and its members.
    Object(JsonMembers<'a>),
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JsonKind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// The items of a list.
#[derive(Clone)]
pub struct JsonItems<'a>(ItemSource<'a>);

#[derive(Clone)]
enum ItemSource<'a> {
    Values(slice::Iter<'a, Value>),
    Tree(TreeChildren<'a>),
}

/// The members of an object in their order.
#[derive(Clone)]
pub struct JsonMembers<'a>(MemberSource<'a>);

#[derive(Clone)]
enum MemberSource<'a> {
    Values(map::Iter<'a>),
    Tree(TreeChildren<'a>),
}

impl<'a> JsonNode<'a> {
    /// Returns the value by its kind.
    #[inline]
    pub fn shape(self) -> JsonShape<'a> {
        match self.0 {
            NodeSource::Value(value) => match value {
                Value::Null => JsonShape::Null,
                Value::Bool(value) => JsonShape::Bool(*value),
                Value::Number(number) => JsonShape::Number(number.as_str()),
                Value::String(text) => JsonShape::String(Cow::Borrowed(text)),
                Value::Array(items) => JsonShape::Array(JsonItems(ItemSource::Values(items.iter()))),
                Value::Object(members) => JsonShape::Object(JsonMembers(MemberSource::Values(members.iter()))),
            },
            NodeSource::Tree(tree, at) => {
                let value = TreeValue { tree, at };
                match value.kind() {
                    TreeKind::Null => JsonShape::Null,
                    TreeKind::False => JsonShape::Bool(false),
                    TreeKind::True => JsonShape::Bool(true),
                    TreeKind::Number => JsonShape::Number(value.number()),
                    TreeKind::String => JsonShape::String(value.string()),
                    TreeKind::Array => JsonShape::Array(JsonItems(ItemSource::Tree(value.children()))),
                    TreeKind::Object => JsonShape::Object(JsonMembers(MemberSource::Tree(value.children()))),
                }
            }
        }
    }

    /// Returns the kind of the value.
    #[inline]
    pub fn kind(self) -> JsonKind {
        match self.0 {
            NodeSource::Value(value) => match value {
                Value::Null => JsonKind::Null,
                Value::Bool(_) => JsonKind::Bool,
                Value::Number(_) => JsonKind::Number,
                Value::String(_) => JsonKind::String,
                Value::Array(_) => JsonKind::Array,
                Value::Object(_) => JsonKind::Object,
            },
            NodeSource::Tree(tree, at) => match (TreeValue { tree, at }).kind() {
                TreeKind::Null => JsonKind::Null,
                TreeKind::False | TreeKind::True => JsonKind::Bool,
                TreeKind::Number => JsonKind::Number,
                TreeKind::String => JsonKind::String,
                TreeKind::Array => JsonKind::Array,
                TreeKind::Object => JsonKind::Object,
            },
        }
    }

    /// Returns true for a list.
    pub fn is_array(self) -> bool {
        self.kind() == JsonKind::Array
    }

    /// Returns true for an object.
    pub fn is_object(self) -> bool {
        self.kind() == JsonKind::Object
    }

    /// Returns true for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// Returns the value of a boolean.
    pub fn as_bool(self) -> Option<bool> {
        match self.shape() {
            JsonShape::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the spelling of a number.
    pub fn as_number(self) -> Option<&'a str> {
        match self.shape() {
            JsonShape::Number(spelling) => Some(spelling),
            _ => None,
        }
    }

    /// Returns a number as one of `serde_json`.
    pub fn to_number(self) -> Option<Cow<'a, Number>> {
        match self.0 {
            NodeSource::Value(value) => value.as_number().map(Cow::Borrowed),
            NodeSource::Tree(..) => self.as_number().map(|spelling| Cow::Owned(number(spelling))),
        }
    }

    /// Returns the text of a string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        match self.shape() {
            JsonShape::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list.
    #[inline]
    pub fn items(self) -> Option<JsonItems<'a>> {
        match self.0 {
            NodeSource::Value(Value::Array(items)) => Some(JsonItems(ItemSource::Values(items.iter()))),
            NodeSource::Tree(tree, at) if self.is_array() => {
                Some(JsonItems(ItemSource::Tree(TreeValue { tree, at }.children())))
            }
            _ => None,
        }
    }

    /// Returns the members of an object.
    #[inline]
    pub fn members(self) -> Option<JsonMembers<'a>> {
        match self.0 {
            NodeSource::Value(Value::Object(members)) => Some(JsonMembers(MemberSource::Values(members.iter()))),
            NodeSource::Tree(tree, at) if self.is_object() => {
                Some(JsonMembers(MemberSource::Tree(TreeValue { tree, at }.children())))
            }
            _ => None,
        }
    }

    /// Returns the value of a member of an object. In a [`JsonTree`] it is searched for from the
    /// first member on.
    #[inline]
    pub fn get(self, name: &str) -> Option<Self> {
        self.find(name).0
    }

    /// Returns the value of a member of an object, and the number of members that were searched.
    #[inline]
    pub fn find(self, name: &str) -> (Option<Self>, usize) {
        match self.0 {
            NodeSource::Value(value) => (value.as_object().and_then(|members| members.get(name)).map(Self::from), 0),
            NodeSource::Tree(tree, at) if self.is_object() => {
                let (found, searched) = TreeValue { tree, at }.find(name);
                (found.map(Self::from), searched)
            }
            NodeSource::Tree(..) => (None, 0),
        }
    }

    /// Returns the number of items of a list or of members of an object, else 0. In a [`JsonTree`]
    /// they are counted.
    pub fn len(self) -> usize {
        match self.0 {
            NodeSource::Value(Value::Array(items)) => items.len(),
            NodeSource::Value(Value::Object(members)) => members.len(),
            NodeSource::Value(_) => 0,
            NodeSource::Tree(tree, at) => {
                let children = TreeValue { tree, at }.children().count();
                if self.is_object() { children / 2 } else { children }
            }
        }
    }

    /// Returns true for a list or an object that is empty, and for every scalar.
    pub fn is_empty(self) -> bool {
        match self.0 {
            NodeSource::Value(_) => self.len() == 0,
            NodeSource::Tree(tree, at) => TreeValue { tree, at }.children().is_empty(),
        }
    }

    /// Returns the item at a 0-based index of a list. In a [`JsonTree`] the items before it are
    /// passed.
    pub fn item(self, index: usize) -> Option<Self> {
        match self.0 {
            NodeSource::Value(value) => value.as_array()?.get(index).map(Self::from),
            NodeSource::Tree(..) => self.items()?.nth(index),
        }
    }

    /// Returns true if the value is in a [`JsonTree`], where members and items are searched for.
    pub fn is_searched(self) -> bool {
        matches!(self.0, NodeSource::Tree(..))
    }

    /// Returns the value as one of `serde_json`, which is built if it is not there.
    pub fn to_value(self) -> Cow<'a, Value> {
        match self.0 {
            NodeSource::Value(value) => Cow::Borrowed(value),
            NodeSource::Tree(..) => Cow::Owned(self.built()),
        }
    }

    fn built(self) -> Value {
        match self.shape() {
            JsonShape::Null => Value::Null,
            JsonShape::Bool(value) => Value::Bool(value),
            JsonShape::Number(spelling) => Value::Number(number(spelling)),
            JsonShape::String(text) => Value::String(text.into_owned()),
            JsonShape::Array(items) => items.map(Self::built).collect(),
            JsonShape::Object(members) => {
                Value::Object(members.map(|(name, value)| (name.into_owned(), value.built())).collect::<Map<_, _>>())
            }
        }
    }

    /// Returns what tells the value from all others that live at the same time: an address, and an
    /// index where values share it.
    pub fn identity(self) -> (usize, u32) {
        match self.0 {
            NodeSource::Value(value) => (std::ptr::from_ref(value).addr(), 0),
            NodeSource::Tree(tree, at) => (std::ptr::from_ref(tree).addr(), at + 1),
        }
    }
}

impl<'a> From<&'a Value> for JsonNode<'a> {
    fn from(value: &'a Value) -> Self {
        Self(NodeSource::Value(value))
    }
}

/// Returns the whole document.
impl<'a> From<&'a JsonTree> for JsonNode<'a> {
    fn from(tree: &'a JsonTree) -> Self {
        let TreeValue { tree, at } = tree.root();
        Self(NodeSource::Tree(tree, at))
    }
}

impl<'a> From<TreeValue<'a>> for JsonNode<'a> {
    fn from(TreeValue { tree, at }: TreeValue<'a>) -> Self {
        Self(NodeSource::Tree(tree, at))
    }
}

/// Writes the value as compact JSON.
impl fmt::Display for JsonNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for JsonNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for JsonNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape() {
            JsonShape::Null => serializer.serialize_unit(),
            JsonShape::Bool(value) => serializer.serialize_bool(value),
            JsonShape::Number(spelling) => number(spelling).serialize(serializer),
            JsonShape::String(text) => serializer.serialize_str(&text),
            JsonShape::Array(items) => serializer.collect_seq(items),
            JsonShape::Object(members) => serializer.collect_map(members),
        }
    }
}

impl<'a> Iterator for JsonItems<'a> {
    type Item = JsonNode<'a>;

    #[inline]
    fn next(&mut self) -> Option<JsonNode<'a>> {
        match &mut self.0 {
            ItemSource::Values(items) => items.next().map(JsonNode::from),
            ItemSource::Tree(items) => items.next().map(JsonNode::from),
        }
    }
}

impl<'a> Iterator for JsonMembers<'a> {
    type Item = (Cow<'a, str>, JsonNode<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            MemberSource::Values(members) => {
                members.next().map(|(name, value)| (Cow::Borrowed(name.as_str()), JsonNode::from(value)))
            }
            MemberSource::Tree(children) => Some((children.next()?.string(), children.next()?.into())),
        }
    }
}

/// Returns a number with this spelling, which is that of JSON.
fn number(spelling: &str) -> Number {
    spelling.parse().expect("a number of JSON")
}
