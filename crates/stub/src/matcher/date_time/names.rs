//! Names of zones and halves of a day, as an English calendar writes them.

use jiff::tz::{Offset, TimeZone};

/// The halves of a day.
pub(super) const HALVES: [&str; 2] = ["AM", "PM"];

/// The zone of a name: an identifier such as `Europe/Paris`, or a usual abbreviation.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let region = match name {
        "GMT" | "UT" | "UTC" | "Z" => return Some(TimeZone::fixed(Offset::UTC)),
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
        name if name.contains('/') => name,
        _ => return None,
    };
    TimeZone::get(region).ok()
}
