//! The date that a stub names: a literal, or a distance from now, and what is cut off it.

use jiff::civil::DateTime;
use jiff::{Span, Zoned};

use super::DateTimeError;
use super::reading::{Moment, Reading};

/// A date that a text is held against.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Always the same; without zone and wall time it was none that could be read, and nothing meets it.
    Literal(Moment),
    /// Told from the clock at each call, in the zone of this machine.
    Now {
        /// How far from now.
        offset: Offset,
        /// What is cut off.
        truncation: Option<Truncation>,
        /// Whether it is cut off after the shift, not before.
        truncation_last: bool,
    },
}

/// A distance in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// How many.
    pub amount: i32,
    /// Of what.
    pub unit: Unit,
}

/// A unit of an [`Offset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of the calendar, which may have 23 or 25 hours.
    Days,
    /// Months of the calendar.
    Months,
    /// Years of the calendar.
    Years,
}

/// Where a date is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// The beginning of its minute.
    FirstSecondOfMinute,
    /// The beginning of its hour.
    FirstMinuteOfHour,
    /// The beginning of its day.
    FirstHourOfDay,
    /// The beginning of its month.
    FirstDayOfMonth,
    /// The beginning of the next month.
    FirstDayOfNextMonth,
    /// The beginning of the last day of its month.
    LastDayOfMonth,
    /// The beginning of its year.
    FirstDayOfYear,
    /// The beginning of the next year.
    FirstDayOfNextYear,
    /// The beginning of the last day of its year.
    LastDayOfYear,
}

impl Expected {
    /// Whether the operand is told from the clock: `now`, `now +3 days`, `-2 hours`.
    pub fn is_relative(operand: &str) -> bool {
        operand.eq_ignore_ascii_case("now") || distance(operand).is_some()
    }

    /// A literal date.
    pub fn literal(operand: &str) -> Self {
        Self::Literal(Reading::Usual.read(operand))
    }

    /// Whether no text can meet it.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Literal(Moment { zoned: None, local: None }))
    }

    pub(super) fn moment(&self, now: &dyn Fn() -> Zoned) -> Moment {
        match self {
            Self::Literal(moment) => moment.clone(),
            Self::Now { offset, truncation, truncation_last } => {
                let cut = |zoned: Zoned| truncation.map_or_else(|| zoned.clone(), |truncation| truncation.of(&zoned));
                let zoned = match truncation_last {
                    true => cut(offset.shift(&now())),
                    false => offset.shift(&cut(now())),
                };
                Moment { zoned: Some(zoned), local: None }
            }
        }
    }
}

impl Offset {
    /// Not at all.
    pub const NONE: Self = Self { amount: 0, unit: Unit::Seconds };

    /// The distance of an operand such as `now +3 days`; none for `now`.
    pub fn parse(operand: &str) -> Result<Self, DateTimeError> {
        if operand.eq_ignore_ascii_case("now") {
            return Ok(Self::NONE);
        }
        let (amount, unit) = distance(operand).unwrap_or(("", operand));
        let amount = amount.parse().map_err(|_| DateTimeError {
            message: format!("`{operand}` is not a distance from now"),
            help: "write `now`, or one such as `now +3 days` or `-2 hours`".to_owned(),
        })?;
        Ok(Self { amount, unit: Unit::parse(unit)? })
    }

    fn shift(self, zoned: &Zoned) -> Zoned {
        let amount = i64::from(self.amount);
        let span = Span::new();
        let span = match self.unit {
            Unit::Seconds => span.try_seconds(amount),
            Unit::Minutes => span.try_minutes(amount),
            Unit::Hours => span.try_hours(amount),
            Unit::Days => span.try_days(amount),
            Unit::Months => span.try_months(amount),
            Unit::Years => span.try_years(amount),
        };
        // beyond the calendar, its end is as good as what lies behind it
        match span {
            Ok(span) => zoned.saturating_add(span),
            Err(_) if amount < 0 => Zoned::new(jiff::Timestamp::MIN, jiff::tz::TimeZone::UTC),
            Err(_) => Zoned::new(jiff::Timestamp::MAX, jiff::tz::TimeZone::UTC),
        }
    }
}

impl Unit {
    /// The unit of this name, in any case of its letters.
    pub fn parse(name: &str) -> Result<Self, DateTimeError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "seconds" => Self::Seconds,
            "minutes" => Self::Minutes,
            "hours" => Self::Hours,
            "days" => Self::Days,
            "months" => Self::Months,
            "years" => Self::Years,
            _ => {
                return Err(DateTimeError {
                    message: format!("`{name}` is not a unit of time"),
                    help: "use one of: seconds, minutes, hours, days, months, years".to_owned(),
                });
            }
        })
    }
}

impl Truncation {
    /// The truncation of this name, such as `first day of month` or `FIRST_DAY_OF_MONTH`.
    pub fn parse(name: &str) -> Result<Self, DateTimeError> {
        let spelt = name.to_lowercase().replace('_', " ");
        let known = TRUNCATIONS.iter().find(|(known, _)| *known == spelt);
        known.map(|(_, truncation)| *truncation).ok_or_else(|| DateTimeError {
            message: format!("`{name}` is not a truncation"),
            help: format!("use one of: {}", TRUNCATIONS.map(|(known, _)| known).join(", ")),
        })
    }

    /// The date, moved.
    pub(super) fn of(self, zoned: &Zoned) -> Zoned {
        let wall = zoned.datetime();
        let date = wall.date();
        let moved = match self {
            Self::FirstSecondOfMinute => {
                DateTime::from_parts(date, jiff::civil::time(wall.hour(), wall.minute(), 0, 0))
            }
            Self::FirstMinuteOfHour => DateTime::from_parts(date, jiff::civil::time(wall.hour(), 0, 0, 0)),
            Self::FirstHourOfDay => date.into(),
            Self::FirstDayOfMonth => date.first_of_month().into(),
            Self::FirstDayOfNextMonth => date.last_of_month().tomorrow().unwrap_or(date).into(),
            Self::LastDayOfMonth => date.last_of_month().into(),
            Self::FirstDayOfYear => date.first_of_year().into(),
            Self::FirstDayOfNextYear => date.last_of_year().tomorrow().unwrap_or(date).into(),
            Self::LastDayOfYear => date.last_of_year().into(),
        };
        moved.to_zoned(zoned.time_zone().clone()).unwrap_or_else(|_| zoned.clone())
    }
}

/// `now +3 days` or `3 days` as amount and unit.
fn distance(operand: &str) -> Option<(&str, &str)> {
    let rest = match operand.get(..4) {
        Some(now) if now.eq_ignore_ascii_case("now ") => &operand[4..],
        _ => operand,
    };
    let (amount, unit) = rest.split_once(' ')?;
    let digits = amount.strip_prefix(['+', '-']).unwrap_or(amount);
    let is_amount = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_unit = !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_amount && is_unit).then_some((amount, unit))
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
