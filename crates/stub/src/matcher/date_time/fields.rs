//! What has been read of a date so far, and the date that it makes: hours of two clocks, days of month or year.
//!
//! What contradicts itself is no date: a weekday that is not the day's, a field that says two things.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::reading::Moment;

/// The parts of a date, as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    values: [Option<i64>; Field::COUNT],
    pub(super) zone: Option<TimeZone>,
}

/// A part of a date that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    /// 1 is Monday.
    Weekday,
    /// 0 is the morning, 1 the afternoon.
    HalfOfDay,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    ClockHour,
    /// 0 to 11.
    HalfHour,
    /// 1 to 12.
    ClockHalfHour,
    Minute,
    Second,
    Nano,
}

impl Field {
    const COUNT: usize = Self::Nano as usize + 1;
}

impl Fields {
    /// Notes a part; false if it was read before and was something else.
    pub(super) fn set(&mut self, field: Field, value: i64) -> bool {
        let known = &mut self.values[field as usize];
        *known.get_or_insert(value) == value
    }

    /// The date that the parts make. A day that its month does not have is moved to the month's end if `clamp` says so.
    pub(super) fn moment(self, clamp: bool) -> Option<Moment> {
        let date = self.date(clamp)?;
        if let Some(weekday) = self.value(Field::Weekday)
            && date.weekday() != Weekday::from_monday_one_offset(i8::try_from(weekday).ok()?).ok()?
        {
            return None;
        }
        match (self.time().ok()?, self.zone) {
            (Some(time), Some(zone)) => {
                let wall = DateTime::from_parts(date, time);
                Some(Moment { zoned: Some(wall.to_zoned(zone).ok()?), local: Some(wall) })
            }
            (Some(time), None) => Some(Moment { zoned: None, local: Some(DateTime::from_parts(date, time)) }),
            // a zone without a time makes no instant
            (None, _) => Some(Moment { zoned: None, local: Some(date.into()) }),
        }
    }

    fn value(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    fn date(&self, clamp: bool) -> Option<Date> {
        let year = i16::try_from(self.value(Field::Year)?).ok()?;
        if let Some(day) = self.value(Field::DayOfYear) {
            let day = i16::try_from(day).ok()?;
            return Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok();
        }
        let month = i8::try_from(self.value(Field::Month)?).ok()?;
        let day = i8::try_from(self.value(Field::Day)?).ok()?;
        let last = Date::new(year, month, 1).ok()?.days_in_month();
        let day = if clamp && (29..=31).contains(&day) { day.min(last) } else { day };
        Date::new(year, month, day).ok()
    }

    /// The time of day, if there is one.
    fn time(&self) -> Result<Option<Time>, NoClockShows> {
        let Some(hour) = self.hour()? else { return Ok(None) };
        let part = |field| self.value(field).unwrap_or(0);
        let small = |value: i64| i8::try_from(value).map_err(|_| NoClockShows);
        let nano = i32::try_from(part(Field::Nano)).map_err(|_| NoClockShows)?;
        let time = Time::new(small(hour)?, small(part(Field::Minute))?, small(part(Field::Second))?, nano);
        time.map(Some).map_err(|_| NoClockShows)
    }

    /// The hour from 0 to 23, if there is one, by whichever clock it was read.
    fn hour(&self) -> Result<Option<i64>, NoClockShows> {
        let of_day = match (self.value(Field::Hour), self.value(Field::ClockHour)) {
            (Some(hour), _) => Some(hour),
            (None, Some(hour)) => Some(in_range(hour, 1..=24)? % 24),
            (None, None) => None,
        };
        let of_half = match (self.value(Field::HalfHour), self.value(Field::ClockHalfHour)) {
            (Some(hour), _) => Some(in_range(hour, 0..=11)?),
            (None, Some(hour)) => Some(in_range(hour, 1..=12)? % 12),
            (None, None) => None,
        };
        let by_halves = of_half.zip(self.value(Field::HalfOfDay)).map(|(hour, half)| hour + 12 * half);
        match (of_day, by_halves) {
            (Some(one), Some(other)) if one != other => Err(NoClockShows),
            (one, other) => Ok(one.or(other)),
        }
    }
}

/// A time that no clock shows, such as 25 o'clock.
#[derive(Clone, Copy, Debug)]
struct NoClockShows;

fn in_range(value: i64, range: std::ops::RangeInclusive<i64>) -> Result<i64, NoClockShows> {
    if range.contains(&value) { Ok(value) } else { Err(NoClockShows) }
}
