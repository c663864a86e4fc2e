//! Collections of Postman (2.0 and 2.1): requests with the answers that were saved with them.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use standin_stub::source::{Node, Value};

use crate::recorded::{SourceCall, SourceCalls, split_url};

/// Returns the calls of a collection: each saved response with the request that it is to.
pub fn calls(root: &Node) -> SourceCalls {
    let mut reader = CollectionReader { variables: variables(root), found: SourceCalls::default() };
    reader.items(root, "");
    reader.found
}

struct CollectionReader {
    variables: BTreeMap<String, String>,
    found: SourceCalls,
}

impl CollectionReader {
    /// Reads the requests of a folder, and those of the folders in it.
    fn items(&mut self, folder: &Node, path: &str) {
        for item in folder.get("item").map_or(&[][..], Node::items) {
            let name = format!("{path}/{}", text(item, "name").unwrap_or("?"));
            if item.get("item").is_some() {
                self.items(item, &name);
                continue;
            }
            let responses = item.get("response").map_or(&[][..], Node::items);
            if responses.is_empty() {
                self.found.leave_out("requests without a saved response", name.trim_start_matches('/'));
            }
            for response in responses {
                let request = response.get("originalRequest").or_else(|| item.get("request"));
                match request.ok_or("items without `request`").and_then(|request| self.call(request, response)) {
                    Ok(call) => self.found.calls.push(call),
                    Err(why) => self.found.leave_out(why, name.trim_start_matches('/')),
                }
            }
        }
    }

    fn call(&self, request: &Node, response: &Node) -> Result<SourceCall, &'static str> {
        let code = response.get("code").and_then(|code| match &code.value {
            Value::Number(text) => text.parse::<u16>().ok(),
            _ => None,
        });
        let status = code.filter(|code| (200..=999).contains(code)).ok_or("responses without a status (`code`)")?;
        let (host, target) = self.url(request)?;
        let request_headers = self.headers(request);
        let body = request.get("body").map(|body| self.body(body)).unwrap_or_default();
        let mut response_headers = self.headers(response);
        // the body of a saved response is decoded
        response_headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
        Ok(SourceCall {
            // a request may be only its URL
            method: text(request, "method").unwrap_or("GET").to_ascii_uppercase(),
            host,
            target,
            request_headers,
            request_body: body.into_bytes(),
            status,
            response_headers,
            response_body: text(response, "body").unwrap_or_default().as_bytes().to_vec(),
        })
    }

    /// Returns host and target of a request. What no variable gives stays in braces, except for
    /// the host.
    fn url(&self, request: &Node) -> Result<(String, String), &'static str> {
        let url = request.get("url").unwrap_or(request);
        let raw = url.as_str().or_else(|| text(url, "raw")).ok_or("requests without a URL")?;
        let mut raw = raw.split('#').next().unwrap_or_default().to_owned();
        for variable in url.get("variable").map_or(&[][..], Node::items) {
            let (Some(key), Some(value)) = (text(variable, "key"), text(variable, "value")) else { continue };
            raw = with_path_variable(&raw, key, value);
        }
        let raw = self.filled(&raw);
        if let Some(found) = split_url(&raw) {
            return Ok((found.0, encoded(&found.1)));
        }
        // `{{baseUrl}}/items` without a value, or `localhost:8080/items`
        let start = raw.find('/').ok_or("requests without a path")?;
        let host = &raw[..start];
        let host = if host.contains("{{") { String::new() } else { host.to_ascii_lowercase() };
        Ok((host, encoded(&raw[start..])))
    }

    fn headers(&self, message: &Node) -> Vec<(String, String)> {
        let headers = message.get("header").map_or(&[][..], Node::items).iter();
        headers
            .filter(|header| !is_disabled(header))
            .filter_map(|header| Some((text(header, "key")?.to_owned(), self.filled(text(header, "value")?))))
            .collect()
    }

    fn body(&self, body: &Node) -> String {
        let fields = |key: &str| {
            let fields = body.get(key).map_or(&[][..], Node::items).iter().filter(|field| !is_disabled(field));
            let pairs = fields.map(|field| {
                let value = self.filled(text(field, "value").unwrap_or_default());
                crate::form::pair(text(field, "key"), Some(&value))
            });
            pairs.collect::<Vec<_>>().join("&")
        };
        match text(body, "mode").unwrap_or("raw") {
            "raw" => self.filled(text(body, "raw").unwrap_or_default()),
            "urlencoded" => fields("urlencoded"),
            "graphql" => body.get("graphql").map(|query| query.to_json().to_string()).unwrap_or_default(),
            // the boundary of a multipart body is chosen anew for each request
            _ => String::new(),
        }
    }

    /// Returns a text with the values of the collection's variables.
    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        // a value may name another variable
        for _ in 0..MAX_NESTED_VARIABLES {
            let before = filled.clone();
            for (name, value) in &self.variables {
                filled = filled.replace(&format!("{{{{{name}}}}}"), value);
            }
            if filled == before || filled.len() > MAX_FILLED_BYTES {
                break;
            }
        }
        filled
    }
}

fn variables(root: &Node) -> BTreeMap<String, String> {
    let variables = root.get("variable").map_or(&[][..], Node::items).iter().filter(|variable| !is_disabled(variable));
    let pair = |variable: &Node| {
        let key = text(variable, "key").or_else(|| text(variable, "id"))?;
        let value = variable.get("value")?.to_json();
        Some((key.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    };
    variables.filter_map(pair).collect()
}

/// Replaces `:key` in a path.
fn with_path_variable(url: &str, key: &str, value: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let variable = format!(":{key}");
    let parts: Vec<&str> = path.split('/').map(|part| if part == variable { value } else { part }).collect();
    parts.join("/") + query
}

/// Returns a target with the characters encoded that no request has as they are.
fn encoded(target: &str) -> String {
    // a `%` of a target that decodes is an escape already
    let set =
        if percent_decode_str(target).decode_utf8_lossy() == target { NOT_IN_TARGETS_PLAIN } else { NOT_IN_TARGETS };
    utf8_percent_encode(target, set).to_string()
}

fn is_disabled(node: &Node) -> bool {
    node.get("disabled").is_some_and(|disabled| disabled.value == Value::Bool(true))
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

/// Maximum number of variables that lead to one value.
const MAX_NESTED_VARIABLES: usize = 8;

/// Maximum size of a text whose variables are replaced.
const MAX_FILLED_BYTES: usize = 16 << 20;

/// Characters that a target has only percent-encoded.
const NOT_IN_TARGETS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'|').add(b'\\').add(b'^');

/// Characters that are escaped in a target that has no escapes.
const NOT_IN_TARGETS_PLAIN: &AsciiSet = &NOT_IN_TARGETS.add(b'%');
