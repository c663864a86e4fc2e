//! [`ExpectedDate`]: the operand of a date matcher, a literal date or an offset from now.

use jiff::Zoned;
use standin_dialect::dates::{DateOffset, DateParser, ParsedDate, Truncation};

/// The date that a text is compared with.
#[derive(Clone, Debug)]
pub enum ExpectedDate {
    /// A date that is the same for every request; `None` if the operand is no date, which no text
    /// matches.
    Literal(Option<ParsedDate>),
    /// A date that is computed from the clock for each request, in the zone of this machine.
    Now {
        /// Distance of the date from now.
        offset: DateOffset,
        /// Truncation of the date.
        truncation: Option<Truncation>,
        /// True if the truncation follows the offset, rather than precedes it.
        truncation_last: bool,
    },
}

impl ExpectedDate {
    /// Returns true if an operand is computed from the clock: `now`, `now +3 days`, `-2 hours`.
    pub fn is_relative(operand: &str) -> bool {
        let offset = match operand.get(..4) {
            Some(now) if now.eq_ignore_ascii_case("now ") => &operand[4..],
            _ => operand,
        };
        let is_offset = offset.split_once(' ').is_some_and(|(amount, unit)| {
            let digits = amount.strip_prefix(['+', '-']).unwrap_or(amount);
            let is_amount = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_amount && !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        is_offset || operand.eq_ignore_ascii_case("now")
    }

    /// Returns the literal date of an operand.
    pub fn literal(operand: &str) -> Self {
        Self::Literal(DateParser::Usual.parse(operand))
    }

    /// Returns true if no text can match because the operand is no date.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Literal(None))
    }
}

/// Returns the date that an offset and a truncation make of `now`.
pub(super) fn relative_date(
    now: Zoned,
    offset: DateOffset,
    truncation: Option<Truncation>,
    truncation_last: bool,
) -> Zoned {
    if truncation_last {
        truncated(offset.apply_saturating(&now), truncation)
    } else {
        offset.apply_saturating(&truncated(now, truncation))
    }
}

/// Returns the date after a truncation; unchanged where that lies beyond the calendar.
pub(super) fn truncated(date: Zoned, truncation: Option<Truncation>) -> Zoned {
    truncation.and_then(|truncation| truncation.apply(&date)).unwrap_or(date)
}
