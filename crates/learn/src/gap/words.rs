//! Numbers as people read them: times, ratios, shares and counts, the same in the text, on the page and in JSON's sentences.

use std::time::Duration;

pub(super) use crate::page::grouped;

/// Milliseconds with three digits that count.
pub(super) fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.2}"),
        ..100.0 => format!("{ms:.1}"),
        _ => grouped(ms.round() as u64),
    }
}

/// A logarithm of a ratio as what it means: 2 is `+639 %`, `x7.4` when that grows too long.
pub(super) fn signed(log_ratio: f64) -> String {
    let ratio = log_ratio.exp();
    if ratio >= MANY {
        return format!("x{}", grouped(ratio.round() as u64));
    }
    let percent = (ratio - 1.0) * 100.0;
    // nothing is neither more nor less
    format!("{:+.1} %", if percent.abs() < 0.05 { 0.0 } else { percent })
}

pub(super) fn unsigned(gap: f64) -> String {
    signed(gap).trim_start_matches('+').to_owned()
}

/// The same within a sentence: `5.4 % longer`, `81 times as long`.
pub(super) fn longer(log_ratio: f64) -> String {
    let ratio = log_ratio.exp();
    match ratio {
        0.9995..1.0005 => "the same".to_owned(),
        MANY.. => format!("{} times as long", grouped(ratio.round() as u64)),
        TWICE.. => format!("{ratio:.1} times as long"),
        1.0.. => format!("{:.1} % longer", (ratio - 1.0) * 100.0),
        _ => format!("{:.1} % shorter", (1.0 - ratio) * 100.0),
    }
}

/// A share without needless digits: `3 %`, `0.2 %`, `28 %`, `374 %`.
pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 && (percent - percent.round()).abs() > 0.05 {
        format!("{percent:.1} %")
    } else if percent < 1e6 {
        format!("{percent:.0} %")
    } else {
        format!("{} %", grouped(percent as u64))
    }
}

pub(super) fn percentage(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Points of a percentage, without needless digits.
pub(super) fn points(points: f64) -> String {
    format!("{points:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Calls a second.
pub(super) fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// Calls a second from one to another.
pub(super) fn rates(least: f64, most: f64) -> String {
    let (least, most) = (rate(least), rate(most));
    if least == most { least } else { format!("{least}–{most}") }
}

/// What to call a side within a sentence: `the mock three-workers`, and `the mock` where it has no name of its own.
pub(super) fn the(role: &str, name: &str) -> String {
    if name == role { format!("the {role}") } else { format!("the {role} {name}") }
}

/// Where a capacity is known from, with the name of a profile in quotes.
pub(super) fn quoted(from: &str) -> String {
    if from == "a fit of the reference" {
        return "a fit of the service's own calls".to_owned();
    }
    from.strip_prefix("profile ").map_or_else(|| from.to_owned(), |name| format!("profile “{name}”"))
}

/// `a, b and c`.
pub(super) fn listed(parts: &[String], last: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., end] => format!("{} {last} {end}", most.join(", ")),
    }
}

/// Ratios that are told as such, in tables and in sentences.
const MANY: f64 = 10.0;
const TWICE: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_told_as_they_are() {
        let told = [0.054_f64, -0.756, 1.2, 80.0].map(|off| longer(off.ln_1p()));
        assert_eq!(longer(-0.0001), "the same");
        assert_eq!(told, ["5.4 % longer", "75.6 % shorter", "2.2 times as long", "81 times as long"]);
        let told = [0.054_f64, -0.756, 1.2, 80.0, 1_529.0].map(|off| signed(off.ln_1p()));
        assert_eq!(told, ["+5.4 %", "-75.6 %", "+120.0 %", "x81", "x1,530"]);
        assert_eq!((signed(-0.0001), unsigned(0.0)), ("+0.0 %".to_owned(), "0.0 %".to_owned()));
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        assert_eq!([0.03, 0.005, 0.285, 3.737].map(share), ["3 %", "0.5 %", "28 %", "374 %"]);
        assert_eq!([1.76, 0.2, 2.0].map(points), ["1.76", "0.2", "2"]);
        let times = [9.876, 25.94, 2169.7].map(|ms| Duration::from_secs_f64(ms / 1e3));
        assert_eq!(times.map(ms), ["9.88", "25.9", "2,170"]);
        assert_eq!((rates(61.2, 122.4), rates(4.96, 5.04)), ("61–122".to_owned(), "5.0".to_owned()));
    }

    #[test]
    fn sides_have_their_part_and_their_name() {
        assert_eq!((the("mock", "mock"), the("mock", "after")), ("the mock".to_owned(), "the mock after".to_owned()));
        assert_eq!(quoted("profile recorded"), "profile “recorded”");
        assert_eq!(listed(&["a".to_owned(), "b".to_owned(), "c".to_owned()], "or"), "a, b or c");
    }
}
