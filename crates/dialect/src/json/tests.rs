use proptest::prelude::*;
use serde_json::{Map, json};

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
        ("1", "1e0", true),
        ("1", "10E-1", true),
        ("1", "0.1e1", true),
        ("100", "1e2", true),
        ("1E+2", "100.00", true),
        ("0.5", "5e-1", true),
        ("0.05", "5e-2", true),
        ("0", "-0.0", true),
        ("0", "0e9", true),
        ("1", "-1", false),
        ("10", "1", false),
        ("101", "1.01", false),
        ("11", "1.1e1", true),
        ("0.10", "0.1", true),
        ("12345678901234567890", "12345678901234567890.0", true),
        ("12345678901234567890", "12345678901234567891", false),
        ("0.1234567890123456789012345", "1234567890123456789012345e-25", true),
        ("1000000000000000000000000", "1e24", true),
        ("1e999999999", "10e999999998", true),
        ("1e999999999", "1e999999998", false),
        ("1e-999999999", "0", false),
        ("1e999999999999999999999", "1e999999999999999999999", true),
    ] {
        let (left, right) = (parsed(one), parsed(other));
        assert_eq!(equality(left.clone()).matches(&right), same, "{one} {other}");
        assert_eq!(digest(&left) == digest(&right), same, "{one} {other}");
        assert_eq!(number::compare(one, other).is_eq(), same, "{one} {other}");
    }
}

#[test]
fn numbers_are_ordered_by_value() {
    let rising = [
        "-1e999999999",
        "-12",
        "-2.5",
        "-25e-2",
        "-1e-9",
        "-0.0",
        "1e-999",
        "0.3",
        "1",
        "1.05",
        "9.99e0",
        "10",
        "1e400",
    ];
    for (at, one) in rising.iter().enumerate() {
        for (other_at, other) in rising.iter().enumerate() {
            assert_eq!(number::compare(one, other), at.cmp(&other_at), "{one} {other}");
        }
    }
}

#[test]
fn options_forgive_what_they_say() {
    // expected, actual, with: neither, order, extra, both
    for (expected, actual, outcomes) in [
        ("{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}", [true; 4]),
        ("[1,2,3]", "[3,1,2]", [false, true, false, true]),
        ("[1,2,3]", "[3,1]", [false; 4]),
        ("[1,2,3]", "[3,1,2,2]", [false, false, false, true]),
        ("[1,2]", "[1,2,3]", [false, false, true, true]),
        ("[1,2]", "[3,2,1]", [false, false, false, true]),
        ("[1,2]", "[1]", [false; 4]),
        ("[1,2,2]", "[1,1,2]", [false; 4]),
        ("[1,1.0]", "[1,10e-1]", [true; 4]),
        ("{\"a\":1}", "{\"a\":1,\"b\":2}", [false, false, true, true]),
        ("{\"a\":1,\"b\":2}", "{\"a\":1}", [false; 4]),
        ("{\"a\":null}", "{}", [false; 4]),
        ("{\"a\":null}", "{\"a\":null}", [true; 4]),
        ("{\"a\":[[1,2],[3,4]]}", "{\"a\":[[4,3],[2,1]]}", [false, true, false, true]),
        ("{\"a\":[[1,2],[3,4]]}", "{\"a\":[[1,3],[2,4]]}", [false; 4]),
        ("[{\"a\":1},{\"b\":2}]", "[{\"b\":2},{\"a\":1}]", [false, true, false, true]),
        ("[{\"a\":[1]}]", "[{\"a\":[2,1],\"b\":0},5]", [false, false, false, true]),
        ("[{\"a\":[1]}]", "[{\"a\":[1,2],\"b\":0},5]", [false, false, true, true]),
        // the first item that fits the first expected one is needed for the second
        ("[\"${json-unit.any-number}\",1]", "[1,2]", [false, true, false, true]),
        ("[{\"a\":1},{\"a\":1,\"b\":2}]", "[{\"a\":1,\"b\":2},{\"a\":1,\"c\":3}]", [false, false, false, true]),
        ("[\"${json-unit.ignore}\",\"${json-unit.any-number}\",1]", "[1,\"x\",2]", [false, true, false, true]),
        ("[\"${json-unit.ignore}\",\"${json-unit.any-number}\",1]", "[1,\"x\",\"y\"]", [false; 4]),
        ("{}", "{\"a\":1}", [false, false, true, true]),
        ("[]", "[1]", [false, false, true, true]),
        ("{}", "[]", [false; 4]),
        ("\"1\"", "1", [false; 4]),
        ("true", "\"true\"", [false; 4]),
        ("true", "false", [false; 4]),
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
            let distance = equality.distance(&parsed(actual));
            assert_eq!(distance == 0.0, outcomes[at], "{expected} {actual} order {order} extra {extra}: {distance}");
        }
    }
}

