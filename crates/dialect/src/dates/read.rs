//! Reading a time: by a pattern of Java's `DateTimeFormatter`, or in any of the forms that WireMock knows.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::{rfc2822, temporal::Pieces};
use jiff::tz::{Offset, TimeZone};

use super::{MONTHS, WEEKDAYS, beyond, fixed, zone};

/// A time that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The time; one that names no zone is taken for UTC.
    pub at: Timestamp,
    /// The zone that it names.
    pub zone: Option<TimeZone>,
}

/// Reads a time. Without a format: ISO 8601 with or without zone, RFC 1123, RFC 1036, asctime, a date, a month, a year.
/// `None` if it is in none of them, or not as the format says; the error is about the format.
pub fn read(text: &str, format: Option<&str>) -> Result<Option<Read>, String> {
    match format {
        None => Ok(any_form(text)),
        Some(format) if format.eq_ignore_ascii_case("unix") || format.eq_ignore_ascii_case("epoch") => {
            let number: Option<i64> = text.parse().ok();
            let millis =
                if format.eq_ignore_ascii_case("unix") { number.and_then(|n| n.checked_mul(1000)) } else { number };
            let at = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
            Ok(at.map(|at| Read { at, zone: None }))
        }
        Some(pattern) => {
            let items = items(pattern)?;
            let mut seen = Seen::default();
            let read = take(&items, text, &mut seen).filter(|rest| rest.is_empty());
            Ok(read.and_then(|_| seen.time()))
        }
    }
}

/// `+02:00`, `+0200`, `+02`, `-5`.
pub(super) fn offset_of(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits.replace(':', "")),
        ("-", digits) => (-1, digits.replace(':', "")),
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, rest) = digits.split_at(if digits.len() % 2 == 1 { 1 } else { 2 });
    let (minutes, seconds) = rest.split_at(rest.len().min(2));
    let part = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i32>().ok() };
    Offset::from_seconds(sign * (part(hours)? * 3600 + part(minutes)? * 60 + part(seconds)?)).ok()
}

fn any_form(text: &str) -> Option<Read> {
    let bytes = text.as_bytes();
    let is_iso =
        bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes.get(10).is_none_or(|&at| at == b'T');
    if is_iso {
        return iso(text);
    }
    if let Ok(time) = rfc2822::DateTimeParser::new().parse_zoned(text) {
        return Some(Read { at: time.timestamp(), zone: Some(fixed(time.offset())) });
    }
    let zoned =
        ["EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM dd HH:mm:ss yyyy", "EEE MMM  d HH:mm:ss yyyy", "yyyy-MM", "yyyy"];
    zoned.iter().find_map(|pattern| {
        let found = read(text, Some(pattern)).ok().flatten()?;
        // asctime is in GMT without saying so
        let zone = if pattern.starts_with("EEE ") { Some(TimeZone::UTC) } else { found.zone };
        Some(Read { at: found.at, zone })
    })
}

fn iso(text: &str) -> Option<Read> {
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let offset = pieces.to_numeric_offset();
    let named = pieces.to_time_zone().ok().flatten();
    match (offset, named) {
        (Some(offset), named) => {
            let at = offset.to_timestamp(civil).ok()?;
            Some(Read { at, zone: Some(named.unwrap_or_else(|| fixed(offset))) })
        }
        (None, Some(zone)) => Some(Read { at: zone.to_timestamp(civil).ok()?, zone: Some(zone) }),
        (None, None) => Some(Read { at: TimeZone::UTC.to_timestamp(civil).ok()?, zone: None }),
    }
}

/// A part of a pattern.
#[derive(Debug)]
enum Item {
    Field(char, usize),
    Literal(String),
    Optional(Vec<Item>),
}

/// What has been read so far.
#[derive(Clone, Debug, Default)]
struct Seen {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_hour: Option<i64>,
    is_pm: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i64>,
    zone: Option<TimeZone>,
}

fn items(pattern: &str) -> Result<Vec<Item>, String> {
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let item = match first {
            '\'' => {
                let (text, after) = rest[1..]
                    .split_once('\'')
                    .ok_or_else(|| format!("a single quote in the date format `{pattern}` is not closed"))?;
                rest = after;
                Item::Literal(if text.is_empty() { "'".to_owned() } else { text.to_owned() })
            }
            '[' if open.len() <= MAX_OPTIONAL => {
                open.push(Vec::new());
                rest = &rest[1..];
                continue;
            }
            ']' => {
                rest = &rest[1..];
                match open.pop() {
                    Some(inner) if !open.is_empty() => Item::Optional(inner),
                    _ => return Err(format!("`]` in the date format `{pattern}` closes nothing")),
                }
            }
            letter if letter.is_ascii_alphabetic() => {
                let after = rest.trim_start_matches(letter);
                let count = rest.len() - after.len();
                rest = after;
                if !FIELDS.contains(letter) {
                    let mend = "put text in single quotes";
                    return Err(format!("`{letter}` in the date format `{pattern}` means nothing; {mend}"));
                }
                Item::Field(letter, count)
            }
            other => {
                rest = &rest[other.len_utf8()..];
                Item::Literal(other.to_string())
            }
        };
        if let Some(items) = open.last_mut() {
            items.push(item);
        }
    }
    // what is still open is optional to the end
    while open.len() > 1 {
        let inner = open.pop().unwrap_or_default();
        if let Some(items) = open.last_mut() {
            items.push(Item::Optional(inner));
        }
    }
    Ok(open.pop().unwrap_or_default())
}

