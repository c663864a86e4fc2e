//! Printing of dates by patterns of Java's `SimpleDateFormat`, with the names and weeks of the
//! locale en-US.

use std::fmt::Write as _;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::names::{DAY_HALVES, MONTHS, WEEKDAYS};
use crate::SyntaxError;

/// Returns a date as text by a format, as the template helpers `now` and `date` write it.
///
/// Without a format it is ISO 8601 to the second, in UTC unless a zone is given. `epoch` and `unix`
/// are milliseconds and seconds since 1970. Any other format is a pattern of Java's
/// `SimpleDateFormat`, in the zone of this host unless one is given.
pub fn print_date(at: Timestamp, format: Option<&str>, zone: Option<&TimeZone>) -> Result<String, SyntaxError> {
    match format {
        None => {
            let date = at.to_zoned(zone.cloned().unwrap_or(TimeZone::UTC));
            let mut text = date.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            push_offset(&date, OffsetWidth::Colon, true, &mut text);
            Ok(text)
        }
        Some("epoch") => Ok(at.as_millisecond().to_string()),
        Some("unix") => Ok(at.as_millisecond().div_euclid(1000).to_string()),
        Some(pattern) => print_by_pattern(&at.to_zoned(zone.cloned().unwrap_or_else(TimeZone::system)), pattern),
    }
}

/// The precision and separator of an offset that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffsetWidth {
    /// Whole hours, such as `+02`.
    Hours,
    /// `+0200`: hours and minutes without a colon.
    Compact,
    /// `+02:00`: hours and minutes with a colon.
    Colon,
}

fn print_by_pattern(date: &Zoned, pattern: &str) -> Result<String, SyntaxError> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let at = pattern.len() - rest.len();
        if first == '\'' {
            rest = push_quoted(&rest[1..], &mut out).ok_or_else(|| {
                let message = format!("the date format `{pattern}` has a quote that is not closed");
                SyntaxError::new(at, message, "close it with `'`")
            })?;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let after = rest.trim_start_matches(first);
        let count = rest.len() - after.len();
        rest = after;
        if count > MAX_LETTERS || !push_field(date, first, count, &mut out) {
            let letters = first.to_string().repeat(count.min(MAX_LETTERS));
            let message = format!("the date format `{pattern}` has `{letters}`, which is not supported");
            return Err(SyntaxError::new(at, message, "put text in single quotes"));
        }
    }
    Ok(out)
}

/// Writes text in single quotes, from behind the first; two of them are one. Returns what follows,
/// or `None` if the text is not closed.
fn push_quoted<'p>(rest: &'p str, out: &mut String) -> Option<&'p str> {
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Some(after);
    }
    let mut rest = rest;
    loop {
        let (text, after) = rest.split_once('\'')?;
        out.push_str(text);
        match after.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Some(after),
        }
    }
}

/// Writes the field of `count` equal letters; false if there is no such field.
fn push_field(date: &Zoned, letter: char, count: usize, out: &mut String) -> bool {
    let mut number = |value: i64| {
        let _ = write!(out, "{value:0count$}");
    };
    let day = date.date();
    let hour = i64::from(date.hour());
    match letter {
        'y' | 'Y' => {
            let year = if letter == 'Y' { week_year(day) } else { i64::from(day.year()) };
            if count == 2 {
                let _ = write!(out, "{:02}", year.rem_euclid(100));
            } else {
                number(year);
            }
        }
        'M' | 'L' if count >= 3 => push_name(MONTHS[usize::from(day.month().unsigned_abs()) - 1], count, out),
        'M' | 'L' => number(day.month().into()),
        'd' => number(day.day().into()),
        'D' => number(day.day_of_year().into()),
        'F' => number(i64::from(day.day() - 1) / 7 + 1),
        'E' => push_name(WEEKDAYS[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())], count, out),
        'u' => number(day.weekday().to_monday_one_offset().into()),
        'w' => number(week_of_year(day)),
        'W' => number((i64::from(day.day()) - 1 + days_since_sunday(day.first_of_month().weekday())) / 7 + 1),
        'a' => out.push_str(DAY_HALVES[usize::from(hour >= 12)]),
        'H' => number(hour),
        'k' => number(if hour == 0 { 24 } else { hour }),
        'K' => number(hour % 12),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'm' => number(date.minute().into()),
        's' => number(date.second().into()),
        'S' => number(date.millisecond().into()),
        'G' => out.push_str(if day.year() > 0 { "AD" } else { "BC" }),
        'z' => push_zone_name(date, out),
        'Z' => push_offset(date, OffsetWidth::Compact, false, out),
        'X' if count == 1 => push_offset(date, OffsetWidth::Hours, true, out),
        'X' if count == 2 => push_offset(date, OffsetWidth::Compact, true, out),
        'X' if count == 3 => push_offset(date, OffsetWidth::Colon, true, out),
        _ => return false,
    }
    true
}

/// Writes a name, cut to three letters below four pattern letters.
fn push_name(name: &str, count: usize, out: &mut String) {
    out.push_str(if count >= 4 { name } else { &name[..3] });
}

/// Returns the days since Sunday, 0 to 6.
fn days_since_sunday(weekday: Weekday) -> i64 {
    weekday.to_sunday_zero_offset().into()
}

/// Returns the number of the week in its year: weeks begin on Sunday, and the first has January 1.
fn week_of_year(date: Date) -> i64 {
    let is_of_next_year = week_year(date) > i64::from(date.year());
    let days = i64::from(date.day_of_year()) - 1 + days_since_sunday(date.first_of_year().weekday());
    if is_of_next_year { 1 } else { days / 7 + 1 }
}

/// Returns the year that the week of a date belongs to.
fn week_year(date: Date) -> i64 {
    let left = i64::from(date.last_of_year().day_of_year() - date.day_of_year());
    // January 1 is on or before the Saturday of this week
    let saturday = 6 - days_since_sunday(date.weekday());
    i64::from(date.year()) + i64::from(left < saturday)
}

/// Writes an offset; with `has_zulu`, zero is `Z`.
fn push_offset(date: &Zoned, width: OffsetWidth, has_zulu: bool, out: &mut String) {
    let seconds = date.offset().seconds();
    if has_zulu && seconds == 0 {
        out.push('Z');
        return;
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
    let _ = match width {
        OffsetWidth::Hours => write!(out, "{sign}{:02}", minutes / 60),
        OffsetWidth::Compact => write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60),
        OffsetWidth::Colon => write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    };
}

fn push_zone_name(date: &Zoned, out: &mut String) {
    let zone = date.time_zone();
    if date.offset().is_zero() && zone.iana_name().is_none_or(|name| name == "UTC") {
        out.push_str("UTC");
    } else if zone.to_fixed_offset().is_ok() {
        out.push_str("GMT");
        push_offset(date, OffsetWidth::Colon, false, out);
    } else {
        out.push_str(zone.to_offset_info(date.timestamp()).abbreviation());
    }
}

/// Letters that one field may have.
const MAX_LETTERS: usize = 20;
