//! What a rule asks, in the words in which WireMock prints it.

use base64::Engine as _;

use super::cut::TruncatedText;
use super::pretty;
use crate::matcher::{FieldRule, ValueMatcher};

/// The operator as a stub spells it.
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

/// The operand, `room` bytes of it.
pub(super) fn operand(rule: &ValueMatcher, room: usize) -> String {
    let mut cut = TruncatedText::new(room);
    write_operand(rule, &mut cut);
    cut.finish()
}

/// The operator and operand of one rule or several, as they stand behind a name.
pub(super) fn field(rule: &FieldRule, room: usize) -> (&'static str, String) {
    match rule {
        FieldRule::One(rule) => (operator(rule), operand(rule, room)),
        FieldRule::HasExactly(rules) => ("hasExactly", joined(rules, " AND ", room)),
        FieldRule::Includes(rules) => ("includes", joined(rules, " AND ", room)),
    }
}

/// The operand of a cookie, path parameter or client address, where WireMock names only the first of several.
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

/// The operator in brackets, but for equality, which goes without saying.
pub(super) fn bracketed(operator: &str, equality: &str) -> String {
    match operator {
        "equalTo" | "equalToJson" => equality.to_owned(),
        "hasExactly" => " exactly ".to_owned(),
        "includes" => " including ".to_owned(),
        operator => format!(" [{operator}] "),
    }
}

fn joined(rules: &[ValueMatcher], between: &str, room: usize) -> String {
    let mut cut = TruncatedText::new(room);
    write_all(rules, between, &mut cut);
    cut.finish()
}

fn write_all(rules: &[ValueMatcher], between: &str, cut: &mut TruncatedText) {
    for (place, rule) in rules.iter().enumerate() {
        if place > 0 {
            cut.push(between);
        }
        cut.push(operator(rule));
        cut.push(" ");
        write_operand(rule, cut);
    }
}

fn write_operand(rule: &ValueMatcher, cut: &mut TruncatedText) {
    match rule {
        ValueMatcher::Absent => cut.push("(absent)"),
        ValueMatcher::And(rules) => write_all(rules, " AND ", cut),
        ValueMatcher::Anything => cut.push("anything"),
        ValueMatcher::BinaryEqualTo(bytes) => cut.push(&base64::engine::general_purpose::STANDARD.encode(bytes)),
        ValueMatcher::Contains(text)
        | ValueMatcher::DoesNotContain(text)
        | ValueMatcher::EqualTo { value: text, .. } => {
            cut.push(text);
        }
        ValueMatcher::DateTime(rule) => cut.push(&rule.operand),
        ValueMatcher::DoesNotMatch(regex) | ValueMatcher::Matches(regex) => cut.push(regex.as_str()),
        ValueMatcher::EqualToJson(expected) => pretty::write(expected.expected(), cut),
        ValueMatcher::EqualToXml(expected) => cut.push(&expected.pretty()),
        ValueMatcher::MatchesJsonPath { path, .. } => cut.push(path.as_str()),
        ValueMatcher::MatchesJsonSchema(schema) => pretty::write(schema.schema(), cut),
        ValueMatcher::MatchesPathTemplate(template) => cut.push(template.as_str()),
        ValueMatcher::MatchesXPath(path) => cut.push(&path.expression),
        ValueMatcher::Not(rule) => write_operand(rule, cut),
        ValueMatcher::Or(rules) => write_all(rules, " OR ", cut),
    }
}
