//! Time zones and offsets from UTC, as Java's `ZoneId` and `DateTimeFormatter` spell them.

use jiff::tz::{Offset, TimeZone};

/// A notation of an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetStyle {
    /// `+02`, and `+0230` where there are minutes.
    Hours,
    /// `+0200`: hours and minutes without a colon.
    Compact,
    /// `+02:00`: hours and minutes with a colon.
    Colon,
    /// `+02:00`, `+0200` or `+02`
    Any,
    /// `+2`, `+02`, `+0230` or `+02:30`, as the identifier of a zone has it
    ZoneId,
    /// `GMT+2` or `GMT+02:00`: as Java's letter `O` has it.
    Greenwich,
}

/// Returns the time zone of an identifier that Java's `ZoneId.of` takes: `Europe/Paris`, `UTC`,
/// `Z`, `+02:00`, `GMT+2`.
///
/// Abbreviations such as `PST` are no identifiers, save those that the IANA database has.
pub fn zone_by_id(id: &str) -> Option<TimeZone> {
    if is_utc(id) || id == "Etc/UTC" {
        return Some(TimeZone::UTC);
    }
    let offset = UTC_PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    if offset.starts_with(['+', '-']) {
        let (offset, rest) = split_offset(OffsetStyle::ZoneId, offset)?;
        return rest.is_empty().then(|| fixed_zone(offset));
    }
    TimeZone::get(id).ok()
}

/// Returns the time zone that a date names: an identifier, or a usual abbreviation such as `PST`.
///
/// An abbreviation of summer time stands for its region, as in Java.
pub(super) fn zone_by_name(name: &str) -> Option<TimeZone> {
    let region = match name {
        "EST" | "EDT" => "America/New_York",
        "CST" | "CDT" => "America/Chicago",
        "MST" | "MDT" => "America/Denver",
        "PST" | "PDT" => "America/Los_Angeles",
        "BST" => "Europe/London",
        "WET" | "WEST" => "Europe/Lisbon",
        "CET" | "CEST" => "Europe/Paris",
        "EET" | "EEST" => "Europe/Athens",
        "MSK" => "Europe/Moscow",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "AEST" | "AEDT" => "Australia/Sydney",
        id => return zone_by_id(id),
    };
    TimeZone::get(region).ok()
}

/// Splits the name of a zone, or an offset, from the beginning of a text.
pub(super) fn split_zone(text: &str) -> Option<(TimeZone, &str)> {
    if text.starts_with(['+', '-']) {
        let (offset, rest) = split_offset(OffsetStyle::Any, text)?;
        return Some((fixed_zone(offset), rest));
    }
    let length =
        text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '/' | '_' | '-' | '+')).unwrap_or(text.len());
    // the colon of `GMT+02:00` belongs to the offset, any other ends a name
    let with_offset = UTC_PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    if let Some(offset) = with_offset.filter(|rest| rest.starts_with(['+', '-'])) {
        let (offset, rest) = split_offset(OffsetStyle::ZoneId, offset)?;
        return Some((fixed_zone(offset), rest));
    }
    let (name, rest) = text.split_at(length);
    Some((zone_by_name(name)?, rest))
}

/// Splits an offset from UTC, up to 18 hours, from the beginning of a text.
pub(super) fn split_offset(style: OffsetStyle, text: &str) -> Option<(Offset, &str)> {
    let text = match (style, text.strip_prefix(['Z', 'z'])) {
        (OffsetStyle::Greenwich, _) => text.strip_prefix("GMT")?,
        (_, Some(rest)) => return Some((Offset::UTC, rest)),
        _ => text,
    };
    let sign = match text.chars().next() {
        Some('+') => 1,
        Some('-') => -1,
        _ if style == OffsetStyle::Greenwich => return Some((Offset::UTC, text)),
        _ => return None,
    };
    let rest = &text[1..];
    let has_short_hours = matches!(style, OffsetStyle::Greenwich | OffsetStyle::ZoneId);
    let (hours, rest) = split_number(rest, if has_short_hours { digit_count(rest).min(2) } else { 2 })?;
    let after_colon = rest.strip_prefix(':').filter(|_| style != OffsetStyle::Compact && style != OffsetStyle::Hours);
    let minutes = match (style, after_colon) {
        (OffsetStyle::Colon, None) => return None,
        (_, Some(rest)) => Some(split_number(rest, 2)?),
        (OffsetStyle::Compact, None) => Some(split_number(rest, 2)?),
        _ => split_number(rest, 2),
    };
    let has_minutes = minutes.is_some();
    let (minutes, rest) = minutes.unwrap_or((0, rest));
    let seconds = match (after_colon, style) {
        (Some(_), _) => rest.strip_prefix(':').and_then(|rest| split_number(rest, 2)),
        (None, OffsetStyle::ZoneId) if has_minutes => split_number(rest, 2),
        _ => None,
    };
    let (seconds, rest) = seconds.unwrap_or((0, rest));
    if minutes > 59 || seconds > 59 || hours > MAX_OFFSET_HOURS {
        return None;
    }
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60 + seconds)).ok()?;
    Some((offset, rest))
}

/// Returns the zone of a fixed offset; `TimeZone::UTC` for zero.
pub(super) fn fixed_zone(offset: Offset) -> TimeZone {
    if offset.is_zero() { TimeZone::UTC } else { TimeZone::fixed(offset) }
}

/// Returns the number of ASCII digits that a text begins with.
pub(super) fn digit_count(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn is_utc(name: &str) -> bool {
    name == "Z" || UTC_PREFIXES.contains(&name)
}

/// Splits a number of `width` digits from the beginning of a text.
fn split_number(text: &str, width: usize) -> Option<(i32, &str)> {
    let number = text.get(..width).filter(|_| width > 0 && digit_count(text) >= width)?;
    Some((number.parse().ok()?, &text[width..]))
}

/// Names of UTC that an offset may follow; a longer one stands before its own beginning.
const UTC_PREFIXES: [&str; 3] = ["UTC", "GMT", "UT"];

/// Hours of the largest offset that Java's `ZoneOffset` allows.
const MAX_OFFSET_HOURS: i32 = 18;
