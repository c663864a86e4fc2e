use proptest::prelude::*;
use serde_json::json;

use super::*;

fn equality(expected: Value) -> JsonEquality {
    JsonEquality::new(expected, false, false).expect("valid")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn numbers_are_equal_by_value() {
    for (one, other, same) in [
        ("1", "1.0", true),
        ("100", "1e2", true),
        ("1E+2", "100.00", true),
        ("0.5", "5e-1", true),
        ("0", "-0.0", true),
        ("0", "0e9", true),
        ("1", "-1", false),
        ("12345678901234567890", "12345678901234567890.0", true),
        ("12345678901234567890", "12345678901234567891", false),
        ("1e999999999999999999999", "1e999999999999999999999", true),
        ("10", "1", false),
        ("0.10", "0.1", true),
    ] {
        let (left, right) = (parsed(one), parsed(other));
        assert_eq!(equality(left.clone()).matches(&right), same, "{one} {other}");
        assert_eq!(digest(&left) == digest(&right), same, "{one} {other}");
    }
}

#[test]
fn options_forgive_what_they_say() {
    // expected, actual, with: neither, order, extra, both
    for (expected, actual, outcomes) in [
        ("[1,2,3]", "[3,1,2]", [false, true, false, true]),
        ("[1,2]", "[1,2,3]", [false, false, true, true]),
        ("[1,2]", "[3,2,1]", [false, false, false, true]),
        ("[1,2,2]", "[1,1,2]", [false, false, false, false]),
        ("{\"a\":1}", "{\"a\":1,\"b\":2}", [false, false, true, true]),
        ("{\"a\":1,\"b\":2}", "{\"a\":1}", [false, false, false, false]),
        ("{\"a\":[[1,2],[3,4]]}", "{\"a\":[[4,3],[2,1]]}", [false, true, false, true]),
        ("[\"${json-unit.any-number}\",1]", "[1,2]", [false, true, false, true]),
        ("{}", "[]", [false; 4]),
        ("\"1\"", "1", [false; 4]),
        ("null", "null", [true; 4]),
    ] {
        for (at, (order, extra)) in [(false, false), (true, false), (false, true), (true, true)].into_iter().enumerate()
        {
            let equality = JsonEquality::new(parsed(expected), order, extra).expect("valid");
            assert_eq!(
                equality.matches(&parsed(actual)),
                outcomes[at],
                "{expected} {actual} order {order} extra {extra}"
            );
        }
    }
}

#[test]
fn placeholders_stand_for_what_they_say() {
    for (expected, actual, matches) in [
        ("\"${json-unit.ignore}\"", "{\"x\":1}", true),
        ("\"#{json-unit.any-string}\"", "\"x\"", true),
        ("\"${json-unit.any-string}\"", "1", false),
        ("\"${json-unit.any-boolean}\"", "false", true),
        ("{\"a\":\"${json-unit.ignore}\"}", "{}", false),
        ("{\"a\":\"${json-unit.ignore-element}\"}", "{}", true),
        ("{\"a\":\"${json-unit.ignore-element}\"}", "{\"a\":5}", true),
        ("\"${json-unit.unknown}\"", "\"${json-unit.unknown}\"", true),
    ] {
        let equality = equality(parsed(expected));
        assert_eq!(equality.matches(&parsed(actual)), matches, "{expected} {actual}");
    }
    assert_eq!(equality(json!({"a": "${json-unit.any-string}"})).digest(), None);
}

#[test]
fn a_large_unordered_list_does_not_take_for_ever() {
    let items: Vec<_> = (0..1000).map(|n| json!({ "n": n })).collect();
    let reversed: Vec<_> = items.iter().rev().cloned().collect();
    let equality = JsonEquality::new(json!(items), true, false).expect("valid");
    assert!(equality.matches(&json!(reversed)));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-3i64..3).prop_map(|value| json!(value)),
        "[ab]{0,2}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

/// The same document with members in the other order and numbers spelt otherwise.
fn respelt(value: &Value) -> Value {
    match value {
        Value::Number(number) => parsed(&format!("{number}.00")),
        Value::Array(items) => items.iter().map(respelt).collect(),
        Value::Object(members) => {
            members.iter().rev().map(|(key, value)| (key.clone(), respelt(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// By trying every order.
fn equal_as_bags(expected: &[i64], actual: &mut Vec<i64>) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((first, rest)) => match actual.iter().position(|item| item == first) {
            Some(at) => {
                actual.swap_remove(at);
                equal_as_bags(rest, actual)
            }
            None => false,
        },
    }
}

proptest! {
    #[test]
    fn equal_documents_have_equal_digests(one in value(), other in value()) {
        let same = respelt(&one);
        prop_assert!(equality(one.clone()).matches(&same));
        prop_assert_eq!(digest(&one), digest(&same));
        prop_assert_eq!(equality(one.clone()).matches(&other), digest(&one) == digest(&other));
    }

    #[test]
    fn lists_without_order_are_bags(one in proptest::collection::vec(0i64..4, 0..6), other in proptest::collection::vec(0i64..4, 0..6)) {
        let equality = JsonEquality::new(json!(one), true, false).expect("valid");
        prop_assert_eq!(equality.matches(&json!(other)), equal_as_bags(&one, &mut other.clone()));
    }
}
