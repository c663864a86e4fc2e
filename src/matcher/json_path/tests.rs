use proptest::prelude::*;
use serde_json::json;

use super::*;

fn document() -> Value {
    json!({
        "name": "x", "n": 5, "text": "5", "none": null, "flag": false, "empty": [], "hollow": {}, "a.b": 1,
        "items": [
            {"id": 1, "price": 5, "tags": ["red", "blue"], "s": "S"},
            {"id": 2, "price": 11.5, "tags": [], "s": "M", "note": "it's"},
            {"id": 3, "price": 20, "s": "L", "note": null}
        ],
        "deep": {"items": [{"id": 9, "price": 1}], "name": "y"}
    })
}

fn found(path: &str) -> Value {
    let document = document();
    match JsonPath::parse(path)
        .unwrap_or_else(|error| panic!("{path}: {} at {}", error.what, error.at))
        .select(&document)
    {
        Selection::Missing => json!("<missing>"),
        Selection::One(value) => json!({ "one": value }),
        Selection::Many(items) => json!(items),
    }
}

#[test]
fn paths_lead_where_they_say() {
    for (path, expected) in [
        ("$", json!({"one": document()})),
        ("$.name", json!({"one": "x"})),
        ("name", json!({"one": "x"})),
        ("$['name']", json!({"one": "x"})),
        ("$[\"a.b\"]", json!({"one": 1})),
        ("$.none", json!({"one": null})),
        ("$.nothing", json!("<missing>")),
        ("$.name.more", json!("<missing>")),
        ("$.items.id", json!("<missing>")),
        ("$.items[0].id", json!({"one": 1})),
        ("$.items[-1].id", json!({"one": 3})),
        ("$.items[7]", json!("<missing>")),
        ("$.items[0,2].id", json!([1, 3])),
        ("$.items[0:2].id", json!([1, 2])),
        ("$.items[:1].id", json!([1])),
        ("$.items[1:].id", json!([2, 3])),
        ("$.items[-2:].id", json!([2, 3])),
        ("$.items[:-1].id", json!([1, 2])),
        ("$.items[5:9]", json!([])),
        ("$.items[*].id", json!([1, 2, 3])),
        ("$.items.*.id", json!([1, 2, 3])),
        ("$.deep.*", json!([[{"id": 9, "price": 1}], "y"])),
        ("$['name','n']", json!(["x", 5])),
        ("$..id", json!([1, 2, 3, 9])),
        ("$..name", json!(["x", "y"])),
        ("$.deep..price", json!([1])),
        ("$..items[0].id", json!([1, 9])),
        ("$..[?(@.id == 9)].price", json!([1])),
        ("$..[?(@.price > 10)].id", json!([2, 3])),
        ("$.empty", json!({"one": []})),
    ] {
        assert_eq!(found(path), expected, "{path}");
    }
}

#[test]
fn filters_choose_by_jayways_rules() {
    for (filter, expected) in [
        ("@.price > 10", json!([2, 3])),
        ("@.price>=11.5", json!([2, 3])),
        ("@.price < 5", json!([])),
        ("@.price <= 5.0", json!([1])),
        ("@.price == 5.00", json!([1])),
        ("@.price == '5'", json!([1])),
        ("@.price === '5'", json!([])),
        ("@.price != 5", json!([2, 3])),
        ("5 == @.price", json!([1])),
        ("@.note", json!([2, 3])),
        ("!@.note", json!([1])),
        ("@.note == null", json!([3])),
        ("@.note != null", json!([1, 2])),
        ("@.note == 'it\\'s'", json!([2])),
        ("@.note == \"it's\"", json!([2])),
        ("@.s in ['S','M']", json!([1, 2])),
        ("@.s nin ['S','M']", json!([3])),
        ("@.missing nin ['S']", json!([1, 2, 3])),
        ("@.s =~ /[sm]/i", json!([1, 2])),
        ("@.s =~ /[sm]/", json!([])),
        ("@.tags contains 'red'", json!([1])),
        ("@.note contains 's'", json!([2])),
        ("@.tags empty true", json!([2])),
        ("@.tags empty false", json!([1])),
        ("@.tags size 2", json!([1])),
        ("@.tags subsetof ['red','blue','green']", json!([1, 2])),
        ("@.tags anyof ['red']", json!([1])),
        ("@.tags noneof ['red']", json!([2])),
        ("@.price > 4 && @.price < 12", json!([1, 2])),
        ("@.id == 1 || @.id == 3", json!([1, 3])),
        ("!(@.id == 1 || @.id == 3)", json!([2])),
        ("@.id == 1 || @.id == 2 && @.price > 100", json!([1])),
        ("@.price > $.n", json!([2, 3])),
        ("@.tags == ['red','blue']", json!([1])),
        ("@.tags[0] == 'red'", json!([1])),
        ("@.tags.length() == 2", json!([1])),
        ("@['id'] == 2", json!([2])),
        ("@.s > 'L'", json!([1, 2])),
        ("@.s > 1", json!([])),
    ] {
        assert_eq!(found(&format!("$.items[?({filter})].id")), expected, "{filter}");
    }
    assert_eq!(found("$[?(@.n == 5)].name"), json!(["x"]));
    assert_eq!(found("$.deep[?(@.name == 'z')]"), json!([]));
    assert_eq!(found("$.name[?(@.x)]"), json!([]));
}

