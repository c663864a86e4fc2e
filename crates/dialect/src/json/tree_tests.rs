use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::java_regex::MatchOutcome;

use super::{JsonEquality, JsonNode, JsonTree, digest, digest_of_node, equal};

fn tree(text: &str) -> Option<JsonTree> {
    JsonTree::parse(Bytes::copy_from_slice(text.as_bytes()))
}

/// Checks that a text is the same document to both, or none to either.
fn check(text: &str) {
    let expected = serde_json::from_str::<Value>(text).ok();
    let tree = tree(text);
    assert_eq!(tree.as_ref().map(|tree| JsonNode::from(tree).to_value().into_owned()), expected, "{text}");
    let (Some(tree), Some(expected)) = (tree, expected) else { return };
    assert_eq!(JsonNode::from(&tree).to_string(), expected.to_string(), "{text}");
}

#[test]
fn texts_are_the_documents_of_serde_json() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "-1",
        "1.50",
        "1e3",
        "1E+10",
        "1e-2",
        "18446744073709551616",
        "\"\"",
        "\"a\\u00e4\\n\\\"\\/\\b\\f\\r\\t\\\\\"",
        "\"\\ud83d\\ude00\"",
        "\"ä€😀\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        " [1 , [2, {\"a\" : null}], \"x\"]\n\t\r",
        "{\"a\":1,\"b\":{\"a\":[]},\"\":2}",
        "{\"a\":1,\"b\":2,\"a\":[3,4]}",
        "{\"a\":{\"x\":1,\"x\":[{}]},\"b\":2,\"\\u0061\":5,\"b\":{}}",
        "{\"k\":{\"a\":1,\"a\":2},\"l\":[7]}",
    ] {
        check(text);
    }
}

#[test]
fn what_is_no_json_to_serde_json_is_none() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "tru",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{,}",
        "1 2",
        "[] []",
        "// c\n1",
        "'a'",
        "\u{feff}1",
        "\u{a0}1",
    ] {
        assert!(tree(text).is_none(), "{text:?}");
        check(text);
    }
    assert!(JsonTree::parse(Bytes::from_static(b"\"\xff\"")).is_none());
}

