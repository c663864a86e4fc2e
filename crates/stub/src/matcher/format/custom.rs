//! Reads `customMatcher`: the GraphQL matcher, and unknown ones, which match nothing.
//!
//! As in WireMock, nothing that is wrong in it makes the stub invalid.

use serde_json::{Map, Value as Json};

use crate::matcher::Clause;
use crate::matcher::graphql::{GraphQlRule, OperationName};
use crate::source::defect::Defect;
use crate::source::rule::Rule;
use crate::source::{Node, Reader, read_json};
use standin_dialect::graphql::GraphQlDocument;
use standin_dialect::json::JsonEquality;

/// Reads a custom matcher.
pub(super) fn custom_matcher(node: &Node, reader: &mut Reader) -> Clause {
    let problem = match node.get("name").and_then(Node::as_str) {
        Some(GRAPHQL) => match graphql_rule(node, reader) {
            Ok(rule) => return Clause::GraphQl(Box::new(rule)),
            Err(problem) => problem,
        },
        Some(name) => format!("the custom matcher `{name}` is unknown"),
        None => "the custom matcher has no name".to_owned(),
    };
    let help = format!("describe the request by WireMock's matchers; the only custom matcher is `{GRAPHQL}`");
    warn(node, &format!("{problem}, and never matches"), &help, reader);
    Clause::Unsatisfiable
}

fn graphql_rule(node: &Node, reader: &mut Reader) -> Result<GraphQlRule, String> {
    let Some(Json::Object(parameters)) = node.get("parameters").map(Node::to_json) else {
        return Err("the GraphQL matcher has no `parameters`".to_owned());
    };
    if let Some(unknown) = parameters.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let help = format!("known here: {}", KEYS.join(", "));
        warn(node, &format!("the parameter `{unknown}` of the GraphQL matcher is ignored"), &help, reader);
    }
    match WRAPPERS.iter().find_map(|key| parameters.get(*key)) {
        Some(wrapped) => wrapped_rule(wrapped),
        None => rule(&parameters),
    }
}

/// Reads the older spelling: a whole request as JSON, or as a text of JSON. It says nothing about
/// the name of the operation.
fn wrapped_rule(wrapped: &Json) -> Result<GraphQlRule, String> {
    let parsed = match wrapped {
        // the extension removes line breaks, which GraphQL has and JSON does not
        Json::String(text) => read_json(&text.replace('\n', " ")).ok().map(|node| node.to_json()),
        other => Some(other.clone()),
    };
    let Some(Json::Object(request)) = parsed else {
        return Err("the expected request of the GraphQL matcher is not a JSON object".to_owned());
    };
    let rule = rule(&request)?;
    let empty = Json::Object(Map::new());
    let variables = rule.variables.filter(|variables| *variables.expected() != empty);
    Ok(GraphQlRule { variables, operation: OperationName::Any, ignores_empty_variables: true, ..rule })
}

/// Reads `query`, `variables` and `operationName`.
fn rule(request: &Map<String, Json>) -> Result<GraphQlRule, String> {
    let member = |key: &str| request.get(key).filter(|value| !value.is_null());
    let Some(Json::String(query)) = member("query") else {
        return Err("the GraphQL matcher has no `query`".to_owned());
    };
    let query = GraphQlDocument::parse(query)
        .map_err(|error| format!("the `query` of the GraphQL matcher is not GraphQL ({error})"))?;
    let variables = member("variables")
        .map(|expected| JsonEquality::new(expected.clone(), false, false).map(Box::new))
        .transpose()
        .map_err(|error| format!("the `variables` of the GraphQL matcher cannot be compared ({error})"))?;
    let operation = match member("operationName") {
        None => OperationName::Absent,
        Some(Json::String(name)) => OperationName::Is(name.clone()),
        Some(_) => return Err("the `operationName` of the GraphQL matcher is not a string".to_owned()),
    };
    Ok(GraphQlRule { query, variables, operation, ignores_empty_variables: false })
}

fn warn(node: &Node, message: &str, help: &str, reader: &mut Reader) {
    reader.report(Defect::warning(message).help(help).rule(&Rule::UNKNOWN_EXTENSION), node, "customMatcher");
}

/// Name of the matcher of WireMock's GraphQL extension.
const GRAPHQL: &str = "graphql-body-matcher";

/// Parameters that hold a whole request, in the older versions of the extension.
const WRAPPERS: [&str; 2] = ["expectedJson", "expectedQuery"];

