//! The text of a JSON value as WireMock compares and prints it: numbers as Java writes them.

use serde_json::Number;

use crate::java_text::double_text;
use crate::json::{JsonNode, JsonShape};

/// Returns the text that a string operator sees: a string itself, `null`, `true`, a number as Java
/// prints it after reading it (`7` stays, `1e3` is `1000.0`, `0.00001` is `1.0E-5`), containers as
/// compact JSON.
pub fn text_of<'a>(value: impl Into<JsonNode<'a>>) -> String {
    let node = value.into();
    match node.shape() {
        JsonShape::String(text) => text.into_owned(),
        JsonShape::Number(spelling) => number_text(spelling),
        _ => node.to_string(),
    }
}

/// Returns the text that a string operator sees of an item of a list: that of [`text_of`], but an
/// object as Java prints a map, as in `{id=1, tags=["a"]}`.
pub fn item_text_of<'a>(value: impl Into<JsonNode<'a>>) -> String {
    let node = value.into();
    let JsonShape::Object(members) = node.shape() else { return text_of(node) };
    let members: Vec<String> = members.map(|(name, value)| format!("{name}={}", item_text_of(value))).collect();
    format!("{{{}}}", members.join(", "))
}

/// Returns a function's result as a JSON number, spelt as Java prints it; `None` for infinities and
/// NaN, which JSON does not have.
pub(super) fn number(value: f64) -> Option<Number> {
    if value.is_finite() { double_text(value).parse().ok() } else { None }
}

/// Returns a number as Java prints it. Java reads whole numbers of any size exactly, fractions and
/// exponents as `double`, and those of more than 18 characters exactly again; the last keep their
/// spelling here.
fn number_text(spelling: &str) -> String {
    if spelling == "-0" {
        return "0".to_owned();
    }
    let whole = !spelling.contains(['.', 'e', 'E']);
    if whole || spelling.len() > LONGEST_DOUBLE {
        return spelling.to_owned();
    }
    match spelling.parse() {
        Ok(value) => double_text(value),
        Err(_) => spelling.to_owned(),
    }
}

/// Characters up to which WireMock's JSON parser reads a fraction as `double`.
const LONGEST_DOUBLE: usize = 18;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn numbers_read_as_java_prints_them() {
        for (json, text) in [
            ("1", "1"),
            ("-0", "0"),
            ("12345678901234567890", "12345678901234567890"),
            ("1.0", "1.0"),
            ("1.50", "1.5"),
            ("1e3", "1000.0"),
            ("0.00001", "1.0E-5"),
            ("0.001", "0.001"),
            ("1234567.0", "1234567.0"),
            ("12345678.5", "1.23456785E7"),
            ("1E+10", "1.0E10"),
            ("-2.5e-7", "-2.5E-7"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("\"a\"", "a"),
            ("null", "null"),
            ("true", "true"),
            ("{\"b\": [1, 1.50], \"a\": null}", "{\"b\":[1,1.50],\"a\":null}"),
        ] {
            let value: Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(text_of(&value), text, "{json}");
        }
    }

    #[test]
    fn results_are_numbers_of_json() {
        for (value, text) in [(6.0, "6.0"), (1e10, "1.0E10"), (0.1 + 0.2, "0.30000000000000004")] {
            assert_eq!(text_of(&Value::Number(number(value).expect("finite"))), text);
        }
        assert_eq!(number(f64::NAN), None);
        assert_eq!(number(f64::INFINITY), None);
    }
}
