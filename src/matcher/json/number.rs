//! Numbers of JSON by value, from their spelling: `1`, `1.0` and `10e-1` are one number, of any size and without loss.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::Hasher;

/// A number as its significant digits and the power of ten of the last of them; zero has no digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal<'t> {
    negative: bool,
    digits: Cow<'t, str>,
    exponent: i64,
}

/// Whether two spellings are of one number.
pub(super) fn equal(one: &str, other: &str) -> bool {
    one == other || decimal(one) == decimal(other)
}

/// Which of two numbers is the larger.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (decimal(one), decimal(other));
    match (one.sign(), other.sign()) {
        (0, 0) => Ordering::Equal,
        (1, 1) => one.compare_size(&other),
        (-1, -1) => other.compare_size(&one),
        (left, right) => left.cmp(&right),
    }
}

/// Feeds the number, however it is spelt, to a hasher.
pub(super) fn hash(spelling: &str, hasher: &mut impl Hasher) {
    let decimal = decimal(spelling);
    hasher.write_u8(u8::from(decimal.negative));
    hasher.write(decimal.digits.as_bytes());
    hasher.write_i64(decimal.exponent);
}

impl Decimal<'_> {
    fn sign(&self) -> i8 {
        if self.digits.is_empty() {
            0
        } else if self.negative {
            -1
        } else {
            1
        }
    }

    /// By the power of ten of the first digit, then digit by digit.
    fn compare_size(&self, other: &Self) -> Ordering {
        let power = |number: &Self| number.exponent.saturating_add(number.digits.len() as i64);
        power(self).cmp(&power(other)).then_with(|| self.digits.cmp(&other.digits))
    }
}

fn decimal(spelling: &str) -> Decimal<'_> {
    let (negative, unsigned) = match spelling.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, spelling),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        // an exponent beyond 64 bits is as good as the largest
        Some((mantissa, exponent)) => {
            (mantissa, exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 }))
        }
        None => (unsigned, 0i64),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Cow<'_, str> = match (whole.trim_start_matches('0'), fraction) {
        (whole, "") => Cow::Borrowed(whole),
        ("", fraction) => Cow::Borrowed(fraction.trim_start_matches('0')),
        (whole, fraction) => Cow::Owned(format!("{whole}{fraction}")),
    };
    let length = digits.len();
    let digits = match digits {
        Cow::Borrowed(digits) => Cow::Borrowed(digits.trim_end_matches('0')),
        Cow::Owned(digits) => Cow::Owned(digits.trim_end_matches('0').to_owned()),
    };
    if digits.is_empty() {
        return Decimal { negative: false, digits, exponent: 0 };
    }
    let cut = (length - digits.len()) as i64;
    Decimal { negative, digits, exponent: exponent.saturating_sub(fraction.len() as i64).saturating_add(cut) }
}
