//! Journal entries as WireMock's JSON: the request, the response and the stub.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Version};
use serde_json::{Map, Value, json};

use crate::live::journal::{JournalEntry, MatchOutcome, ProxiedAnswer, SubEvent};
pub(super) use crate::live::wall_clock::{iso_date, unix_millis};
use standin_stub::Stub;
use standin_stub::call::{Call, NamedValues, header_text, sent_header_name};
use standin_stub::reply::{Body, ConnectionEnding, Reply};

/// Returns an entry with its response: WireMock's serve event.
pub(super) fn serve_event(record: &JournalEntry) -> Value {
    let mut event = Map::new();
    event.insert("id".to_owned(), record.id.to_string().into());
    event.insert("request".to_owned(), logged_request(record));
    match &record.outcome {
        MatchOutcome::Matched(_, Some(stub)) => {
            let document = stub.json();
            let definition = document.get("response").cloned().unwrap_or_else(|| json!({}));
            event.insert("responseDefinition".to_owned(), definition);
            event.insert(
                "response".to_owned(),
                record.proxied.as_deref().map_or_else(|| response(stub), proxied_response),
            );
            event.insert("wasMatched".to_owned(), true.into());
            event.insert("stubMapping".to_owned(), document);
        }
        MatchOutcome::Matched(id, None) => {
            event.insert("wasMatched".to_owned(), true.into());
            if let Some(proxied) = &record.proxied {
                event.insert("response".to_owned(), proxied_response(proxied));
            }
            event.insert("stubMapping".to_owned(), json!({"id": id, "uuid": id}));
        }
        MatchOutcome::Unmatched => {
            event.insert("responseDefinition".to_owned(), json!({"status": 404, "fromConfiguredStub": false}));
            event.insert("response".to_owned(), json!({"status": 404, "body": "", "bodyAsBase64": ""}));
            event.insert("wasMatched".to_owned(), false.into());
        }
    }
    // the intended latency: an entry is written before its response is sent, and not updated
    let intended = record.delay.unwrap_or_default().as_millis() as u64;
    let timing = match &record.proxied {
        Some(proxied) => {
            let process = proxied.process_time.as_millis() as u64;
            json!({
                "addedDelay": intended,
                "processTime": process,
                "responseSendTime": 0,
                "serveTime": process,
                "totalTime": process + intended,
            })
        }
        None => json!({"addedDelay": intended, "totalTime": intended}),
    };
    event.insert("timing".to_owned(), timing);
    if record.is_beyond_valid {
        event.insert("standin".to_owned(), json!({"beyondValidRange": true}));
    }
    event.insert("subEvents".to_owned(), record.sub_events.iter().map(|event| sub_event(event)).collect());
    Value::Object(event)
}

fn sub_event(event: &SubEvent) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), event.kind.into());
    if let Some(offset) = event.offset {
        members.insert("timeOffsetNanos".to_owned(), (offset.as_nanos() as u64).into());
    }
    members.insert("data".to_owned(), event.data.clone());
    Value::Object(members)
}

/// Returns the request of an entry: WireMock's logged request.
pub(super) fn logged_request(record: &JournalEntry) -> Value {
    let call = &record.call;
    let scheme = call.peers.scheme.as_str();
    let host_and_port = match call.authority() {
        Some(authority) => authority.to_owned(),
        None => call.peers.local.to_string(),
    };
    let body = call.body();
    let mut request = json!({
        "url": call.url(),
        "absoluteUrl": format!("{scheme}://{host_and_port}{}", call.url()),
        "method": call.method.as_str(),
        "scheme": scheme,
        "host": call.host(),
        "port": call.port(),
        "clientIp": call.client_ip(),
        "headers": headers(&call.headers, call.version),
        "cookies": cookies(call),
        "browserProxyRequest": false,
        "loggedDate": unix_millis(record.at),
        "loggedDateString": iso_date(record.at),
        "bodyAsBase64": STANDARD.encode(body),
        "body": call.text().map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned),
        "protocol": protocol(call.version),
        "queryParams": parameters(call.query()),
        "formParams": parameters(call.form()),
    });
    if record.is_body_omitted
        && let Value::Object(members) = &mut request
    {
        members.insert("bodyOmitted".to_owned(), true.into());
    }
    request
}

fn response(stub: &Arc<Stub>) -> Value {
    let reply: &Reply = stub.response.reply();
    let mut response = Map::new();
    response.insert("status".to_owned(), reply.status.as_u16().into());
    if !reply.headers.is_empty() {
        response.insert("headers".to_owned(), headers(&reply.headers, Version::HTTP_11));
    }
    if let Body::Bytes(bytes) = &reply.body {
        response.insert("bodyAsBase64".to_owned(), STANDARD.encode(bytes).into());
        response.insert("body".to_owned(), String::from_utf8_lossy(bytes).into());
    }
    if let Some(ending) = &reply.ending {
        let fault = match ending {
            ConnectionEnding::Close => "EMPTY_RESPONSE",
            ConnectionEnding::Reset => "CONNECTION_RESET_BY_PEER",
            ConnectionEnding::Raw(_) => "MALFORMED_RESPONSE_CHUNK",
        };
        response.insert("fault".to_owned(), fault.into());
    }
    Value::Object(response)
}

/// Returns the response of a real service to a proxied request.
fn proxied_response(proxied: &ProxiedAnswer) -> Value {
    let mut response = Map::new();
    response.insert("status".to_owned(), proxied.status.as_u16().into());
    if !proxied.headers.is_empty() {
        response.insert("headers".to_owned(), headers(&proxied.headers, Version::HTTP_11));
    }
    response.insert("bodyAsBase64".to_owned(), STANDARD.encode(&proxied.body).into());
    response.insert("body".to_owned(), String::from_utf8_lossy(&proxied.body).into());
    if proxied.is_body_omitted {
        response.insert("bodyOmitted".to_owned(), true.into());
    }
    Value::Object(response)
}

/// Returns headers as an object; several values of a name are a list. Names of HTTP/1 are in their
/// usual case, because the HTTP library keeps them in lower case.
fn headers(headers: &HeaderMap, version: Version) -> Value {
    let mut members = Map::new();
    for name in headers.keys() {
        let mut values: Vec<Value> = headers.get_all(name).iter().map(|value| header_text(value).into()).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        members.insert(sent_header_name(name.as_str(), version), value);
    }
    Value::Object(members)
}

fn cookies(call: &Call) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (name, value) in call.cookies() {
        match members.get_mut(name) {
            None => {
                members.insert(name.clone(), value.as_str().into());
            }
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Value::Object(members)
}

fn parameters(pairs: &NamedValues) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let entry = members.entry(name.as_str()).or_insert_with(|| json!({"key": name, "values": []}));
        if let Some(Value::Array(values)) = entry.get_mut("values") {
            values.push(value.as_str().into());
        }
    }
    Value::Object(members)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
