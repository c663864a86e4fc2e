//! HTTP archives (HAR 1.2): calls that a browser or a proxy saw.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use standin_stub::source::{Node, Value};

use crate::recorded::{SourceCall, SourceCalls, split_url};

/// Returns the calls of an archive, without those that have no answer of a service.
pub fn calls(root: &Node) -> SourceCalls {
    let mut found = SourceCalls::default();
    let entries = root.get("log").and_then(|log| log.get("entries")).map_or(&[][..], Node::items);
    for entry in entries {
        let url = entry.get("request").and_then(|request| text(request, "url")).unwrap_or_default();
        match call(entry, url) {
            Ok(call) => found.calls.push(call),
            Err(why) => found.leave_out(why, url),
        }
    }
    found
}

fn call(entry: &Node, url: &str) -> Result<SourceCall, &'static str> {
    if entry.get("_fromCache").is_some() {
        return Err("answers from the browser's cache");
    }
    let (Some(request), Some(response)) = (entry.get("request"), entry.get("response")) else {
        return Err("entries without `request` or `response`");
    };
    let (host, target) = split_url(url).ok_or("entries that are not http")?;
    let status = number(response, "status").unwrap_or(0);
    let status = u16::try_from(status).ok().filter(|status| *status >= 100).ok_or("calls without an answer")?;
    if status == 304 {
        return Err("answers that say that the browser's copy is current (304)");
    }
    let content = response.get("content");
    let body = match content.and_then(|content| Some((text(content, "text")?, text(content, "encoding")))) {
        Some((text, Some("base64"))) => STANDARD.decode(text).map_err(|_| "answers whose base64 does not decode")?,
        Some((text, _)) => text.as_bytes().to_vec(),
        // `size` is the length of the body without its coding
        None if content.and_then(|content| number(content, "size")).unwrap_or(0) > 0 => {
            return Err("answers whose body the archive does not have");
        }
        None => Vec::new(),
    };
    let mut response_headers = headers(response);
    // the body of an archive is decoded
    response_headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
    let has_type = response_headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(media_type) = content.and_then(|content| text(content, "mimeType"))
        && !has_type
        && !body.is_empty()
        && !media_type.is_empty()
    {
        response_headers.push(("Content-Type".to_owned(), media_type.to_owned()));
    }
    let mut request_headers = headers(request);
    request_headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
    Ok(SourceCall {
        method: text(request, "method").unwrap_or("GET").to_ascii_uppercase(),
        host,
        target,
        request_headers,
        request_body: request.get("postData").map(posted).unwrap_or_default(),
        status,
        response_headers,
        response_body: body,
    })
}

/// Returns the body of a request; a form may be given by its fields alone.
fn posted(data: &Node) -> Vec<u8> {
    if let Some(text) = text(data, "text").filter(|text| !text.is_empty()) {
        return match self::text(data, "encoding") {
            Some("base64") => STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()),
            _ => text.as_bytes().to_vec(),
        };
    }
    let fields = data.get("params").map_or(&[][..], Node::items).iter();
    let pairs = fields.map(|field| crate::form::pair(text(field, "name"), text(field, "value")));
    pairs.collect::<Vec<_>>().join("&").into_bytes()
}

/// Returns the headers of a message, without the pseudo headers of HTTP/2.
fn headers(message: &Node) -> Vec<(String, String)> {
    let headers = message.get("headers").map_or(&[][..], Node::items).iter();
    headers
        .filter_map(|header| Some((text(header, "name")?.to_owned(), text(header, "value")?.to_owned())))
        .filter(|(name, _)| !name.starts_with(':'))
        .collect()
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

fn number(node: &Node, key: &str) -> Option<i64> {
    match &node.get(key)?.value {
        Value::Number(text) => text.parse().ok(),
        _ => None,
    }
}
