//! [`DateFormat`]: dates by a pattern in the letters of Java's `DateTimeFormatter`.

use std::sync::OnceLock;

use jiff::tz::TimeZone;

use super::fields::{DateField, DateFields, ResolveRules};
use super::parsed::ParsedDate;
use super::pattern::{PatternItem, compile};
use super::zone::{digit_count, split_offset, split_zone};
use crate::SyntaxError;

/// A compiled pattern that reads dates, such as `dd/MM/yyyy HH:mm`.
#[derive(Clone, Debug)]
pub struct DateFormat {
    items: Vec<PatternItem>,
    /// True for the spellings of HTTP: names in any case, and no 31st of February.
    is_standard: bool,
    /// Zone of a date that names none.
    default_zone: Option<TimeZone>,
}

impl DateFormat {
    /// Compiles a pattern such as `dd/MM/yyyy HH:mm`.
    pub fn parse(pattern: &str) -> Result<Self, SyntaxError> {
        compile(pattern).map(|items| Self { items, is_standard: false, default_zone: None })
    }

    /// Returns true if a text begins with the fields of such a date, whether or not they make a
    /// date.
    pub fn matches_prefix(&self, text: &str) -> bool {
        self.read_items(&self.items, text, &mut DateFields::default()).is_some()
    }

    /// Returns the date that the whole text is.
    pub(super) fn read(&self, text: &str, fills_missing: bool) -> Option<ParsedDate> {
        let mut fields = DateFields::default();
        let rest = self.read_items(&self.items, text, &mut fields)?;
        if !rest.is_empty() {
            return None;
        }
        if fields.offset.is_none() && fields.zone.is_none() {
            fields.zone.clone_from(&self.default_zone);
        }
        fields.resolve(ResolveRules { clamps_days: !self.is_standard, fills_missing })
    }

    fn read_items<'t>(&self, items: &[PatternItem], text: &'t str, fields: &mut DateFields) -> Option<&'t str> {
        items.iter().try_fold(text, |rest, item| match item {
            PatternItem::Optional(inner) => {
                let mut tried = fields.clone();
                match self.read_items(inner, rest, &mut tried) {
                    Some(rest) => {
                        *fields = tried;
                        Some(rest)
                    }
                    None => Some(rest),
                }
            }
            item => self.read_item(item, rest, fields),
        })
    }

    /// Reads one item; returns the rest of the text, or `None` if the text begins otherwise.
    fn read_item<'t>(&self, item: &PatternItem, text: &'t str, fields: &mut DateFields) -> Option<&'t str> {
        match *item {
            PatternItem::Literal(expected) => text.strip_prefix(expected),
            PatternItem::Number { field, min, max, reserved } => {
                let run = digit_count(text).min(max + reserved);
                let taken = run.saturating_sub(reserved).max(min);
                let value = text.get(..taken).filter(|_| taken <= run)?.parse().ok()?;
                fields.set(field, value).then(|| &text[taken..])
            }
            PatternItem::ShortYear => {
                let year: i64 = text.get(..2).filter(|_| digit_count(text) >= 2)?.parse().ok()?;
                fields.set(DateField::Year, 2000 + year).then(|| &text[2..])
            }
            PatternItem::Fraction(width) => {
                let value = text.get(..width).filter(|_| digit_count(text) >= width)?;
                fields.set(DateField::Nano, nanoseconds(value)).then(|| &text[width..])
            }
            PatternItem::Name { field, first, names, letters } => {
                let spelling = |name: &'static str| letters.map_or(name, |letters| &name[..letters]);
                let begins_with = |name: &str| match text.get(..name.len()) {
                    Some(start) if self.is_standard => start.eq_ignore_ascii_case(name),
                    start => start == Some(name),
                };
                let (value, name) =
                    (first..).zip(names.iter().map(|name| spelling(name))).find(|(_, name)| begins_with(name))?;
                fields.set(field, value).then(|| &text[name.len()..])
            }
            PatternItem::Offset(style) => {
                let (offset, rest) = split_offset(style, text)?;
                fields.offset = Some(offset);
                Some(rest)
            }
            PatternItem::Zone => {
                let (zone, rest) = split_zone(text)?;
                fields.zone = Some(zone);
                Some(rest)
            }
            PatternItem::Optional(_) => None,
        }
    }
}

/// Returns the formats of HTTP dates: RFC 1123, RFC 1036 and C's `asctime`.
pub(super) fn http_formats() -> &'static [DateFormat] {
    static FORMATS: OnceLock<Vec<DateFormat>> = OnceLock::new();
    let patterns = [
        ("[EEE, ]d MMM uuuu HH:mm[:ss] [z][XX]", None),
        ("EEEE, dd-MMM-yy HH:mm:ss z", None),
        ("EEE MMM dd HH:mm:ss uuuu", Some(TimeZone::UTC)),
        ("EEE MMM  d HH:mm:ss uuuu", Some(TimeZone::UTC)),
    ];
    FORMATS.get_or_init(|| {
        let format = |(pattern, default_zone)| DateFormat {
            items: compile(pattern).expect("a standard pattern compiles"),
            is_standard: true,
            default_zone,
        };
        patterns.into_iter().map(format).collect()
    })
}

/// Returns the nanoseconds of up to nine digits behind a point.
pub(super) fn nanoseconds(fraction: &str) -> i64 {
    let value: i64 = fraction.parse().unwrap_or(0);
    value * 10_i64.pow(9_u32.saturating_sub(fraction.len() as u32))
}