/// Reads by the items of a pattern: what is left of the text, or `None` if it is otherwise.
fn take<'t>(items: &[Item], text: &'t str, seen: &mut Seen) -> Option<&'t str> {
    let mut rest = text;
    for item in items {
        rest = match item {
            Item::Literal(literal) => rest.strip_prefix(literal.as_str())?,
            Item::Optional(inner) => {
                let mut tried = seen.clone();
                match take(inner, rest, &mut tried) {
                    Some(after) => {
                        *seen = tried;
                        after
                    }
                    None => rest,
                }
            }
            Item::Field(letter, count) => field(*letter, *count, rest, seen)?,
        };
    }
    Some(rest)
}

fn field<'t>(letter: char, count: usize, text: &'t str, seen: &mut Seen) -> Option<&'t str> {
    let number = |least: usize, most: usize| digits(text, least, most);
    let plain = || if count == 1 { digits(text, 1, 2) } else { digits(text, count, count) };
    let (value, rest) = match letter {
        'y' | 'u' if count == 2 => number(2, 2).map(|(year, rest)| (2000 + year, rest))?,
        'y' | 'u' => number(count.min(4), 4.max(count))?,
        'M' | 'L' if count >= 3 => one_of(text, &MONTHS, count).map(|(place, rest)| (place + 1, rest))?,
        'E' | 'e' | 'c' if count >= 3 || letter == 'E' => one_of(text, &WEEKDAYS, count)?,
        'a' => one_of(text, &["AM", "PM"], 4)?,
        'D' => number(count, 3)?,
        'S' => number(count, count)?,
        'n' | 'A' => number(1, 18)?,
        'X' | 'x' | 'Z' | 'O' | 'z' | 'V' | 'v' => return zone_field(letter, text, seen),
        _ => plain()?,
    };
    let slot = match letter {
        'y' | 'u' => &mut seen.year,
        'M' | 'L' => &mut seen.month,
        'd' => &mut seen.day,
        'D' => &mut seen.day_of_year,
        'H' => &mut seen.hour,
        'k' => {
            seen.hour = Some(value % 24);
            return Some(rest);
        }
        'h' | 'K' => {
            seen.half_hour = Some(value % 12);
            return Some(rest);
        }
        'm' => &mut seen.minute,
        's' => &mut seen.second,
        'S' => {
            let missing = 9_u32.checked_sub(u32::try_from(count).ok()?)?;
            seen.nanos = Some(value * 10_i64.pow(missing));
            return Some(rest);
        }
        'n' => &mut seen.nanos,
        'A' => {
            let seconds = value / 1000;
            (seen.hour, seen.minute) = (Some(seconds / 3600), Some(seconds / 60 % 60));
            (seen.second, seen.nanos) = (Some(seconds % 60), Some(value % 1000 * 1_000_000));
            return Some(rest);
        }
        'a' => {
            seen.is_pm = Some(value == 1);
            return Some(rest);
        }
        _ => return Some(rest),
    };
    *slot = Some(value);
    Some(rest)
}

fn zone_field<'t>(letter: char, text: &'t str, seen: &mut Seen) -> Option<&'t str> {
    if letter == 'X' && text.starts_with('Z') {
        seen.zone = Some(TimeZone::UTC);
        return Some(&text[1..]);
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-:/_".contains(c))).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    seen.zone = Some(zone(name)?);
    Some(rest)
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least.max(1) {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

/// The place of the name that a text begins with; three letters of it where the pattern has no more.
fn one_of<'t>(text: &'t str, names: &[&str], count: usize) -> Option<(i64, &'t str)> {
    let matched = |name: &&str| {
        let name = if count >= 4 || name.len() < 3 { *name } else { &name[..3] };
        text.strip_prefix(name)
    };
    names.iter().enumerate().find_map(|(place, name)| Some((place as i64, matched(name)?)))
}

impl Seen {
    fn time(&self) -> Option<Read> {
        let small = |value: Option<i64>, default: i64| i8::try_from(value.unwrap_or(default)).ok();
        let year = i16::try_from(self.year?).ok()?;
        let date = match self.day_of_year {
            Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok()?,
            None => Date::new(year, small(self.month, 1)?, small(self.day, 1)?).ok()?,
        };
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.is_pm.unwrap_or(false) { 12 } else { 0 },
            (None, None) => 0,
        };
        let nanos = i32::try_from(self.nanos.unwrap_or(0)).ok()?;
        let time = Time::new(small(Some(hour), 0)?, small(self.minute, 0)?, small(self.second, 0)?, nanos).ok()?;
        let civil = DateTime::from_parts(date, time);
        let zone = self.zone.clone();
        let at = zone.clone().unwrap_or(TimeZone::UTC).to_timestamp(civil).map_err(beyond).ok()?;
        Some(Read { at, zone })
    }
}

/// The letters that a pattern may have.
const FIELDS: &str = "yuMLdDHkKhmsSnAaEecXxZOzVv";

/// How deep optional parts may stand in each other.
const MAX_OPTIONAL: usize = 8;
