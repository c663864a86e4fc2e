//! Reads `before`, `after` and `equalToDateTime` with their options: formats, truncations, and an
//! offset from now.

use serde_json::{Map, Value as Json};

use super::operand::{flag, text};
use crate::matcher::ValueMatcher;
use crate::matcher::date_time::{DateRelation, DateTimeRule, ExpectedDate};
use crate::source::{Node, Reader, Value};
use standin_dialect::SyntaxError;
use standin_dialect::dates::{DateOffset, DateParser, DateUnit, Truncation};

/// Reads the operator of a relation.
pub(super) fn date_time(
    relation: DateRelation,
    operand: &Node,
    whole: &Node,
    reader: &mut Reader,
) -> Option<ValueMatcher> {
    let spelt = text(relation.operator(), operand, reader)?;
    let parser = option("actualFormat", whole, DateParser::for_format, reader).ok()?.unwrap_or(DateParser::Usual);
    let truncate_actual = option("truncateActual", whole, Truncation::parse, reader).ok()?;
    let truncation = option("truncateExpected", whole, Truncation::parse, reader).ok()?;
    let offset = offset(whole, reader).ok()?;
    let expected = if ExpectedDate::is_relative(&spelt) {
        let offset = match offset {
            Some(offset) => offset,
            None => accepted(DateOffset::parse(&spelt), operand, reader)?,
        };
        ExpectedDate::Now { offset, truncation, truncation_last: flag(whole, "applyTruncationLast") }
    } else {
        for (key, is_given) in [("truncateExpected", truncation.is_some()), ("expectedOffset", offset.is_some())] {
            if is_given && reader.is_lenient() {
                let help = format!("remove it, or write `{}: now`", relation.operator());
                reader.warn_at(whole, key, format!("`{key}` is ignored beside a date that is not `now`"), help);
            }
        }
        ExpectedDate::literal(&spelt)
    };
    if expected.is_unreadable() && reader.is_lenient() {
        let help = "write one such as `2026-01-31T12:00:00Z`, `2026-01-31` or `now +3 days`";
        reader.warn_at(operand, relation.operator(), format!("`{spelt}` is no date, and nothing meets it"), help);
    }
    Some(ValueMatcher::DateTime(Box::new(DateTimeRule {
        relation,
        operand: spelt.into(),
        expected,
        parser,
        truncate_actual,
    })))
}

/// Reads an option beside the operator; `None` if it is absent.
fn option<T>(
    key: &str,
    whole: &Node,
    parse: impl FnOnce(&str) -> Result<T, SyntaxError>,
    reader: &mut Reader,
) -> Result<Option<T>, Told> {
    match whole.get(key).filter(|node| !matches!(node.value, Value::Null)) {
        None => Ok(None),
        Some(node) => {
            let spelt = text(key, node, reader).ok_or(Told)?;
            accepted(parse(&spelt), node, reader).map(Some).ok_or(Told)
        }
    }
}

fn offset(whole: &Node, reader: &mut Reader) -> Result<Option<DateOffset>, Told> {
    let unit = option("expectedOffsetUnit", whole, DateUnit::parse, reader)?;
    let Some(node) = whole.get("expectedOffset").filter(|node| !matches!(node.value, Value::Null)) else {
        return Ok(None);
    };
    let amount = match &node.value {
        Value::String(number) => number.parse().ok(),
        Value::Number(number) => whole_part(number),
        _ => None,
    };
    let Some(amount) = amount else {
        reader.error(node, "`expectedOffset` is a whole number", "write one such as 3 or -3");
        return Err(Told);
    };
    // WireMock ignores either option without the other
    if unit.is_none() && reader.is_lenient() {
        let help = "add one such as `\"expectedOffsetUnit\": \"days\"`";
        reader.warn_at(whole, "expectedOffset", "`expectedOffset` counts only beside `expectedOffsetUnit`", help);
    }
    Ok(unit.map(|unit| DateOffset { amount, unit }))
}

