//! The journal of a server, as `GET /__admin/requests` gives it, as entries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::entry::{HarRequest, HarResponse, HarTimings, entry};

/// Returns the entries of a journal, the oldest first; `None` if the JSON is no journal.
pub fn journal_entries(journal: &Value) -> Option<Vec<Value>> {
    let events = journal.get("requests")?.as_array()?;
    // the journal has the newest first
    Some(events.iter().rev().filter_map(event_entry).collect())
}

fn event_entry(event: &Value) -> Option<Value> {
    let request = event.get("request")?;
    let text = |key| request.get(key).and_then(Value::as_str);
    let body = body(request);
    let size = body.as_ref().map_or(0, |body| body.len() as u64);
    let har_request =
        HarRequest { method: text("method")?, url: text("absoluteUrl")?, headers: headers(request), body, size };
    let response = event.get("response").and_then(|response| {
        let body = self::body(response);
        let size = body.as_ref().map_or(0, |body| body.len() as u64);
        let status = u16::try_from(response.get("status")?.as_u64()?).ok()?;
        Some(HarResponse { status, headers: headers(response), body, size })
    });
    let time = |key| event.get("timing").and_then(|timing| timing.get(key)).and_then(Value::as_f64).unwrap_or(0.0);
    let timings = HarTimings { wait: time("totalTime"), ..HarTimings::default() };
    let started = i128::from(request.get("loggedDate")?.as_i64()?) * 1_000_000;
    Some(entry(started, har_request, response, &timings, None))
}

/// Returns the body of a message; `None` if the journal does not have it.
fn body(message: &Value) -> Option<Vec<u8>> {
    if message.get("bodyOmitted") == Some(&Value::Bool(true)) {
        return None;
    }
    let encoded = message.get("bodyAsBase64").and_then(Value::as_str).unwrap_or_default();
    STANDARD.decode(encoded).ok()
}

fn headers(message: &Value) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in message.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        headers.extend(values.iter().filter_map(Value::as_str).map(|value| (name.clone(), value.to_owned())));
    }
    headers
}
