//! Numbers of JSON by value, from their spelling: `1`, `1.0` and `10e-1` are one number, of any
//! size and without loss.
//!
//! Nothing is expanded, so that `1e999999999` costs no more than `1`.

use std::cmp::Ordering;
use std::hash::Hasher;

/// A number as its significant digits, without the zeros at either end, and the power of ten of the
/// last of them; zero has no digits. Numbers are equal exactly if these are.
struct Decimal<'t> {
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    exponent: i64,
}

impl<'t> Decimal<'t> {
    fn new(spelling: &'t str) -> Self {
        let (negative, unsigned) = match spelling.strip_prefix('-') {
            Some(rest) => (true, rest.as_bytes()),
            None => (false, spelling.as_bytes()),
        };
        let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        Self::significant(negative, whole, fraction, exponent)
    }

    fn significant(negative: bool, whole: &'t [u8], fraction: &'t [u8], exponent: i64) -> Self {
        let places = fraction.len();
        let whole = without_leading_zeros(whole);
        let fraction = if whole.is_empty() { without_leading_zeros(fraction) } else { fraction };
        let kept_fraction = without_trailing_zeros(fraction);
        let kept_whole = if kept_fraction.is_empty() { without_trailing_zeros(whole) } else { whole };
        if kept_whole.is_empty() && kept_fraction.is_empty() {
            return Self { negative: false, whole: &[], fraction: &[], exponent: 0 };
        }
        let dropped = (fraction.len() - kept_fraction.len()) + (whole.len() - kept_whole.len());
        let exponent = exponent.saturating_sub_unsigned(places as u64).saturating_add_unsigned(dropped as u64);
        Self { negative, whole: kept_whole, fraction: kept_fraction, exponent }
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn length(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    /// Compares sizes without signs; neither is zero.
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let magnitude = |number: &Self| number.exponent.saturating_add_unsigned(number.length() as u64);
        magnitude(self).cmp(&magnitude(other)).then_with(|| self.digits().cmp(other.digits()))
    }
}

/// Returns true if two spellings are of one number.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (one, other) = (Decimal::new(one), Decimal::new(other));
    one.negative == other.negative
        && one.exponent == other.exponent
        && one.length() == other.length()
        && one.digits().eq(other.digits())
}

/// Compares two numbers by value.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Decimal::new(one), Decimal::new(other));
    match (one.is_zero(), other.is_zero()) {
        (true, true) => Ordering::Equal,
        (true, false) if other.negative => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if one.negative => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => match (one.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => one.compare_magnitude(&other),
            (true, true) => other.compare_magnitude(&one),
        },
    }
}

/// Feeds the number, however it is spelt, to a hasher.
pub(super) fn hash(spelling: &str, hasher: &mut impl Hasher) {
    let decimal = Decimal::new(spelling);
    // exponents stay within 62 bits or so, which leaves room for the sign
    hasher.write_u64((decimal.exponent as u64) << 1 | u64::from(decimal.negative));
    let mut chunk: u64 = 0;
    for (at, digit) in decimal.digits().enumerate() {
        if at > 0 && at % DIGITS_PER_CHUNK == 0 {
            hasher.write_u64(chunk);
            chunk = 0;
        }
        chunk = chunk * 10 + u64::from(digit - b'0');
    }
    hasher.write_u64(chunk);
}

/// Returns the value of an exponent; one beyond 64 bits is as good as the largest.
fn exponent(spelling: &[u8]) -> i64 {
    let (negative, digits) = match spelling.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, spelling),
    };
    let size = digits
        .iter()
        .fold(0i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0'))));
    // far from the ends, so that the places of the mantissa still count
    let size = size.min(i64::MAX / 4);
    if negative { -size } else { size }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    &digits[..end]
}

/// Decimal digits that fit a u64 with room to spare.
const DIGITS_PER_CHUNK: usize = 18;