/// Returns a number without its fraction.
fn whole_part(number: &str) -> Option<i32> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    whole.parse().ok().filter(|_| fraction.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Writes relative dates in the echo of a request pattern as WireMock does: `now` as
/// `now +0 seconds`, and the offset of a field of its own behind it. A fixed date has no offset.
pub(super) fn echo_relative_dates(pattern: &mut Json) {
    match pattern {
        Json::Array(items) => items.iter_mut().for_each(echo_relative_dates),
        Json::Object(members) => {
            for operator in OPERATORS {
                let Some(Json::String(spelt)) = members.get(operator) else { continue };
                let spelt = echoed(spelt, members);
                members.insert(operator.to_owned(), spelt.into());
                members.retain(|key, _| !matches!(key.as_str(), "expectedOffset" | "expectedOffsetUnit"));
            }
            let nested = members.iter_mut().filter(|(key, _)| !VERBATIM.contains(&key.as_str()));
            nested.for_each(|(_, value)| echo_relative_dates(value));
        }
        _ => {}
    }
}

fn echoed(spelt: &str, members: &Map<String, Json>) -> String {
    let number = |value: &Json| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let amount = members.get("expectedOffset").and_then(number);
    let unit = members.get("expectedOffsetUnit").and_then(Json::as_str);
    match (amount, unit) {
        _ if !spelt.eq_ignore_ascii_case("now") => spelt.to_owned(),
        (Some(amount), Some(unit)) => format!("now {amount:+} {}", unit.to_lowercase()),
        _ => "now +0 seconds".to_owned(),
    }
}

const OPERATORS: [&str; 3] = ["before", "after", "equalToDateTime"];

/// Keys whose values are documents of the user.
const VERBATIM: [&str; 3] = ["customMatcher", "equalToJson", "matchesJsonSchema"];

/// Error that the reader has reported.
#[derive(Clone, Copy, Debug)]
struct Told;

fn accepted<T>(read: Result<T, SyntaxError>, node: &Node, reader: &mut Reader) -> Option<T> {
    read.map_err(|error| reader.error(node, error.message, error.help)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::echo_relative_dates;
    use crate::matcher::format::value_matcher;
    use crate::source::Reader;

    fn read(matcher: &str) -> (bool, Vec<String>) {
        let mut reader = Reader::of_file("a.json", matcher.into());
        let node = reader.parse(matcher).expect("JSON");
        let is_read = value_matcher(&node, false, &mut reader).is_some();
        (is_read, reader.into_defects().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn relative_dates_are_echoed_as_by_wiremock() {
        for (read, echoed) in [
            (json!({"before": "now"}), json!({"before": "now +0 seconds"})),
            (json!({"before": "now +3 days"}), json!({"before": "now +3 days"})),
            (
                json!([{"and": [{"after": "now", "expectedOffset": -3, "expectedOffsetUnit": "DAYS"}]}]),
                json!([{"and": [{"after": "now -3 days"}]}]),
            ),
            (json!({"before": "2021-06-14", "expectedOffset": 3}), json!({"before": "2021-06-14"})),
            (json!({"equalToJson": {"before": "now"}}), json!({"equalToJson": {"before": "now"}})),
        ] {
            let mut pattern = read.clone();
            echo_relative_dates(&mut pattern);
            assert_eq!(pattern, echoed, "{read}");
        }
    }

    #[test]
    fn what_can_be_meant_is_read_in_silence() {
        for matcher in [
            r#"{"before": "2021-05-01T00:00:00Z"}"#,
            r#"{"after": "now +3 days", "truncateExpected": "FIRST_DAY_OF_MONTH", "applyTruncationLast": true}"#,
            r#"{"after": "now", "expectedOffset": -3000, "expectedOffsetUnit": "DAYS"}"#,
            r#"{"equalToDateTime": "2021-05-01", "actualFormat": "dd/MM/yyyy", "truncateActual": "first day of month"}"#,
        ] {
            assert_eq!(read(matcher), (true, vec![]), "{matcher}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_defect() {
        for matcher in [
            r#"{"before": 5}"#,
            r#"{"before": "2021-05-01", "truncateActual": "whenever"}"#,
            r#"{"before": "2021-05-01", "actualFormat": "dd/qq"}"#,
            r#"{"before": "now +3 weeks"}"#,
            r#"{"before": "now", "expectedOffset": "x", "expectedOffsetUnit": "days"}"#,
            r#"{"before": "now", "expectedOffset": 3, "expectedOffsetUnit": "fortnights"}"#,
        ] {
            let (is_read, defects) = read(matcher);
            assert!(!is_read && defects.len() == 1, "{matcher}: {defects:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_told() {
        for matcher in [
            r#"{"before": "soon"}"#,
            r#"{"before": "2021-05-01", "truncateExpected": "first day of month"}"#,
            r#"{"before": "2021-05-01", "expectedOffset": 3, "expectedOffsetUnit": "days"}"#,
            r#"{"before": "now", "expectedOffset": 3}"#,
        ] {
            let (is_read, defects) = read(matcher);
            assert!(is_read && defects.len() == 1, "{matcher}: {defects:?}");
        }
    }
}