#[test]
fn containers_nest_as_deep_as_in_serde_json() {
    for depth in [126, 127, 128, 200] {
        check(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
        check(&format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
    }
}

#[test]
fn nodes_take_at_most_eight_bytes_per_byte() {
    assert_eq!(size_of::<JsonNode<'_>>(), 16);
    for text in
        ["[1,1,1,1,1,1,1,1]", "[[],[],[],[],[]]", "{\"\":1,\"\":1,\"\":1}", "[[[[[[[]]]]]]]", "\",,,,,,,,\"", "1"]
    {
        assert!(JsonTree::estimated_bytes(text.as_bytes()) <= 8 * text.len(), "{text}");
    }
}

#[test]
fn members_and_items_are_found() {
    let tree = tree(r#"{"a":[1,[2],{"b":3}],"k\u0065y":"v","key2":{"a":1}}"#).expect("JSON");
    let root = JsonNode::from(&tree);
    assert_eq!(root.len(), 3);
    assert_eq!(root.get("key").and_then(JsonNode::as_str).as_deref(), Some("v"));
    assert_eq!(root.get("b").map(JsonNode::kind), None);
    let list = root.get("a").expect("a member");
    assert_eq!(list.len(), 3);
    assert_eq!(list.item(2).and_then(|item| item.get("b")).and_then(JsonNode::as_number), Some("3"));
    assert!(list.item(3).is_none() && list.get("a").is_none() && root.item(0).is_none());
    assert!(!list.is_empty() && root.get("key").is_some_and(JsonNode::is_empty));
}

fn document() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "-?[0-9]{1,3}[eE][+-]?[0-9]{1,2}".prop_filter_map("no number", |text| serde_json::from_str(&text).ok()),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        ".{0,6}".prop_map(Value::String),
        "[\\x00-\\x7f]{0,4}".prop_map(Value::String),
    ];
    scalar.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec(("[ab\\\\\"ä]{0,2}", inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Writes a document with names twice, escapes and blanks.
fn spelt(value: &Value, seed: u64) -> String {
    let blank = ["", " ", "\n\t", ""][(seed % 4) as usize];
    match value {
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().zip(seed..).map(|(item, seed)| spelt(item, seed.wrapping_mul(7))).collect();
            format!("[{blank}{}{blank}]", items.join(&format!("{blank},")))
        }
        Value::Object(members) => {
            let mut parts = Vec::new();
            for (at, (name, member)) in members.iter().enumerate() {
                let seed = seed.wrapping_add(at as u64).wrapping_mul(5);
                if seed.is_multiple_of(3)
                    && let Some((other, _)) = members.iter().nth(seed as usize % members.len())
                {
                    parts.push(format!("{}:{blank}[{at},{{\"a\":1,\"a\":2}}]", Value::from(other.as_str())));
                }
                let name = match name.as_str() {
                    "a" if seed.is_multiple_of(2) => "\"\\u0061\"".to_owned(),
                    name => Value::from(name).to_string(),
                };
                parts.push(format!("{name}{blank}:{}", spelt(member, seed)));
            }
            format!("{{{blank}{}{blank}}}", parts.join(","))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #[test]
    fn every_document_is_that_of_serde_json(value in document(), seed in any::<u64>(), at in any::<prop::sample::Index>()) {
        let text = spelt(&value, seed);
        check(&text);
        // a broken text is broken to both
        let cut = at.index(text.len() + 1);
        if text.is_char_boundary(cut) {
            check(&text[..cut]);
            check(&format!("{}{}", &text[..cut], text[cut..].chars().skip(1).collect::<String>()));
        }
    }

    #[test]
    fn equality_and_digests_do_not_depend_on_the_tree(one in document(), other in document()) {
        let (spelt_one, spelt_other) = (one.to_string(), other.to_string());
        let (tree_one, tree_other) = (tree(&spelt_one).expect("JSON"), tree(&spelt_other).expect("JSON"));
        prop_assert_eq!(digest_of_node((&tree_one).into()), digest(&one));
        let expected = equal(&one, &other);
        prop_assert_eq!(equal(&tree_one, &tree_other), expected);
        prop_assert_eq!(equal(JsonNode::from(&tree_one), JsonNode::from(&other)), expected);
        prop_assert_eq!(equal(JsonNode::from(&one), JsonNode::from(&tree_other)), expected);
        prop_assert!(equal(&tree_one, &tree_one));
    }

    #[test]
    fn json_unit_sees_the_same(
        expected in document(), actual in document(), same in any::<bool>(), order in any::<bool>(), extra in any::<bool>(),
    ) {
        let actual = if same { expected.clone() } else { actual };
        let equality = JsonEquality::new(expected, order, extra).expect("no placeholder");
        let tree = tree(&actual.to_string()).expect("JSON");
        prop_assert_eq!(equality.matches(&tree), equality.matches(&actual));
        prop_assert_eq!(equality.distance(&tree), equality.distance(&actual));
    }
}

#[test]
fn a_list_that_is_too_long_to_try_reaches_the_limit() {
    let tree = tree(&format!("[{}1]", "1,".repeat(1_000_000))).expect("JSON");
    let compare = |order| JsonEquality::new(json!([2]), order, true).expect("no placeholder").compare(&tree);
    assert_eq!(compare(true), MatchOutcome::LimitExceeded);
    assert_eq!(compare(false), MatchOutcome::NoMatch);
}

#[test]
fn objects_with_many_members_are_compared_by_name() {
    let members = |order: &dyn Fn(usize) -> usize| {
        let members: Vec<String> = (0..1000).map(|at| format!("\"m{}\":{}", order(at), order(at))).collect();
        format!("{{{}}}", members.join(","))
    };
    let (one, other) = (tree(&members(&|at| at)).expect("JSON"), tree(&members(&|at| 999 - at)).expect("JSON"));
    assert!(equal(&one, &other));
    assert!(!equal(JsonNode::from(&one), JsonNode::from(&json!({"m0": 0}))));
}
