//! Times of the system clock as the admin API writes them.

use std::time::SystemTime;

use jiff::Timestamp;

/// Returns the milliseconds since 1970.
pub fn unix_millis(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Formats a time in ISO 8601, UTC, in seconds.
pub fn iso_date(at: SystemTime) -> String {
    let seconds = Timestamp::from_second((unix_millis(at) / 1000) as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    seconds.to_string()
}
