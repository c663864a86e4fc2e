//! Dates by a format in the letters of Java's `DateTimeFormatter`, with its rules of what a letter's number means.
//!
//! A number without a fixed width takes all digits that follow, but leaves as many as the fixed ones right behind it
//! need, so that `yyyyMMdd` can be read.

use std::sync::OnceLock;

use jiff::tz::{Offset, TimeZone};

use super::DateTimeError;
use super::compile;
use super::fields::{Field, Fields};
use super::names;
use super::reading::Moment;

/// A format, compiled.
#[derive(Clone, Debug)]
pub struct DateFormat {
    items: Vec<Item>,
    /// Whether this is a standard spelling: names in any case of their letters, and no 31st of February.
    standard: bool,
    /// The zone of a date that names none.
    zone: Option<TimeZone>,
}

/// A piece of a format.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// Exactly this.
    Literal(char),
    /// Digits; `reserve` of them are left to what stands right behind.
    Number { field: Field, least: usize, most: usize, reserve: usize },
    /// The last two digits of a year from 2000.
    ShortYear,
    /// So many digits of a second.
    Fraction(usize),
    /// One of some names, or of their first letters. The first of them counts as `first`.
    Name { field: Field, first: i64, names: &'static [&'static str], letters: Option<usize> },
    /// A distance from Greenwich.
    Offset(OffsetStyle),
    /// A zone's name.
    Zone,
    /// May be missing as a whole.
    Optional(Vec<Item>),
}

/// How a distance from Greenwich is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetStyle {
    /// `+02`, and `+0230` where it has minutes.
    Hours,
    /// `+0200`
    Compact,
    /// `+02:00`
    Colon,
    /// `+02:00`, `+0200` or `+02`
    Any,
    /// `GMT+2`, `GMT+02:00`
    Greenwich,
}

impl DateFormat {
    /// Compiles a format such as `dd/MM/yyyy HH:mm`.
    pub fn new(pattern: &str) -> Result<Self, DateTimeError> {
        compile::items(pattern).map(|items| Self { items, standard: false, zone: None })
    }

    /// The three spellings of HTTP: RFC 1123, RFC 1036 and what C's `asctime` writes.
    pub(super) fn of_http() -> &'static [Self] {
        static FORMATS: OnceLock<Vec<DateFormat>> = OnceLock::new();
        let spellings = [
            ("[EEE, ]d MMM uuuu HH:mm[:ss] [z][XX]", false),
            ("EEEE, dd-MMM-yy HH:mm:ss z", false),
            ("EEE MMM dd HH:mm:ss uuuu", true),
            ("EEE MMM  d HH:mm:ss uuuu", true),
        ];
        FORMATS.get_or_init(|| {
            let compile = |(pattern, greenwich)| Self {
                items: compile::items(pattern).expect("a standard spelling compiles"),
                standard: true,
                zone: if greenwich { Some(TimeZone::UTC) } else { None },
            };
            spellings.into_iter().map(compile).collect()
        })
    }

    /// The date that the whole text is.
    pub(super) fn read(&self, text: &str) -> Option<Moment> {
        let mut fields = Fields::default();
        let rest = self.read_all(&self.items, text, &mut fields)?;
        if !rest.is_empty() {
            return None;
        }
        fields.zone = fields.zone.or_else(|| self.zone.clone());
        fields.moment(!self.standard)
    }

    /// Whether a text begins with what looks like such a date, be it none of the calendar.
    pub fn begins(&self, text: &str) -> bool {
        self.read_all(&self.items, text, &mut Fields::default()).is_some()
    }

    fn read_all<'t>(&self, items: &[Item], text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        items.iter().try_fold(text, |rest, item| match item {
            Item::Optional(inner) => {
                let mut tried = fields.clone();
                match self.read_all(inner, rest, &mut tried) {
                    Some(rest) => {
                        *fields = tried;
                        Some(rest)
                    }
                    None => Some(rest),
                }
            }
            item => self.read_one(item, rest, fields),
        })
    }

    /// Reads one item; what is left, or `None` if it does not stand there.
    fn read_one<'t>(&self, item: &Item, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
        match *item {
            Item::Literal(expected) => text.strip_prefix(expected),
            Item::Number { field, least, most, reserve } => {
                let run = digits(text).min(most + reserve);
                let taken = run.saturating_sub(reserve).max(least);
                let value = text.get(..taken).filter(|_| taken <= run)?.parse().ok()?;
                fields.set(field, value).then(|| &text[taken..])
            }
            Item::ShortYear => {
                let year: i64 = text.get(..2).filter(|_| digits(text) >= 2)?.parse().ok()?;
                fields.set(Field::Year, 2000 + year).then(|| &text[2..])
            }
            Item::Fraction(width) => {
                let value = text.get(..width).filter(|_| digits(text) >= width)?;
                fields.set(Field::Nano, nanoseconds(value)).then(|| &text[width..])
            }
            Item::Name { field, first, names, letters } => {
                let spelling = |name: &'static str| letters.map_or(name, |letters| &name[..letters]);
                let stands = |name: &str| match text.get(..name.len()) {
                    Some(start) if self.standard => start.eq_ignore_ascii_case(name),
                    start => start == Some(name),
                };
                let (place, name) =
                    (first..).zip(names.iter().map(|name| spelling(name))).find(|(_, name)| stands(name))?;
                fields.set(field, place).then(|| &text[name.len()..])
            }
            Item::Offset(style) => {
                let (zone, rest) = offset(style, text)?;
                fields.zone = Some(zone);
                Some(rest)
            }
            Item::Zone => {
                if let Some((zone, rest)) = offset(OffsetStyle::Any, text).filter(|_| text.starts_with(['+', '-'])) {
                    fields.zone = Some(zone);
                    return Some(rest);
                }
                let ends = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '/' | '_' | '-' | '+'));
                let (name, rest) = text.split_at(ends.unwrap_or(text.len()));
                fields.zone = Some(names::zone(name)?);
                Some(rest)
            }
            Item::Optional(_) => None,
        }
    }
}

