//! Times of a fit: from nanoseconds, rounded, and as text.

use std::time::Duration;

use serde::Serializer;
use standin_stub::delay::units::duration;

/// Converts nanoseconds to a duration, rounded to whole nanoseconds; negative ones become 0.
pub(crate) fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

/// Rounds to whole microseconds; more digits would claim precision that is not there.
pub(crate) fn to_micros(time: Duration) -> Duration {
    Duration::from_micros(((time.as_nanos() + 500) / 1_000) as u64)
}

/// Serializes a duration as text with a unit: `3.2ms`.
pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&duration(*time))
}
