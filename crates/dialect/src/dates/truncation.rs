//! Truncations such as `first day of month`: WireMock's `DateTimeTruncation`.

use jiff::civil::DateTime;
use jiff::{ToSpan as _, Zoned};

use crate::SyntaxError;

/// A move of a date to the beginning of a minute, hour, day, month or year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// Beginning of the minute.
    FirstSecondOfMinute,
    /// Beginning of the hour.
    FirstMinuteOfHour,
    /// Beginning of the day.
    FirstHourOfDay,
    /// Beginning of the month.
    FirstDayOfMonth,
    /// Beginning of the next month.
    FirstDayOfNextMonth,
    /// Beginning of the last day of the month.
    LastDayOfMonth,
    /// Beginning of the year.
    FirstDayOfYear,
    /// Beginning of the next year.
    FirstDayOfNextYear,
    /// Beginning of the last day of the year.
    LastDayOfYear,
}

impl Truncation {
    /// Parses a name such as `first day of month` or `FIRST_DAY_OF_MONTH`.
    pub fn parse(name: &str) -> Result<Self, SyntaxError> {
        let wanted = name.to_lowercase().replace('_', " ");
        let known = TRUNCATIONS.iter().find(|(known, _)| *known == wanted);
        known.map(|(_, truncation)| *truncation).ok_or_else(|| {
            let help = format!("use one of: {}", TRUNCATIONS.map(|(known, _)| known).join(", "));
            SyntaxError::new(0, format!("`{name}` is not a truncation"), help)
        })
    }

    /// Returns the date after the truncation, by the calendar of its zone; `None` beyond the years
    /// -9999 to 9999.
    pub fn apply(self, date: &Zoned) -> Option<Zoned> {
        let wall = date.datetime();
        let day = wall.date();
        let truncated = match self {
            Self::FirstSecondOfMinute => DateTime::from_parts(day, jiff::civil::time(wall.hour(), wall.minute(), 0, 0)),
            Self::FirstMinuteOfHour => DateTime::from_parts(day, jiff::civil::time(wall.hour(), 0, 0, 0)),
            Self::FirstHourOfDay => day.into(),
            Self::FirstDayOfMonth => day.first_of_month().into(),
            Self::FirstDayOfNextMonth => day.first_of_month().checked_add(1.month()).ok()?.into(),
            Self::LastDayOfMonth => day.last_of_month().into(),
            Self::FirstDayOfYear => day.first_of_year().into(),
            Self::FirstDayOfNextYear => day.first_of_year().checked_add(1.year()).ok()?.into(),
            Self::LastDayOfYear => day.last_of_year().into(),
        };
        truncated.to_zoned(date.time_zone().clone()).ok()
    }
}

const TRUNCATIONS: [(&str, Truncation); 9] = [
    ("first second of minute", Truncation::FirstSecondOfMinute),
    ("first minute of hour", Truncation::FirstMinuteOfHour),
    ("first hour of day", Truncation::FirstHourOfDay),
    ("first day of month", Truncation::FirstDayOfMonth),
    ("first day of next month", Truncation::FirstDayOfNextMonth),
    ("last day of month", Truncation::LastDayOfMonth),
    ("first day of year", Truncation::FirstDayOfYear),
    ("first day of next year", Truncation::FirstDayOfNextYear),
    ("last day of year", Truncation::LastDayOfYear),
];
