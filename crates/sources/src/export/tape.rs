//! Exchanges of a tape as entries.

use standin_coding::ContentCoding;
use standin_tape::TapeHead;
use standin_tape::exchange::{BodyRef, Exchange, ExchangeResponse};

use super::entry::{HarRequest, HarResponse, HarTimings, entry, header};

/// Returns the entry of an exchange; `bodies` gives a body by its SHA-256. Secrets are markers, as
/// on the tape.
pub fn tape_entry(exchange: &Exchange, head: &TapeHead, bodies: impl Fn(&str) -> Option<Vec<u8>>) -> serde_json::Value {
    let body = |reference: Option<&BodyRef>| match reference {
        None => Some(Vec::new()),
        Some(reference) => reference.sha256.as_deref().and_then(&bodies),
    };
    let size = |reference: Option<&BodyRef>| reference.map_or(0, |body| body.size);
    let request = &exchange.request;
    let url = format!("{}{}", head.target.trim_end_matches('/'), request.url);
    let started = i128::from(head.started_unix_ms) * 1_000_000 + i128::from(exchange.times.received);
    let request = HarRequest {
        method: &request.method,
        url: &url,
        headers: request.headers.clone(),
        body: body(request.body.as_ref()),
        size: size(request.body.as_ref()),
    };
    let response = exchange.response.as_ref().map(|response| HarResponse {
        status: response.status,
        headers: response.headers.clone(),
        body: body(response.body.as_ref()).map(|body| decoded(body, response)),
        size: size(response.body.as_ref()),
    });
    let failure = exchange.failure.as_ref().map(|failure| {
        let reason = serde_json::to_value(failure.reason).unwrap_or_default();
        format!("{} {}", reason.as_str().unwrap_or_default(), failure.detail).trim().to_owned()
    });
    entry(started, request, response, &timings(exchange), failure)
}

/// Returns a body without its content coding, as archives have it.
fn decoded(body: Vec<u8>, response: &ExchangeResponse) -> Vec<u8> {
    let coding = header(&response.headers, "content-encoding").unwrap_or_default().to_ascii_lowercase();
    let plain = ContentCoding::parse(coding.trim()).and_then(|coding| coding.decode(&body, MAX_BODY_BYTES));
    plain.map(std::borrow::Cow::into_owned).unwrap_or(body)
}

fn timings(exchange: &Exchange) -> HarTimings {
    let times = &exchange.times;
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let sent = times.sent.unwrap_or(times.received);
    let first = times.first_byte.unwrap_or(sent);
    let last = times.last_byte.unwrap_or(first);
    let connect = times.connect + times.tls;
    let before = times.permit_wait + connect;
    HarTimings {
        blocked: ms(times.permit_wait),
        connect: (connect > 0).then(|| ms(connect)),
        tls: (times.tls > 0).then(|| ms(times.tls)),
        send: ms(sent.saturating_sub(times.received).saturating_sub(before)),
        wait: ms(first.saturating_sub(sent)),
        receive: ms(last.saturating_sub(first)),
    }
}

/// Maximum size of a decoded body in bytes.
const MAX_BODY_BYTES: usize = 64 << 20;
