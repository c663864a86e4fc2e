//! Distances from a date such as `3 days` or `now -2 hours`: WireMock's `DateTimeOffset`.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

use crate::SyntaxError;

/// A distance in time, such as three days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateOffset {
    /// The number of units; below zero for earlier dates.
    pub amount: i32,
    /// The unit of the amount.
    pub unit: DateUnit,
}

/// A unit of a [`DateOffset`]; WireMock knows no weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateUnit {
    /// A second of elapsed time.
    Seconds,
    /// A minute of elapsed time.
    Minutes,
    /// An hour of elapsed time.
    Hours,
    /// Days of the calendar, which may have 23 or 25 hours.
    Days,
    /// Months of the calendar.
    Months,
    /// Years of the calendar.
    Years,
}

impl DateOffset {
    /// The offset of `now`.
    pub const NONE: Self = Self { amount: 0, unit: DateUnit::Seconds };

    /// Parses `now`, `3 days` or `now -2 hours`; the word before the amount may be any.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::NONE);
        }
        let malformed = || {
            let message = format!("`{text}` is not a date offset");
            SyntaxError::new(0, message, "write `now`, or an offset such as `3 days` or `now -2 hours`")
        };
        let words: Vec<&str> = text.split(' ').collect();
        let (amount, unit) = match words.as_slice() {
            [amount, unit] | [_, amount, unit] => (*amount, *unit),
            _ => return Err(malformed()),
        };
        let amount = amount.parse().map_err(|_| malformed())?;
        Ok(Self { amount, unit: DateUnit::parse(unit)? })
    }

    /// Returns the date that is this distance later, by the calendar of the date's zone; `None`
    /// beyond the years -9999 to 9999.
    pub fn apply(self, date: &Zoned) -> Option<Zoned> {
        self.span().and_then(|span| date.checked_add(span).ok())
    }

    /// Returns the date that is this distance later, or the end of the calendar that lies in that
    /// direction.
    pub fn apply_saturating(self, date: &Zoned) -> Zoned {
        match self.span() {
            Some(span) => date.saturating_add(span),
            None if self.amount < 0 => Zoned::new(Timestamp::MIN, TimeZone::UTC),
            None => Zoned::new(Timestamp::MAX, TimeZone::UTC),
        }
    }

    fn span(self) -> Option<Span> {
        let amount = i64::from(self.amount);
        let span = Span::new();
        match self.unit {
            DateUnit::Seconds => span.try_seconds(amount),
            DateUnit::Minutes => span.try_minutes(amount),
            DateUnit::Hours => span.try_hours(amount),
            DateUnit::Days => span.try_days(amount),
            DateUnit::Months => span.try_months(amount),
            DateUnit::Years => span.try_years(amount),
        }
        .ok()
    }
}

impl DateUnit {
    /// Parses the name of a unit in any case: `days`, `DAYS`.
    pub fn parse(name: &str) -> Result<Self, SyntaxError> {
        match name.to_ascii_lowercase().as_str() {
            "seconds" => Ok(Self::Seconds),
            "minutes" => Ok(Self::Minutes),
            "hours" => Ok(Self::Hours),
            "days" => Ok(Self::Days),
            "months" => Ok(Self::Months),
            "years" => Ok(Self::Years),
            _ => {
                let message = format!("`{name}` is not a unit of time");
                Err(SyntaxError::new(0, message, "use one of: seconds, minutes, hours, days, months, years"))
            }
        }
    }
}
