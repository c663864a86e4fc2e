//! The fields of requests: single values of queries, forms, JSON and XML bodies, by their place.

use serde_json::Value;

/// The place of a value in a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum FieldPlace {
    Query(String),
    Form(String),
    /// A JSON pointer.
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

/// A text or an attribute of an XML document: its place, and the name of its element or attribute.
pub(super) struct XmlValue {
    pub(super) name: String,
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// Finds the texts between a begin tag and an end tag, and the attributes, in document order.
pub(super) fn xml_values(text: &str) -> Vec<XmlValue> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|place| at + place) {
        let Some(close) = text[open..].find('>').map(|place| open + place) else { break };
        let tag = &text[open + 1..close];
        at = close + 1;
        if tag.starts_with(['?', '!', '/']) {
            continue;
        }
        let name = tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
        let mut from = open + 1 + name.len();
        while let Some(quote) = text[from..close].find(['"', '\'']).map(|place| from + place) {
            let mark = &text[quote..=quote];
            let Some(end) = text[quote + 1..close].find(mark).map(|place| quote + 1 + place) else { break };
            let attribute = text[from..quote].trim().trim_end_matches('=').trim();
            if !attribute.starts_with("xmlns") {
                values.push(XmlValue { name: local(attribute), begin: quote + 1, end });
            }
            from = end + 1;
        }
        let next = text[at..].find('<').map_or(text.len(), |place| at + place);
        if !tag.ends_with('/') && text[next..].starts_with("</") && !text[at..next].trim().is_empty() {
            values.push(XmlValue { name: local(name), begin: at, end: next });
        }
    }
    values
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_of_xml_are_found() {
        let text = "<?xml version=\"1.0\"?><a xmlns:e='urn:e' id=\"7\"><e:b>x y</e:b><c/><d>\n<f t='1'>z</f></d></a>";
        let values = xml_values(text);
        let found: Vec<(&str, &str)> =
            values.iter().map(|value| (value.name.as_str(), &text[value.begin..value.end])).collect();
        assert_eq!(found, [("id", "7"), ("b", "x y"), ("t", "1"), ("f", "z")]);
    }
}
