//! Units of time as headers, metric names and OpenTelemetry spell them.

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The units that are typed: `ns`, `us`, `ms`, `s`, and their long names.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ns" | "nanos" | "nanoseconds" => Self::Nanoseconds,
            "us" | "\u{b5}s" | "\u{3bc}s" | "micros" | "microseconds" => Self::Microseconds,
            "ms" | "msec" | "millis" | "milliseconds" => Self::Milliseconds,
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            _ => return None,
        })
    }

    /// So many of it in nanoseconds; none of what is no time or longer than a day.
    pub fn nanos(self, number: f64) -> Option<f64> {
        let size = match self {
            Self::Nanoseconds => 1.0,
            Self::Microseconds => 1e3,
            Self::Milliseconds => 1e6,
            Self::Seconds => 1e9,
        };
        Some(number * size).filter(|nanos| (0.0..=LONGEST).contains(nanos))
    }
}

/// A day in nanoseconds; what takes longer is no answer's time, and most likely of another unit.
const LONGEST: f64 = 86_400e9;
