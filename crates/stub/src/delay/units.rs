//! Parsing and formatting of durations, shares, rates and sizes: `3.2ms`, `0.4%`, `20MB/s`, `32kB`.
//! A number without a unit is an error.

use std::fmt;
use std::time::Duration;

/// An error in a text that should be a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// Message, a sentence without a full stop.
    pub message: String,
    /// Way to correct it.
    pub help: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; help: {}", self.message, self.help)
    }
}

impl std::error::Error for UnitError {}

/// Parses a duration such as `250us`, `3.2ms`, `1s`, `5m` or `2h`, rounded to whole nanoseconds.
/// Zero needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text, "3.2ms")?;
    if unit.is_empty() {
        if number.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            return Ok(Duration::ZERO);
        }
        return Err(error(format!("`{number}` has no unit"), format!("write `{number}ms` or `{number}s`")));
    }
    let Some((_, size)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(error(format!("`{unit}` is no unit of time"), "use ns, us, ms, s, m or h"));
    };
    nanoseconds(number, *size)
        .map(Duration::from_nanos)
        .ok_or_else(|| error(format!("`{}` is longer than 292 years", text.trim()), "use a shorter time"))
}

/// Parses a percentage as a share (0 to 1): `0.4%` is 0.004.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text, "0.4%")?;
    if unit.is_empty() {
        return Err(error(format!("`{number}` has no unit"), format!("write it as a percentage, such as `{number}%`")));
    }
    if unit != "%" {
        return Err(error(format!("`{}` is no share", text.trim()), "write a percentage such as `0.4%`"));
    }
    match number.parse::<f64>() {
        Ok(percent) if percent <= 100.0 => Ok(percent / 100.0),
        _ => Err(error(format!("`{}` is more than the whole", text.trim()), "use at most `100%`")),
    }
}

/// Parses a rate above 0, such as `20MB/s` or `512KiB/s`, in bytes per second.
pub fn parse_rate(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text, "20MB/s")?;
    let Some((_, size)) = RATE_UNITS.iter().find(|(name, _)| *name == unit) else {
        let message =
            if unit.is_empty() { format!("`{number}` has no unit") } else { format!("`{unit}` is no unit of rate") };
        return Err(error(message, "use B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s"));
    };
    match number.parse::<f64>() {
        Ok(count) if count > 0.0 && count * size <= MAX_BYTES_PER_SECOND => Ok(count * size),
        Ok(0.0) => Err(error(format!("`{}` never gets anywhere", text.trim()), "use a rate above 0")),
        _ => Err(error(format!("`{}` is faster than can be told apart", text.trim()), "leave the rate out")),
    }
}

/// Parses a size such as `512`, `32kB` or `1MiB`, in bytes.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text, "32kB")?;
    let known = RATE_UNITS.iter().find(|(name, _)| name.strip_suffix("/s") == Some(unit));
    let Some(size) = known.map(|(_, size)| *size).or(unit.is_empty().then_some(1.0)) else {
        return Err(error(format!("`{unit}` is no unit of length"), "use B, kB, MB, GB, KiB, MiB or GiB"));
    };
    match number.parse::<f64>().map(|count| count * size) {
        Ok(bytes) if (1.0..=MAX_BYTES_PER_SECOND).contains(&bytes) && bytes.fract() == 0.0 => Ok(bytes as u64),
        _ => Err(error(format!("`{}` is no number of bytes", text.trim()), "use a whole number from 1 up")),
    }
}

/// Formats a size in bytes in the largest decimal unit that is exact: `32kB`, `1500B`.
pub fn size(bytes: u64) -> String {
    let decimal = RATE_UNITS.iter().rev().filter(|(name, _)| !name.contains('i'));
    let mut exact = decimal.filter(|(_, size)| bytes.is_multiple_of(*size as u64));
    exact.next().map_or_else(
        || format!("{bytes}B"),
        |(name, size)| format!("{}{}", bytes / *size as u64, name.trim_end_matches("/s")),
    )
}

/// Formats a duration exactly, in the largest unit up to seconds in which it is at least 1:
/// `250us`, `3.2ms`, `1s`.
pub fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, size) = match nanos {
        0..1_000 => ("ns", 1),
        1_000..1_000_000 => ("us", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let (whole, rest) = (nanos / size, nanos % size);
    if rest == 0 {
        return format!("{whole}{unit}");
    }
    // as many digits as the size of the unit has zeros
    let width = size.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}{unit}", digits.trim_end_matches('0'))
}

/// Formats a share as a percentage, rounded to a millionth of a percent: `0.4%`.
pub fn share(share: f64) -> String {
    let number = format!("{:.6}", share * 100.0);
    format!("{}%", number.trim_end_matches('0').trim_end_matches('.'))
}

/// Formats a rate in bytes per second, in the largest decimal unit in which it is at least 1 and
/// parses as the same number: `20MB/s`.
pub fn rate(bytes: f64) -> String {
    let decimal = RATE_UNITS.iter().rev().filter(|(name, _)| !name.contains('i'));
    let mut written = decimal.filter(|(_, size)| bytes >= *size).map(|(name, size)| format!("{}{name}", bytes / size));
    written.find(|text| parse_rate(text) == Ok(bytes)).unwrap_or_else(|| format!("{bytes}B/s"))
}

