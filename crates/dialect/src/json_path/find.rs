//! Selection by plain paths, of names and indexes only, in a JSON text without building a tree.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonPath, PathOrigin, PathStep};

impl JsonPath {
    /// Returns true if the path consists of single names and of indexes from the beginning.
    pub fn is_plain(&self) -> bool {
        self.path.origin == PathOrigin::Root && self.path.steps.iter().all(|step| plain(step).is_some())
    }

    /// Returns the text of what a plain path leads to in a JSON text, if it leads anywhere.
    pub fn find_in<'t>(&self, text: &'t str) -> Result<Option<&'t str>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let found = FindVisitor(&self.path.steps).deserialize(&mut reader)?;
        reader.end()?;
        Ok(found.map(RawValue::get))
    }
}

enum PlainStep<'p> {
    Name(&'p str),
    Index(usize),
}

fn plain(step: &PathStep) -> Option<PlainStep<'_>> {
    match step {
        PathStep::Names(names) => match names.as_slice() {
            [name] => Some(PlainStep::Name(name)),
            _ => None,
        },
        PathStep::Indexes(indexes) => match indexes.as_slice() {
            [index] => usize::try_from(*index).ok().map(PlainStep::Index),
            _ => None,
        },
        _ => None,
    }
}

/// Deserializer seed that follows these steps.
struct FindVisitor<'p>(&'p [PathStep]);

/// Reads a name, and whether it is this one.
struct IsName<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for FindVisitor<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            <&RawValue>::deserialize(deserializer).map(Some)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for FindVisitor<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let wanted = match self.0.first().and_then(plain) {
            Some(PlainStep::Index(index)) => Some(index),
            _ => None,
        };
        for index in 0.. {
            if wanted == Some(index) {
                let Some(item) = items.next_element_seed(FindVisitor(&self.0[1..]))? else { break };
                found = item;
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let wanted = match self.0.first().and_then(plain) {
            Some(PlainStep::Name(name)) => name,
            _ => "",
        };
        let looks = matches!(self.0.first().and_then(plain), Some(PlainStep::Name(_)));
        while let Some(is_wanted) = members.next_key_seed(IsName(wanted))? {
            if looks && is_wanted {
                // of a name that is there twice, the last counts
                found = members.next_value_seed(FindVisitor(&self.0[1..]))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::PathSelection;
    use super::*;

    #[test]
    fn a_text_gives_what_its_tree_does() {
        let text = r#" {"a": [1, {"b": [true, "x", null]}, 2.50], "n": {"c": 1}, "n": {"d": [[7]]}, "": {"e": {}}, "s": "t"} "#;
        let tree: Value = serde_json::from_str(text).expect("JSON");
        let paths = [
            "$",
            "$.a",
            "$.a[0]",
            "$.a[1].b[1]",
            "$.a[1].b[2]",
            "$.a[2]",
            "$.a[3]",
            "$.a.b",
            "$.n.c",
            "$.n.d[0][0]",
            "$.n[0]",
            "$.s.t",
            "$.s[0]",
            "$.a[0].x",
            "$['']['e']",
            "$.none.b",
            "$[0]",
        ];
        for path in paths {
            let path = JsonPath::parse(path).expect("a path");
            assert!(path.is_plain(), "{}", path.as_str());
            let found = path.find_in(text).expect("JSON").map(|raw| serde_json::from_str::<Value>(raw).expect("JSON"));
            let expected = match path.try_select(&tree).expect("it applies") {
                PathSelection::Missing => None,
                PathSelection::One(value) => Some(value.into_value()),
                PathSelection::Many(_) => panic!("{} is definite", path.as_str()),
            };
            assert_eq!(found, expected, "{}", path.as_str());
        }
    }

    #[test]
    fn other_paths_are_not_plain() {
        for path in ["$.a[-1]", "$..a", "$.a[*]", "$['a','b']", "$[0,1]", "$.a.length()", "$[?(@.a)]", "$[0:1]"] {
            assert!(!JsonPath::parse(path).expect("a path").is_plain(), "{path}");
        }
        assert!(JsonPath::parse("$.a").expect("a path").find_in("{\"a\": 1").is_err());
    }
}
