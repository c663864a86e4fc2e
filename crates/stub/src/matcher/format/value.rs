//! Reads a matcher for one value, such as `{"equalTo": "x"}`.

use base64::Engine as _;
use serde_json::Value as Json;

use super::date_time::date_time;
use super::json_schema::matches_json_schema;
use super::operand::{flag, java_regex, text};
use super::xml::{equal_to_xml, matches_xpath};
use crate::defect::nearest;
use crate::java_base64::BASE64;
use crate::matcher::ValueMatcher;
use crate::matcher::date_time::DateRelation;
use crate::source::{Member, Node, Reader, Value, lenient_json};
use standin_dialect::PathTemplate;
use standin_dialect::json::JsonEquality;
use standin_dialect::json_path::JsonPath;

/// Operators in the order of the documentation, for messages.
pub(crate) const OPERATORS: &[&str] = &[
    "equalTo",
    "contains",
    "doesNotContain",
    "matches",
    "doesNotMatch",
    "absent",
    "anything",
    "and",
    "or",
    "not",
    "equalToJson",
    "matchesJsonPath",
    "matchesJsonSchema",
    "equalToXml",
    "matchesXPath",
    "matchesPathTemplate",
    "before",
    "after",
    "equalToDateTime",
    "binaryEqualTo",
];

/// Options that may accompany an operator.
pub(crate) const OPTIONS: &[&str] = &[
    "actualFormat",
    "applyTruncationLast",
    "caseInsensitive",
    "enablePlaceholders",
    "exemptedComparisons",
    "expectedOffset",
    "expectedOffsetUnit",
    "expression",
    "ignoreArrayOrder",
    "ignoreExtraElements",
    "ignoreOrderOfSameNode",
    "namespaceAwareness",
    "placeholderClosingDelimiterRegex",
    "placeholderOpeningDelimiterRegex",
    "schemaVersion",
    "truncateActual",
    "truncateExpected",
    "xPathNamespaces",
];

/// Reads a matcher. `binary` allows `binaryEqualTo`, which is for bodies.
pub fn value_matcher(node: &Node, binary: bool, reader: &mut Reader) -> Option<ValueMatcher> {
    let Value::Object(members) = &node.value else {
        let message = format!("a matcher is an object, not {}", node.kind_name());
        reader.error(node, message, "write an operator and its operand, such as `{\"equalTo\": \"…\"}`");
        return None;
    };
    let known = |member: &&Member| OPERATORS.contains(&member.key.as_str());
    let Some(operator) = members.iter().find(known) else {
        unknown(node, members, reader);
        return None;
    };
    for member in members.iter().filter(|member| member.key != operator.key) {
        let key = &member.key;
        if !OPTIONS.contains(&key.as_str()) && reader.is_lenient() {
            let help = match nearest(key, OPTIONS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "remove it; only the first operator of a matcher counts".to_owned(),
            };
            let place = Node { span: member.key_span.clone(), value: Value::Null };
            reader.warn_at(&place, key, format!("`{key}` beside `{}` is ignored", operator.key), help);
        }
    }
    read(&operator.key, &operator.value, node, binary, reader)
}

fn read(operator: &str, operand: &Node, whole: &Node, binary: bool, reader: &mut Reader) -> Option<ValueMatcher> {
    match operator {
        "absent" => Some(ValueMatcher::Absent),
        "after" => date_time(DateRelation::After, operand, whole, reader),
        "anything" => text(operator, operand, reader).map(|_| ValueMatcher::Anything),
        "and" => list(operator, operand, binary, reader).map(ValueMatcher::And),
        "or" => list(operator, operand, binary, reader).map(ValueMatcher::Or),
        "not" => value_matcher(operand, binary, reader).map(|rule| ValueMatcher::Not(Box::new(rule))),
        "before" => date_time(DateRelation::Before, operand, whole, reader),
        "binaryEqualTo" => binary_equal_to(operand, whole, binary, reader),
        "contains" => text(operator, operand, reader).map(ValueMatcher::Contains),
        "doesNotContain" => text(operator, operand, reader).map(ValueMatcher::DoesNotContain),
        "doesNotMatch" => {
            java_regex(&text(operator, operand, reader)?, operand, reader).map(ValueMatcher::DoesNotMatch)
        }
        "equalTo" => text(operator, operand, reader)
            .map(|value| ValueMatcher::EqualTo { value, case_insensitive: flag(whole, "caseInsensitive") }),
        "equalToDateTime" => date_time(DateRelation::Equal, operand, whole, reader),
        "equalToJson" => equal_to_json(operand, whole, reader),
        "equalToXml" => equal_to_xml(operand, whole, reader),
        "matches" => java_regex(&text(operator, operand, reader)?, operand, reader).map(ValueMatcher::Matches),
        "matchesJsonPath" => matches_json_path(operand, reader),
        "matchesJsonSchema" => matches_json_schema(operand, whole, reader),
        "matchesPathTemplate" => text(operator, operand, reader)
            .map(|template| ValueMatcher::MatchesPathTemplate(PathTemplate::new(&template))),
        "matchesXPath" => matches_xpath(operand, whole, reader),
        _ => {
            unknown(whole, whole.members(), reader);
            None
        }
    }
}

