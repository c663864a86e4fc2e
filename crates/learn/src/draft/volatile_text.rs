//! Texts in which some values are volatile: times, random values, and values of the request that
//! the answer repeats.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::{Timestamp, tz};
use regex::Regex;
use serde_json::Value;
use standin_stub::Stub;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum TextPart {
    /// Text that is in every answer.
    Literal(String),
    /// A template expression for what varies, such as `{{request.query.id}}`.
    Volatile(String),
}

/// The kinds of values that are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum VolatileKinds {
    /// Values of the request.
    Echoes,
    /// These, and times at the time of the call.
    Times,
}

/// A value of a request, and the expression that gives it.
#[derive(Clone, Debug)]
pub(super) struct EchoSource {
    pub(super) value: String,
    pub(super) expression: String,
}

/// The template of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnswerTemplate {
    /// The body as a template.
    pub(super) body: String,
    /// Headers with a value that varies: name in lower case, and template.
    pub(super) headers: Vec<(String, String)>,
}

impl AnswerTemplate {
    /// Returns the template of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, template)| template.as_str())
    }
}

/// Splits a text at its volatile values. `at_ms` is the time of the call, in milliseconds since
/// 1970.
pub(super) fn split(text: &str, sources: &[EchoSource], kinds: VolatileKinds, at_ms: i64) -> Vec<TextPart> {
    let mut found: Vec<(usize, usize, String)> = Vec::new();
    for source in sources {
        for (at, _) in text.match_indices(&source.value) {
            if is_whole(text, at, source.value.len()) {
                found.push((at, at + source.value.len(), source.expression.clone()));
            }
        }
    }
    if kinds >= VolatileKinds::Times {
        for value in TIMES.find_iter(text) {
            if let Some(time) = now_expression(value.as_str(), at_ms)
                && is_whole(text, value.start(), value.len())
            {
                found.push((value.start(), value.end(), time));
            }
        }
    }
    // the earliest and longest first; of equals the first source
    found.sort_by_key(|(begin, end, _)| (*begin, std::cmp::Reverse(*end)));
    let (mut parts, mut from) = (Vec::new(), 0);
    for (begin, end, expression) in found {
        if begin < from {
            continue;
        }
        if begin > from {
            parts.push(TextPart::Literal(text[from..begin].to_owned()));
        }
        parts.push(TextPart::Volatile(expression));
        from = end;
    }
    if from < text.len() {
        parts.push(TextPart::Literal(text[from..].to_owned()));
    }
    parts
}

/// Returns true if no letter or digit continues the value.
pub(super) fn is_whole(text: &str, at: usize, length: usize) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !is_part(text[..at].chars().next_back()) && !is_part(text[at + length..].chars().next())
}

/// Returns true if the text contains the value as a whole.
pub(super) fn has_whole(text: &str, value: &str) -> bool {
    !value.is_empty() && text.match_indices(value).any(|(at, _)| is_whole(text, at, value.len()))
}

/// Returns the text as a template.
pub(super) fn template(parts: &[TextPart]) -> String {
    let mut template = String::new();
    let mut follows_expression = false;
    for part in parts {
        let (TextPart::Literal(text) | TextPart::Volatile(text)) = part;
        if follows_expression && text.starts_with('}') {
            // a brace would be read as one of the expression, and a comment writes nothing
            template.push_str("{{! }}");
        }
        template.push_str(text);
        follows_expression = matches!(part, TextPart::Volatile(_));
    }
    template
}

/// Returns true if a part varies.
pub(super) fn is_volatile(parts: &[TextPart]) -> bool {
    parts.iter().any(|part| matches!(part, TextPart::Volatile(_)))
}

/// Returns true if a literal part would be read as a part of a template.
pub(super) fn has_braces(parts: &[TextPart]) -> bool {
    let is_within = |part: &TextPart| matches!(part, TextPart::Literal(text) if text.contains("{{"));
    let is_before =
        |pair: &[TextPart]| matches!(pair, [TextPart::Literal(text), TextPart::Volatile(_)] if text.ends_with('{'));
    parts.iter().any(is_within) || parts.windows(2).any(is_before)
}

/// Returns true if the body can be an answer of a drafted template: its literal parts are there,
/// in their order.
pub(super) fn is_answer_of(stub: &Stub, body: &[u8]) -> bool {
    // most stubs have no template, and the text search spares parsing their documents
    if !stub.document.contains(TRANSFORMER) {
        return false;
    }
    let document = serde_json::from_str::<Value>(&stub.document).unwrap_or_default();
    let template = document.pointer("/response/body").and_then(Value::as_str);
    let (Some(template), Ok(body)) = (template, std::str::from_utf8(body)) else { return false };
    let literals: Vec<&str> = EXPRESSIONS.split(template).collect();
    let Some(mut rest) = body.strip_prefix(literals[0]) else { return false };
    for literal in &literals[1..] {
        match rest.find(literal) {
            Some(at) => rest = &rest[at + literal.len()..],
            None => return false,
        }
    }
    literals.last().is_some_and(|last| last.is_empty() || body.ends_with(last))
}

/// Returns true if a value is a time at most so far from another.
pub(super) fn is_near(value: &str, at_ms: i64, tolerance_ms: i64) -> bool {
    let time = match value.len() {
        13 if is_number(value) => value.parse().ok(),
        10 if is_number(value) => value.parse::<i64>().ok().map(|seconds| seconds * 1_000),
        _ => time_ms(value),
    };
    time.is_some_and(|time| (time - at_ms).abs() <= tolerance_ms)
}

