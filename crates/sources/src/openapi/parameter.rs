//! Parameters of an operation as conditions: those of paths, and the required ones of queries,
//! headers and cookies.

use standin_stub::source::{Node, Value};

use super::path::OperationPath;
use super::request::{RequestRule, present};
use super::{Description, text_matcher};
use crate::schema::Direction;

/// Returns the conditions of an operation's parameters.
pub(super) fn rule<'d>(description: &mut Description<'d, '_>, path: &OperationPath<'d>) -> RequestRule {
    let mut rule = RequestRule::default();
    let mut undeclared: Vec<&str> = path.variables.iter().map(|(name, _)| name.as_str()).collect();
    for parameter in parameters(description, path) {
        let text = |key| parameter.get(key).and_then(Node::as_str);
        let (Some(name), Some(place)) = (text("name"), text("in")) else {
            description.warn(parameter, "a parameter has a `name` and `in`", "add them");
            continue;
        };
        undeclared.retain(|variable| !(*variable == name && place == "path"));
        let is_required = parameter.get("required").is_some_and(|node| node.value == Value::Bool(true));
        let schema = parameter.get("schema").map(|schema| description.schema(schema, Direction::Request));
        let matcher = schema.as_deref().and_then(text_matcher::of_schema);
        match place {
            "path" => {
                let Some((_, variable)) = path.variables.iter().find(|(known, _)| known == name) else {
                    let help = format!("write `{{{name}}}` in the path, or remove the parameter");
                    description.warn(parameter, format!("the path has no variable `{name}`"), help);
                    continue;
                };
                // styles other than `simple` put more than the value into the path
                let is_simple = text("style").is_none_or(|style| style == "simple");
                rule.path.extend(matcher.filter(|_| is_simple).map(|matcher| (variable.clone(), matcher)));
            }
            "query" | "header" | "cookie" if !is_required => {}
            "query" if has_own_names(parameter, schema.as_deref().map(|schema| &schema.json)) => {}
            "query" => drop(rule.query.insert(name.to_owned(), matcher.unwrap_or_else(present))),
            "header" if IGNORED_HEADERS.iter().any(|ignored| name.eq_ignore_ascii_case(ignored)) => {}
            "header" => drop(rule.headers.insert(name.to_owned(), matcher.unwrap_or_else(present))),
            "cookie" => drop(rule.cookies.insert(name.to_owned(), matcher.unwrap_or_else(present))),
            _ => description.warn(
                parameter,
                format!("`{place}` is no place of a parameter"),
                "write `path`, `query`, `header` or `cookie`",
            ),
        }
    }
    for name in undeclared {
        let message = format!("`{name}` in `{}` is no parameter: it takes any text", path.written);
        description.warn(path.operation, message, "declare it with `in: path`");
    }
    rule
}

/// Returns the parameters of the operation, and those of its path that it does not replace.
fn parameters<'d>(description: &mut Description<'d, '_>, path: &OperationPath<'d>) -> Vec<&'d Node> {
    let mut found: Vec<&'d Node> = Vec::new();
    for node in [path.operation, path.item] {
        for parameter in node.get("parameters").map_or(&[][..], Node::items) {
            let Some(parameter) = description.resolve(parameter) else { continue };
            let is_same = |known: &&Node| {
                ["name", "in"]
                    .iter()
                    .all(|key| known.get(key).map(|node| &node.value) == parameter.get(key).map(|node| &node.value))
            };
            if !found.iter().any(is_same) {
                found.push(parameter);
            }
        }
    }
    found
}

/// Returns true if the query has names of its own in place of the parameter's: an object whose
/// properties are parameters each, or `deepObject`.
fn has_own_names(parameter: &Node, schema: Option<&serde_json::Value>) -> bool {
    let style = parameter.get("style").and_then(Node::as_str).unwrap_or("form");
    let is_exploded = parameter.get("explode").is_none_or(|node| node.value != Value::Bool(false));
    let is_object = schema.is_some_and(|schema| {
        let mut merged = crate::sample::Merged::default();
        merged.add(schema, schema) && merged.kinds.as_deref() == Some(&[crate::sample::Kind::Object])
    });
    style == "deepObject" || (style == "form" && is_exploded && is_object)
}

/// Headers that are described elsewhere, so that parameters of these names mean nothing.
const IGNORED_HEADERS: [&str; 3] = ["Accept", "Content-Type", "Authorization"];
