//! Compares an answer with the recorded one, and describes the first difference.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Number, Value};

use super::answer::{Answer, Content};
use super::case::{Case, Compare, Request};
use super::path::JsonPath;
use super::spelling::{spelt, spelt_in_order};

/// Returns the first difference to the recorded answer, if there is one.
pub(super) fn difference(case: &Case, request: &Request, wanted: &Answer, got: &Answer) -> Option<String> {
    let rules = &request.compare;
    if wanted.fault.is_some() || got.fault.is_some() {
        return fault_difference(wanted, got).or_else(|| early(rules, got));
    }
    let (names, sets_reason) = case.stubbed_headers();
    status_difference(rules, wanted, got)
        .or_else(|| reason_difference(rules.reason.unwrap_or(sets_reason), wanted, got))
        .or_else(|| header_difference(rules, &names, wanted, got))
        .or_else(|| early(rules, got))
        .or_else(|| late(rules, got))
        .or_else(|| content_difference(rules, wanted, got))
}

fn fault_difference(wanted: &Answer, got: &Answer) -> Option<String> {
    let ending = |answer: &Answer| {
        let status = || answer.status.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
        answer.fault.clone().unwrap_or_else(status)
    };
    if wanted.fault != got.fault {
        return Some(format!("want {} got {}", ending(wanted), ending(got)));
    }
    (wanted.status != got.status)
        .then(|| format!("{}: status: want {:?} got {:?}", ending(wanted), wanted.status, got.status))
}

fn status_difference(rules: &Compare, wanted: &Answer, got: &Answer) -> Option<String> {
    let (wanted, got) = (wanted.status.unwrap_or(0), got.status.unwrap_or(0));
    if rules.status_class {
        return (wanted / 100 != got / 100).then(|| format!("status: want {}xx got {got}", wanted / 100));
    }
    (wanted != got).then(|| format!("status: want {wanted} got {got}"))
}

fn reason_difference(counts: bool, wanted: &Answer, got: &Answer) -> Option<String> {
    (counts && wanted.reason != got.reason).then(|| format!("reason: want {:?} got {:?}", wanted.reason, got.reason))
}

fn header_difference(rules: &Compare, stubbed: &[&str], wanted: &Answer, got: &Answer) -> Option<String> {
    if matches!(wanted.content, Content::Unmatched | Content::Page) {
        return None;
    }
    let names = stubbed.iter().copied().chain(rules.headers.iter().map(String::as_str)).collect::<BTreeSet<_>>();
    let compared = names.into_iter().filter(|name| !rules.skip_headers.iter().any(|skipped| skipped == name));
    compared.into_iter().find_map(|name| {
        let [wanted, got] = [wanted, got].map(|answer| header_values(answer, name));
        (wanted != got).then(|| format!("header {name}: want {wanted:?} got {got:?}"))
    })
}

/// Spaces and case mean nothing in a content type.
fn header_values(answer: &Answer, name: &str) -> Vec<String> {
    let values = answer.all(name).into_iter();
    if name.eq_ignore_ascii_case("content-type") {
        let plain = |value: &str| value.split(';').map(str::trim).collect::<Vec<_>>().join(";").to_lowercase();
        return values.map(plain).collect();
    }
    values.map(str::to_owned).collect()
}

fn early(rules: &Compare, got: &Answer) -> Option<String> {
    (got.ms < rules.min_ms).then(|| format!("took {} ms, want at least {}", got.ms, rules.min_ms))
}

fn late(rules: &Compare, got: &Answer) -> Option<String> {
    let most = rules.max_ms.filter(|most| got.ms > *most)?;
    Some(format!("took {} ms, want at most {most}", got.ms))
}

fn content_difference(rules: &Compare, wanted: &Answer, got: &Answer) -> Option<String> {
    if rules.body == Some(false) {
        return None;
    }
    if let Some(pattern) = &rules.body_regex {
        return pattern_difference(pattern, &got.content);
    }
    match (&wanted.content, &got.content) {
        // the texts of a diagnosis and of an error page are nobody's contract
        (Content::Unmatched | Content::Page, _) => None,
        (Content::Json(wanted), Content::Json(got)) => {
            json_difference(&chosen(wanted, rules), &chosen(got, rules), "$")
        }
        (Content::Text(wanted), Content::Text(got)) => text_difference(wanted, got),
        (Content::Binary(wanted), Content::Binary(got)) if wanted == got => None,
        (Content::Binary(_), Content::Binary(_)) => Some("body: other bytes".to_owned()),
        (wanted, got) => Some(format!("body: want {} got {}", described(wanted), described(got))),
    }
}

fn pattern_difference(pattern: &str, got: &Content) -> Option<String> {
    let whole = Regex::new(&format!(r"(?s)\A(?:{pattern})\z")).expect("`body_regex` is a pattern");
    let fits = match got {
        Content::Text(text) => whole.is_match(text),
        Content::Json(value) => whole.is_match(&spelt(value)),
        _ => false,
    };
    (!fits).then(|| format!("body: {} does not match /{pattern}/", described(got)))
}

