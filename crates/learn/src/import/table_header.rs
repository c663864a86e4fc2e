//! Meaning of the columns of a percentile table by their names: `p95_ms`, `90% Line`, `Median
//! Response Time`, `p(99)`, `# Samples`.

use super::units::TimeUnit;

/// The meaning of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Column {
    /// The name of the operation.
    Name,
    Method,
    /// A percentile, from 0 to 100.
    Percent(f64),
    Mean,
    /// The number of calls.
    Count,
    /// The number of failed calls.
    Failures,
    /// The rate in calls a second.
    Rate,
    /// A column that is not read.
    Other,
}

/// Returns the meaning of a column, and the unit in its name.
pub(super) fn column(header: &str) -> (Column, Option<TimeUnit>) {
    let lower = header.trim().to_ascii_lowercase();
    let lower = lower.strip_prefix("aggregate_report_").unwrap_or(&lower);
    if NAME_COLUMNS.contains(&lower) {
        return (Column::Name, None);
    }
    if METHOD_COLUMNS.contains(&lower) {
        return (Column::Method, None);
    }
    if matches!(lower, "requests/s" | "req/s" | "rps" | "rate" | "throughput") {
        return (Column::Rate, None);
    }
    if matches!(lower, "failure count" | "failures" | "# fails" | "errors") {
        return (Column::Failures, None);
    }
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '%' | '#' | '\u{b5}' | '\u{3bc}')))
        .filter(|word| !word.is_empty())
        .collect();
    if words.iter().any(|word| IGNORED_WORDS.contains(word)) || lower.contains("/s") {
        return (Column::Other, None);
    }
    let unit = words.iter().rev().find_map(|word| TimeUnit::of(word)).filter(|_| words.len() > 1);
    let is = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let column = if let Some(percent) = percent(&words) {
        Column::Percent(percent)
    } else if is(&["median", "med"]) {
        Column::Percent(50.0)
    } else if is(&["min", "minimum", "shortest"]) {
        Column::Percent(0.0)
    } else if is(&["max", "maximum", "longest"]) {
        Column::Percent(100.0)
    } else if is(&["avg", "average", "mean"]) {
        Column::Mean
    } else if is(&["count", "samples", "requests", "calls", "#", "n", "hits"]) {
        Column::Count
    } else {
        Column::Other
    };
    (column, unit)
}

/// Reads a percentage: `p95`, `95%`, `95th`, `p 99.9`, `p99 9`, `p999`, `percentile 95`.
fn percent(words: &[&str]) -> Option<f64> {
    let spelled =
        |word: &str| word.starts_with("percentile") || matches!(word, "pct" | "p" | "q" | "quantile" | "line");
    for (index, word) in words.iter().enumerate() {
        let bare = ["pct", "p", "q"].into_iter().find_map(|prefix| word.strip_prefix(prefix));
        let marked = bare.or_else(|| word.strip_suffix('%')).or_else(|| word.strip_suffix("th"));
        let digits = match marked.filter(|digits| !digits.is_empty()) {
            Some(digits) => digits,
            None if words.iter().any(|other| spelled(other)) => word,
            None => continue,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            continue;
        }
        // a point is not in every alphabet of names: `p99_9`, `p999`
        let fraction = words.get(index + 1).filter(|next| next.len() < 3 && next.bytes().all(|b| b.is_ascii_digit()));
        let number = match fraction {
            Some(fraction) if bare.is_some() => format!("{digits}.{fraction}"),
            _ if digits.len() > 2 && digits.starts_with("99") && !digits.contains('.') => {
                format!("{}.{}", &digits[..2], &digits[2..])
            }
            _ => digits.to_owned(),
        };
        if let Some(percent) = number.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent)) {
            return Some(percent);
        }
    }
    None
}

const NAME_COLUMNS: &[&str] = &[
    "operation",
    "name",
    "endpoint",
    "label",
    "sampler_label",
    "url",
    "uri",
    "path",
    "route",
    "request",
    "request name",
    "transaction",
    "api",
    "resource",
];
const METHOD_COLUMNS: &[&str] = &["method", "type", "verb", "http_method", "http method"];
/// Words of columns that are no times.
const IGNORED_WORDS: &[&str] = &[
    "size",
    "bytes",
    "content",
    "kb",
    "error",
    "errors",
    "failures",
    "failed",
    "std",
    "stddev",
    "dev",
    "deviation",
    "throughput",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_the_names_that_tools_give_them() {
        use Column::{Count, Failures, Mean, Method, Name, Other, Percent, Rate};
        let ms = Some(TimeUnit::Milliseconds);
        for (header, expected) in [
            ("Type", (Method, None)),
            ("Name", (Name, None)),
            ("Request Count", (Count, None)),
            ("Failure Count", (Failures, None)),
            ("Median Response Time", (Percent(50.0), None)),
            ("Average Content Size", (Other, None)),
            ("Requests/s", (Rate, None)),
            ("Failures/s", (Other, None)),
            ("99.9%", (Percent(99.9), None)),
            ("100%", (Percent(100.0), None)),
            ("# Samples", (Count, None)),
            ("90% Line", (Percent(90.0), None)),
            ("Error %", (Other, None)),
            ("Std. Dev.", (Other, None)),
            ("Received KB/sec", (Other, None)),
            ("aggregate_report_90%_line", (Percent(90.0), None)),
            ("aggregate_report_error%", (Other, None)),
            ("p95_ms", (Percent(95.0), ms)),
            ("p99.9 (s)", (Percent(99.9), Some(TimeUnit::Seconds))),
            ("p99_9_ms", (Percent(99.9), ms)),
            ("p999", (Percent(99.9), None)),
            ("p(90)", (Percent(90.0), None)),
            ("latency percentile 95 [ms]", (Percent(95.0), ms)),
            ("avg_us", (Mean, Some(TimeUnit::Microseconds))),
            ("95th percentile", (Percent(95.0), None)),
            ("comment", (Other, None)),
        ] {
            assert_eq!(column(header), expected, "{header}");
        }
    }
}