#[test]
fn placeholders_stand_for_what_they_say() {
    for (expected, actual, matches) in [
        ("\"${json-unit.ignore}\"", "{\"x\":1}", true),
        ("\"#{json-unit.ignore}\"", "null", true),
        ("\"#{json-unit.any-string}\"", "\"x\"", true),
        ("\"${json-unit.any-string}\"", "1", false),
        ("\"${json-unit.any-number}\"", "1.5", true),
        ("\"${json-unit.any-number}\"", "\"1\"", false),
        ("\"${json-unit.any-boolean}\"", "false", true),
        ("\"${json-unit.any-boolean}\"", "null", false),
        ("{\"a\":\"${json-unit.ignore}\"}", "{}", false),
        ("{\"a\":\"${json-unit.ignore}\"}", "{\"a\":null}", true),
        ("{\"a\":\"${json-unit.ignore-element}\"}", "{}", true),
        ("{\"a\":\"${json-unit.ignore-element}\"}", "{\"a\":5}", true),
        ("{\"a\":\"#{json-unit.ignore-element}\"}", "{\"a\":5}", false),
        ("{\"a\":\"#{json-unit.ignore-element}\"}", "{}", false),
        ("\"${json-unit.regex}[a-z]+\"", "\"abc\"", true),
        ("\"#{json-unit.regex}[a-z]+\"", "\"abc\"", true),
        ("\"${json-unit.regex}[a-z]+\"", "\"abc1\"", false),
        ("\"${json-unit.regex}\\\\d+\"", "5", false),
        ("\"${json-unit.matches:x}\"", "\"${json-unit.matches:x}\"", false),
        ("\"${json-unit.matches:}\"", "\"${json-unit.matches:}\"", true),
        ("\"${json-unit.unknown}\"", "\"${json-unit.unknown}\"", true),
        ("\"x${json-unit.ignore}\"", "\"y\"", false),
    ] {
        let equality = equality(parsed(expected));
        assert_eq!(equality.matches(&parsed(actual)), matches, "{expected} {actual}");
    }
}

#[test]
fn a_digest_is_known_only_where_one_document_matches() {
    let expected = json!({"a": [1, "x"]});
    assert_eq!(equality(expected.clone()).digest(), Some(digest(&expected)));
    assert_eq!(equality(json!({"a": ["${json-unit.any-string}"]})).digest(), None);
    assert_eq!(JsonEquality::new(expected.clone(), true, false).expect("valid").digest(), None);
    assert_eq!(JsonEquality::new(expected.clone(), false, true).expect("valid").digest(), None);
    assert_eq!(equality(expected.clone()).expected(), &expected);
}

#[test]
fn digests_of_different_documents_differ() {
    let documents = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "\"\"",
        "\"0\"",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[0]",
        "[\"\"]",
        "[[],[]]",
        "[[[]]]",
        "{\"a\":1}",
        "{\"a\":\"1\"}",
        "{\"b\":1}",
        "{\"a\":{\"b\":1}}",
        "[\"a\",1]",
        "[1,\"a\"]",
        "[\"ab\",\"c\"]",
        "[\"a\",\"bc\"]",
        "{\"a\":1,\"b\":2}",
        "{\"a\":2,\"b\":1}",
        "[{\"a\":1},{\"b\":2}]",
        "-1",
        "1e1",
        "1e-1",
        "10000000000000000000",
        "1e18",
    ];
    let digests: std::collections::HashSet<u64> = documents.iter().map(|text| digest(&parsed(text))).collect();
    assert_eq!(digests.len(), documents.len());
}

#[test]
fn a_bad_regex_is_an_error() {
    let error = JsonEquality::new(json!({"a": "${json-unit.regex}("}), false, false).expect_err("a bad regex");
    assert!(error.message.ends_with("of the pattern `(`"), "{error:?}");
    assert!(!error.help.is_empty());
}

