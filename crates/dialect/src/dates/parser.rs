//! [`DateParser`]: the usual spellings of dates one after another, a pattern, or a count from 1970.

use jiff::Timestamp;

use super::fields::ResolveRules;
use super::format::{DateFormat, http_formats};
use super::iso;
use super::parsed::ParsedDate;
use crate::SyntaxError;

/// A way to read dates, as WireMock's `DateTimeParser` has them.
///
/// ```
/// use standin_dialect::dates::DateParser;
///
/// let parser = DateParser::for_format("yyyy-MM-dd'T'HH:mm:ssXXX")?;
/// let date = parser.parse("2021-04-30T10:20:30+02:00").expect("a date");
/// assert_eq!(date.instant().expect("in range").to_string(), "2021-04-30T08:20:30Z");
/// assert!(DateParser::Usual.parse("Tue, 01 Jun 2021 15:16:17 GMT").is_some());
/// assert!(DateParser::Usual.parse("Wed, 01 Jun 2021 15:16:17 GMT").is_none(), "it was a Tuesday");
/// # Ok::<(), standin_dialect::SyntaxError>(())
/// ```
#[derive(Clone, Debug)]
pub enum DateParser {
    /// ISO 8601 down to a month or a year, RFC 1123, RFC 1036, and the output of C's `asctime`.
    Usual,
    /// The usual spellings that name an instant: a date, a time, and a zone.
    Instant,
    /// A count of milliseconds since 1970, in decimal digits.
    Epoch,
    /// A count of seconds since 1970, in decimal digits.
    Unix,
    /// A pattern of Java's `DateTimeFormatter`.
    Format(Box<DateFormat>),
}

impl DateParser {
    /// Returns the parser that a format asks for: `unix`, `epoch`, or a pattern such as
    /// `dd/MM/yyyy`.
    pub fn for_format(format: &str) -> Result<Self, SyntaxError> {
        if format.eq_ignore_ascii_case("unix") {
            return Ok(Self::Unix);
        }
        if format.eq_ignore_ascii_case("epoch") {
            return Ok(Self::Epoch);
        }
        DateFormat::parse(format).map(|format| Self::Format(Box::new(format)))
    }

    /// Returns the date that the whole text is, if it is one. A pattern must tell year, month and
    /// day.
    pub fn parse(&self, text: &str) -> Option<ParsedDate> {
        self.read(text, false)
    }

    /// Returns the date that the whole text is, if it is one. Where a pattern tells no month or no
    /// day, it is the first.
    pub fn parse_incomplete(&self, text: &str) -> Option<ParsedDate> {
        self.read(text, true)
    }

    fn read(&self, text: &str, fills_missing: bool) -> Option<ParsedDate> {
        match self {
            Self::Usual => usual(text),
            Self::Instant => usual(text).filter(|date| date.zoned().is_some()),
            Self::Epoch => since_1970(text, 1),
            Self::Unix => since_1970(text, 1000),
            Self::Format(format) => format.read(text, fills_missing),
        }
    }
}

/// Reads a count since 1970 in units of `unit` milliseconds.
fn since_1970(text: &str, unit: i64) -> Option<ParsedDate> {
    let millis = text.parse::<i64>().ok()?.checked_mul(unit)?;
    Timestamp::from_millisecond(millis).ok().map(ParsedDate::from_instant)
}

/// Reads by the first of the usual spellings that fits.
fn usual(text: &str) -> Option<ParsedDate> {
    // a longer text is no date, and each attempt costs time on every request
    if text.len() > MAX_USUAL_BYTES || text.is_empty() {
        return None;
    }
    let rules = ResolveRules { clamps_days: false, fills_missing: false };
    iso::read(text)
        .and_then(|fields| fields.resolve(rules))
        .or_else(|| http_formats().iter().find_map(|format| format.read(text, false)))
}

/// Bytes of the longest usual spelling, with room for the name of a zone.
const MAX_USUAL_BYTES: usize = 100;
