//! Durations, shares and rates as people write them: `3.2ms`, `0.4%`, `20MB/s`. A number without a unit is a mistake.

use std::fmt;
use std::time::Duration;

/// Names of units and how many nanoseconds they are.
const TIMES: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.what, self.mend)
    }
}

impl std::error::Error for UnitError {}

/// Reads a duration: `250us`, `3.2ms`, `1s`, `5m`, `2h`. Zero needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        if number == 0.0 {
            return Ok(Duration::ZERO);
        }
        return Err(error(format!("`{text}` has no unit"), format!("write `{text}ms` or `{text}s`")));
    }
    let Some((_, nanos)) = TIMES.iter().find(|(name, _)| *name == unit) else {
        return Err(error(format!("`{unit}` is no unit of time"), "use ns, us, ms, s, m or h".to_owned()));
    };
    let nanos = number * nanos;
    // 2^63 ns are 292 years: longer than anyone waits, and short enough to add up
    if nanos >= 9.2e18 {
        return Err(error(format!("`{text}` is too long"), "use a shorter time".to_owned()));
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// Reads a share: `0.4%` is 0.004.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text)?;
    if unit != "%" {
        return Err(error(format!("`{text}` is no share"), "write a percentage such as `0.4%`".to_owned()));
    }
    if number > 100.0 {
        return Err(error(format!("`{text}` is more than all"), "use at most `100%`".to_owned()));
    }
    Ok(number / 100.0)
}

/// Writes a duration in the largest unit that makes it at least 1, with up to four digits after the point.
pub fn duration(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (unit, size) = match nanos {
        n if n < 1e3 => ("ns", 1.0),
        n if n < 1e6 => ("us", 1e3),
        n if n < 1e9 => ("ms", 1e6),
        _ => ("s", 1e9),
    };
    let number = format!("{:.4}", nanos / size);
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

/// A number that is not negative, and what follows it.
fn split(text: &str) -> Result<(f64, &str), UnitError> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    match text[..end].parse::<f64>() {
        Ok(number) => Ok((number, text[end..].trim())),
        Err(_) => Err(error(format!("`{text}` does not begin with a number"), "write one such as `3.2ms`".to_owned())),
    }
}

fn error(what: String, mend: String) -> UnitError {
    UnitError { what, mend }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written() {
        for (text, nanos) in
            [("250us", 250_000), ("3.2ms", 3_200_000), ("1s", 1_000_000_000), ("90ns", 90), ("1.5s", 1_500_000_000)]
        {
            let time = parse_duration(text).expect("valid");
            assert_eq!(time.as_nanos(), nanos);
            assert_eq!(duration(time), text);
        }
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_share("0.4%"), Ok(0.004));
        for wrong in ["10", "", "ms", "-1s", "1 fortnight", "1e3ms", "99999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_share("0.4").is_err() && parse_share("101%").is_err());
    }
}