#[test]
fn distances_count_values() {
    // sizes: 1 for the value, 1 per member or item, the size of containers among them on top
    for (expected, actual, order, extra, distance) in [
        ("1", "2", false, false, 1.0),
        ("{\"a\":1}", "{\"a\":2}", false, false, 1.0 / 2.0),
        ("{\"a\":1,\"b\":2}", "{\"a\":1}", false, false, 1.0 / 3.0),
        ("{\"a\":1}", "{\"a\":1,\"b\":[1,2]}", false, false, 3.0 / 6.0),
        ("{\"a\":1}", "{\"a\":1,\"b\":[1,2]}", false, true, 0.0),
        ("{\"a\":[1,2]}", "{\"a\":5}", false, false, 3.0 / 5.0),
        ("[1,2,3]", "[1,5]", false, false, 2.0 / 4.0),
        ("[1,2,3]", "[3,2,9]", true, false, 1.0 / 4.0),
        ("[1,2,3]", "[8,2,9]", true, false, 4.0 / 4.0),
        ("[1,2]", "[9,1,8]", true, true, 1.0 / 4.0),
        ("[[1,2],[3,4]]", "[[1,2],[3,5]]", true, false, 1.0 / 9.0),
        ("{\"a\":\"${json-unit.any-number}\"}", "{\"a\":\"x\"}", false, false, 1.0 / 2.0),
        ("{\"a\":\"${json-unit.ignore-element}\"}", "{}", false, false, 0.0),
        ("{\"a\":1}", "[]", false, false, 1.0),
        ("{\"a\":1,\"b\":2}", "{\"c\":1,\"d\":2}", false, false, 1.0),
    ] {
        let equality = JsonEquality::new(parsed(expected), order, extra).expect("valid");
        let found = equality.distance(&parsed(actual));
        assert!((found - distance).abs() < 1e-9, "{expected} {actual}: {found} for {distance}");
    }
}

#[test]
fn large_unordered_lists_do_not_take_for_ever() {
    let items: Vec<_> = (0..2000).map(|n| json!({ "n": n })).collect();
    let mut reversed: Vec<_> = items.iter().rev().cloned().collect();
    let equality = JsonEquality::new(json!(items), true, false).expect("valid");
    assert!(equality.matches(&json!(reversed)));
    reversed[7] = json!("other");
    assert!(!equality.matches(&json!(reversed)));

    let items = &items[..1000];
    let reversed: Vec<_> = items.iter().rev().map(|item| json!({"n": item["n"], "more": 1})).collect();
    let equality = JsonEquality::new(json!(items), true, true).expect("valid");
    assert!(equality.matches(&json!(reversed)));

    // nothing but placeholders that fit everything, and one that fits nothing
    let mut items = vec![json!("${json-unit.any-number}"); 3000];
    items.push(json!("${json-unit.any-boolean}"));
    let equality = JsonEquality::new(json!(items), true, false).expect("valid");
    assert!(!equality.matches(&json!(vec![1; 3001])));
    assert!(equality.distance(&json!(vec![1; 3001])) > 0.0);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-3i64..3).prop_map(|value| json!(value)),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?(e-?[0-9]{1,3})?".prop_map(|text| parsed(&text)),
        "[ab]{0,2}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

/// Generates an expected item: a number, any number, or an object that others fit too.
fn expected_item() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0i64..3).prop_map(|value| json!(value)),
        1 => Just(json!("${json-unit.any-number}")),
        1 => Just(json!("${json-unit.ignore}")),
        2 => proptest::collection::btree_map("[ab]", 0i64..2, 0..3).prop_map(|members| json!(members)),
        1 => proptest::collection::vec(0i64..2, 0..3).prop_map(|items| json!(items)),
    ]
}

fn actual_item() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0i64..3).prop_map(|value| json!(value)),
        2 => proptest::collection::btree_map("[ab]", 0i64..2, 0..3).prop_map(|members| json!(members)),
        1 => proptest::collection::vec(0i64..2, 0..3).prop_map(|items| json!(items)),
        1 => Just(json!("x")),
    ]
}

