//! The fields of a date that is being read, and their resolution to a date.
//!
//! Fields that contradict one another make no date: a weekday that is not the day's, one field with
//! two values.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{Offset, TimeZone};

use super::parsed::ParsedDate;

/// The fields of a date as far as they have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct DateFields {
    values: [Option<i64>; DateField::COUNT],
    pub(super) offset: Option<Offset>,
    pub(super) zone: Option<TimeZone>,
}

/// A numeric field of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateField {
    Year,
    Month,
    Day,
    DayOfYear,
    /// Weekday from 1 for Monday.
    Weekday,
    /// Weekday from 1 for Sunday, as the United States count.
    UsWeekday,
    /// 0 in the morning, 1 in the afternoon.
    HalfOfDay,
    /// Hour of the day, 0 to 23.
    Hour,
    /// Hour of the day, 1 to 24.
    ClockHour,
    /// Hour of the half day, 0 to 11.
    HalfHour,
    /// Hour of the half day, 1 to 12.
    ClockHalfHour,
    Minute,
    Second,
    Nano,
    MilliOfDay,
}

/// Rules for fields that make no date by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResolveRules {
    /// Moves a day up to 31 that its month lacks to the end of the month: Java's "smart" mode.
    pub(super) clamps_days: bool,
    /// Takes a missing month or day for the first.
    pub(super) fills_missing: bool,
}

impl DateField {
    const COUNT: usize = Self::MilliOfDay as usize + 1;
}

impl DateFields {
    /// Stores the value of a field; false if the field has another value.
    pub(super) fn set(&mut self, field: DateField, value: i64) -> bool {
        let known = &mut self.values[field as usize];
        *known.get_or_insert(value) == value
    }

    /// Returns the date that the fields make.
    pub(super) fn resolve(self, rules: ResolveRules) -> Option<ParsedDate> {
        let date = self.date(rules)?;
        let has_weekday = |field, read: fn(i8) -> Result<Weekday, jiff::Error>| match self.value(field) {
            None => Some(true),
            Some(value) => Some(date.weekday() == read(i8::try_from(value).ok()?).ok()?),
        };
        if !has_weekday(DateField::Weekday, Weekday::from_monday_one_offset)?
            || !has_weekday(DateField::UsWeekday, Weekday::from_sunday_one_offset)?
        {
            return None;
        }
        let time = self.time().ok()?;
        ParsedDate::from_parts(date, time, self.offset, self.zone)
    }

    fn value(&self, field: DateField) -> Option<i64> {
        self.values[field as usize]
    }

    fn date(&self, rules: ResolveRules) -> Option<Date> {
        let year = i16::try_from(self.value(DateField::Year)?).ok()?;
        if let Some(day) = self.value(DateField::DayOfYear) {
            let day = i16::try_from(day).ok()?;
            return Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok();
        }
        let or_first = |value: Option<i64>| value.or(rules.fills_missing.then_some(1));
        let month = i8::try_from(or_first(self.value(DateField::Month))?).ok()?;
        let day = i8::try_from(or_first(self.value(DateField::Day))?).ok()?;
        let last = Date::new(year, month, 1).ok()?.days_in_month();
        let day = if rules.clamps_days && (29..=31).contains(&day) { day.min(last) } else { day };
        Date::new(year, month, day).ok()
    }

    /// Returns the time of day, if an hour was read.
    fn time(&self) -> Result<Option<Time>, InvalidTime> {
        let of_hour = match self.hour()? {
            None => None,
            Some(hour) => {
                let part = |field| self.value(field).unwrap_or(0);
                Some(time(hour, part(DateField::Minute), part(DateField::Second), part(DateField::Nano))?)
            }
        };
        let of_millis = match self.value(DateField::MilliOfDay) {
            None => None,
            Some(millis) => {
                let seconds = millis / 1000;
                Some(time(seconds / 3600, seconds / 60 % 60, seconds % 60, millis % 1000 * 1_000_000)?)
            }
        };
        same(of_hour, of_millis)
    }

    /// Returns the hour from 0 to 23, if one was read, from whichever field it was read.
    fn hour(&self) -> Result<Option<i64>, InvalidTime> {
        let of_day = match (self.value(DateField::Hour), self.value(DateField::ClockHour)) {
            (Some(hour), _) => Some(hour),
            (None, Some(hour)) => Some(in_range(hour, 1..=24)? % 24),
            (None, None) => None,
        };
        let of_half = match (self.value(DateField::HalfHour), self.value(DateField::ClockHalfHour)) {
            (Some(hour), _) => Some(in_range(hour, 0..=11)?),
            (None, Some(hour)) => Some(in_range(hour, 1..=12)? % 12),
            (None, None) => None,
        };
        same(of_day, of_half.zip(self.value(DateField::HalfOfDay)).map(|(hour, half)| hour + 12 * half))
    }
}

/// Error: fields that are out of range or contradict one another, such as 25 o'clock.
#[derive(Clone, Copy, Debug)]
struct InvalidTime;

fn time(hour: i64, minute: i64, second: i64, nano: i64) -> Result<Time, InvalidTime> {
    let small = |value: i64| i8::try_from(value).map_err(|_| InvalidTime);
    let nano = i32::try_from(nano).map_err(|_| InvalidTime)?;
    Time::new(small(hour)?, small(minute)?, small(second)?, nano).map_err(|_| InvalidTime)
}

fn in_range(value: i64, range: std::ops::RangeInclusive<i64>) -> Result<i64, InvalidTime> {
    if range.contains(&value) { Ok(value) } else { Err(InvalidTime) }
}

/// Returns the value that one or both sides have.
fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> Result<Option<T>, InvalidTime> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(InvalidTime),
        (one, other) => Ok(one.or(other)),
    }
}
