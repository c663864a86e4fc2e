//! Differences of two JSON values, by path.

use std::fmt::Write as _;

use serde_json::Value;

use super::text::{one_line, truncate};

/// Returns the first `most` differences, a line each. Members that only `actual` has are no
/// differences, and placeholders of JsonUnit match anything.
pub(super) fn differences(expected: &Value, actual: &Value, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, actual, &mut String::from("$"), most, &mut found);
    found
}

fn compare(expected: &Value, actual: &Value, path: &mut String, most: usize, found: &mut Vec<String>) {
    if found.len() >= most {
        return;
    }
    let length = path.len();
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                path.push('.');
                path.push_str(&one_line(name));
                match actual.get(name) {
                    Some(other) => compare(value, other, path, most, found),
                    None => found.push(format!("at {path}: {} expected, nothing came", shown(value))),
                }
                path.truncate(length);
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (place, (value, other)) in expected.iter().zip(actual).enumerate() {
                let _ = write!(path, "[{place}]");
                compare(value, other, path, most, found);
                path.truncate(length);
            }
        }
        (Value::String(text), _) if text.starts_with("${json-unit") || text.starts_with("#{json-unit") => {}
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        (one, other) if one == other => {}
        (one, other) => found.push(format!("at {path}: {} expected, {} came", shown(one), shown(other))),
    }
}

fn shown(value: &Value) -> String {
    format!("`{}`", truncate(&one_line(&value.to_string()), MAX_SHOWN_CHARS))
}

/// Maximum number of characters of a value in a message.
const MAX_SHOWN_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_paths() {
        let expected =
            json!({"id": 1, "tags": ["a", "b"], "at": "${json-unit.any-string}", "to": {"zip": "1"}, "n": 1.0});
        let actual = json!({"id": 2, "tags": ["a", "c"], "at": "now", "to": {}, "more": true, "n": 1});
        let lines = ["$.id: `1` expected, `2` came", "$.tags[1]: `\"b\"` expected, `\"c\"` came"];
        let last = "$.to.zip: `\"1\"` expected, nothing came";
        let found = differences(&expected, &actual, 9);
        assert_eq!(found, [lines[0], lines[1], last].map(|line| format!("at {line}")));
        assert_eq!(differences(&expected, &actual, 1).len(), 1);
    }
}
