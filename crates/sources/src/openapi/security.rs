//! Security requirements as conditions: that credentials are there, not that they are right.

use serde_json::json;
use standin_stub::source::Node;

use super::Description;
use super::path::OperationPath;
use super::prefer::escaped;
use super::request::{RequestRule, present};

/// Returns the credentials that an operation requires, in alternatives of which one must be met; a
/// rule without conditions if it requires none.
pub(super) fn rules<'d>(description: &mut Description<'d, '_>, path: &OperationPath<'d>) -> Vec<RequestRule> {
    let required = path.operation.get("security").or_else(|| description.root.get("security"));
    let alternatives = required.map_or(&[][..], Node::items);
    let mut rules = Vec::new();
    for alternative in alternatives {
        let mut rule = RequestRule::default();
        for scheme in alternative.members() {
            let schemes = description.root.get("components").and_then(|parts| parts.get("securitySchemes"));
            match schemes.and_then(|schemes| schemes.get(&scheme.key)).and_then(|node| description.resolve(node)) {
                Some(found) => rule = rule.and(&of_scheme(found)),
                None => {
                    let message = format!("`{}` is no security scheme of `components`", scheme.key);
                    description.warn(&scheme.value, message, "add it, or correct the name");
                }
            }
        }
        rules.push(rule);
    }
    if rules.is_empty() || rules.iter().any(RequestRule::is_empty) {
        return vec![RequestRule::default()];
    }
    rules
}

fn of_scheme(scheme: &Node) -> RequestRule {
    let text = |key| scheme.get(key).and_then(Node::as_str).unwrap_or_default();
    let mut rule = RequestRule::default();
    let authorization = match text("type") {
        "http" => Some(text("scheme")),
        "oauth2" | "openIdConnect" => Some("Bearer"),
        _ => None,
    };
    if let Some(scheme) = authorization.filter(|scheme| !scheme.is_empty()) {
        let matcher = json!({ "matches": format!("(?i){}\\s+\\S.*", escaped(scheme)) });
        rule.headers.insert("Authorization".to_owned(), matcher);
    }
    if text("type") == "apiKey" && !text("name").is_empty() {
        let place = match text("in") {
            "query" => &mut rule.query,
            "cookie" => &mut rule.cookies,
            _ => &mut rule.headers,
        };
        place.insert(text("name").to_owned(), present());
    }
    rule
}
