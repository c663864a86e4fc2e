//! Percentages, durations and large numbers.

use std::time::Duration;

/// Returns a number with a comma between groups of three digits: `41,200`.
pub fn grouped(number: u64) -> String {
    group_digits(&number.to_string(), 3, ",")
}

/// Returns ASCII digits with `separator` between groups of `group_size`, counted from the right. A
/// size of 0 separates nothing.
pub fn group_digits(digits: &str, group_size: usize, separator: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && group_size > 0 && (digits.len() - index).is_multiple_of(group_size) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

/// Returns a share (1 is the whole) as a percentage for a sentence: one decimal below 10 % unless
/// the number is whole within 0.05, whole percent from there on. `3 %`, `0.2 %`, `28 %`, `374 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 && (percent - percent.round()).abs() > 0.05 {
        format!("{percent:.1} %")
    } else if percent < 1e6 {
        // a small negative share rounds to `-0`
        format!("{:.0} %", percent.round() + 0.0)
    } else {
        format!("{} %", grouped(percent as u64))
    }
}

/// Returns a share (1 is the whole) as a percentage with exactly `decimals` decimals, as a column
/// of a table needs it.
pub fn percent_with_decimals(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

/// Returns a share (1 is the whole) as a percentage with up to `decimals` decimals and no zeros at
/// the end: `0.4 %`, `28 %`.
pub fn percent_up_to_decimals(share: f64, decimals: usize) -> String {
    let number = format!("{:.decimals$}", share * 100.0);
    let number = if decimals > 0 { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number} %")
}

/// Returns a relative difference as a percentage with its sign and exactly `decimals` decimals.
/// What rounds to zero is `+0 %`.
pub fn signed_percent(difference: f64, decimals: usize) -> String {
    let text = format!("{:+.decimals$} %", difference * 100.0);
    if text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) { text } else { text.replace('-', "+") }
}

/// Returns a duration in µs, ms or s with three significant digits: `3.21 ms`, `2,170 s`.
pub fn short_duration(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (number, unit) = match nanos {
        ..1e6 => (nanos / 1e3, "µs"),
        1e6..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

/// Returns a duration in milliseconds, without the unit, with three significant digits: `9.88`,
/// `2,170`.
pub fn milliseconds(time: Duration) -> String {
    three_digits(time.as_secs_f64() * 1e3)
}

fn three_digits(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.2}"),
        ..100.0 => format!("{number:.1}"),
        _ => grouped(number.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(group_digits("12345", 2, "."), "1.23.45");
        assert_eq!(group_digits("12345", 0, "."), "12345");
    }

    #[test]
    fn percentages_have_the_digits_that_count() {
        assert_eq!(
            [0.0, 0.03, 0.005, 0.0198, 0.0995, 0.285, 3.737].map(percent),
            ["0 %", "3 %", "0.5 %", "2 %", "10 %", "28 %", "374 %"]
        );
        assert_eq!((percent(12_345.0), percent(-0.000_1)), ("1,234,500 %".to_owned(), "0 %".to_owned()));
        assert_eq!(percent_with_decimals(0.002, 2), "0.20 %");
        assert_eq!([0.004, 0.28, 1.0].map(|share| percent_up_to_decimals(share, 1)), ["0.4 %", "28 %", "100 %"]);
        assert_eq!(percent_up_to_decimals(1.0, 0), "100 %");
        assert_eq!([0.054, -0.756, -0.000_1].map(|off| signed_percent(off, 1)), ["+5.4 %", "-75.6 %", "+0.0 %"]);
        assert_eq!((signed_percent(-0.04, 0), signed_percent(-0.004, 0)), ("-4 %".to_owned(), "+0 %".to_owned()));
    }

    #[test]
    fn durations_have_three_digits() {
        let times = [500, 3_210, 250_000_000, 1_000_000_000, 2_169_700_000_000].map(Duration::from_nanos);
        assert_eq!(times.map(short_duration), ["0.50 µs", "3.21 µs", "250 ms", "1.00 s", "2,170 s"]);
        let times = [9.876, 25.94, 2169.7].map(|ms| Duration::from_secs_f64(ms / 1e3));
        assert_eq!(times.map(milliseconds), ["9.88", "25.9", "2,170"]);
    }
}