#[test]
fn functions_end_a_path() {
    for (path, expected) in [
        ("$.items.length()", json!({"one": 3})),
        ("$.items.size()", json!({"one": 3})),
        ("$.deep.length()", json!({"one": 2})),
        ("$..price.sum()", json!({"one": 37.5})),
        ("$.items[*].price.max()", json!({"one": 20.0})),
        ("$.items[*].price.min()", json!({"one": 5.0})),
        ("$.items[*].id.avg()", json!({"one": 2.0})),
        ("$.empty.sum()", json!("<missing>")),
        ("$.deep.keys()", json!({"one": ["items", "name"]})),
        ("$.items[*].id.first()", json!({"one": 1})),
        ("$.items[*].id.last()", json!({"one": 3})),
        ("$.items[*].id.index(1)", json!({"one": 2})),
        ("$.concat($.name, '-', $.deep.name)", json!({"one": "x-y"})),
        ("$.items[*].id.append(4)", json!({"one": [1, 2, 3, 4]})),
        ("$.sum($.n, 2)", json!({"one": 7.0})),
        ("$.nothing.length()", json!("<missing>")),
    ] {
        assert_eq!(found(path), expected, "{path}");
    }
    let deviation = found("$.items[*].id.stddev()");
    assert!((deviation["one"].as_f64().expect("a number") - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
}

#[test]
fn what_counts_as_found_is_wiremocks() {
    for (path, counts) in [
        ("$.name", true),
        ("$.flag", true),
        ("$.none", false),
        ("$.empty", false),
        ("$.hollow", false),
        ("$.nothing", false),
        ("$..nothing", false),
        ("$.items[?(@.id > 5)]", false),
        ("$", true),
    ] {
        let document = document();
        assert_eq!(JsonPath::parse(path).expect("valid").select(&document).is_found(), counts, "{path}");
    }
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    for (path, at) in [
        ("", 0),
        ("$.a[?(", 6),
        ("$.a[", 4),
        ("$.a[0", 5),
        ("$.", 2),
        ("$.a[?(@.b == )]", 13),
        ("$.a[?(@.b == 'x)]", 13),
        ("$.a b", 3),
        ("$.a.nope()", 4),
        ("$.a[?(@.b =~ x)]", 13),
        ("$.a.length().b", 14),
        ("$['a'", 5),
    ] {
        let error = JsonPath::parse(path).expect_err(path);
        assert_eq!(error.at, at, "{path}: {}", error.what);
        assert!(!error.mend.is_empty(), "{path}");
    }
    assert!(JsonPath::parse(&format!("$[?({}", "(".repeat(10_000))).is_err());
    assert!(JsonPath::parse(&format!("$[?({}", "!".repeat(10_000))).is_err());
    assert!(JsonPath::parse(&"$[?(@[?(".repeat(1000)).is_err());
}

#[test]
fn an_evaluation_without_end_is_given_up() {
    let mut deep = json!([1]);
    for _ in 0..60 {
        deep = json!([deep, 1, 2, 3]);
    }
    let path = JsonPath::parse("$..*..*..*..*..*").expect("valid");
    assert_eq!(path.select(&deep), Selection::Missing);
}

proptest! {
    #[test]
    fn no_expression_is_too_strange(path in "[$@.\\[\\]*?()a-c0-9'\",:=<>!&| /{}~-]{0,30}|\\PC{0,20}") {
        if let Ok(path) = JsonPath::parse(&path) {
            let document = document();
            path.select(&document);
        }
    }
}
