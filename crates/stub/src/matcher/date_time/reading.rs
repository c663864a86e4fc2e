//! How a text is read as a date: by the usual spellings one after another, by a format, or as a count since 1970.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::DateTimeError;
use super::format::DateFormat;
use super::iso;

/// How a text is read as a date.
#[derive(Clone, Debug)]
pub enum Reading {
    /// ISO 8601, the three spellings of HTTP, a date, a month or a year.
    Usual,
    /// Milliseconds since 1970.
    Epoch,
    /// Seconds since 1970.
    Unix,
    /// A format in Java's letters.
    Format(Box<DateFormat>),
}

/// A date as far as a text tells: an instant with its zone, a time on the wall, both, or neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    pub(super) zoned: Option<Zoned>,
    pub(super) local: Option<DateTime>,
}

impl Reading {
    /// The reading that `actualFormat` asks for.
    pub fn parse(format: &str) -> Result<Self, DateTimeError> {
        if format.eq_ignore_ascii_case("unix") {
            return Ok(Self::Unix);
        }
        if format.eq_ignore_ascii_case("epoch") {
            return Ok(Self::Epoch);
        }
        DateFormat::new(format).map(|format| Self::Format(Box::new(format)))
    }

    pub(super) fn read(&self, text: &str) -> Moment {
        match self {
            Self::Usual => usual(text).unwrap_or_default(),
            Self::Epoch => since_1970(text, 1),
            Self::Unix => since_1970(text, 1000),
            Self::Format(format) => format.read(text).unwrap_or_default(),
        }
    }
}

fn since_1970(text: &str, unit: i64) -> Moment {
    let count = text.parse::<i64>().ok().and_then(|count| count.checked_mul(unit));
    let Some(instant) = count.and_then(|count| Timestamp::from_millisecond(count).ok()) else {
        return Moment::default();
    };
    let zoned = instant.to_zoned(TimeZone::UTC);
    Moment { local: Some(zoned.datetime()), zoned: Some(zoned) }
}

/// The first spelling that fits.
fn usual(text: &str) -> Option<Moment> {
    // nothing longer is a date, and every call pays for what is tried
    if text.len() > LONGEST || text.is_empty() {
        return None;
    }
    iso::read(text).or_else(|| DateFormat::of_http().iter().find_map(|format| format.read(text)))
}

/// Bytes of the longest spelling, with room for a zone's name.
const LONGEST: usize = 100;
