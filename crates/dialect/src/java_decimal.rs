//! Decimal numbers as Java's `BigDecimal` and `BigInteger` print them: no digit is lost.

use crate::json::number::compare;
use std::cmp::Ordering;

/// A number of JSON as unscaled digits and a scale: `digits` · 10^-`scale`.
struct JavaDecimal {
    negative: bool,
    digits: String,
    scale: i64,
}

impl JavaDecimal {
    fn new(spelling: &str) -> Self {
        let unsigned = spelling.strip_prefix('-').unwrap_or(spelling);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let digits = if significant.is_empty() { "0" } else { significant };
        let is_zero = significant.is_empty();
        let scale = fraction.len() as i64 - exponent;
        Self { negative: spelling.starts_with('-') && !is_zero, digits: digits.to_owned(), scale }
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    /// Returns the digits with a point before the last `scale`; the scale is not negative.
    fn with_point(&self, scale: usize) -> String {
        let Self { digits, .. } = self;
        let sign = self.sign();
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        match digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
            Some(whole) => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            None => format!("{sign}0.{}{digits}", "0".repeat(scale - digits.len())),
        }
    }
}

/// Returns a number of JSON as `BigDecimal.toString` prints it: its digits as written, with an
/// exponent for large and very small numbers.
///
/// ```
/// use standin_dialect::java_decimal::decimal_text;
///
/// assert_eq!(decimal_text("1.50"), "1.50");
/// assert_eq!(decimal_text("1e3"), "1E+3");
/// ```
pub fn decimal_text(spelling: &str) -> String {
    let decimal = JavaDecimal::new(spelling);
    let exponent = decimal.digits.len() as i64 - 1 - decimal.scale;
    if decimal.scale >= 0 && exponent >= -6 {
        return decimal.with_point(decimal.scale as usize);
    }
    let (first, rest) = decimal.digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let exponent = if exponent == 0 { String::new() } else { format!("E{exponent:+}") };
    format!("{}{first}{point}{rest}{exponent}", decimal.sign())
}

/// Returns a number of JSON as `BigDecimal.toPlainString` prints it, without an exponent. `None` if
/// that takes more than [`MAX_SCALE`] zeros, which Jackson refuses to write.
///
/// ```
/// use standin_dialect::java_decimal::plain_decimal_text;
///
/// assert_eq!(plain_decimal_text("1.5e3").as_deref(), Some("1500"));
/// assert_eq!(plain_decimal_text("1e999999"), None);
/// ```
pub fn plain_decimal_text(spelling: &str) -> Option<String> {
    let decimal = JavaDecimal::new(spelling);
    if decimal.scale.abs() > MAX_SCALE {
        return None;
    }
    if decimal.scale >= 0 {
        return Some(decimal.with_point(decimal.scale as usize));
    }
    let zeros = if decimal.digits == "0" { 0 } else { -decimal.scale as usize };
    Some(format!("{}{}{}", decimal.sign(), decimal.digits, "0".repeat(zeros)))
}

/// Compares two numbers of JSON by value, whatever their size.
pub fn compare_decimals(one: &str, other: &str) -> Ordering {
    compare(one, other)
}

/// Returns an exponent; one beyond the range of Java counts as the largest.
fn exponent_of(digits: &str) -> i64 {
    let limit = i64::from(i32::MAX);
    let furthest = if digits.starts_with('-') { -limit } else { limit };
    digits.parse::<i64>().map_or(furthest, |exponent| exponent.clamp(-limit, limit))
}

/// Maximum scale, either way, of a number that is written without an exponent.
pub const MAX_SCALE: i64 = 9999;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_printed_as_in_java() {
        for (spelling, text, plain) in [
            ("0", "0", "0"),
            ("-0.0", "0.0", "0.0"),
            ("0e3", "0E+3", "0"),
            ("1.50", "1.50", "1.50"),
            ("-12.5", "-12.5", "-12.5"),
            ("1E-10", "1E-10", "0.0000000001"),
            ("0.000001", "0.000001", "0.000001"),
            ("0.0000001", "1E-7", "0.0000001"),
            ("1.0e2", "1.0E+2", "100"),
            ("1.25e1", "12.5", "12.5"),
            ("1.25E+10", "1.25E+10", "12500000000"),
            ("12345678901234567890", "12345678901234567890", "12345678901234567890"),
            ("1.23456789012345678", "1.23456789012345678", "1.23456789012345678"),
        ] {
            assert_eq!(decimal_text(spelling), text, "{spelling}");
            assert_eq!(plain_decimal_text(spelling).as_deref(), Some(plain), "{spelling}");
        }
        assert_eq!(decimal_text("1e99999999999"), "1E+2147483647");
        assert_eq!(plain_decimal_text("1e-10000"), None);
    }

    proptest! {
        #[test]
        fn printing_keeps_the_value(spelling in "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?") {
            prop_assert!(compare(&decimal_text(&spelling), &spelling).is_eq(), "{spelling}");
            let plain = plain_decimal_text(&spelling).expect("a small scale");
            prop_assert!(compare(&plain, &spelling).is_eq(), "{spelling} {plain}");
            prop_assert_eq!(decimal_text(&decimal_text(&spelling)), decimal_text(&spelling));
        }
    }
}