/// Splits a text into a number that is not negative and its unit.
fn split<'t>(text: &'t str, example: &str) -> Result<(&'t str, &'t str), UnitError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(error(format!("`{text}` is negative"), format!("write a number from 0 up, such as `{example}`")));
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    if number.is_empty() {
        let message = format!("`{text}` does not begin with a number");
        return Err(error(message, format!("write one, such as `{example}`")));
    }
    if number.parse::<f64>().is_err() {
        return Err(error(format!("`{number}` is no number"), format!("write one, such as `{example}`")));
    }
    Ok((number, unit))
}

/// Converts a decimal number of a unit of `size` nanoseconds to whole nanoseconds, without the
/// rounding of floats; `None` from 2^63 on.
fn nanoseconds(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // further digits are less than a nanosecond of an hour
    let fraction = &fraction[..fraction.len().min(18)];
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let denominator = 10u128.pow(fraction.len() as u32);
    let rounded = (u128::from(parts) * u128::from(size) + denominator / 2) / denominator;
    let nanos = u128::from(whole) * u128::from(size) + rounded;
    i64::try_from(nanos).ok()?.try_into().ok()
}

fn error(message: String, help: impl Into<String>) -> UnitError {
    UnitError { message, help: help.into() }
}

/// Units of time and their lengths in nanoseconds; the two µ are the micro sign and the Greek
/// letter.
const TIME_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of rates, in bytes per second.
const RATE_UNITS: [(&str, f64); 7] = [
    ("B/s", 1.0),
    ("kB/s", 1e3),
    ("MB/s", 1e6),
    ("GB/s", 1e9),
    ("KiB/s", 1_024.0),
    ("MiB/s", 1_048_576.0),
    ("GiB/s", 1_073_741_824.0),
];

/// Maximum rate in bytes per second, and maximum size in bytes: a megabyte takes a nanosecond.
const MAX_BYTES_PER_SECOND: f64 = 1e15;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, nanos) in [
            ("250us", 250_000),
            ("3.2ms", 3_200_000),
            ("1s", 1_000_000_000),
            ("90ns", 90),
            ("0ns", 0),
            ("1.5s", 1_500_000_000),
            ("1.000000001s", 1_000_000_001),
            ("123.456789ms", 123_456_789),
            ("7200s", 7_200_000_000_000),
        ] {
            let time = parse_duration(text).expect("valid");
            assert_eq!(time.as_nanos(), nanos);
            assert_eq!(duration(time), text);
        }
        for (text, same) in [
            ("2m", "120s"),
            ("1.5h", "5400s"),
            (" 3 ms ", "3ms"),
            (".5s", "500ms"),
            ("5.s", "5s"),
            ("0", "0ns"),
            ("0.0", "0ns"),
            ("7\u{b5}s", "7us"),
            ("7\u{3bc}s", "7us"),
            ("0.6ns", "1ns"),
            ("0.123456789012345678999s", "123.456789ms"),
        ] {
            assert_eq!(parse_duration(text).map(duration).as_deref(), Ok(same));
        }
    }

    #[test]
    fn errors_of_durations_come_with_help() {
        for (wrong, message) in [
            ("10", "`10` has no unit; help: write `10ms` or `10s`"),
            ("", "`` does not begin with a number; help: write one, such as `3.2ms`"),
            ("ms", "`ms` does not begin with a number; help: write one, such as `3.2ms`"),
            ("-1s", "`-1s` is negative; help: write a number from 0 up, such as `3.2ms`"),
            ("1.2.3s", "`1.2.3` is no number; help: write one, such as `3.2ms`"),
            (".", "`.` is no number; help: write one, such as `3.2ms`"),
            ("1 fortnight", "`fortnight` is no unit of time; help: use ns, us, ms, s, m or h"),
            ("1e3ms", "`e3ms` is no unit of time; help: use ns, us, ms, s, m or h"),
            ("99999999999h", "`99999999999h` is longer than 292 years; help: use a shorter time"),
            (
                "99999999999999999999999ns",
                "`99999999999999999999999ns` is longer than 292 years; help: use a shorter time",
            ),
        ] {
            assert_eq!(parse_duration(wrong).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn shares_and_rates_are_read() {
        assert_eq!(parse_share("0.4%"), Ok(0.004));
        assert_eq!(parse_share("100 %"), Ok(1.0));
        for wrong in ["0.4", "101%", "-1%", "4ms", "%", "1e400%"] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_rate("20MB/s"), Ok(2e7));
        assert_eq!(parse_rate("1.5 KiB/s"), Ok(1536.0));
        for wrong in ["20", "20MB", "0B/s", "20ms", "fast", "9999999GB/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(nanos in 0..=i64::MAX as u64, millionths in 0u32..=100_000_000) {
            let time = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&duration(time)), Ok(time));
            let text = share(f64::from(millionths) / 1e8);
            prop_assert_eq!(share(parse_share(&text).expect("valid")), text);
        }

        #[test]
        fn no_text_panics(text in ".*", number in "[0-9.]{0,30}", unit in "(ns|s|h|%|MB/s)?") {
            for text in [text, format!("{number}{unit}")] {
                let _ = (parse_duration(&text), parse_share(&text), parse_rate(&text));
            }
        }
    }
}
