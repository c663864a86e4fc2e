//! Journal entries as WireMock's JSON: the request, the response and the stub.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Version};
use serde_json::{Map, Value, json};

use crate::live::journal::{JournalEntry, JournaledAnswer, MatchOutcome, SubEvent};
pub(super) use crate::live::wall_clock::{iso_date, unix_millis};
use standin_coding::ContentCoding;
use standin_stub::Stub;
use standin_stub::call::{Call, Charset, NamedValues, header_text, sent_header_name};
use standin_stub::reply::{Body, ConnectionEnding, Reply};

/// Returns an entry with its response: WireMock's serve event. `explain` returns the page that an
/// unmatched request got.
pub(super) fn serve_event(record: &JournalEntry, explain: impl FnOnce(&JournalEntry) -> Option<String>) -> Value {
    let mut event = Map::new();
    event.insert("id".to_owned(), record.id.to_string().into());
    event.insert("request".to_owned(), logged_request(record));
    let mut sub_events = Vec::new();
    match &record.outcome {
        MatchOutcome::Matched(_, Some(stub)) => {
            let document = stub.json();
            let definition = document.get("response").cloned().unwrap_or_else(|| json!({}));
            let is_proxied = stub.response.reply().proxy.is_some();
            let (definition, response) = match &record.answer {
                Some(answer) if is_proxied => (definition, answer_json(answer)),
                Some(answer) => {
                    let response = answer_json(&without_added_gzip(answer, stub));
                    (rendered_definition(definition, &response), response)
                }
                None => (definition, response(stub)),
            };
            event.insert("responseDefinition".to_owned(), definition);
            event.insert("response".to_owned(), response);
            event.insert("wasMatched".to_owned(), true.into());
            event.insert("stubMapping".to_owned(), document);
        }
        MatchOutcome::Matched(id, None) => {
            event.insert("wasMatched".to_owned(), true.into());
            if let Some(answer) = &record.answer {
                event.insert("response".to_owned(), answer_json(answer));
            }
            event.insert("stubMapping".to_owned(), json!({"id": id, "uuid": id}));
        }
        MatchOutcome::Unmatched => {
            let definition = json!({"status": 404, "fromConfiguredStub": false});
            event.insert("responseDefinition".to_owned(), definition.clone());
            event.insert("response".to_owned(), json!({"status": 404, "body": "", "bodyAsBase64": ""}));
            event.insert("wasMatched".to_owned(), false.into());
            let (id, request) = (UNMATCHED_STUB_ID, json!({"method": "ANY"}));
            event.insert(
                "stubMapping".to_owned(),
                json!({"id": id, "request": request, "response": definition, "uuid": id}),
            );
            let mut data = json!({"status": 404, "contentType": "text/plain"});
            if let Some(report) = explain(record) {
                data["report"] = report.into();
            }
            sub_events.push(json!({"type": "REQUEST_NOT_MATCHED", "timeOffsetNanos": 0, "data": data}));
        }
    }
    event.insert("timing".to_owned(), timing(record));
    if record.is_beyond_valid {
        event.insert("standin".to_owned(), json!({"beyondValidRange": true}));
    }
    sub_events.extend(record.sub_events.iter().map(|event| sub_event(event)));
    event.insert("subEvents".to_owned(), sub_events.into());
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

/// Id of the stub that WireMock shows for requests that no stub matched.
const UNMATCHED_STUB_ID: &str = "00000000-0000-4000-8000-000000000404";

/// Returns the times of an entry. The delay is the intended one: an entry is written before its
/// response is sent, and not updated.
fn timing(record: &JournalEntry) -> Value {
    let added = record.delay.unwrap_or_default().as_millis() as u64;
    let process = record.answer.as_ref().map_or(0, |answer| answer.process_time.as_millis() as u64);
    json!({
        "addedDelay": added,
        "processTime": process,
        "responseSendTime": 0,
        "serveTime": process,
        "totalTime": process + added,
    })
}

/// Returns an answer without the gzip coding that was added for its client.
fn without_added_gzip(answer: &JournaledAnswer, stub: &Stub) -> JournaledAnswer {
    let mut answer = answer.clone();
    let is_own = stub.response.reply().headers.contains_key(CONTENT_ENCODING);
    if !is_own && answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip") {
        answer.headers.remove(CONTENT_ENCODING);
        match ContentCoding::Gzip.decode(&answer.body, MAX_SHOWN_BODY_BYTES) {
            Some(body) => answer.body = body.into_owned().into(),
            None => (answer.body, answer.is_body_omitted) = (Bytes::new(), true),
        }
    }
    answer
}

