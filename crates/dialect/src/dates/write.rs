//! Writing a time by a pattern of Java's `SimpleDateFormat`, with the names and weeks of the locale en-US.

use std::fmt::Write as _;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{MONTHS, WEEKDAYS};

/// The text of a time. Without a format, ISO 8601 to the second, in UTC unless a zone is given; `epoch` and `unix` are
/// milliseconds and seconds since 1970; anything else is a pattern, by the clock of this host unless a zone is given.
pub fn write(at: Timestamp, format: Option<&str>, zone: Option<&TimeZone>) -> Result<String, String> {
    match format {
        None => {
            let time = at.to_zoned(zone.cloned().unwrap_or(TimeZone::UTC));
            let mut text = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            offset(&time, 3, true, &mut text);
            Ok(text)
        }
        Some("epoch") => Ok(at.as_millisecond().to_string()),
        Some("unix") => Ok(at.as_millisecond().div_euclid(1000).to_string()),
        Some(pattern) => by_pattern(&at.to_zoned(zone.cloned().unwrap_or_else(TimeZone::system)), pattern),
    }
}

fn by_pattern(time: &Zoned, pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            rest = quoted(&rest[1..], pattern, &mut out)?;
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
        if count > LONGEST_FIELD || !field(time, first, count, &mut out) {
            let letters = first.to_string().repeat(count.min(LONGEST_FIELD));
            return Err(format!("`{letters}` in the date format `{pattern}` means nothing; put text in single quotes"));
        }
    }
    Ok(out)
}

/// Text in single quotes, from behind the first; two of them are one.
fn quoted<'p>(rest: &'p str, pattern: &str, out: &mut String) -> Result<&'p str, String> {
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    let mut rest = rest;
    loop {
        let Some((text, after)) = rest.split_once('\'') else {
            return Err(format!("a single quote in the date format `{pattern}` is not closed"));
        };
        out.push_str(text);
        match after.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(after),
        }
    }
}

/// Writes one field; false if there is no such letter.
fn field(time: &Zoned, letter: char, count: usize, out: &mut String) -> bool {
    let mut number = |value: i64| {
        let _ = write!(out, "{value:0count$}");
    };
    let date = time.date();
    let hour = i64::from(time.hour());
    match letter {
        'y' | 'Y' => {
            let year = if letter == 'Y' { week_year(date) } else { i64::from(date.year()) };
            if count == 2 {
                let _ = write!(out, "{:02}", year.rem_euclid(100));
            } else {
                number(year);
            }
        }
        'M' | 'L' if count >= 3 => name(MONTHS[usize::from(date.month().unsigned_abs()) - 1], count, out),
        'M' | 'L' => number(date.month().into()),
        'd' => number(date.day().into()),
        'D' => number(date.day_of_year().into()),
        'F' => number(i64::from(date.day() - 1) / 7 + 1),
        'E' => name(WEEKDAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())], count, out),
        'u' => number(date.weekday().to_monday_one_offset().into()),
        'w' => number(week_of_year(date)),
        'W' => number((i64::from(date.day()) - 1 + sundays_first(date.first_of_month().weekday())) / 7 + 1),
        'a' => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        'H' => number(hour),
        'k' => number(if hour == 0 { 24 } else { hour }),
        'K' => number(hour % 12),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'm' => number(time.minute().into()),
        's' => number(time.second().into()),
        'S' => number(time.millisecond().into()),
        'G' => out.push_str(if date.year() > 0 { "AD" } else { "BC" }),
        'z' => zone_name(time, out),
        'Z' => offset(time, 2, false, out),
        'X' if count <= 3 => offset(time, count, true, out),
        _ => return false,
    }
    true
}

fn name(name: &str, count: usize, out: &mut String) {
    out.push_str(if count >= 4 { name } else { &name[..3] });
}

/// Days since Sunday.
fn sundays_first(weekday: Weekday) -> i64 {
    weekday.to_sunday_zero_offset().into()
}

/// Weeks begin on Sunday, and the first is the one with January 1.
fn week_of_year(date: Date) -> i64 {
    let of_next = week_year(date) > i64::from(date.year());
    let days = i64::from(date.day_of_year()) - 1 + sundays_first(date.first_of_year().weekday());
    if of_next { 1 } else { days / 7 + 1 }
}

fn week_year(date: Date) -> i64 {
    let left = i64::from(date.last_of_year().day_of_year() - date.day_of_year());
    // January 1 is on or before the Saturday of this week
    let saturday = 6 - sundays_first(date.weekday());
    i64::from(date.year()) + i64::from(left < saturday)
}

/// `Z`, `+02`, `+0200` or `+02:00`.
fn offset(time: &Zoned, parts: usize, zulu: bool, out: &mut String) {
    let seconds = time.offset().seconds();
    if zulu && seconds == 0 {
        out.push('Z');
        return;
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
    let _ = match parts {
        1 => write!(out, "{sign}{:02}", minutes / 60),
        2 => write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60),
        _ => write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    };
}

fn zone_name(time: &Zoned, out: &mut String) {
    let zone = time.time_zone();
    if time.offset().is_zero() && zone.iana_name().is_none_or(|name| name == "UTC") {
        out.push_str("UTC");
    } else if zone.to_fixed_offset().is_ok() {
        out.push_str("GMT");
        offset(time, 3, false, out);
    } else {
        out.push_str(zone.to_offset_info(time.timestamp()).abbreviation());
    }
}

/// Letters of one field.
const LONGEST_FIELD: usize = 20;
