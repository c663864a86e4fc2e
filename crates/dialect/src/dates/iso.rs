//! ISO 8601 dates, from `2026-01-02T03:04:05.678+02:00[Europe/Paris]` down to `2026`.

use super::fields::{DateField, DateFields};
use super::format::nanoseconds;
use super::zone::{OffsetStyle, digit_count, split_offset, zone_by_name};

/// Reads the fields of the date that the whole text is. A month or a year begins with its first
/// day.
pub(super) fn read(text: &str) -> Option<DateFields> {
    if let Some(year) = year(text) {
        let mut fields = DateFields::default();
        for (field, value) in [(DateField::Year, year), (DateField::Month, 1), (DateField::Day, 1)] {
            fields.set(field, value);
        }
        return Some(fields);
    }
    let mut reader = IsoReader { rest: text, fields: DateFields::default() };
    reader.number(DateField::Year, 4)?;
    match reader.part('-', DateField::Month)? {
        true if reader.part('-', DateField::Day)? => reader.time()?,
        true => reader.set(DateField::Day, 1),
        false => {
            reader.set(DateField::Month, 1);
            reader.set(DateField::Day, 1);
        }
    }
    reader.rest.is_empty().then_some(reader.fields)
}

/// Reads a year of up to nine digits, as Java's `Year` does. A year beyond the calendar is its
/// first or last one.
fn year(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 9 || digit_count(digits) < digits.len() {
        return None;
    }
    text.parse().ok().map(|year: i64| year.clamp(-9999, 9999))
}

struct IsoReader<'t> {
    rest: &'t str,
    fields: DateFields,
}

impl IsoReader<'_> {
    /// Reads `T03:04` with seconds, fraction, offset and zone as far as they are there.
    fn time(&mut self) -> Option<()> {
        let Some(rest) = self.rest.strip_prefix(['T', 't']) else { return Some(()) };
        self.rest = rest;
        self.number(DateField::Hour, 2)?;
        if !self.part(':', DateField::Minute)? {
            return None;
        }
        if self.part(':', DateField::Second)?
            && let Some(rest) = self.rest.strip_prefix('.')
        {
            let width = digit_count(rest).min(9);
            self.set(DateField::Nano, nanoseconds(&rest[..width]));
            self.rest = &rest[width..];
        }
        self.zone()
    }

    fn zone(&mut self) -> Option<()> {
        if self.rest.is_empty() {
            return Some(());
        }
        let (offset, rest) = split_offset(OffsetStyle::Any, self.rest)?;
        // minutes stand behind a colon
        if self.rest.len() - rest.len() == "+0200".len() {
            return None;
        }
        self.fields.offset = Some(offset);
        self.rest = rest;
        if let Some(name) = rest.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            self.fields.zone = Some(zone_by_name(name)?);
            self.rest = "";
        }
        Some(())
    }

    /// Reads a separator and two digits; false without the separator, `None` without the digits.
    fn part(&mut self, separator: char, field: DateField) -> Option<bool> {
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                self.number(field, 2).map(|()| true)
            }
            None => Some(false),
        }
    }

    fn number(&mut self, field: DateField, width: usize) -> Option<()> {
        let number = self.rest.get(..width).filter(|_| digit_count(self.rest) == width)?;
        self.set(field, number.parse().ok()?);
        self.rest = &self.rest[width..];
        Some(())
    }

    fn set(&mut self, field: DateField, value: i64) {
        self.fields.set(field, value);
    }
}
