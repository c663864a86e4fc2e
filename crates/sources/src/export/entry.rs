//! The parts of an entry that tapes and journals have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request as an archive has it.
pub(super) struct HarRequest<'e> {
    pub(super) method: &'e str,
    pub(super) url: &'e str,
    pub(super) headers: Vec<(String, String)>,
    /// Body; `None` if it was not kept.
    pub(super) body: Option<Vec<u8>>,
    /// Size of the body in bytes.
    pub(super) size: u64,
}

/// An answer as an archive has it.
pub(super) struct HarResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// Body without its content coding; `None` if it was not kept.
    pub(super) body: Option<Vec<u8>>,
    /// Size of the body in bytes, with its content coding.
    pub(super) size: u64,
}

/// Times of an entry in milliseconds.
#[derive(Default)]
pub(super) struct HarTimings {
    pub(super) blocked: f64,
    /// Time to connect, with the TLS handshake; `None` on an open connection.
    pub(super) connect: Option<f64>,
    pub(super) tls: Option<f64>,
    pub(super) send: f64,
    pub(super) wait: f64,
    pub(super) receive: f64,
}

/// Returns an entry; `failure` is why there is no answer.
pub(super) fn entry(
    started_unix_ns: i128,
    request: HarRequest<'_>,
    response: Option<HarResponse>,
    timings: &HarTimings,
    failure: Option<String>,
) -> Value {
    let time = timings.blocked + timings.connect.unwrap_or(0.0) + timings.send + timings.wait + timings.receive;
    let started = Timestamp::from_nanosecond(started_unix_ns).unwrap_or(Timestamp::UNIX_EPOCH);
    let unknown = |time: Option<f64>| time.map_or(json!(-1), |time| json!(rounded(time)));
    let mut entry = json!({
        "startedDateTime": format!("{started:.6}"),
        "time": rounded(time),
        "request": request_json(request),
        "response": response.map_or_else(no_response, response_json),
        "cache": {},
        "timings": {
            "blocked": rounded(timings.blocked),
            "dns": -1,
            "connect": unknown(timings.connect),
            "ssl": unknown(timings.tls),
            "send": rounded(timings.send),
            "wait": rounded(timings.wait),
            "receive": rounded(timings.receive),
        },
    });
    if let Some(failure) = failure {
        entry["response"]["_error"] = failure.into();
    }
    entry
}

fn request_json(request: HarRequest<'_>) -> Value {
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        json!({ "name": plain(name), "value": plain(value) })
    });
    let mut json = json!({
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers_json(&request.headers),
        "queryString": pairs.collect::<Vec<Value>>(),
        "headersSize": -1,
        "bodySize": request.size,
    });
    if let Some(body) = request.body.filter(|body| !body.is_empty()) {
        let mut posted = body_json(body);
        posted["mimeType"] = header(&request.headers, "content-type").unwrap_or_default().into();
        json["postData"] = posted;
    }
    json
}

fn response_json(response: HarResponse) -> Value {
    let status_text = http::StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    let mut content = json!({ "size": response.body.as_ref().map_or(response.size, |body| body.len() as u64) });
    content["mimeType"] = header(&response.headers, "content-type").unwrap_or_default().into();
    if let (Value::Object(content), Some(Value::Object(body))) =
        (&mut content, response.body.filter(|body| !body.is_empty()).map(body_json))
    {
        content.extend(body);
    }
    json!({
        "status": response.status,
        "statusText": status_text.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers_json(&response.headers),
        "content": content,
        "redirectURL": header(&response.headers, "location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": response.size,
    })
}

/// Returns the answer of a call that got none, as browsers write it.
fn no_response() -> Value {
    json!({
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": { "size": 0, "mimeType": "" },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    })
}

fn body_json(body: Vec<u8>) -> Value {
    match String::from_utf8(body) {
        Ok(text) => json!({ "text": text }),
        Err(error) => json!({ "text": STANDARD.encode(error.as_bytes()), "encoding": "base64" }),
    }
}

fn headers_json(headers: &[(String, String)]) -> Value {
    headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// Returns the first value of a header.
pub(super) fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Returns milliseconds to the nanosecond.
fn rounded(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e6
}
