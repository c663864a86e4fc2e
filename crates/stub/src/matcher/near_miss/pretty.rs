//! JSON over several lines as Jackson prints it, so that a page looks as users of WireMock know it.

use std::borrow::Cow;

use serde_json::Value;

use super::cut::TruncatedText;
use standin_dialect::json::push_quoted;

/// Writes a document: members a line each, items on one, numbers without exponent.
pub(super) fn write(value: &Value, cut: &mut TruncatedText) {
    write_at(value, 0, cut);
}

fn write_at(value: &Value, depth: usize, cut: &mut TruncatedText) {
    match value {
        Value::Array(items) if items.is_empty() => cut.push("[ ]"),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                cut.push(if place == 0 { "[ " } else { ", " });
                write_at(item, depth, cut);
            }
            cut.push(" ]");
        }
        Value::Number(number) => cut.push(&plain(number.as_str())),
        Value::Object(members) if members.is_empty() => cut.push("{ }"),
        Value::Object(members) => {
            for (place, (key, value)) in members.iter().enumerate() {
                cut.push(if place == 0 { "{" } else { "," });
                new_line(depth + 1, cut);
                cut.push(&quoted(key));
                cut.push(" : ");
                write_at(value, depth + 1, cut);
            }
            new_line(depth, cut);
            cut.push("}");
        }
        Value::String(text) => cut.push(&quoted(text)),
        simple => cut.push(&simple.to_string()),
    }
}

fn new_line(depth: usize, cut: &mut TruncatedText) {
    cut.push("\n");
    for _ in 0..depth {
        cut.push("  ");
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(text, &mut quoted);
    quoted
}

/// A number without exponent, if it is not longer than [`MOST_DIGITS`] then: `1e3` is `1000`.
fn plain(spelling: &str) -> Cow<'_, str> {
    if spelling == "-0" || spelling == "-0.0" {
        return Cow::Borrowed(&spelling[1..]);
    }
    let Some((mantissa, exponent)) = spelling.split_once(['e', 'E']) else { return Cow::Borrowed(spelling) };
    let Ok(exponent) = exponent.parse::<i64>() else { return Cow::Borrowed(spelling) };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if exponent.unsigned_abs() > MOST_DIGITS || mantissa.len() > LONGEST_MANTISSA {
        return Cow::Borrowed(spelling);
    }
    let point = whole.len() as i64 + exponent;
    let digits = format!("{whole}{fraction}");
    let (whole, fraction) = if point <= 0 {
        (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)))
    } else if point as usize >= digits.len() {
        (format!("{digits}{}", "0".repeat(point as usize - digits.len())), String::new())
    } else {
        (digits[..point as usize].to_owned(), digits[point as usize..].to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Cow::Owned(format!("{sign}{whole}{point}{fraction}"))
}

/// Zeros that an exponent may stand for.
const MOST_DIGITS: u64 = 1000;

/// Digits that are moved about.
const LONGEST_MANTISSA: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_exponent() {
        for (spelling, expected) in [
            ("1e3", "1000"),
            ("1E-7", "0.0000001"),
            ("-1.5e1", "-15"),
            ("0.1e1", "1"),
            ("1.25e1", "12.5"),
            ("-0", "0"),
            ("1.50", "1.50"),
            ("1e999999", "1e999999"),
        ] {
            assert_eq!(plain(spelling), expected);
        }
    }
}
