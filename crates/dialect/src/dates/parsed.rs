//! [`ParsedDate`], the result of reading a date.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::zone::fixed_zone;

/// A date as far as a text tells it: a local date and time, and an instant where the text names a
/// zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedDate {
    wall: DateTime,
    zone: Option<TimeZone>,
    zoned: Option<Zoned>,
}

impl ParsedDate {
    /// Builds a date from its parts. `None` if it lies beyond the years -9999 to 9999.
    ///
    /// Where a text has an offset and a zone, as in `+02:00[Europe/Paris]`, the offset tells the
    /// instant and the zone the calendar, as in Java since version 9.
    pub(super) fn from_parts(
        date: Date,
        time: Option<Time>,
        offset: Option<Offset>,
        zone: Option<TimeZone>,
    ) -> Option<Self> {
        let wall = DateTime::from_parts(date, time.unwrap_or(Time::midnight()));
        let zone = zone.or_else(|| offset.map(fixed_zone));
        let zoned = match (time, offset, &zone) {
            (Some(_), Some(offset), Some(zone)) => Some(offset.to_timestamp(wall).ok()?.to_zoned(zone.clone())),
            (Some(_), None, Some(zone)) => Some(wall.to_zoned(zone.clone()).ok()?),
            _ => None,
        };
        Some(Self { wall, zone, zoned })
    }

    /// Builds a date from an instant that was counted from 1970: it names no zone, its calendar is
    /// that of UTC.
    pub(super) fn from_instant(instant: Timestamp) -> Self {
        let zoned = instant.to_zoned(TimeZone::UTC);
        Self { wall: zoned.datetime(), zone: None, zoned: Some(zoned) }
    }

    /// Returns the local date and time of the text; midnight if it has no time.
    pub fn wall(&self) -> DateTime {
        self.wall
    }

    /// Returns the instant in its zone, if the text has a time and a zone, or counts from 1970.
    pub fn zoned(&self) -> Option<&Zoned> {
        self.zoned.as_ref()
    }

    /// Returns the zone that the text names.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Returns the instant, a text without a zone being taken for UTC; `None` beyond the years
    /// -9999 to 9999.
    pub fn instant(&self) -> Option<Timestamp> {
        match (&self.zoned, &self.zone) {
            (Some(zoned), _) => Some(zoned.timestamp()),
            (None, zone) => zone.as_ref().unwrap_or(&TimeZone::UTC).to_timestamp(self.wall).ok(),
        }
    }
}
