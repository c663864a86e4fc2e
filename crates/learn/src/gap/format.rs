//! Numbers as people read them: times, ratios, shares and counts, the same in the text, on the page
//! and in JSON's sentences.

use standin_text::{grouped, signed_percent};

/// Formats a logarithm of a ratio as a relative difference: 2 is `+639 %`, or `x7.4` from a ratio
/// of 10 on.
pub(crate) fn signed(log_ratio: f64) -> String {
    let ratio = log_ratio.exp();
    if ratio >= MIN_RATIO_AS_TIMES {
        return format!("x{}", grouped(ratio.round() as u64));
    }
    signed_percent(ratio - 1.0, 1)
}

pub(crate) fn unsigned(gap: f64) -> String {
    signed(gap).trim_start_matches('+').to_owned()
}

/// Formats a logarithm of a ratio for a sentence: `5.4 % longer`, `81 times as long`.
pub(crate) fn longer(log_ratio: f64) -> String {
    let ratio = log_ratio.exp();
    match ratio {
        0.9995..1.0005 => "the same".to_owned(),
        MIN_RATIO_AS_TIMES.. => format!("{} times as long", grouped(ratio.round() as u64)),
        MIN_RATIO_IN_SENTENCES.. => format!("{ratio:.1} times as long"),
        1.0.. => format!("{:.1} % longer", (ratio - 1.0) * 100.0),
        _ => format!("{:.1} % shorter", (1.0 - ratio) * 100.0),
    }
}

/// Points of a percentage, without needless digits.
pub(crate) fn points(points: f64) -> String {
    format!("{points:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats a rate in calls a second.
pub(crate) fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// Calls a second from one to another.
pub(crate) fn rates(least: f64, most: f64) -> String {
    let (least, most) = (rate(least), rate(most));
    if least == most { least } else { format!("{least}–{most}") }
}

/// Returns the name of a side for a sentence: `the mock three-workers`, or `the mock` if its name
/// is only its role.
pub(crate) fn the(role: &str, name: &str) -> String {
    if name == role { format!("the {role}") } else { format!("the {role} {name}") }
}

/// Formats the source of a capacity, with the name of a profile in quotes.
pub(crate) fn quoted(from: &str) -> String {
    if from == "a fit of the reference" {
        return "a fit of the service's own calls".to_owned();
    }
    from.strip_prefix("profile ").map_or_else(|| from.to_owned(), |name| format!("profile “{name}”"))
}

/// The reason why calls are left out, as a clause.
pub(crate) const TOO_SLOW_THEN: &str = "the mock itself or the sender was late when they came or ended";
/// Ratios that are told as such, in tables and in sentences.
const MIN_RATIO_AS_TIMES: f64 = 10.0;
const MIN_RATIO_IN_SENTENCES: f64 = 2.0;

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
        assert_eq!([1.76, 0.2, 2.0].map(points), ["1.76", "0.2", "2"]);
        assert_eq!((rates(61.2, 122.4), rates(4.96, 5.04)), ("61–122".to_owned(), "5.0".to_owned()));
    }

    #[test]
    fn sides_have_their_part_and_their_name() {
        assert_eq!((the("mock", "mock"), the("mock", "after")), ("the mock".to_owned(), "the mock after".to_owned()));
        assert_eq!(quoted("profile recorded"), "profile “recorded”");
    }
}
