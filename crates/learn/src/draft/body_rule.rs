//! Body patterns of drafted stubs: as recorded, a secret by its presence.

use base64::Engine as _;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::field_rules::FieldRules;
use super::java_numbers::survive_java;
use super::request_fields::{FieldPlace, xml_values};
use standin_dialect::json::{digest, digest_ignoring_order};
use standin_dialect::xml::Document;
use standin_stub::call::Call;
use standin_tape::{is_redacted, split_at_redactions};

/// The rule that a request body must meet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BodyRule {
    /// Nothing: there was none, or only its presence is known.
    Nothing,
    Binary(Vec<u8>),
    Form(FieldRules),
    Json(Value),
    Text(String),
    /// An XML document, with placeholders where any value matches.
    Xml(String),
    /// The text around secrets.
    TextAround(Vec<String>),
}

impl BodyRule {
    /// Returns the rule for a recorded call, and true if it says less than the call did: the body
    /// was too large, or multipart.
    pub(super) fn of(call: &Call) -> (Self, bool) {
        let body = call.body();
        if body.is_empty() {
            return (Self::Nothing, false);
        }
        let kind = call.header(&CONTENT_TYPE).next().unwrap_or_default().to_ascii_lowercase();
        // boundaries are drawn anew for each call
        if body.len() > MAX_BODY_BYTES || kind.starts_with("multipart/") {
            return (Self::Nothing, true);
        }
        let secret = is_redacted(&String::from_utf8_lossy(body));
        if !call.form().is_empty() && (secret || !FieldRules::have_twins(call.form())) {
            return (Self::Form(FieldRules::of(call.form())), false);
        }
        if (kind.contains("json") || body.starts_with(b"{") || body.starts_with(b"["))
            && let Some(document) = call.json().and_then(|json| without_secrets(&json.to_value()))
        {
            return (Self::Json(document), false);
        }
        if let Some(text) = call.text().filter(|text| is_text(body, text))
            && (kind.contains("xml") || text.trim_start().starts_with('<'))
            && let Some(document) = xml(text)
        {
            return (Self::Xml(document), false);
        }
        let Some(text) = call.text().filter(|text| is_text(body, text)) else {
            // a secret within bytes: no more than that there are bytes could be asked
            return if secret { (Self::Nothing, true) } else { (Self::Binary(body.to_vec()), false) };
        };
        if secret {
            return (Self::TextAround(split_at_redactions(text).into_iter().map(str::to_owned).collect()), false);
        }
        (Self::Text(text.to_owned()), false)
    }

