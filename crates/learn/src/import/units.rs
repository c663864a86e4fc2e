//! Units of time as headers, metric names and OpenTelemetry spell them.

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds, written `ns`.
    Nanoseconds,
    /// Microseconds, written `us`.
    Microseconds,
    /// Milliseconds, written `ms`.
    Milliseconds,
    /// Seconds, written `s`.
    Seconds,
}

impl TimeUnit {
    /// Parses a unit: `ns`, `us`, `ms`, `s`, and their long names.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ns" | "nanos" | "nanoseconds" => Self::Nanoseconds,
            "us" | "\u{b5}s" | "\u{3bc}s" | "micros" | "microseconds" => Self::Microseconds,
            "ms" | "msec" | "millis" | "milliseconds" => Self::Milliseconds,
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            _ => return None,
        })
    }

    /// Converts a number of this unit to nanoseconds; `None` if it is negative or longer than a
    /// day.
    pub fn nanos(self, number: f64) -> Option<f64> {
        let size = match self {
            Self::Nanoseconds => 1.0,
            Self::Microseconds => 1e3,
            Self::Milliseconds => 1e6,
            Self::Seconds => 1e9,
        };
        Some(number * size).filter(|nanos| (0.0..=MAX_NANOS).contains(nanos))
    }
}

/// A day in nanoseconds; what takes longer is no answer's time, and most likely of another unit.
const MAX_NANOS: f64 = 86_400e9;