/// Returns the expression for a time that is the time of the call, in the form in which it is
/// written.
pub(super) fn now_expression(text: &str, at_ms: i64) -> Option<String> {
    let is_now = |ms: i64| (ms - at_ms).abs() <= MAX_CLOCK_DIFFERENCE_MS;
    let format = match text.len() {
        13 if is_number(text) => is_now(text.parse().ok()?).then(|| "epoch".to_owned()),
        10 if is_number(text) => is_now(text.parse::<i64>().ok()? * 1_000).then(|| "unix".to_owned()),
        _ => is_now(time_ms(text)?).then(|| date_format(text)).flatten(),
    };
    format.map(|format| format!("{{{{now format=\"{format}\"}}}}"))
}

/// Returns the milliseconds since 1970 of a time in ISO 8601 with a time of day; without a zone it
/// is taken as UTC.
pub(super) fn time_ms(text: &str) -> Option<i64> {
    if TIMES.find(text).is_none_or(|found| found.len() != text.len()) || is_number(text) {
        return None;
    }
    let zoned = text.parse::<Timestamp>().ok();
    let time = zoned.or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        tz::TimeZone::UTC.to_timestamp(civil).ok()
    });
    time.map(Timestamp::as_millisecond)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the Java format of a time in UTC.
fn date_format(text: &str) -> Option<String> {
    let (separator, rest) = (text.as_bytes().get(10)?, text.get(19..)?);
    let separator = if *separator == b'T' { "'T'" } else { " " };
    let fraction = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let zone = &rest[if fraction > 0 { fraction + 1 } else { 0 }..];
    let zone = match zone {
        "Z" => "'Z'",
        "+00:00" => "'+00:00'",
        "" => "",
        _ => return None,
    };
    // Java's dates have milliseconds
    let fraction = match fraction {
        0 => "",
        3 => ".SSS",
        _ => return None,
    };
    Some(format!("yyyy-MM-dd{separator}HH:mm:ss{fraction}{zone}"))
}

/// Returns true if a value looks drawn at random or counted up: a UUID, or a long text with digits.
pub(super) fn looks_random(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_token = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=+/:".contains(&byte));
    UUIDS.find(value).is_some_and(|found| found.len() == value.len())
        || is_token && value.len() >= MIN_RANDOM_BYTES && digits * 6 >= value.len() && !value.contains("://")
}

/// Name of the transformer of a drafted template.
pub(super) const TRANSFORMER: &str = "response-template";

/// Length from which on a value with digits looks random.
const MIN_RANDOM_BYTES: usize = 12;

/// Difference of the clocks of the service, its client and the recorder, and the time of a call.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 300_000;

static TIMES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?|\b[0-9]{13}\b|\b[0-9]{10}\b")
        .expect("a constant")
});

static UUIDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}").expect("a constant")
});

static EXPRESSIONS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{[^}]*\}\}").expect("a constant"));

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_796_040_000_000; // 2026-11-30T12:00:00Z

    #[test]
    fn times_at_the_time_of_the_call_become_expressions() {
        for (text, expected) in [
            ("2026-11-30T12:00:01Z", Some("yyyy-MM-dd'T'HH:mm:ss'Z'")),
            ("2026-11-30T12:00:01.123Z", Some("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")),
            ("2026-11-30 12:00:01", Some("yyyy-MM-dd HH:mm:ss")),
            ("2026-11-30T12:00:01+00:00", Some("yyyy-MM-dd'T'HH:mm:ss'+00:00'")),
            ("1796040000123", Some("epoch")),
            ("1796040000", Some("unix")),
            ("2026-11-29T12:00:01Z", None),
            ("1796000000", None),
        ] {
            let expected = expected.map(|format| format!("{{{{now format=\"{format}\"}}}}"));
            assert_eq!(now_expression(text, NOON), expected, "{text}");
        }
    }

    #[test]
    fn a_text_is_split_at_whole_values() {
        let sources = [EchoSource { value: "abc-1".to_owned(), expression: "{{request.headers.X-Id}}".to_owned() }];
        let text = "{\"id\":\"abc-1\",\"other\":\"abc-12\",\"at\":1796040000}";
        let parts = split(text, &sources, VolatileKinds::Times, NOON);
        assert_eq!(
            template(&parts),
            "{\"id\":\"{{request.headers.X-Id}}\",\"other\":\"abc-12\",\"at\":{{now format=\"unix\"}}{{! }}}"
        );
        assert!(is_volatile(&parts) && !has_braces(&parts));
        assert!(has_braces(&split("{abc-1 }", &sources, VolatileKinds::Echoes, NOON)));
        let without = split(text, &[], VolatileKinds::Echoes, NOON);
        assert_eq!(without, [TextPart::Literal(text.to_owned())]);
    }

    #[test]
    fn words_do_not_look_random() {
        for (value, expected) in [
            ("550e8400-e29b-41d4-a716-446655440000", true),
            ("a8f5f167f44f4964e6c998dee827110c", true),
            ("application/json", false),
            ("some-long-name-of-a-thing", false),
            ("http://host:8080/path1234567890", false),
            ("12345", false),
        ] {
            assert_eq!(looks_random(value), expected, "{value}");
        }
    }
}