/// How many digits a text begins with.
pub(super) fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The nanoseconds of up to nine digits behind a point.
pub(super) fn nanoseconds(fraction: &str) -> i64 {
    let value: i64 = fraction.parse().unwrap_or(0);
    value * 10_i64.pow(9_u32.saturating_sub(fraction.len() as u32))
}

/// A distance from Greenwich at the beginning of a text, and what is left.
pub(super) fn offset(style: OffsetStyle, text: &str) -> Option<(TimeZone, &str)> {
    let text = match (style, text.strip_prefix(['Z', 'z'])) {
        (OffsetStyle::Greenwich, _) => text.strip_prefix("GMT")?,
        (_, Some(rest)) => return Some((TimeZone::UTC, rest)),
        _ => text,
    };
    let sign = match text.chars().next() {
        Some('+') => 1,
        Some('-') => -1,
        _ if style == OffsetStyle::Greenwich => return Some((TimeZone::UTC, text)),
        _ => return None,
    };
    let rest = &text[1..];
    let width = if style == OffsetStyle::Greenwich { digits(rest).min(2) } else { 2 };
    let (hours, rest) = two(rest, width)?;
    let colon = rest.strip_prefix(':').filter(|_| style != OffsetStyle::Compact && style != OffsetStyle::Hours);
    let minutes = match (style, colon) {
        (OffsetStyle::Colon, None) => return None,
        (_, Some(rest)) => Some(two(rest, 2)?),
        (OffsetStyle::Compact, None) => Some(two(rest, 2)?),
        _ => two(rest, 2),
    };
    let (minutes, rest) = minutes.unwrap_or((0, rest));
    let seconds = match rest.strip_prefix(':').filter(|_| colon.is_some()) {
        Some(rest) => two(rest, 2),
        None => None,
    };
    let (seconds, rest) = seconds.unwrap_or((0, rest));
    if minutes > 59 || seconds > 59 || hours > 18 {
        return None;
    }
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60 + seconds)).ok()?;
    Some((TimeZone::fixed(offset), rest))
}

/// A number of so many digits.
fn two(text: &str, width: usize) -> Option<(i32, &str)> {
    let number = text.get(..width).filter(|_| width > 0 && digits(text) >= width)?;
    Some((number.parse().ok()?, &text[width..]))
}
