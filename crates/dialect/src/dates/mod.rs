//! Dates as Java and WireMock spell them: patterns, offsets such as `-3 days`, truncations such as `first day of month`.

mod read;
mod write;

use std::fmt::Display;

use jiff::civil::Time;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

pub use read::{Read, read};
pub use write::write;

/// How far to shift a time.
#[derive(Clone, Copy, Debug)]
pub struct Shift {
    span: Span,
}

/// What to cut a time down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// `first day of month`
    FirstDayOfMonth,
    /// `first day of next month`
    FirstDayOfNextMonth,
    /// `first day of next year`
    FirstDayOfNextYear,
    /// `first day of year`
    FirstDayOfYear,
    /// `first hour of day`
    FirstHourOfDay,
    /// `first minute of hour`
    FirstMinuteOfHour,
    /// `first second of minute`
    FirstSecondOfMinute,
    /// `last day of month`
    LastDayOfMonth,
    /// `last day of year`
    LastDayOfYear,
}

impl Shift {
    /// Reads `3 days`, `now -2 hours` or `now`; the error says what it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self { span: Span::new() });
        }
        let mend = || format!("`{text}` is no offset; write one such as `3 days` or `now -2 hours`");
        let parts: Vec<&str> = text.split(' ').collect();
        let (amount, unit) = match parts.as_slice() {
            [amount, unit] | [_, amount, unit] => (*amount, *unit),
            _ => return Err(mend()),
        };
        let amount: i64 = amount.parse::<i32>().map_err(|_| mend())?.into();
        let span = match unit.to_ascii_lowercase().as_str() {
            "seconds" => Span::new().try_seconds(amount),
            "minutes" => Span::new().try_minutes(amount),
            "hours" => Span::new().try_hours(amount),
            "days" => Span::new().try_days(amount),
            "weeks" => Span::new().try_weeks(amount),
            "months" => Span::new().try_months(amount),
            "years" => Span::new().try_years(amount),
            _ => {
                return Err(format!("`{unit}` is no unit of time; use seconds, minutes, hours, days, months or years"));
            }
        };
        span.map(|span| Self { span }).map_err(|_| format!("`{text}` is further than dates reach"))
    }

    /// The time that is so much later, by the calendar of UTC.
    pub fn apply(self, at: Timestamp) -> Result<Timestamp, String> {
        let shifted = at.to_zoned(TimeZone::UTC).checked_add(self.span);
        shifted.map(|time| time.timestamp()).map_err(beyond)
    }
}

impl Truncation {
    /// Reads a phrase; the error names those that there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = [
            ("first day of month", Self::FirstDayOfMonth),
            ("first day of next month", Self::FirstDayOfNextMonth),
            ("first day of next year", Self::FirstDayOfNextYear),
            ("first day of year", Self::FirstDayOfYear),
            ("first hour of day", Self::FirstHourOfDay),
            ("first minute of hour", Self::FirstMinuteOfHour),
            ("first second of minute", Self::FirstSecondOfMinute),
            ("last day of month", Self::LastDayOfMonth),
            ("last day of year", Self::LastDayOfYear),
        ];
        let wanted = text.to_ascii_lowercase().replace('_', " ");
        known.iter().find(|(phrase, _)| *phrase == wanted).map(|(_, truncation)| *truncation).ok_or_else(|| {
            let phrases: Vec<&str> = known.iter().map(|(phrase, _)| *phrase).collect();
            format!("`{text}` is no truncation; use one of: {}", phrases.join(", "))
        })
    }

    /// The time, cut down by the calendar of a zone.
    pub fn apply(self, at: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
        let time = at.to_zoned(zone.clone());
        let civil = time.datetime();
        let date = civil.date();
        let midnight = Time::midnight();
        let cut = match self {
            Self::FirstSecondOfMinute => civil.with().second(0).subsec_nanosecond(0).build().map_err(beyond)?,
            Self::FirstMinuteOfHour => civil.with().minute(0).second(0).subsec_nanosecond(0).build().map_err(beyond)?,
            Self::FirstHourOfDay => date.to_datetime(midnight),
            Self::FirstDayOfMonth => date.first_of_month().to_datetime(midnight),
            Self::FirstDayOfNextMonth => {
                date.first_of_month().checked_add(1.month()).map_err(beyond)?.to_datetime(midnight)
            }
            Self::LastDayOfMonth => date.last_of_month().to_datetime(midnight),
            Self::FirstDayOfYear => date.first_of_year().to_datetime(midnight),
            Self::FirstDayOfNextYear => {
                date.first_of_year().checked_add(1.year()).map_err(beyond)?.to_datetime(midnight)
            }
            Self::LastDayOfYear => date.last_of_year().to_datetime(midnight),
        };
        cut.to_zoned(zone.clone()).map(|time: Zoned| time.timestamp()).map_err(beyond)
    }
}

/// A time zone by one of the names that Java's `ZoneId` takes: `Europe/Paris`, `UTC`, `Z`, `+02:00`, `GMT+2`.
pub fn zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "Z" | "UTC" | "GMT" | "UT" | "Etc/UTC") {
        return Some(TimeZone::UTC);
    }
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if offset.starts_with(['+', '-']) {
        return read::offset_of(offset).map(fixed);
    }
    TimeZone::get(name).ok()
}

/// The zone that is always so far from UTC.
fn fixed(offset: Offset) -> TimeZone {
    if offset.is_zero() { TimeZone::UTC } else { TimeZone::fixed(offset) }
}

fn beyond(error: impl Display) -> String {
    format!("the date is out of range: {error}")
}

/// The months in their order.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The days of the week, from Monday.
pub const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
mod tests;
