//! Decimal numbers with a scale, as Java's BigDecimal, of up to 38 digits.

/// The number `digits` · 10^-`scale`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScaledDecimal {
    digits: i128,
    scale: i32,
}

impl ScaledDecimal {
    /// Parses a number such as `-12.50` or `1e3`; `None` if it is invalid or has too many digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || !whole.ends_with(|c: char| c.is_ascii_digit()) {
            // `.5` and `5.` are numbers too, but a sign alone is not
            let digits = whole.trim_start_matches(['+', '-']);
            let is_number = digits.is_empty() && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
            if !is_number {
                return None;
            }
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Some(Self { digits: format!("{whole}{fraction}").parse().ok()?, scale })
    }

    pub(super) fn negated(self) -> Option<Self> {
        Some(Self { digits: self.digits.checked_neg()?, ..self })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (one, other, scale) = self.aligned(other)?;
        Some(Self { digits: one.checked_add(other)?, scale })
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        Some(Self { digits: self.digits.checked_mul(other.digits)?, scale: self.scale.checked_add(other.scale)? })
    }

    /// Divides at the scale of this number, rounding halves away from zero; `None` if `other` is
    /// zero or digits overflow.
    pub(super) fn divided_by(self, other: Self) -> Option<Self> {
        let (one, other) = match power_of_ten(other.scale.checked_abs()?) {
            Some(power) if other.scale >= 0 => (self.digits.checked_mul(power)?, other.digits),
            Some(power) => (self.digits, other.digits.checked_mul(power)?),
            None => return None,
        };
        let (quotient, rest) = (one.checked_div(other)?, one.checked_rem(other)?);
        let rounds = rest.unsigned_abs() >= other.unsigned_abs() - rest.unsigned_abs();
        let away = if (one < 0) == (other < 0) { 1 } else { -1 };
        Some(Self { digits: quotient + if rounds { away } else { 0 }, scale: self.scale })
    }

    pub(super) fn remainder(self, other: Self) -> Option<Self> {
        let (one, other, scale) = self.aligned(other)?;
        Some(Self { digits: one.checked_rem(other)?, scale })
    }

    /// Returns the number as an integer if its scale is 0.
    pub(super) fn as_whole(self) -> Option<i64> {
        if self.scale == 0 { self.digits.try_into().ok() } else { None }
    }

    pub(super) fn as_f64(self) -> f64 {
        format!("{}e{}", self.digits, -i64::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// Returns the digits of both numbers at the larger scale, and that scale.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let scale = self.scale.max(other.scale);
        let at = |number: Self| number.digits.checked_mul(power_of_ten(scale.checked_sub(number.scale)?)?);
        Some((at(self)?, at(other)?, scale))
    }
}

impl From<i64> for ScaledDecimal {
    fn from(number: i64) -> Self {
        Self { digits: number.into(), scale: 0 }
    }
}

fn power_of_ten(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(exponent.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> ScaledDecimal {
        ScaledDecimal::parse(text).expect("a number")
    }

    #[test]
    fn numbers_are_read() {
        for (text, digits, scale) in [
            ("0", 0, 0),
            ("-12.50", -1250, 2),
            ("1e3", 1, -3),
            ("+7", 7, 0),
            (".5", 5, 1),
            ("5.", 5, 0),
            ("3.0E9", 30, -8),
        ] {
            assert_eq!(ScaledDecimal::parse(text), Some(ScaledDecimal { digits, scale }), "{text}");
        }
        for text in ["", "-", ".", "abc", "1 ", "1e", "0x1", "1.2.3", "--1", &"9".repeat(40)] {
            assert_eq!(ScaledDecimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn results_have_the_scale_of_java() {
        assert_eq!(of("1.50").plus(of("0.5")), Some(of("2.00")));
        assert_eq!(of("1.5").times(of("2.5")), Some(of("3.75")));
        for (one, other, expected) in [
            ("10", "4", "3"),
            ("10.0", "3", "3.3"),
            ("-10", "4", "-3"),
            ("1", "3", "0"),
            ("7", "0.5", "14"),
            ("1", "-2", "-1"),
        ] {
            assert_eq!(of(one).divided_by(of(other)), Some(of(expected)), "{one} / {other}");
        }
        assert_eq!(of("10.5").remainder(of("3")), Some(of("1.5")));
        assert_eq!(of("-10").remainder(of("3")), Some(of("-1")));
        assert_eq!(of(&"9".repeat(38)).times(of("10")), None);
        assert_eq!(of("1").divided_by(of("0")), None);
    }
}
