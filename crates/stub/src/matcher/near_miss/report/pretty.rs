//! JSON as Jackson pretty-prints it, as in WireMock's page.

use std::borrow::Cow;

use super::truncate::TruncatedText;
use standin_dialect::json::{JsonNode, JsonShape, push_quoted};

/// Writes a document: one member per line, the items of a list on one line, numbers without
/// exponent.
pub(super) fn write(value: JsonNode<'_>, out: &mut TruncatedText) {
    write_at(value, 0, out);
}

fn write_at(value: JsonNode<'_>, depth: usize, out: &mut TruncatedText) {
    match value.shape() {
        JsonShape::Array(_) if value.is_empty() => out.push("[ ]"),
        JsonShape::Array(items) => {
            for (place, item) in items.enumerate() {
                out.push(if place == 0 { "[ " } else { ", " });
                write_at(item, depth, out);
            }
            out.push(" ]");
        }
        JsonShape::Number(spelling) => out.push(&without_exponent(spelling)),
        JsonShape::Object(_) if value.is_empty() => out.push("{ }"),
        JsonShape::Object(members) => {
            for (place, (key, value)) in members.enumerate() {
                out.push(if place == 0 { "{" } else { "," });
                new_line(depth + 1, out);
                out.push(&quoted(&key));
                out.push(" : ");
                write_at(value, depth + 1, out);
            }
            new_line(depth, out);
            out.push("}");
        }
        JsonShape::String(text) => out.push(&quoted(&text)),
        JsonShape::Bool(_) | JsonShape::Null => out.push(&value.to_string()),
    }
}

fn new_line(depth: usize, out: &mut TruncatedText) {
    out.push("\n");
    for _ in 0..depth {
        out.push("  ");
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(text, &mut quoted);
    quoted
}

/// Returns a number without exponent, such as `1000` for `1e3`, unless that takes more than
/// [`MAX_ZEROS`] zeros.
fn without_exponent(spelling: &str) -> Cow<'_, str> {
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
    if exponent.unsigned_abs() > MAX_ZEROS || mantissa.len() > MAX_MANTISSA_DIGITS {
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

/// Maximum number of zeros that an exponent is replaced by.
const MAX_ZEROS: u64 = 1000;

/// Maximum number of digits of a mantissa that is rewritten.
const MAX_MANTISSA_DIGITS: usize = 1000;

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
            assert_eq!(without_exponent(spelling), expected);
        }
    }
}