/// Returns the definition of a response whose templates are rendered.
fn rendered_definition(mut definition: Value, response: &Value) -> Value {
    let Value::Object(members) = &mut definition else { return definition };
    let had_body =
        ["body", "jsonBody", "bodyFileName"].iter().filter(|key| members.remove(**key).is_some()).count() > 0;
    if had_body && let Some(body) = response.get("body") {
        members.insert("body".to_owned(), body.clone());
    }
    if let Some(Value::Object(headers)) = members.get_mut("headers") {
        let rendered = response.get("headers").and_then(Value::as_object);
        for (name, value) in headers {
            let named = rendered.and_then(|all| all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
            if let Some((_, rendered)) = named {
                *value = rendered.clone();
            }
        }
    }
    definition
}

/// Adds to a logged request what WireMock derives from the rest of it.
pub(super) fn complete(request: &mut Value, call: &Call) {
    let Value::Object(members) = request else { return };
    let mut add = |key: &str, value: Value| {
        members.entry(key).or_insert(value);
    };
    add("browserProxyRequest", false.into());
    add("queryParams", parameters(call.query()));
    add("formParams", parameters(call.form()));
    if call.authority().is_some() {
        add("scheme", call.peers.scheme.as_str().into());
        add("host", call.host().into());
        add("port", call.port().into());
    } else {
        add("port", (-1).into());
    }
}

/// Returns the request of an entry: WireMock's logged request.
pub(super) fn logged_request(record: &JournalEntry) -> Value {
    let mut request = call_json(&record.call, record.at);
    if record.is_body_omitted
        && let Value::Object(members) = &mut request
    {
        members.insert("bodyOmitted".to_owned(), true.into());
    }
    request
}

/// Returns a request that was received at `at` as WireMock's logged request.
pub(super) fn call_json(call: &Call, at: SystemTime) -> Value {
    let scheme = call.peers.scheme.as_str();
    let host_and_port = match call.authority() {
        Some(authority) => authority.to_owned(),
        None => call.peers.local.to_string(),
    };
    let body = call.body();
    json!({
        "url": call.url(),
        "absoluteUrl": format!("{scheme}://{host_and_port}{}", call.url()),
        "method": call.method.as_str(),
        "scheme": scheme,
        "host": call.host(),
        "port": call.port(),
        "clientIp": call.client_ip(),
        "headers": headers(&call.headers, |name| call.sent_name(name)),
        "cookies": cookies(call),
        "browserProxyRequest": false,
        "loggedDate": unix_millis(at),
        "loggedDateString": iso_date(at),
        "bodyAsBase64": STANDARD.encode(body),
        "body": call.text().unwrap_or_default(),
        "protocol": protocol(call.version),
        "queryParams": parameters(call.query()),
        "formParams": parameters(call.form()),
    })
}

fn response(stub: &Arc<Stub>) -> Value {
    let reply: &Reply = stub.response.reply();
    let mut response = Map::new();
    response.insert("status".to_owned(), reply.status.as_u16().into());
    if !reply.headers.is_empty() {
        response.insert("headers".to_owned(), headers(&reply.headers, usual_name));
    }
    if let Body::Bytes(bytes) = &reply.body {
        response.insert("bodyAsBase64".to_owned(), STANDARD.encode(bytes).into());
        response.insert("body".to_owned(), Charset::of(&reply.headers).decode(bytes).into());
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

/// Returns a response that was made for one request.
fn answer_json(answer: &JournaledAnswer) -> Value {
    let mut response = Map::new();
    response.insert("status".to_owned(), answer.status.as_u16().into());
    if !answer.headers.is_empty() {
        response.insert("headers".to_owned(), headers(&answer.headers, usual_name));
    }
    response.insert("bodyAsBase64".to_owned(), STANDARD.encode(&answer.body).into());
    response.insert("body".to_owned(), Charset::of(&answer.headers).decode(&answer.body).into());
    if answer.is_body_omitted {
        response.insert("bodyOmitted".to_owned(), true.into());
    }
    Value::Object(response)
}

/// Returns headers as an object, each under the name that `spelt` returns; several values of a name
/// are a list.
fn headers<'h>(headers: &'h HeaderMap, spelt: impl Fn(&'h str) -> Cow<'h, str>) -> Value {
    let mut members = Map::new();
    for name in headers.keys() {
        let mut values: Vec<Value> = headers.get_all(name).iter().map(|value| header_text(value).into()).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        members.insert(spelt(name.as_str()).into_owned(), value);
    }
    Value::Object(members)
}

fn usual_name(name: &str) -> Cow<'_, str> {
    sent_header_name(name, Version::HTTP_11).into()
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

/// Maximum bytes of a decompressed body that is shown.
const MAX_SHOWN_BODY_BYTES: usize = 64 << 20;