const KEYS: [&str; 5] = ["expectedJson", "expectedQuery", "operationName", "query", "variables"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::matcher::MatchStats;
    use crate::render::template::tests::call;

    fn clause(matcher: &Json) -> (Clause, usize) {
        let text = matcher.to_string();
        let mut reader = Reader::of_file("stub.json", text.as_str().into());
        let node = reader.parse(&text).expect("JSON");
        let clause = custom_matcher(&node, &mut reader);
        (clause, reader.defects().len())
    }

    fn matches(parameters: &Json, body: &str) -> bool {
        let (clause, warnings) = clause(&json!({"name": GRAPHQL, "parameters": parameters}));
        assert_eq!(warnings, 0, "{parameters}");
        clause.holds(&call("POST", "/graphql", &[], body), &MatchStats::default())
    }

    #[test]
    fn a_query_with_variables_and_operation() {
        let plain = json!({"query": "{ hero { name age } }"});
        let full = json!({
            "query": "query Q($id: ID!) { hero(id: $id) { name } }",
            "variables": {"id": 1, "tags": ["a", "b"]},
            "operationName": "Q"
        });
        let sent = "query Q($id: ID!) {\\n hero(id: $id) { name } }";
        for (parameters, body, expected) in [
            (&plain, r#"{"query": "query { hero { age, name } }"}"#, true),
            (&plain, r#"{"query": "{ hero { age } }"}"#, false),
            (&plain, r#"{"query": "{ hero { name age } }", "variables": null, "operationName": null}"#, true),
            (&plain, r#"{"query": "{ hero { name age } }", "variables": {}}"#, false),
            (&plain, r#"{"query": "{ hero { name age } }", "operationName": "Q"}"#, false),
            (&plain, r#"{"query": "{ hero { name age "}"#, false),
            (&plain, r#"{"query": 5}"#, false),
            (&plain, "[]", false),
            (&plain, "hero", false),
            (&plain, "", false),
            (
                &full,
                &format!(
                    r#"{{"query": "{sent}", "variables": {{"tags": ["a", "b"], "id": 1.0}}, "operationName": "Q"}}"#
                ),
                true,
            ),
            (
                &full,
                &format!(
                    r#"{{"query": "{sent}", "variables": {{"tags": ["b", "a"], "id": 1}}, "operationName": "Q"}}"#
                ),
                false,
            ),
            (
                &full,
                &format!(
                    r#"{{"query": "{sent}", "variables": {{"id": 1, "tags": ["a", "b"]}}, "operationName": "R"}}"#
                ),
                false,
            ),
            (&full, &format!(r#"{{"query": "{sent}"}}"#), false),
        ] {
            assert_eq!(matches(parameters, body), expected, "{parameters} {body}");
        }
    }

    #[test]
    fn the_older_spelling() {
        let text = "{\"query\": \"{ hero {\n name } }\", \"variables\": {}}";
        for parameters in [
            json!({"expectedJson": text}),
            json!({"expectedQuery": text}),
            json!({"expectedJson": {"query": "{ hero { name } }"}}),
        ] {
            for (body, expected) in [
                (r#"{"query": "{ hero { name } }"}"#, true),
                (r#"{"query": "{ hero { name } }", "variables": {}, "operationName": "any"}"#, true),
                (r#"{"query": "{ hero { name } }", "variables": {"a": 1}}"#, false),
                (r#"{"query": "{ hero { age } }"}"#, false),
            ] {
                assert_eq!(matches(&parameters, body), expected, "{parameters} {body}");
            }
        }
    }

    #[test]
    fn what_never_matches_is_reported() {
        for matcher in [
            json!({"name": "other", "parameters": {}}),
            json!({"parameters": {}}),
            json!({"name": GRAPHQL}),
            json!({"name": GRAPHQL, "parameters": {}}),
            json!({"name": GRAPHQL, "parameters": {"query": "{ hero"}}),
            json!({"name": GRAPHQL, "parameters": {"query": 5}}),
            json!({"name": GRAPHQL, "parameters": {"query": "{ a }", "operationName": 5}}),
            json!({"name": GRAPHQL, "parameters": {"expectedJson": "{ a }"}}),
        ] {
            let (clause, warnings) = clause(&matcher);
            assert!(matches!(clause, Clause::Unsatisfiable) && warnings == 1, "{matcher}");
        }
        let (clause, warnings) = clause(&json!({"name": GRAPHQL, "parameters": {"query": "{ a }", "variable": {}}}));
        assert!(matches!(clause, Clause::GraphQl(_)) && warnings == 1);
    }

    #[test]
    fn a_query_beyond_the_limits_is_counted() {
        let (clause, _) = clause(&json!({"name": GRAPHQL, "parameters": {"query": "{ a }"}}));
        let stats = MatchStats::default();
        let deep = format!("{}{}", "{ a ".repeat(5000), "}".repeat(5000));
        let body = json!({"query": deep}).to_string();
        assert!(!clause.holds(&call("POST", "/graphql", &[], &body), &stats));
        assert_eq!(stats.limit_hits(), 1);
    }
}
