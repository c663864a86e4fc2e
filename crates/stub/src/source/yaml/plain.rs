//! Values of plain scalars: YAML's core schema (YAML 1.2.2, section 10.3), as far as JSON can
//! represent it.
//!
//! Numbers get JSON's spelling: `+5` becomes `5`, `.5` becomes `0.5`, `5.` becomes `5.0`. Scalars
//! that JSON cannot represent stay texts: `0x1f`, `0o17`, `.inf` and `.nan`. So do digits after a
//! zero, such as `007`, which are codes rather than counts.

use super::super::Value;
use super::super::json::is_number;

/// Returns the value of a plain scalar.
pub(super) fn value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // most texts are no numbers
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Value::String(text.to_owned());
    }
    if is_number(text) {
        return Value::Number(text.to_owned());
    }
    let number = json_spelling(text);
    if is_number(&number) { Value::Number(number) } else { Value::String(text.to_owned()) }
}

/// Returns a number's text in JSON's spelling.
fn json_spelling(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned.starts_with('-') {
        return text.to_owned();
    }
    let (digits, exponent) = unsigned.split_at(unsigned.find(['e', 'E']).unwrap_or(unsigned.len()));
    let digits = match digits.split_once('.') {
        None | Some(("", "")) => digits.to_owned(),
        Some(("", fraction)) => format!("0.{fraction}"),
        Some((whole, "")) => format!("{whole}.0"),
        Some(_) => digits.to_owned(),
    };
    format!("{sign}{digits}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_is_followed_where_json_can() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(value(text), Value::Null);
        }
        for (text, expected) in [("true", true), ("True", true), ("FALSE", false)] {
            assert_eq!(value(text), Value::Bool(expected));
        }
        for (text, expected) in [
            ("0", "0"),
            ("-12", "-12"),
            ("1.50", "1.50"),
            ("1E+3", "1E+3"),
            ("+5", "5"),
            (".5", "0.5"),
            ("-.5e1", "-0.5e1"),
            ("5.", "5.0"),
            ("+5.e-2", "5.0e-2"),
        ] {
            assert_eq!(value(text), Value::Number(expected.to_owned()), "{text}");
        }
        for text in [
            "yes",
            "no",
            "on",
            "nULL",
            "tRUE",
            "007",
            "+007",
            "0x1f",
            "0o17",
            ".inf",
            "-.inf",
            ".nan",
            "NaN",
            "-",
            "+",
            ".",
            "-.",
            "1_000",
            "1e",
            "e3",
            ".e3",
            "+-5",
            "--5",
            "1.2.3",
            "10.0.0.1",
            "2026-01-01",
            "12:30",
            "1 2",
            "5s",
        ] {
            assert_eq!(value(text), Value::String(text.to_owned()));
        }
    }
}
