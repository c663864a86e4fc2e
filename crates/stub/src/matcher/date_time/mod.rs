//! `before`, `after` and `equalToDateTime`: a date in a text against a date in the stub, or against
//! now.
//!
//! A date with a zone is an instant, one without is a local time. An expected local time is
//! compared with the local time of the text. An expected instant is compared with the instant of
//! the text, whose local time is taken in the zone of this machine.

mod expected;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use standin_dialect::dates::{DateParser, Truncation};
use std::cmp::Ordering;

pub use expected::ExpectedDate;
use expected::{relative_date, truncated};

/// A rule that a date must be before, after or at another one.
#[derive(Clone, Debug)]
pub struct DateTimeRule {
    /// Side of the expected date on which a date must be.
    pub relation: DateRelation,
    /// The expected date as written.
    pub operand: Box<str>,
    /// Date that is compared with.
    pub expected: ExpectedDate,
    /// Reader of the dates in texts.
    pub parser: DateParser,
    /// Truncation of the date in a text, if it has a zone.
    pub truncate_actual: Option<Truncation>,
}

/// A side of the expected date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateRelation {
    /// Later than the expected date.
    After,
    /// Earlier than the expected date.
    Before,
    /// At the same time.
    Equal,
}

impl DateRelation {
    /// Returns the operator as a stub spells it.
    pub fn operator(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
            Self::Equal => "equalToDateTime",
        }
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::After => order.is_gt(),
            Self::Before => order.is_lt(),
            Self::Equal => order.is_eq(),
        }
    }
}

impl DateTimeRule {
    /// Returns true if the text is a date on the right side of the expected one.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_at(text, &Zoned::now)
    }

    /// Returns the distance of the date from the expected one, in centuries and at most 1; 1 for a
    /// text that is no date.
    ///
    /// WireMock counts whole years, so that a date that is wrong by days would be as near as a
    /// match.
    pub fn distance(&self, text: &str) -> f64 {
        let Some((expected, actual)) = self.comparable(text, &Zoned::now) else { return 1.0 };
        ((expected - actual).unsigned_abs() as f64 / NANOSECONDS_PER_CENTURY).min(1.0)
    }

    fn matches_at(&self, text: &str, now: &dyn Fn() -> Zoned) -> bool {
        self.comparable(text, now).is_some_and(|(expected, actual)| self.relation.accepts(actual.cmp(&expected)))
    }

    /// Returns the expected date and the date of the text, in nanoseconds of one time line; `None`
    /// if either is no date.
    fn comparable(&self, text: &str, now: &dyn Fn() -> Zoned) -> Option<(i128, i128)> {
        let actual = self.parser.parse_incomplete(text)?;
        let zoned = actual.zoned().map(|zoned| truncated(zoned.clone(), self.truncate_actual));
        let expected = match &self.expected {
            ExpectedDate::Literal(expected) => {
                let expected = expected.as_ref()?;
                let Some(instant) = expected.zoned() else {
                    let actual = zoned.map_or_else(|| actual.wall(), |zoned| zoned.datetime());
                    return Some((wall_nanosecond(expected.wall()), wall_nanosecond(actual)));
                };
                instant.timestamp()
            }
            ExpectedDate::Now { offset, truncation, truncation_last } => {
                relative_date(now(), *offset, *truncation, *truncation_last).timestamp()
            }
        };
        let here = || actual.wall().to_zoned(TimeZone::system()).ok();
        let actual = zoned.or_else(here)?.timestamp();
        Some((Timestamp::as_nanosecond(expected), Timestamp::as_nanosecond(actual)))
    }
}

/// Returns a local time as nanoseconds, so that local times can be compared.
fn wall_nanosecond(wall: DateTime) -> i128 {
    match wall.to_zoned(TimeZone::UTC) {
        Ok(utc) => utc.timestamp().as_nanosecond(),
        // the first and last hours of jiff's calendar have no instant
        Err(_) if wall.year() < 0 => i128::MIN / 4,
        Err(_) => i128::MAX / 4,
    }
}

const NANOSECONDS_PER_CENTURY: f64 = 100.0 * 365.2425 * 86_400.0 * 1e9;

#[cfg(test)]
mod tests;
