//! Values of any document as the crate `jsonschema` reads them.

use std::borrow::Cow;

use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use jsonschema::types::JsonType;
use serde_json::{Number, Value};
use standin_dialect::json::{self, JsonItems, JsonKind, JsonMembers, JsonNode};

/// The representation of [`JsonNode`]s.
pub(super) struct NodeJson;

/// A value that is validated.
#[derive(Clone, Copy)]
pub(super) struct SchemaInstance<'a>(pub(super) JsonNode<'a>);

/// An object that is validated.
pub(super) struct InstanceObject<'a>(JsonNode<'a>);

/// The members of an object that is validated.
pub(super) struct InstanceMembers<'a>(JsonMembers<'a>);

/// A list that is validated.
pub(super) struct InstanceArray<'a>(JsonItems<'a>);

/// The items of a list that is validated.
pub(super) struct InstanceItems<'a>(JsonItems<'a>);

/// A number that is validated.
pub(super) struct InstanceNumber<'a>(Cow<'a, Number>);

impl Json for NodeJson {
    type Node<'a> = SchemaInstance<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(SchemaInstance<'_>) -> T) -> T {
        *buffer = Value::String(string.to_owned());
        f(SchemaInstance(JsonNode::from(&*buffer)))
    }
}

impl<'a> Node<'a, NodeJson> for SchemaInstance<'a> {
    type Object = InstanceObject<'a>;
    type Array = InstanceArray<'a>;
    type Number = InstanceNumber<'a>;

    fn as_object(&self) -> Option<InstanceObject<'a>> {
        self.0.is_object().then_some(InstanceObject(self.0))
    }

    fn as_array(&self) -> Option<InstanceArray<'a>> {
        self.0.items().map(InstanceArray)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.0.as_str()
    }

    fn as_number(&self) -> Option<InstanceNumber<'a>> {
        self.0.to_number().map(InstanceNumber)
    }

    fn as_boolean(&self) -> Option<bool> {
        self.0.as_bool()
    }

    fn is_null(&self) -> bool {
        self.0.is_null()
    }

    fn is_number(&self) -> bool {
        self.0.kind() == JsonKind::Number
    }

    fn json_type(&self) -> JsonType {
        match self.0.kind() {
            JsonKind::Null => JsonType::Null,
            JsonKind::Bool => JsonType::Boolean,
            JsonKind::Number => JsonType::Number,
            JsonKind::String => JsonType::String,
            JsonKind::Array => JsonType::Array,
            JsonKind::Object => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        json::equal(self.0, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        self.0.to_value()
    }

    fn identity(&self) -> Option<NodeIdentity> {
        let (address, index) = self.0.identity();
        Some(NodeIdentity::tagged(address, index))
    }
}

impl<'a> Object<'a, NodeJson> for InstanceObject<'a> {
    type Node = SchemaInstance<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = InstanceMembers<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &String) -> Option<SchemaInstance<'a>> {
        self.0.get(key).map(SchemaInstance)
    }

    fn members(&self) -> InstanceMembers<'a> {
        InstanceMembers(self.0.members().expect("made of an object"))
    }
}

impl<'a> Array<'a, NodeJson> for InstanceArray<'a> {
    type Node = SchemaInstance<'a>;
    type ElementsIter = InstanceItems<'a>;

    fn len(&self) -> usize {
        self.0.clone().count()
    }

    fn elements(&self) -> InstanceItems<'a> {
        InstanceItems(self.0.clone())
    }
}

impl<'a> Iterator for InstanceMembers<'a> {
    type Item = (Cow<'a, str>, SchemaInstance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, SchemaInstance(value)))
    }
}

impl<'a> Iterator for InstanceItems<'a> {
    type Item = SchemaInstance<'a>;

    fn next(&mut self) -> Option<SchemaInstance<'a>> {
        self.0.next().map(SchemaInstance)
    }
}

impl JsonNumber for InstanceNumber<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0.as_str())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Borrowed(&self.0)
    }
}
