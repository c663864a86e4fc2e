//! The body of a request as conditions.

use serde_json::{Value as Json, json};
use standin_stub::source::{Node, Value};

use super::media::{content_type_matcher, essence, is_json};
use super::path::OperationPath;
use super::request::{RequestRule, present};
use super::{Description, text_matcher};
use crate::schema::Direction;

/// Returns the conditions of the body, in alternatives of which one must be met. JSON must be valid
/// by its schema; of forms the required fields must be there.
pub(super) fn rules<'d>(description: &mut Description<'d, '_>, path: &OperationPath<'d>) -> Vec<RequestRule> {
    let body = path.operation.get("requestBody").and_then(|body| description.resolve(body));
    let content = body.and_then(|body| body.get("content")).map_or(&[][..], Node::members);
    let is_required =
        body.and_then(|body| body.get("required")).is_some_and(|required| required.value == Value::Bool(true));
    let mut rules: Vec<(&str, RequestRule)> = Vec::new();
    for media in content {
        let schema = media.value.get("schema");
        let rule = match essence(&media.key).as_str() {
            _ if is_json(&media.key) => schema.map(|schema| json_rule(description, schema, is_required)),
            "application/x-www-form-urlencoded" if is_required => schema.map(|schema| form_rule(description, schema)),
            _ => None,
        };
        rules.push((&media.key, rule.unwrap_or_default()));
    }
    let has_conditions = rules.iter().any(|(_, rule)| !rule.is_empty());
    if !has_conditions {
        return vec![RequestRule::default()];
    }
    let is_alone = rules.len() == 1;
    let has_no_body = RequestRule { body: vec![json!({ "absent": true })], ..RequestRule::default() };
    let mut alternatives: Vec<RequestRule> = rules
        .into_iter()
        .map(|(media_type, mut rule)| {
            if !is_alone {
                rule.headers.insert("Content-Type".to_owned(), content_type_matcher(media_type));
            }
            rule
        })
        .collect();
    if !is_required && !is_alone {
        alternatives.push(has_no_body);
    }
    alternatives
}

fn json_rule<'d>(description: &mut Description<'d, '_>, schema: &'d Node, is_required: bool) -> RequestRule {
    let schema = description.schema(schema, Direction::Request);
    let mut rule = RequestRule::default();
    if !schema.allows_everything() && schema.problem.is_none() {
        let matcher = json!({ "matchesJsonSchema": schema.json, "schemaVersion": "V202012" });
        rule.body.push(if is_required { matcher } else { json!({ "or": [{ "absent": true }, matcher] }) });
    }
    rule
}

/// Returns the conditions of a form: its required fields are there, and as their schemas want them.
fn form_rule<'d>(description: &mut Description<'d, '_>, schema: &'d Node) -> RequestRule {
    let mut rule = RequestRule::default();
    let Some(object) = description.resolve(schema) else { return rule };
    for name in object.get("required").map_or(&[][..], Node::items).iter().filter_map(Node::as_str) {
        let property = object.get("properties").and_then(|properties| properties.get(name));
        let matcher: Option<Json> = property.and_then(|property| {
            let schema = description.schema(property, Direction::Request);
            text_matcher::of_schema(&schema)
        });
        rule.form.insert(name.to_owned(), matcher.unwrap_or_else(present));
    }
    rule
}
