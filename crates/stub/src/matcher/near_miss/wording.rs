//! What a rule asks, in the words in which WireMock prints it.

use base64::Engine as _;

use super::cut::Cut;
use super::pretty;
use crate::matcher::{FieldRule, TextMatcher};

/// The operator as a stub spells it.
pub(super) fn operator(rule: &TextMatcher) -> &'static str {
    match rule {
        TextMatcher::Absent => "absent",
        TextMatcher::And(_) => "and",
        TextMatcher::Anything => "anything",
        TextMatcher::BinaryEqualTo(_) => "binaryEqualTo",
        TextMatcher::Contains(_) => "contains",
        TextMatcher::DateTime(rule) => rule.relation.operator(),
        TextMatcher::DoesNotContain(_) => "doesNotContain",
        TextMatcher::DoesNotMatch(_) => "doesNotMatch",
        TextMatcher::EqualTo { .. } => "equalTo",
        TextMatcher::EqualToJson(_) => "equalToJson",
        TextMatcher::EqualToXml(_) => "equalToXml",
        TextMatcher::Matches(_) => "matches",
        TextMatcher::MatchesJsonPath { .. } => "matchesJsonPath",
        TextMatcher::MatchesJsonSchema(_) => "matchesJsonSchema",
        TextMatcher::MatchesPathTemplate(_) => "matchesPathTemplate",
        TextMatcher::MatchesXPath(_) => "matchesXPath",
        TextMatcher::Not(_) => "not",
        TextMatcher::Or(_) => "or",
    }
}

/// The operand, `room` bytes of it.
pub(super) fn operand(rule: &TextMatcher, room: usize) -> String {
    let mut cut = Cut::new(room);
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
pub(super) fn first_operand(rule: &TextMatcher, room: usize) -> String {
    match rule {
        TextMatcher::Absent => "null".to_owned(),
        TextMatcher::And(rules) | TextMatcher::Or(rules) => match rules.first() {
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

fn joined(rules: &[TextMatcher], between: &str, room: usize) -> String {
    let mut cut = Cut::new(room);
    write_all(rules, between, &mut cut);
    cut.finish()
}

fn write_all(rules: &[TextMatcher], between: &str, cut: &mut Cut) {
    for (place, rule) in rules.iter().enumerate() {
        if place > 0 {
            cut.push(between);
        }
        cut.push(operator(rule));
        cut.push(" ");
        write_operand(rule, cut);
    }
}

fn write_operand(rule: &TextMatcher, cut: &mut Cut) {
    match rule {
        TextMatcher::Absent => cut.push("(absent)"),
        TextMatcher::And(rules) => write_all(rules, " AND ", cut),
        TextMatcher::Anything => cut.push("anything"),
        TextMatcher::BinaryEqualTo(bytes) => cut.push(&base64::engine::general_purpose::STANDARD.encode(bytes)),
        TextMatcher::Contains(text) | TextMatcher::DoesNotContain(text) | TextMatcher::EqualTo { value: text, .. } => {
            cut.push(text);
        }
        TextMatcher::DateTime(rule) => cut.push(&rule.operand),
        TextMatcher::DoesNotMatch(regex) | TextMatcher::Matches(regex) => cut.push(regex.as_str()),
        TextMatcher::EqualToJson(expected) => pretty::write(expected.expected(), cut),
        TextMatcher::EqualToXml(expected) => cut.push(&expected.pretty()),
        TextMatcher::MatchesJsonPath { path, .. } => cut.push(path.as_str()),
        TextMatcher::MatchesJsonSchema(schema) => pretty::write(schema.schema(), cut),
        TextMatcher::MatchesPathTemplate(template) => cut.push(template.as_str()),
        TextMatcher::MatchesXPath(path) => cut.push(&path.expression),
        TextMatcher::Not(rule) => write_operand(rule, cut),
        TextMatcher::Or(rules) => write_all(rules, " OR ", cut),
    }
}
