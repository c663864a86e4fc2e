//! Properties of both parsers: JSON and YAML agree, spans are right, and no text causes a panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_tree_is_asked_by_name() {
    let node = read_json(r#"{"a": [1, "x"], "b": null, "c": true}"#).expect("JSON");
    let list = node.get("a").expect("it is there");
    assert_eq!(list.items().len(), 2);
    assert_eq!(list.items()[1].as_str(), Some("x"));
    assert_eq!((list.get("a"), list.members().len(), node.items().len(), node.as_str()), (None, 0, 0, None));
    let kinds = [&node, list, &list.items()[0], &list.items()[1], &node.members()[1].value, &node.members()[2].value];
    let names = kinds.map(Node::kind_name);
    assert_eq!(names, ["an object", "a list", "a number", "a string", "null", "a boolean"]);
}

#[test]
fn mutated_documents_never_panic_and_errors_have_places() {
    let documents = [
        "{\"request\": {\"url\": \"/é\", 'headers': {\"A\": {\"equalTo\": \"x\\u00e9\"}}}, // c\n \
         \"response\": {\"status\": 200, \"jsonBody\": [1.5e3, null, true]}}",
        "request: # ü\n  url: '/é'\n  headers: &h\n    A: {equalTo: \"x\\u00e9\"}\nresponse:\n  \
         <<: *h\n  status: 200\n  body: |\n    two\n    lines\n  list:\n  - 1\n  - [a, 'b']\n",
    ];
    let pieces: Vec<char> = "{}[]\"'\\:,#&*!|>-?%@`/~<\n\r\t 0a.eé😀\u{feff}\u{0}\u{85}\u{2028}".chars().collect();
    // Marsaglia's xorshift64: the same texts in every run
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..6000 {
        let mut text: Vec<char> = documents[round % documents.len()].chars().collect();
        for _ in 0..=random(4) {
            let at = random(text.len().max(1));
            match random(4) {
                0 if text.len() > 1 => drop(text.remove(at)),
                3 if random(8) == 0 => text.truncate(at),
                2 if !text.is_empty() => text[at] = pieces[random(pieces.len())],
                _ => text.insert(at, pieces[random(pieces.len())]),
            }
        }
        let text: String = text.into_iter().collect();
        for tree in [read_json(&text), read_yaml(&text)] {
            match tree {
                Ok(node) => check_places(&text, &node),
                Err(error) => check_error(&text, &error),
            }
        }
    }
}

/// Every place is a part of the text.
fn check_places(text: &str, node: &Node) {
    assert!(text.get(node.span.clone()).is_some(), "{:?} of {text:?}", node.span);
    node.items().iter().for_each(|item| check_places(text, item));
    for member in node.members() {
        assert!(text.get(member.key_span.clone()).is_some(), "{:?} of {text:?}", member.key_span);
        check_places(text, &member.value);
    }
}

/// An error has a place in the text, says what is wrong and how to fix it.
fn check_error(text: &str, error: &DocumentError) {
    assert!(text.get(error.span.clone()).is_some(), "{:?} of {text:?}", error.span);
    assert!(error.pointer.is_empty() || error.pointer.starts_with('/'));
    assert!(!error.message.is_empty() && error.help.as_ref().is_some_and(|help| !help.is_empty()), "{text:?}");
}

/// Every place of a tree that was read from JSON is JSON that reads as the value.
fn check_parts(text: &str, node: &Node) -> Result<(), TestCaseError> {
    let part = read_json(&text[node.span.clone()]).map(|part| part.to_json());
    prop_assert_eq!(part, Ok(node.to_json()));
    for item in node.items() {
        check_parts(text, item)?;
    }
    for member in node.members() {
        let key = read_json(&text[member.key_span.clone()]).map(|key| key.to_json());
        prop_assert_eq!(key, Ok(json!(member.key)));
        check_parts(text, &member.value)?;
    }
    Ok(())
}

fn json_value(text: &'static str) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(|number| json!(number)),
        text.prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
            proptest::collection::hash_map(text, inner, 0..6).prop_map(|members| json!(members)),
        ]
    })
}

/// The value as YAML in block style, its scalars and names in JSON's spelling.
fn block(value: &Json, indent: usize, yaml: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                yaml.extend(["\n", &margin, "- # ü"]);
                block(item, indent + 2, yaml);
            }
        }
        Json::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                yaml.extend(["\n", &margin, &json!(key).to_string(), ": # é"]);
                block(member, indent + 1, yaml);
            }
        }
        scalar => yaml.extend(["\n", &margin, " ", &scalar.to_string()]),
    }
}

proptest! {
    #[test]
    fn all_json_is_read(value in json_value("(?s).{0,20}")) {
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        for text in [value.to_string(), pretty, format!("\u{feff} {value:#}")] {
            let node = read_json(&text);
            prop_assert_eq!(node.as_ref().map(Node::to_json), Ok(value.clone()));
            check_parts(&text, &node.expect("it was read"))?;
        }
    }

    #[test]
    fn json_is_yaml(value in json_value("[\\PC&&[^\u{feff}\u{fffe}\u{ffff}]]{0,20}")) {
        for text in [value.to_string(), format!("# ü\n{value:#}")] {
            let node = read_yaml(&text);
            prop_assert_eq!(node.as_ref().map(Node::to_json), Ok(value.clone()), "{}", text);
            check_parts(&text, &node.expect("it was read"))?;
        }
        let mut yaml = "---".to_owned();
        block(&value, 0, &mut yaml);
        let node = read_yaml(&yaml);
        prop_assert_eq!(node.as_ref().map(Node::to_json), Ok(value), "{}", yaml);
        check_places(&yaml, &node.expect("it was read"));
    }

    #[test]
    fn no_text_is_too_strange(text in "(?s).{0,60}|[\\[\\]{}\"',:0-9a-z\\\\/* \n#&|>-]{0,60}") {
        for tree in [read_json(&text), read_yaml(&text)] {
            match tree {
                Ok(node) => check_places(&text, &node),
                Err(error) => check_error(&text, &error),
            }
        }
    }

    #[test]
    fn serde_json_agrees(
        value in json_value("[a-c\\\\\"é]{0,3}"),
        place in any::<proptest::sample::Index>(),
        removed in 0..3_usize,
        put in "[]\\[{},:\"\\\\a0.e+ \n\t-]{0,2}",
    ) {
        let mut text: Vec<char> = value.to_string().chars().collect();
        let at = place.index(text.len());
        let end = (at + removed).min(text.len());
        text.splice(at..end, put.chars());
        let text: String = text.into_iter().collect();
        let theirs = serde_json::from_str::<Json>(&text);
        match read_json(&text) {
            Ok(node) if text[node.span.end..].trim().is_empty() => {
                prop_assert_eq!(Some(node.to_json()), theirs.ok(), "{}", text);
            }
            _ => prop_assert!(theirs.is_err(), "{}", text),
        }
    }
}
