//! Values of log fields: stamps and durations, exact to the nanosecond.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A time with the resolution that its form allows, both in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTime {
    pub(crate) nanos: u64,
    pub(crate) resolution: u64,
}

/// The form of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StampForm {
    /// `10/Oct/2026:13:55:36 +0000`; without an offset it is UTC.
    CommonLog,
    /// RFC 3339, `2026-10-10T13:55:36.123Z`; without an offset it is UTC.
    Iso,
    /// A number of units of so many nanoseconds since 1970.
    Epoch(u64),
    /// RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
    Any,
}

impl StampForm {
    /// Reads a stamp, in nanoseconds since 1970.
    pub(crate) fn read(self, text: &str) -> Option<ReadTime> {
        let text = text.trim_matches(['[', ']', ' ']);
        match self {
            Self::CommonLog => common_log(text),
            Self::Iso => iso(text),
            Self::Epoch(unit) => decimal(text, unit),
            Self::Any if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
                let digits = text.split('.').next().unwrap_or_default().len();
                // ten digits are seconds until the year 2286
                let unit = match digits {
                    0..=11 => 1_000_000_000,
                    12..=14 => 1_000_000,
                    15..=17 => 1_000,
                    _ => 1,
                };
                decimal(text, unit)
            }
            Self::Any => iso(text).or_else(|| common_log(text)),
        }
    }
}

/// Reads a number of units of so many nanoseconds.
pub(crate) fn decimal(text: &str, unit: u64) -> Option<ReadTime> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return exponential(text, unit);
    }
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut resolution = unit;
    for digit in fraction.bytes() {
        resolution /= 10;
        nanos = nanos.checked_add(u64::from(digit - b'0') * resolution)?;
    }
    Some(ReadTime { nanos, resolution: resolution.max(1) })
}

/// Reads a number such as `1.2e-05`, as JSON has them.
fn exponential(text: &str, unit: u64) -> Option<ReadTime> {
    if !text.contains(['e', 'E']) {
        return None;
    }
    let nanos = text.parse::<f64>().ok()? * unit as f64;
    (0.0..9e18).contains(&nanos).then(|| ReadTime { nanos: nanos.round() as u64, resolution: 1 })
}

/// Reads a duration with its unit, such as `12ms` or `1.5s`; without a unit it is of `unit`.
pub(crate) fn duration(text: &str, unit: Option<u64>) -> Option<ReadTime> {
    let text = text.trim();
    let number = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    let unit = match text[number.len()..].trim() {
        "" => unit?,
        name => unit_nanos(name)?,
    };
    decimal(number, unit)
}

/// Returns the nanoseconds of a unit, such as `ms`.
pub fn unit_nanos(name: &str) -> Option<u64> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ns" | "nanos" | "nanoseconds" => 1,
        "us" | "µs" | "micros" | "microseconds" => 1_000,
        "ms" | "millis" | "milliseconds" => 1_000_000,
        "s" | "sec" | "seconds" => 1_000_000_000,
        _ => return None,
    })
}

fn common_log(text: &str) -> Option<ReadTime> {
    let resolution = fraction_resolution(text.split(' ').next()?);
    let at = |zoned: Timestamp| nanos(zoned, resolution);
    if text.contains(' ') {
        return at(Zoned::strptime("%d/%b/%Y:%H:%M:%S%.f %z", text).ok()?.timestamp());
    }
    let broken = strtime::parse("%d/%b/%Y:%H:%M:%S%.f", text).ok()?;
    at(broken.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn iso(text: &str) -> Option<ReadTime> {
    let resolution = fraction_resolution(text);
    let stamp = match text.parse::<Timestamp>() {
        Ok(stamp) => stamp,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    nanos(stamp, resolution)
}

fn nanos(stamp: Timestamp, resolution: u64) -> Option<ReadTime> {
    Some(ReadTime { nanos: u64::try_from(stamp.as_nanosecond()).ok()?, resolution })
}

/// Returns the resolution of a time of day with a fraction of seconds behind a point or a comma.
fn fraction_resolution(text: &str) -> u64 {
    let digits =
        text.split_once(['.', ',']).map_or(0, |(_, fraction)| fraction.bytes().take_while(u8::is_ascii_digit).count());
    10u64.pow(9 - digits.min(9) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_with_their_resolution() {
        let read = |form: StampForm, text: &str| form.read(text).map(|time| (time.nanos, time.resolution));
        let second = 1_791_640_536_000_000_000;
        for text in ["10/Oct/2026:13:55:36 +0000", "10/Oct/2026:15:55:36 +0200", "[10/Oct/2026:13:55:36 +0000]"] {
            assert_eq!(read(StampForm::CommonLog, text), Some((second, 1_000_000_000)), "{text}");
        }
        let in_ms = Some((second + 655_000_000, 1_000_000));
        assert_eq!(read(StampForm::CommonLog, "10/Oct/2026:13:55:36.655"), in_ms);
        for text in ["2026-10-10T13:55:36.655Z", "2026-10-10T15:55:36.655+02:00", "2026-10-10T13:55:36.655"] {
            assert_eq!(read(StampForm::Iso, text), in_ms, "{text}");
        }
        assert_eq!(read(StampForm::Epoch(1_000_000_000), "1791640536.655"), in_ms);
        assert_eq!(read(StampForm::Any, "1791640536655"), in_ms);
        assert_eq!(read(StampForm::Any, "1791640536.655"), in_ms);
        assert_eq!(read(StampForm::Any, "1791640536655000"), Some((second + 655_000_000, 1_000)));
        assert_eq!(read(StampForm::Any, "noon"), None);
    }

    #[test]
    fn durations_are_exact() {
        let read = |text: &str, unit| duration(text, unit).map(|time| (time.nanos, time.resolution));
        assert_eq!(read("0.012", Some(1_000_000_000)), Some((12_000_000, 1_000_000)));
        assert_eq!(read("3141", Some(1_000)), Some((3_141_000, 1_000)));
        assert_eq!(read("12.5ms", None), Some((12_500_000, 100_000)));
        assert_eq!(read("1.2e-05", Some(1_000_000_000)), Some((12_000, 1)));
        for wrong in ["-", "", "-1", "12parsecs", "1.2.3"] {
            assert_eq!(read(wrong, Some(1)), None, "{wrong}");
        }
    }
}
