//! The sub-events of webhooks, as WireMock writes them.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::live::journal::SubEvent;
use crate::live::wall_clock::unix_millis;
use standin_stub::call::{header_text, sent_header_name};
use standin_stub::render::WebhookRequest;

/// Returns the event of a request that is about to be sent.
pub(super) fn request(offset: Duration, request: &WebhookRequest) -> SubEvent {
    let uri: http::Uri = request.url.parse().unwrap_or_default();
    let now = SystemTime::now();
    let headers = by_name(request.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut data = json!({
        "url": uri.path_and_query().map_or("/", |path| path.as_str()),
        "absoluteUrl": request.url,
        "method": request.method,
        "scheme": uri.scheme_str(),
        "host": uri.host(),
        "port": uri.port_u16().map_or(-1, i32::from),
        "headers": headers,
        "browserProxyRequest": false,
        "loggedDate": unix_millis(now),
        "loggedDateString": Timestamp::try_from(now).map_or_else(|_| String::new(), |at| format!("{at:.3}")),
        "queryParams": query(uri.query().unwrap_or_default()),
        "formParams": {},
    });
    if !request.body.is_empty() {
        data["bodyAsBase64"] = STANDARD.encode(&request.body).into();
        data["body"] = String::from_utf8_lossy(&request.body).into();
    }
    SubEvent { kind: "WEBHOOK_REQUEST", offset: Some(offset), data }
}

/// Returns the event of a response with the beginning of its body.
pub(super) fn response(offset: Duration, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> SubEvent {
    let headers = headers.iter().map(|(name, value)| {
        (sent_header_name(name.as_str(), http::Version::HTTP_11), header_text(value).into_owned())
    });
    let data = json!({
        "status": status.as_u16(),
        "headers": by_name(headers),
        "bodyAsBase64": STANDARD.encode(body),
        "body": String::from_utf8_lossy(body),
    });
    SubEvent { kind: "WEBHOOK_RESPONSE", offset: Some(offset), data }
}

/// Returns the parameters of a query by name.
fn query(text: &str) -> Value {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut members: Map<String, Value> = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let entry = members.entry(name.as_str()).or_insert_with(|| json!({"key": name, "values": []}));
        if let Some(Value::Array(values)) = entry.get_mut("values") {
            values.push(value.into());
        }
    }
    Value::Object(members)
}

/// Returns headers as an object; several values of a name are a list.
fn by_name(headers: impl Iterator<Item = (String, String)>) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (name, value) in headers {
        match members.get_mut(&name) {
            None => drop(members.insert(name, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Value::Object(members)
}
