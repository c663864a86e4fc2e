//! ISO 8601 dates, from `2026-01-02T03:04:05.678+02:00[Europe/Paris]` down to `2026`.

use jiff::tz::TimeZone;

use super::fields::{Field, Fields};
use super::format::{OffsetStyle, digits, nanoseconds, offset};
use super::names;
use super::reading::Moment;

/// The date that the whole text is. A month or a year begin with their first day.
pub(super) fn read(text: &str) -> Option<Moment> {
    let mut reader = Reader { rest: text, fields: Fields::default() };
    reader.number(Field::Year, 4)?;
    match reader.part('-', Field::Month)? {
        true if reader.part('-', Field::Day)? => reader.time()?,
        true => reader.set(Field::Day, 1),
        false => {
            reader.set(Field::Month, 1);
            reader.set(Field::Day, 1);
        }
    }
    if reader.rest.is_empty() { reader.fields.moment(false) } else { None }
}

struct Reader<'t> {
    rest: &'t str,
    fields: Fields,
}

impl<'t> Reader<'t> {
    /// `T03:04`, with seconds, a fraction, an offset and a zone's name as far as they are there.
    fn time(&mut self) -> Option<()> {
        let Some(rest) = self.rest.strip_prefix(['T', 't']) else { return Some(()) };
        self.rest = rest;
        self.number(Field::Hour, 2)?;
        if !self.part(':', Field::Minute)? {
            return None;
        }
        if self.part(':', Field::Second)?
            && let Some(rest) = self.rest.strip_prefix('.')
        {
            let width = digits(rest).min(9);
            self.set(Field::Nano, nanoseconds(&rest[..width]));
            self.rest = &rest[width..];
        }
        self.zone()
    }

    fn zone(&mut self) -> Option<()> {
        if self.rest.is_empty() {
            return Some(());
        }
        let (mut zone, rest): (TimeZone, &'t str) = offset(OffsetStyle::Any, self.rest)?;
        self.rest = rest;
        if let Some(name) = rest.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            zone = names::zone(name)?;
            self.rest = "";
        }
        self.fields.zone = Some(zone);
        Some(())
    }

    /// A separator and two digits; false if the separator is not there, `None` if the digits are not.
    fn part(&mut self, separator: char, field: Field) -> Option<bool> {
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                self.number(field, 2).map(|()| true)
            }
            None => Some(false),
        }
    }

    fn number(&mut self, field: Field, width: usize) -> Option<()> {
        let number = self.rest.get(..width).filter(|_| digits(self.rest) == width)?;
        self.set(field, number.parse().ok()?);
        self.rest = &self.rest[width..];
        Some(())
    }

    fn set(&mut self, field: Field, value: i64) {
        self.fields.set(field, value);
    }
}
