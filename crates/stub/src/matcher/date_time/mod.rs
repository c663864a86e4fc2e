//! `before`, `after` and `equalToDateTime`: a date in a text against a date in the stub, or against now.
//!
//! A date with a zone is an instant, one without is a time on the wall. Two of a kind are compared as they are; an instant meets a
//! wall time by what its own wall shows; only `now` meets one in the zone of this machine.

mod compile;
mod expected;
mod fields;
mod format;
mod iso;
mod names;
mod reading;

use std::cmp::Ordering;

use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use expected::{Expected, Offset, Truncation, Unit};
pub use format::DateFormat;
use reading::Moment;
pub use reading::Reading;

/// What a date must be.
#[derive(Clone, Debug)]
pub struct DateTimeRule {
    /// On which side of the expected date.
    pub relation: Relation,
    /// The expected date as written.
    pub operand: Box<str>,
    /// The expected date.
    pub expected: Expected,
    /// How the text is read.
    pub reading: Reading,
    /// What is taken of the text's date, if it has a zone.
    pub truncate_actual: Option<Truncation>,
}

/// On which side of the expected date a date must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Later.
    After,
    /// Earlier.
    Before,
    /// At the same time.
    Equal,
}

/// Why an operand or an option is no date, format or truncation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateTimeError {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

impl Relation {
    /// The operator as a stub spells it.
    pub fn operator(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
            Self::Equal => "equalToDateTime",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::After => order.is_gt(),
            Self::Before => order.is_lt(),
            Self::Equal => order.is_eq(),
        }
    }
}

impl DateTimeRule {
    /// Whether the text is a date on the right side.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_at(text, &Zoned::now)
    }

    /// How far the date is away, in centuries and at most 1; 1 for a text that is no date.
    ///
    /// WireMock counts whole years, so that a date that is wrong by days would be as near as a match.
    pub fn distance(&self, text: &str) -> f64 {
        let Some((expected, actual)) = self.comparable(text, &Zoned::now) else { return 1.0 };
        let (expected, actual) = (expected.nanosecond(), actual.nanosecond());
        ((expected - actual).unsigned_abs() as f64 / CENTURY).min(1.0)
    }

    fn matches_at(&self, text: &str, now: &dyn Fn() -> Zoned) -> bool {
        self.comparable(text, now).is_some_and(|(expected, actual)| {
            let order = actual.nanosecond().cmp(&expected.nanosecond());
            self.relation.holds(order)
        })
    }

    /// The expected date and the actual one as dates of one kind; `None` if either is missing.
    fn comparable(&self, text: &str, now: &dyn Fn() -> Zoned) -> Option<(Point, Point)> {
        let mut actual = self.reading.read(text);
        if let (Some(truncation), Some(zoned)) = (self.truncate_actual, &actual.zoned) {
            actual.zoned = Some(truncation.of(zoned));
        }
        let expected = self.expected.moment(now);
        match (expected, actual) {
            (Moment { zoned: Some(expected), .. }, Moment { zoned: Some(actual), .. }) => {
                Some((Point::Instant(expected), Point::Instant(actual)))
            }
            (Moment { local: Some(expected), .. }, Moment { local: Some(actual), .. }) => {
                Some((Point::Wall(expected), Point::Wall(actual)))
            }
            (Moment { local: Some(expected), .. }, Moment { zoned: Some(actual), .. }) => {
                Some((Point::Wall(expected), Point::Wall(actual.datetime())))
            }
            (Moment { zoned: Some(expected), .. }, Moment { local: Some(actual), .. }) => {
                let here = actual.to_zoned(TimeZone::system()).ok()?;
                Some((Point::Instant(expected), Point::Instant(here)))
            }
            _ => None,
        }
    }
}

/// A date that is compared with one of its kind.
enum Point {
    Instant(Zoned),
    Wall(DateTime),
}

impl Point {
    fn nanosecond(&self) -> i128 {
        match self {
            Self::Instant(zoned) => zoned.timestamp().as_nanosecond(),
            Self::Wall(wall) => {
                let utc = wall.to_zoned(TimeZone::UTC);
                // the first and last hours of jiff's years have no instant
                utc.map_or(if wall.year() < 0 { i128::MIN / 4 } else { i128::MAX / 4 }, |utc| {
                    utc.timestamp().as_nanosecond()
                })
            }
        }
    }
}

/// Nanoseconds in a hundred years.
const CENTURY: f64 = 100.0 * 365.2425 * 86_400.0 * 1e9;

#[cfg(test)]
mod tests;
