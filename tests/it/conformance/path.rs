//! The small JSON paths of the cases (`$.a.b[0]`, `$.a[*].b`, `$['x y']`), which choose what of an
//! answer is compared.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A way from the root of a document to some of its values.
pub(super) struct JsonPath(Vec<Step>);

enum Step {
    Member(String),
    Item(usize),
    All,
}

impl JsonPath {
    pub(super) fn parse(text: &str) -> Self {
        let step = |found: regex::Captures| match (found.get(1), found.get(2), found.get(3)) {
            (Some(quoted), ..) => Step::Member(quoted.as_str().to_owned()),
            (_, Some(index), _) => index.as_str().parse().map_or(Step::All, Step::Item),
            (.., Some(name)) if name.as_str() != "*" => Step::Member(name.as_str().to_owned()),
            _ => Step::All,
        };
        Self(STEPS.captures_iter(text.trim()).map(step).collect())
    }

    /// Returns the value there; what is missing becomes [`ABSENT`], and `*` makes a list.
    pub(super) fn select(&self, document: &Value) -> Value {
        select(document, &self.0)
    }

    /// Takes out what is there.
    pub(super) fn remove(&self, document: &mut Value) {
        let Some((last, way)) = self.0.split_last() else { return };
        at(document, way, &mut |parent| match (last, parent) {
            (Step::All, Value::Array(items)) => items.clear(),
            (Step::All, Value::Object(members)) => members.clear(),
            (Step::Item(index), Value::Array(items)) if *index < items.len() => items[*index] = Value::Null,
            (Step::Member(name), Value::Object(members)) => drop(members.shift_remove(name)),
            _ => {}
        });
    }

    /// Changes what is there.
    pub(super) fn change(&self, document: &mut Value, mut change: impl FnMut(&mut Value)) {
        at(document, &self.0, &mut change);
    }
}

fn select(value: &Value, way: &[Step]) -> Value {
    let Some((step, rest)) = way.split_first() else { return value.clone() };
    let next = match (step, value) {
        (Step::All, Value::Array(items)) => return items.iter().map(|item| select(item, rest)).collect(),
        (Step::All, Value::Object(members)) => return members.values().map(|value| select(value, rest)).collect(),
        (Step::Item(index), Value::Array(items)) => items.get(*index),
        (Step::Member(name), Value::Object(members)) => members.get(name),
        _ => None,
    };
    next.map_or_else(|| ABSENT.into(), |next| select(next, rest))
}

fn at(value: &mut Value, way: &[Step], change: &mut dyn FnMut(&mut Value)) {
    let Some((step, rest)) = way.split_first() else { return change(value) };
    match (step, value) {
        (Step::All, Value::Array(items)) => items.iter_mut().for_each(|item| at(item, rest, change)),
        (Step::All, Value::Object(members)) => members.values_mut().for_each(|value| at(value, rest, change)),
        (Step::Item(index), Value::Array(items)) => {
            items.get_mut(*index).into_iter().for_each(|item| at(item, rest, change));
        }
        (Step::Member(name), Value::Object(members)) => {
            members.get_mut(name).into_iter().for_each(|value| at(value, rest, change));
        }
        _ => {}
    }
}

const ABSENT: &str = "<absent>";

static STEPS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\.?\['([^']*)'\]|\.?\[(\d+|\*)\]|\.([^.\[\]]+)").expect("a pattern"));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_select_members_items_and_all() {
        let document = json!({"a": [{"b": 1}, {"c": 2}], "x.y": {"z": 3}});
        for (path, expected) in [
            ("$", document.clone()),
            ("$.a[1].c", json!(2)),
            ("$.a[*].b", json!([1, "<absent>"])),
            ("$['x.y'].z", json!(3)),
            ("$.a[7]", json!("<absent>")),
            ("$['x.y'].*", json!([3])),
        ] {
            assert_eq!(JsonPath::parse(path).select(&document), expected, "{path}");
        }
    }

    #[test]
    fn paths_remove_and_change() {
        let mut document = json!({"a": [{"b": 1, "c": 2}, {"b": 3}]});
        JsonPath::parse("$.a[*].b").remove(&mut document);
        JsonPath::parse("$.a[0].c").change(&mut document, |value| *value = json!("two"));
        assert_eq!(document, json!({"a": [{"c": "two"}, {}]}));
    }
}
