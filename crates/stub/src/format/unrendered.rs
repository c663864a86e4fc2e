//! Warnings of parts of a response that are accepted and not done: unknown transformers, and
//! templates in a stub that names no transformer.

use crate::render::helper_names;
use crate::source::defect::{Defect, nearest};
use crate::source::rule::Rule;
use crate::source::{Node, Object, Reader, Value};

/// Name of the transformer that renders templates.
pub(super) const TEMPLATES: &str = "response-template";

/// Warns of transformers that standin does not have.
pub(super) fn warn_of_transformers(names: &Node, reader: &mut Reader) {
    for name in names.items().iter().filter_map(Node::as_str).filter(|name| *name != TEMPLATES) {
        let message = format!("the transformer `{name}` is unknown, and the response is sent without it");
        let help = match nearest(name, &[TEMPLATES]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("standin has `{TEMPLATES}`; classes of Java do not run here"),
        };
        reader.report(Defect::warning(message).help(help).rule(&Rule::UNKNOWN_EXTENSION), names, "transformers");
    }
}

/// Warns of a template that is sent as it stands, because the stub does not name the transformer.
pub(super) fn warn_of_templates(object: &Object<'_>, reader: &mut Reader) {
    for key in ["body", "jsonBody", "headers", "bodyFileName", "proxyBaseUrl", "stream"] {
        let Some(node) = object.node(key).filter(|node| has_template(node)) else { continue };
        let message = format!("`{{{{…}}}}` in `{key}` is sent as it stands: the stub does not name the transformer");
        let help = format!("add `\"transformers\": [\"{TEMPLATES}\"]`, or give --global-response-templating");
        reader.report(Defect::warning(message).help(help).rule(&Rule::NOT_RENDERED), node, key);
    }
}

/// Returns true if a text in the value asks for the request, a parameter or a helper.
fn has_template(node: &Node) -> bool {
    match &node.value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(members) => members.iter().any(|member| is_template(&member.key) || has_template(&member.value)),
        _ => false,
    }
}

/// Returns true if a text holds `{{` and then a name that templates know. Other tools use the same
/// braces, and their texts are bodies like others.
fn is_template(text: &str) -> bool {
    text.match_indices("{{").any(|(at, _)| {
        let inner = text[at..].trim_start_matches(['{', '#', '~', '&', ' ']);
        let name = inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next().unwrap_or_default();
        let is_known = matches!(name, "request" | "parameters" | "each" | "if" | "unless" | "with");
        inner.contains("}}") && (is_known || helper_names().contains(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::is_template;

    #[test]
    fn templates_are_told_from_texts_with_braces() {
        for (text, expected) in [
            ("{{request.path}}", true),
            ("a {{{ request.body }}}", true),
            ("{{now offset='1 days'}}", true),
            ("{{#if request.query.a}}x{{/if}}", true),
            ("Hello {{name}}", false),
            ("{{", false),
            ("{\"a\": {\"request\": 1}}", false),
        ] {
            assert_eq!(is_template(text), expected, "{text}");
        }
    }
}
