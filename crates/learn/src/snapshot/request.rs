//! The request pattern of a recorded call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use standin_dialect::xml::Document;
use standin_stub::call::Call;

use super::response::{is_text_type, media_type};
use super::spec::{BodyRule, RecordSpec};

/// Returns the request pattern that matches a call again.
pub(super) fn pattern(call: &Call, spec: &RecordSpec) -> Map<String, Value> {
    let mut request = Map::new();
    request.insert("method".to_owned(), call.method.as_str().into());
    if call.query().is_empty() {
        request.insert("url".to_owned(), call.url().into());
    } else {
        request.insert("urlPath".to_owned(), call.path().into());
        request.insert("queryParameters".to_owned(), query_parameters(call).into());
    }
    let captured = spec.capture_headers.iter().filter_map(|captured| {
        let name: HeaderName = captured.name.parse().ok()?;
        let mut rule = Map::new();
        rule.insert("equalTo".to_owned(), call.header(&name).next()?.into());
        if let Some(ignores_case) = captured.case_insensitive {
            rule.insert("caseInsensitive".to_owned(), ignores_case.into());
        }
        Some((captured.name.clone(), Value::Object(rule)))
    });
    let headers: Map<String, Value> = captured.collect();
    if !headers.is_empty() {
        request.insert("headers".to_owned(), headers.into());
    }
    if !call.body().is_empty() {
        request.insert("bodyPatterns".to_owned(), json!([body_pattern(call, &spec.body_rule)]));
    }
    request
}

fn query_parameters(call: &Call) -> Map<String, Value> {
    let mut parameters: Map<String, Value> = Map::new();
    for (name, value) in call.query() {
        let rule = parameters.entry(name.as_str()).or_insert_with(|| json!({"hasExactly": []}));
        if let Some(Value::Array(values)) = rule.get_mut("hasExactly") {
            values.push(json!({ "equalTo": value }));
        }
    }
    parameters
}

fn body_pattern(call: &Call, rule: &BodyRule) -> Value {
    match rule {
        BodyRule::EqualTo { case_insensitive } => equal_to(call, *case_insensitive),
        BodyRule::EqualToJson { ignore_array_order, ignore_extra_elements } => {
            equal_to_json(call, *ignore_array_order, *ignore_extra_elements, None)
        }
        BodyRule::EqualToXml => equal_to_xml(call, None),
        BodyRule::Automatic { case_insensitive, ignore_array_order, ignore_extra_elements } => {
            let content_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            match content_type.map(media_type) {
                Some(kind) if kind.contains("json") => equal_to_json(
                    call,
                    Some(*ignore_array_order),
                    Some(*ignore_extra_elements),
                    Some(*case_insensitive),
                ),
                Some(kind) if kind.contains("xml") => equal_to_xml(call, Some(*case_insensitive)),
                Some(kind) if kind == "multipart/form-data" => json!({"anything": "anything"}),
                Some(kind) if !is_text_type(&kind) => json!({"binaryEqualTo": STANDARD.encode(call.body())}),
                _ => equal_to(call, Some(*case_insensitive)),
            }
        }
    }
}

/// Returns the body as text; a body that is none is matched by its bytes.
fn equal_to(call: &Call, case_insensitive: Option<bool>) -> Value {
    let Some(text) = call.text() else { return json!({"binaryEqualTo": STANDARD.encode(call.body())}) };
    let mut rule = Map::new();
    rule.insert("equalTo".to_owned(), text.into());
    if let Some(ignores_case) = case_insensitive {
        rule.insert("caseInsensitive".to_owned(), ignores_case.into());
    }
    rule.into()
}

/// Returns a comparison of JSON; of text if the body is not JSON, so that the stub can match.
fn equal_to_json(
    call: &Call,
    ignore_array_order: Option<bool>,
    ignore_extra_elements: Option<bool>,
    case_insensitive: Option<bool>,
) -> Value {
    let Some(text) = call.text().filter(|_| call.json().is_some()) else { return equal_to(call, case_insensitive) };
    let mut rule = Map::new();
    rule.insert("equalToJson".to_owned(), text.into());
    if let Some(ignores) = ignore_array_order {
        rule.insert("ignoreArrayOrder".to_owned(), ignores.into());
    }
    if let Some(ignores) = ignore_extra_elements {
        rule.insert("ignoreExtraElements".to_owned(), ignores.into());
    }
    rule.into()
}

/// Returns a comparison of XML; of text if the body is not XML, so that the stub can match.
fn equal_to_xml(call: &Call, case_insensitive: Option<bool>) -> Value {
    match call.text().filter(|text| Document::parse(text).is_ok()) {
        Some(text) => json!({ "equalToXml": text }),
        None => equal_to(call, case_insensitive),
    }
}
