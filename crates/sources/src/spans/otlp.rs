//! OpenTelemetry's traces as OTLP JSON.

use serde_json::Value as Json;

use super::span::ServerSpan;

/// Returns the server spans of a document.
pub(super) fn spans(document: &Json) -> Vec<Result<ServerSpan, &'static str>> {
    let mut found = Vec::new();
    for resource in list(document, "resourceSpans") {
        let attributes = resource.get("resource").map(attributes).unwrap_or_default();
        let service = attributes.into_iter().find(|(name, _)| name == "service.name").map(|(_, value)| value);
        let service = service.unwrap_or_default();
        for span in list(resource, "scopeSpans").iter().flat_map(|scope| list(scope, "spans")) {
            found.extend(is_server(span).then(|| server_span(span, &service)));
        }
    }
    found
}

fn is_server(span: &Json) -> bool {
    match span.get("kind") {
        Some(Json::String(kind)) => kind == "SPAN_KIND_SERVER",
        Some(kind) => kind.as_u64() == Some(2),
        None => false,
    }
}

fn server_span(span: &Json, service: &str) -> Result<ServerSpan, &'static str> {
    let time = |name: &str| match span.get(name)? {
        Json::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let (Some(start), Some(end)) = (time("startTimeUnixNano"), time("endTimeUnixNano")) else {
        return Err("spans without a begin or an end");
    };
    let attributes = attributes(span);
    let state = span.get("traceState").and_then(Json::as_str).unwrap_or_default();
    let stated = attributes.iter().find(|(name, _)| name == "sampling.probability");
    let sampled = stated.and_then(|(_, value)| value.parse().ok()).or_else(|| threshold_share(state));
    Ok(ServerSpan {
        service: service.to_owned(),
        name: span.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
        start,
        end,
        attributes,
        sampled: sampled.filter(|share| *share > 0.0 && *share < 1.0),
    })
}

/// Returns the share that the threshold `ot=th:…` of a trace state leaves: the hexadecimal digits
/// are those behind the point of the share that is rejected.
fn threshold_share(state: &str) -> Option<f64> {
    let vendor = state.split(',').find_map(|vendor| vendor.trim().strip_prefix("ot="))?;
    let digits = vendor.split(';').find_map(|field| field.strip_prefix("th:"))?;
    let mut rejected = 0.0;
    for (place, digit) in (1..).zip(digits.chars().take(14)) {
        rejected += f64::from(digit.to_digit(16)?) / 16f64.powi(place);
    }
    Some(1.0 - rejected)
}

/// Returns attributes whose values are texts or numbers.
fn attributes(of: &Json) -> Vec<(String, String)> {
    let pair = |attribute: &Json| {
        let value = attribute.get("value")?;
        let text = ["stringValue", "intValue", "doubleValue"].iter().find_map(|kind| value.get(*kind));
        let text = match text? {
            Json::String(text) => text.clone(),
            number => number.to_string(),
        };
        Some((attribute.get("key")?.as_str()?.to_owned(), text))
    };
    list(of, "attributes").iter().filter_map(pair).collect()
}

fn list<'d>(of: &'d Json, name: &str) -> &'d [Json] {
    of.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_share() {
        assert_eq!(threshold_share("ot=th:8"), Some(0.5));
        assert_eq!(threshold_share("vendor=1,ot=rv:ab;th:c"), Some(0.25));
        assert_eq!(threshold_share("ot=th:0"), Some(1.0));
        assert_eq!(threshold_share("vendor=th:8"), None);
    }
}