    /// Lets any value match in these fields.
    pub(super) fn mask(&mut self, places: &[FieldPlace]) {
        match self {
            Self::Form(form) => {
                for place in places {
                    if let FieldPlace::Form(name) = place {
                        form.mask(name);
                    }
                }
            }
            Self::Json(document) => {
                for place in places {
                    if let FieldPlace::Json(pointer) = place {
                        mask_json(document, pointer);
                    }
                }
            }
            Self::Xml(text) => {
                let places = places.iter().filter_map(|place| match place {
                    FieldPlace::Xml(place) => Some(*place),
                    _ => None,
                });
                *text = with_any_xml(text, &places.collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    /// Returns how specific the rule is. A body that meets a rule may also meet less specific ones,
    /// but never a more specific one that is not its own.
    pub(super) fn weight(&self) -> u64 {
        match self {
            // a JSON text or a form may meet what is around a secret, but never the other way round
            Self::Nothing | Self::TextAround(_) => 0,
            Self::Form(fields) => fields.weight(),
            Self::Json(document) => size(document),
            Self::Text(_) => 1 << 41,
            Self::Xml(text) => (1 << 41) - text.matches(ANY_XML).count().min(1 << 20) as u64,
            Self::Binary(_) => 1 << 42,
        }
    }

    /// Returns the length of the text around secrets, which orders rules of one weight.
    pub(super) fn text_around(&self) -> usize {
        match self {
            Self::TextAround(parts) => 1 + parts.iter().map(String::len).sum::<usize>(),
            _ => 0,
        }
    }

    /// Returns a text that equal rules share; of JSON, also when lists are taken in any order.
    pub(super) fn key(&self, in_any_order: bool) -> String {
        match self {
            Self::Json(document) if in_any_order => format!("json {:016x}", digest_ignoring_order(document)),
            Self::Json(document) => format!("json {:016x}", digest(document)),
            Self::Xml(text) if in_any_order => format!("xml {}", without_layout(text)),
            Self::Xml(text) => format!("xml {text}"),
            other => other.json(true).to_string(),
        }
    }

    /// Returns the entry of `bodyPatterns`; null if there is none. Lists of JSON match in any order
    /// if that tells the recorded calls apart.
    pub(super) fn json(&self, in_any_order: bool) -> Value {
        match self {
            Self::Nothing | Self::Form(_) => Value::Null,
            Self::Binary(bytes) => {
                json!({ "binaryEqualTo": base64::engine::general_purpose::STANDARD.encode(bytes) })
            }
            Self::Json(document) => {
                // WireMock reads numbers within a mapping as doubles, but those in a text as they
                // are
                let expected =
                    if survive_java(document) { document.clone() } else { Value::from(document.to_string()) };
                json!({ "equalToJson": expected, "ignoreArrayOrder": in_any_order, "ignoreExtraElements": true })
            }
            Self::Xml(text) if text.contains(ANY_XML) => json!({ "equalToXml": text, "enablePlaceholders": true }),
            Self::Xml(text) if in_any_order => json!({ "equalToXml": text }),
            Self::Text(text) | Self::Xml(text) => json!({ "equalTo": text }),
            Self::TextAround(parts) => {
                let quoted: Vec<String> = parts.iter().map(|part| quote(part)).collect();
                json!({ "matches": quoted.join("(?s:.+)") })
            }
        }
    }
}

/// Returns an XML document with a placeholder for each value that held a secret; `None` if it is
/// none, or if a secret is elsewhere in it.
fn xml(text: &str) -> Option<String> {
    if text.contains("${") {
        return None;
    }
    Document::parse(text).ok()?;
    let values = xml_values(text);
    let secrets = values.iter().enumerate().filter(|(_, value)| is_redacted(&text[value.at.clone()]));
    let masked = with_any_xml(text, &secrets.map(|(place, _)| place).collect::<Vec<_>>());
    (!is_redacted(&masked)).then_some(masked)
}

/// Returns an XML document with a placeholder for these of its values.
fn with_any_xml(text: &str, places: &[usize]) -> String {
    let mut masked = text.to_owned();
    for (place, value) in xml_values(text).into_iter().enumerate().rev() {
        if places.contains(&place) {
            masked.replace_range(value.at, ANY_XML);
        }
    }
    masked
}

/// Returns an XML document without the white space around its tags.
fn without_layout(text: &str) -> String {
    text.split('<').map(str::trim).collect::<Vec<_>>().join("<")
}

/// Puts a placeholder in place of a value.
fn mask_json(document: &mut Value, pointer: &str) {
    if let Some(value) = document.pointer_mut(pointer) {
        *value = if value.is_number() { ANY_NUMBER } else { ANY_STRING }.into();
    }
}

/// Returns the document with a placeholder for each value that held a secret; `None` if something
/// in it would be read as a placeholder that is none.
fn without_secrets(document: &Value) -> Option<Value> {
    Some(match document {
        Value::String(text) if is_redacted(text) => ANY_VALUE.into(),
        Value::String(text) if text.starts_with("${json-unit.") || text.starts_with("#{json-unit.") => return None,
        Value::Array(items) => Value::Array(items.iter().map(without_secrets).collect::<Option<_>>()?),
        Value::Object(members) => {
            let members = members.iter().filter(|(key, _)| !is_redacted(key));
            Value::Object(
                members.map(|(key, value)| Some((key.clone(), without_secrets(value)?))).collect::<Option<_>>()?,
            )
        }
        other => other.clone(),
    })
}

/// Returns the number of values of a document; a placeholder counts less than a value.
fn size(document: &Value) -> u64 {
    match document {
        Value::Array(items) => 2 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => 2 + members.values().map(size).sum::<u64>(),
        Value::String(text) if text.starts_with("${json-unit.") => 1,
        _ => 2,
    }
}

fn is_text(body: &[u8], text: &str) -> bool {
    std::str::from_utf8(body).is_ok() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Returns a text as a Java pattern that only it matches.
pub(super) fn quote(text: &str) -> String {
    text.chars().fold(String::new(), |mut quoted, c| {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
        quoted
    })
}

/// Placeholder that matches any JSON value.
const ANY_VALUE: &str = "${json-unit.ignore}";

/// Placeholders for any text and any number of a JSON document.
const ANY_STRING: &str = "${json-unit.any-string}";
const ANY_NUMBER: &str = "${json-unit.any-number}";

/// Placeholder that matches any text of an XML document.
const ANY_XML: &str = "${xmlunit.ignore}";

/// Bodies that are longer are no reading for people, nor for a matcher under load.
const MAX_BODY_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::request_rule::call;
    use standin_tape::exchange::ExchangeRequest;
    use standin_tape::redaction_marker;

    fn rule(kind: &str, body: &[u8]) -> BodyRule {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        let request = ExchangeRequest { method: "POST".to_owned(), url: "/".to_owned(), headers, body: None };
        BodyRule::of(&call(&request, body.to_vec().into()).unwrap()).0
    }

    #[test]
    fn a_body_is_asked_for_by_its_kind() {
        assert_eq!(
            rule("application/json", br#"{"a": [1, 2]}"#).json(true),
            json!({"equalToJson": {"a": [1, 2]}, "ignoreArrayOrder": true, "ignoreExtraElements": true})
        );
        let precise = rule("application/json", b"[1.10]").json(false);
        assert_eq!(precise["equalToJson"], "[1.10]");
        let form = rule("application/x-www-form-urlencoded", b"b=2&a=x+y&b=1");
        let BodyRule::Form(fields) = form else { panic!("{form:?}") };
        assert_eq!(
            fields.json(),
            json!({"a": {"equalTo": "x y"}, "b": {"hasExactly": [{"equalTo": "1"}, {"equalTo": "2"}]}})
        );
        assert_eq!(rule("text/plain", b"hi\n").json(true), json!({"equalTo": "hi\n"}));
        assert_eq!(rule("image/png", &[0x89, 0, 255]).json(true), json!({"binaryEqualTo": "iQD/"}));
        assert_eq!(rule("multipart/form-data; boundary=x", b"--x--"), BodyRule::Nothing);
        assert_eq!(
            rule("application/json", br#"["${json-unit.ignore}"]"#).json(true)["equalTo"],
            "[\"${json-unit.ignore}\"]"
        );
    }

    #[test]
    fn secrets_are_asked_for_by_their_presence() {
        let secret = redaction_marker(7);
        let json = rule("application/json", format!(r#"{{"key": "{secret}", "{secret}": 1, "b": 2}}"#).as_bytes());
        assert_eq!(json, BodyRule::Json(json!({"key": ANY_VALUE, "b": 2})));
        let text = rule("text/plain", format!("key={secret}.").as_bytes());
        assert_eq!(text.json(true), json!({"matches": "key=(?s:.+)\\."}));
        let form = rule("application/x-www-form-urlencoded", format!("key={secret}").as_bytes());
        assert_eq!(form, BodyRule::Form(FieldRules::of(&[("key".to_owned(), secret)])));
    }
}
