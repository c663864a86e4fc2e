//! The fields of requests: single values of queries, forms, JSON and XML bodies, by their place.

use serde_json::Value;

use standin_tape::markup::{MarkupKind, MarkupValue, markup_values};

/// The place of a value in a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum FieldPlace {
    Query(String),
    Form(String),
    Json(String),
    /// The n-th text or attribute of an XML document.
    Xml(usize),
}

/// A value of a request.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) place: FieldPlace,
    pub(super) name: String,
    pub(super) value: String,
}

/// Adds the texts and numbers of a JSON document.
pub(super) fn leaves(value: &Value, pointer: String, fields: &mut Vec<Field>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !name.contains(['/', '~'])) {
                leaves(value, format!("{pointer}/{name}"), fields);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                leaves(value, format!("{pointer}/{place}"), fields);
            }
        }
        Value::String(text) if !text.starts_with("${json-unit.") => fields.push(leaf(pointer, text.clone())),
        Value::Number(number) => fields.push(leaf(pointer, number.to_string())),
        _ => {}
    }
}

fn leaf(pointer: String, value: String) -> Field {
    let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
    Field { place: FieldPlace::Json(pointer), name, value }
}

/// Returns the texts between a start tag and an end tag, and the attributes, in document order.
pub(super) fn xml_values(text: &str) -> Vec<MarkupValue<'_>> {
    let mut values = markup_values(text);
    values.retain(|value| {
        let is_field = match value.kind {
            MarkupKind::Attribute => !value.name.starts_with("xmlns"),
            MarkupKind::Text { is_leaf } => is_leaf,
            MarkupKind::CData => false,
        };
        is_field && !value.is_literal
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_of_xml_are_found() {
        let text = "<?xml version=\"1.0\"?><a xmlns:e='urn:e' id=\"7\"><e:b>x y</e:b><c/><d>\n<f t='1'>z</f></d></a>";
        let values = xml_values(text);
        let found: Vec<(&str, &str)> = values.into_iter().map(|value| (value.local_name(), &text[value.at])).collect();
        assert_eq!(found, [("id", "7"), ("b", "x y"), ("t", "1"), ("f", "z")]);
    }
}
