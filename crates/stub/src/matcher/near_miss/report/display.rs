//! Matchers as WireMock prints them.

use base64::Engine as _;

use super::pretty;
use super::truncate::TruncatedText;
use crate::matcher::{FieldRule, ValueMatcher};

/// Returns the operator as a stub spells it.
pub(super) fn operator(rule: &ValueMatcher) -> &'static str {
    match rule {
        ValueMatcher::Absent => "absent",
        ValueMatcher::And(_) => "and",
        ValueMatcher::Anything => "anything",
        ValueMatcher::BinaryEqualTo(_) => "binaryEqualTo",
        ValueMatcher::Contains(_) => "contains",
        ValueMatcher::DateTime(rule) => rule.relation.operator(),
        ValueMatcher::DoesNotContain(_) => "doesNotContain",
        ValueMatcher::DoesNotMatch(_) => "doesNotMatch",
        ValueMatcher::EqualTo { .. } => "equalTo",
        ValueMatcher::EqualToJson(_) => "equalToJson",
        ValueMatcher::EqualToXml(_) => "equalToXml",
        ValueMatcher::Matches(_) => "matches",
        ValueMatcher::MatchesJsonPath { .. } => "matchesJsonPath",
        ValueMatcher::MatchesJsonSchema(_) => "matchesJsonSchema",
        ValueMatcher::MatchesPathTemplate(_) => "matchesPathTemplate",
        ValueMatcher::MatchesXPath(_) => "matchesXPath",
        ValueMatcher::Not(_) => "not",
        ValueMatcher::Or(_) => "or",
    }
}

/// Returns the operand, limited to `room` bytes.
pub(super) fn operand(rule: &ValueMatcher, room: usize) -> String {
    let mut out = TruncatedText::new(room);
    write_operand(rule, &mut out);
    out.finish()
}

/// Returns the operator and operand of the rule for a field.
pub(super) fn field(rule: &FieldRule, room: usize) -> (&'static str, String) {
    match rule {
        FieldRule::One(rule) => (operator(rule), operand(rule, room)),
        FieldRule::HasExactly(rules) => ("hasExactly", joined(rules, " AND ", room)),
        FieldRule::Includes(rules) => ("includes", joined(rules, " AND ", room)),
    }
}

/// Returns the operand for a cookie, path parameter or client address, where WireMock prints only
/// the first of several.
pub(super) fn first_operand(rule: &ValueMatcher, room: usize) -> String {
    match rule {
        ValueMatcher::Absent => "null".to_owned(),
        ValueMatcher::And(rules) | ValueMatcher::Or(rules) => match rules.first() {
            Some(rule) => operand(rule, room),
            None => String::new(),
        },
        rule => operand(rule, room),
    }
}

/// Returns the operator in brackets; for an equality, `equality`.
pub(super) fn bracketed(operator: &str, equality: &str) -> String {
    match operator {
        "equalTo" | "equalToJson" => equality.to_owned(),
        "hasExactly" => " exactly ".to_owned(),
        "includes" => " including ".to_owned(),
        operator => format!(" [{operator}] "),
    }
}

fn joined(rules: &[ValueMatcher], between: &str, room: usize) -> String {
    let mut out = TruncatedText::new(room);
    write_all(rules, between, &mut out);
    out.finish()
}

fn write_all(rules: &[ValueMatcher], between: &str, out: &mut TruncatedText) {
    for (place, rule) in rules.iter().enumerate() {
        if place > 0 {
            out.push(between);
        }
        out.push(operator(rule));
        out.push(" ");
        write_operand(rule, out);
    }
}

fn write_operand(rule: &ValueMatcher, out: &mut TruncatedText) {
    match rule {
        ValueMatcher::Absent => out.push("(absent)"),
        ValueMatcher::And(rules) => write_all(rules, " AND ", out),
        ValueMatcher::Anything => out.push("anything"),
        ValueMatcher::BinaryEqualTo(bytes) => out.push(&base64::engine::general_purpose::STANDARD.encode(bytes)),
        ValueMatcher::Contains(text)
        | ValueMatcher::DoesNotContain(text)
        | ValueMatcher::EqualTo { value: text, .. } => {
            out.push(text);
        }
        ValueMatcher::DateTime(rule) => out.push(&rule.operand),
        ValueMatcher::DoesNotMatch(regex) | ValueMatcher::Matches(regex) => out.push(regex.as_str()),
        ValueMatcher::EqualToJson(expected) => pretty::write(expected.expected().into(), out),
        ValueMatcher::EqualToXml(expected) => out.push(&expected.pretty()),
        ValueMatcher::MatchesJsonPath { path, .. } => out.push(path.as_str()),
        ValueMatcher::MatchesJsonSchema(schema) => pretty::write(schema.schema().into(), out),
        ValueMatcher::MatchesPathTemplate(template) => out.push(template.as_str()),
        ValueMatcher::MatchesXPath(path) => out.push(&path.expression),
        ValueMatcher::Not(rule) => write_operand(rule, out),
        ValueMatcher::Or(rules) => write_all(rules, " OR ", out),
    }
}