/// Returns the parts of a document that are compared.
fn chosen(document: &Value, rules: &Compare) -> Value {
    let mut document = document.clone();
    for path in &rules.ignore {
        JsonPath::parse(path).remove(&mut document);
    }
    for path in &rules.types {
        JsonPath::parse(path).change(&mut document, |value| *value = kind(value).into());
    }
    for path in &rules.unordered {
        JsonPath::parse(path).change(&mut document, |value| {
            if let Value::Array(items) = value {
                items.sort_by_cached_key(spelt_in_order);
            }
        });
    }
    if rules.paths.is_empty() {
        return document;
    }
    rules.paths.iter().map(|path| (path.clone(), JsonPath::parse(path).select(&document))).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<null>",
        Value::Bool(_) => "<boolean>",
        Value::Number(_) => "<number>",
        Value::String(_) => "<string>",
        Value::Array(_) => "<list>",
        Value::Object(_) => "<object>",
    }
}

fn json_difference(wanted: &Value, got: &Value, at: &str) -> Option<String> {
    match (wanted, got) {
        (Value::Number(one), Value::Number(other)) if same_number(one, other) => None,
        (Value::Object(wanted), Value::Object(got)) => {
            for (name, value) in wanted {
                let Some(got) = got.get(name) else {
                    return Some(format!("{at}.{name}: missing (want {})", short(&value.to_string())));
                };
                if let Some(found) = json_difference(value, got, &format!("{at}.{name}")) {
                    return Some(found);
                }
            }
            let (name, value) = got.iter().find(|(name, _)| !wanted.contains_key(*name))?;
            Some(format!("{at}.{name}: unexpected {}", short(&value.to_string())))
        }
        (Value::Array(wanted), Value::Array(got)) => {
            let pairs = wanted.iter().zip(got).enumerate();
            let found = pairs
                .into_iter()
                .find_map(|(index, (wanted, got))| json_difference(wanted, got, &format!("{at}[{index}]")));
            let lengths = || format!("{at}: want {} items got {}", wanted.len(), got.len());
            found.or_else(|| (wanted.len() != got.len()).then(lengths))
        }
        (wanted, got) if wanted == got => None,
        (wanted, got) => Some(format!("{at}: want {} got {}", short(&wanted.to_string()), short(&got.to_string()))),
    }
}

/// Returns whether two numbers have one value: integers exactly, others within the last digits of a
/// double.
fn same_number(one: &Number, other: &Number) -> bool {
    let spelling = (one.to_string(), other.to_string());
    if let (Ok(one), Ok(other)) = (spelling.0.parse::<i128>(), spelling.1.parse::<i128>()) {
        return one == other;
    }
    let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else { return spelling.0 == spelling.1 };
    (one - other).abs() <= 1e-12 * one.abs().max(other.abs())
}

fn text_difference(wanted: &str, got: &str) -> Option<String> {
    if wanted == got {
        return None;
    }
    let same = wanted.chars().zip(got.chars()).take_while(|(one, other)| one == other).count();
    let near = |text: &str| text.chars().skip(same.saturating_sub(15)).take(60).collect::<String>();
    Some(format!("body: differs at {same}: want {:?} got {:?}", near(wanted), near(got)))
}

fn described(content: &Content) -> String {
    match content {
        Content::Text(text) => format!("the text {:?}", short(text)),
        Content::Json(value) => format!("the JSON {}", short(&value.to_string())),
        Content::Binary(_) => "bytes that are no text".to_owned(),
        Content::Unmatched => "the page of an unmatched request".to_owned(),
        Content::Page => "an error page".to_owned(),
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= 110 {
        return text.to_owned();
    }
    text.chars().take(110).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(wanted: &str, got: &str) -> Option<String> {
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        json_difference(&read(wanted), &read(got), "$")
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (one, other) in [("1", "1.0"), ("100", "1e2"), ("-0", "0"), ("0.1", "1E-1"), ("1.50", "1.5")] {
            assert_eq!(compared(one, other), None, "{one} {other}");
        }
        for (one, other) in [("9007199254740993", "9007199254740992"), ("1", "1.1"), ("1", "\"1\""), ("1", "true")] {
            assert!(compared(one, other).is_some(), "{one} {other}");
        }
    }

    #[test]
    fn the_first_difference_tells_its_place() {
        let told = |wanted, got| compared(wanted, got).expect("a difference");
        assert_eq!(told(r#"{"a": [1, 2]}"#, r#"{"a": [1, 3]}"#), "$.a[1]: want 2 got 3");
        assert_eq!(told(r#"{"a": 1}"#, "{}"), "$.a: missing (want 1)");
        assert_eq!(told("{}", r#"{"b": 2}"#), "$.b: unexpected 2");
        assert_eq!(told("[1]", "[1, 2]"), "$: want 1 items got 2");
    }

    #[test]
    fn rules_choose_what_is_compared() {
        let rules = Compare { ignore: vec!["$.a".into()], unordered: vec!["$.b".into()], ..Compare::default() };
        assert_eq!(chosen(&json!({"a": 1, "b": [2, 1]}), &rules), json!({"b": [1, 2]}));
        let rules = Compare { types: vec!["$.a".into()], paths: vec!["$.a".into()], ..Compare::default() };
        assert_eq!(chosen(&json!({"a": 1, "b": 2}), &rules), json!({"$.a": "<number>"}));
    }

    #[test]
    fn texts_differ_at_a_letter() {
        let told = text_difference("äbc", "äbd").expect("a difference");
        assert!(told.contains("differs at 2"), "{told}");
    }
}
