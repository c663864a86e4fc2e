//! Reading of the fields by which a stub forwards its requests to a real service.

use http::HeaderName;

use crate::proxy::ProxyDefinition;
use crate::render::format::headers_of;
use crate::source::{Node, Object, Reader, Value};

/// Reads `proxyBaseUrl` and the fields beside it; `None` if the stub answers itself.
pub(super) fn read(object: &mut Object<'_>, reader: &mut Reader) -> Option<ProxyDefinition> {
    let base_url = object.text("proxyBaseUrl", reader);
    let url_prefix_to_remove = object.text("proxyUrlPrefixToRemove", reader);
    let mut headers = headers_of("additionalProxyRequestHeaders", object, reader);
    let removed_headers = removed_headers(object, reader);
    let base_url = base_url?.trim().to_owned();
    if reader.is_lenient() && !base_url.contains("{{") && !is_absolute(&base_url) {
        let node = object.node("proxyBaseUrl").unwrap_or(object.whole());
        let message = format!("`{base_url}` is not the URL of a service; requests are answered with 500");
        reader.warn_at(node, "proxyBaseUrl", message, "write http://HOST:PORT or https://HOST:PORT");
    }
    // each header is sent with its first value
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    let additional_headers =
        names.into_iter().filter_map(|name| headers.remove(&name).map(|value| (name, value))).collect();
    Some(ProxyDefinition { base_url, url_prefix_to_remove, additional_headers, removed_headers })
}

/// Reports a fault of a proxied response, which has no effect.
pub(super) fn warn_of_fault(object: &Object<'_>, reader: &mut Reader) {
    if let Some(node) = object.node("fault").filter(|_| reader.is_lenient()) {
        let message = "a proxied response ignores `fault`, as in WireMock";
        reader.warn_at(node, "fault", message, "remove `fault`, or remove `proxyBaseUrl`");
    }
}

fn is_absolute(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// Reads `removeProxyRequestHeaders`. As in WireMock, only names in lower case have an effect.
fn removed_headers(object: &mut Object<'_>, reader: &mut Reader) -> Vec<HeaderName> {
    const KEY: &str = "removeProxyRequestHeaders";
    let Some(node) = object.node(KEY) else { return Vec::new() };
    object.echo(KEY, node.to_json());
    let Value::Array(items) = &node.value else {
        let message = format!("`{KEY}` is a list, not {}", node.kind_name());
        reader.error_at(node, KEY, message, "write `[\"name\"]`");
        return Vec::new();
    };
    items.iter().filter_map(|item| removed_header(item, reader)).collect()
}

fn removed_header(item: &Node, reader: &mut Reader) -> Option<HeaderName> {
    let name = item.as_str()?;
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        if reader.is_lenient() {
            let message = format!("`{name}` removes no header: WireMock compares names in lower case");
            let help = format!("write `{}`", name.to_ascii_lowercase());
            reader.warn_at(item, "removeProxyRequestHeaders", message, help);
        }
        return None;
    }
    name.parse().ok()
}
