//! Numbers that survive a mapping file: WireMock reads them as doubles and writes them as Java
//! does.

use serde_json::Value;

/// Returns true if every number of a document is written unchanged after WireMock has read it from
/// a mapping.
pub(super) fn survive_java(document: &Value) -> bool {
    match document {
        Value::Array(items) => items.iter().all(survive_java),
        Value::Object(members) => members.values().all(survive_java),
        Value::Number(number) => survives_java(number.as_str()),
        _ => true,
    }
}

fn survives_java(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.len() <= 18 && number != "-0";
    }
    // Java writes exponents below a thousandth and from ten million on
    let written = number.parse::<f64>().is_ok_and(|value| format!("{value:?}") == number);
    written && number.parse().is_ok_and(|value: f64| (1e-3..1e7).contains(&value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_java_spells_otherwise_are_not_plain() {
        for (number, expected) in [
            ("1", true),
            ("-12", true),
            ("1.5", true),
            ("0.1", true),
            ("1.0", true),
            ("1.10", false),
            ("1e3", false),
            ("-0", false),
            ("0.0001", false),
            ("12345678.5", false),
            ("1234567890123456789012", false),
            ("0.12345678901234567890123", false),
        ] {
            assert_eq!(survives_java(number), expected, "{number}");
        }
    }
}