/// Returns the document with its members in the other order and its numbers spelt otherwise.
fn respelt(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let spelling = number.to_string().to_lowercase();
            let (mantissa, exponent) = spelling.split_once('e').unwrap_or((&spelling, "0"));
            let exponent: i64 = exponent.parse().expect("a small exponent");
            let zeros = if mantissa.contains('.') { "000" } else { ".0" };
            // ten to the power that a shifted point takes away
            match mantissa.split_once('.') {
                Some((whole, fraction)) if whole != "0" && whole != "-0" => parsed(&format!(
                    "{whole}{fraction}0e{}",
                    exponent - i64::try_from(fraction.len()).expect("short") - 1
                )),
                _ => parsed(&format!("{mantissa}{zeros}E{exponent}")),
            }
        }
        Value::Array(items) => items.iter().map(respelt).collect(),
        Value::Object(members) => {
            members.iter().rev().map(|(key, value)| (key.clone(), respelt(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Returns true if the expected items can be given items of their own, by trying every way.
fn pair_up(expected: &[Value], actual: &[Value], extra: bool) -> bool {
    let Some((first, rest)) = expected.split_first() else {
        return extra || actual.is_empty();
    };
    (0..actual.len()).any(|at| {
        let mut others = actual.to_vec();
        let item = others.remove(at);
        JsonEquality::new(first.clone(), true, extra).expect("valid").matches(&item) && pair_up(rest, &others, extra)
    })
}

proptest! {
    #[test]
    fn equal_documents_have_equal_digests(one in value(), other in value()) {
        let same = respelt(&one);
        prop_assert!(equality(one.clone()).matches(&same), "{} {}", one, same);
        prop_assert_eq!(digest(&one), digest(&same), "{} {}", one, same);
        prop_assert!(equality(one.clone()).distance(&same) == 0.0);
        prop_assert_eq!(equality(one.clone()).matches(&other), digest(&one) == digest(&other));
        prop_assert_eq!(equality(one.clone()).matches(&other), equality(other.clone()).matches(&one));
    }

    #[test]
    fn distances_are_zero_exactly_for_matches(one in value(), other in value(), order: bool, extra: bool) {
        let equality = JsonEquality::new(one, order, extra).expect("valid");
        let distance = equality.distance(&other);
        prop_assert!((0.0..=1.0).contains(&distance));
        prop_assert_eq!(distance == 0.0, equality.matches(&other));
    }

    #[test]
    fn lists_without_order_pair_up(
        expected in proptest::collection::vec(expected_item(), 0..5),
        actual in proptest::collection::vec(actual_item(), 0..6),
        extra: bool,
    ) {
        let equality = JsonEquality::new(json!(expected), true, extra).expect("valid");
        prop_assert_eq!(equality.matches(&json!(actual)), pair_up(&expected, &actual, extra));
        prop_assert_eq!(equality.distance(&json!(actual)) == 0.0, equality.matches(&json!(actual)));
    }

    #[test]
    fn shuffled_lists_are_equal_without_order(items in proptest::collection::vec(value(), 0..8).prop_shuffle().prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle()))) {
        let equality = JsonEquality::new(json!(items.0), true, false).expect("valid");
        prop_assert!(equality.matches(&json!(items.1)));
    }
}

#[test]
fn members_are_found_in_any_order() {
    let orders = ["abcd", "dcba", "bacd", "dabc", "acbd"];
    let document = |names: &str| -> Value {
        let members = names.chars().map(|name| format!("\"{name}\": [{}, {{\"x\": 1}}]", u32::from(name)));
        serde_json::from_str(&format!("{{{}}}", members.collect::<Vec<_>>().join(", "))).expect("JSON")
    };
    let expected = JsonEquality::new(document("abcd"), false, false).expect("valid");
    let lenient = JsonEquality::new(document("abcd"), false, true).expect("valid");
    for names in orders {
        let actual = document(names);
        let tree = JsonTree::parse(actual.to_string().into()).expect("JSON");
        assert!(expected.matches(&actual) && expected.matches(&tree), "{names}");
        assert!(equal(&actual, expected.expected()) && equal(&tree, expected.expected()), "{names}");
    }
    for (names, is_more) in
        [("abc", false), ("bcd", false), ("", false), ("abce", false), ("abcde", true), ("eabcd", true)]
    {
        let actual = document(names);
        let tree = JsonTree::parse(actual.to_string().into()).expect("JSON");
        assert!(!expected.matches(&actual) && !expected.matches(&tree), "{names}");
        assert!(!equal(&actual, expected.expected()) && !equal(&tree, expected.expected()), "{names}");
        assert_eq!((lenient.matches(&actual), lenient.matches(&tree)), (is_more, is_more), "{names}");
    }
}
