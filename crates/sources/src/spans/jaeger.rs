//! Traces as Jaeger's API gives them: `{"data":[{"spans":[…],"processes":{…}}]}`.

use serde_json::Value as Json;

use super::span::ServerSpan;

/// Returns the server spans of a document.
pub(super) fn spans(document: &Json) -> Vec<Result<ServerSpan, &'static str>> {
    let traces = document.get("data").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    for trace in traces {
        let processes = trace.get("processes");
        let service = |span: &Json| {
            let process = span.get("processID")?.as_str()?;
            Some(processes?.get(process)?.get("serviceName")?.as_str()?.to_owned())
        };
        let spans = trace.get("spans").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for span in spans {
            let tags = tags(span);
            let tag = |name: &str| tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            if tag("span.kind") != Some("server") {
                continue;
            }
            let micros = |name: &str| span.get(name).and_then(Json::as_u64);
            let (Some(start), Some(duration)) = (micros("startTime"), micros("duration")) else {
                found.push(Err("spans without a begin or a duration"));
                continue;
            };
            let sampled = if tag("sampler.type") == Some("probabilistic") { tag("sampler.param") } else { None };
            let start = start.saturating_mul(1_000);
            found.push(Ok(ServerSpan {
                service: service(span).unwrap_or_default(),
                name: span.get("operationName").and_then(Json::as_str).unwrap_or_default().to_owned(),
                start,
                end: start.saturating_add(duration.saturating_mul(1_000)),
                sampled: sampled.and_then(|share| share.parse().ok()).filter(|share| *share > 0.0 && *share < 1.0),
                attributes: tags,
            }));
        }
    }
    found
}

fn tags(span: &Json) -> Vec<(String, String)> {
    let tags = span.get("tags").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let pair = |tag: &Json| {
        let value = match tag.get("value")? {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((tag.get("key")?.as_str()?.to_owned(), value))
    };
    tags.iter().filter_map(pair).collect()
}
