//! Spans as Zipkin's API, version 2, gives them: a list of spans, or a list of such lists.

use serde_json::Value as Json;

use super::span::ServerSpan;

/// Returns the server spans of a document.
pub(super) fn spans(document: &Json) -> Vec<Result<ServerSpan, &'static str>> {
    let entries = document.as_array().map_or(&[][..], Vec::as_slice);
    let spans = entries.iter().flat_map(|entry| entry.as_array().map_or(std::slice::from_ref(entry), Vec::as_slice));
    spans.filter(|span| span.get("kind").and_then(Json::as_str) == Some("SERVER")).map(server_span).collect()
}

fn server_span(span: &Json) -> Result<ServerSpan, &'static str> {
    let micros = |name: &str| span.get(name).and_then(Json::as_u64);
    let (Some(start), Some(duration)) = (micros("timestamp"), micros("duration")) else {
        return Err("spans without a begin or a duration");
    };
    let start = start.saturating_mul(1_000);
    let service = span.get("localEndpoint").and_then(|endpoint| endpoint.get("serviceName")).and_then(Json::as_str);
    let tags = span.get("tags").and_then(Json::as_object);
    let pair = |(name, value): (&String, &Json)| Some((name.clone(), value.as_str()?.to_owned()));
    Ok(ServerSpan {
        service: service.unwrap_or_default().to_owned(),
        name: name(span.get("name").and_then(Json::as_str).unwrap_or_default()),
        start,
        end: start.saturating_add(duration.saturating_mul(1_000)),
        attributes: tags.into_iter().flatten().filter_map(pair).collect(),
        sampled: None,
    })
}

/// Returns the name of a span with its method in upper case: `get /items`.
fn name(text: &str) -> String {
    match text.split_once(' ') {
        Some((method, path)) => format!("{} {path}", method.to_ascii_uppercase()),
        None => text.to_ascii_uppercase(),
    }
}