fn unknown(node: &Node, members: &[Member], reader: &mut Reader) {
    let Some(first) = members.first() else {
        reader.error(node, "null is not a valid match operation", format!("use one of: {}", OPERATORS.join(", ")));
        return;
    };
    let help = match nearest(&first.key, OPERATORS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of: {}", OPERATORS.join(", ")),
    };
    let place = Node { span: first.key_span.clone(), value: Value::Null };
    reader.error(&place, format!("{} is not a valid match operation", node.to_json()), help);
}

fn list(operator: &str, operand: &Node, binary: bool, reader: &mut Reader) -> Option<Vec<ValueMatcher>> {
    let Value::Array(items) = &operand.value else {
        let message = format!("`{operator}` takes a list of matchers, not {}", operand.kind_name());
        reader.error(operand, message, format!("write `\"{operator}\": [{{…}}, {{…}}]`"));
        return None;
    };
    if items.len() < 2 {
        reader.error(operand, "Must be constructed with at least two matchers", "add another matcher, or use it alone");
        return None;
    }
    let rules: Vec<_> = items.iter().filter_map(|item| value_matcher(item, binary, reader)).collect();
    (rules.len() == items.len()).then_some(rules)
}

fn binary_equal_to(operand: &Node, whole: &Node, binary: bool, reader: &mut Reader) -> Option<ValueMatcher> {
    if !binary {
        reader.error(whole, "`binaryEqualTo` is for bodies only", "use `equalTo` here");
        return None;
    }
    let encoded = text("binaryEqualTo", operand, reader)?;
    match BASE64.decode(encoded.as_bytes()) {
        Ok(bytes) => Some(ValueMatcher::BinaryEqualTo(bytes.into())),
        Err(error) => {
            reader.error(operand, format!("not base64: {error}"), "encode the bytes as base64");
            None
        }
    }
}

fn equal_to_json(operand: &Node, whole: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    let expected = match &operand.value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(expected) => Some(expected),
            Err(error) => lenient_json(text).or_else(|| {
                let message = format!("the expected JSON does not parse: {error}");
                reader.error(operand, message, "correct the JSON in this string");
                None
            }),
        },
        _ => Some(operand.to_json()),
    };
    json_equality(expected?, operand, whole, reader)
}

fn json_equality(expected: Json, operand: &Node, whole: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    match JsonEquality::new(expected, flag(whole, "ignoreArrayOrder"), flag(whole, "ignoreExtraElements")) {
        Ok(equality) => Some(ValueMatcher::EqualToJson(Box::new(equality))),
        Err(error) => {
            reader.error(operand, error.message, error.help);
            None
        }
    }
}

fn matches_json_path(operand: &Node, reader: &mut Reader) -> Option<ValueMatcher> {
    let (expression, rule) = match &operand.value {
        Value::Object(members) => {
            let Some(expression) = operand.get("expression") else {
                let help = "write `{\"expression\": \"$.name\", \"equalTo\": \"…\"}`";
                reader.error(operand, "`matchesJsonPath` needs an `expression`", help);
                return None;
            };
            let expression = text("expression", expression, reader)?;
            let rule = if members.iter().any(|member| member.key != "expression") {
                Some(Box::new(value_matcher(operand, false, reader)?))
            } else {
                None
            };
            (expression, rule)
        }
        _ => (text("matchesJsonPath", operand, reader)?, None),
    };
    match JsonPath::parse(&expression) {
        Ok(path) => Some(ValueMatcher::MatchesJsonPath { path, rule }),
        Err(error) => {
            reader.error(operand, format!("{} at index {} of `{expression}`", error.message, error.at), error.help);
            None
        }
    }
}
