//! Parses a logged request: the JSON that the journal shows, and that `POST
//! /__admin/near-misses/request` accepts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{COOKIE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Map, Value};

use crate::call::{Call, Peers, Scheme, latin_header_value, raw_target};

/// Error: a JSON document is not a logged request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequestError {
    /// Description of the error.
    pub message: String,
    /// Correction that is suggested.
    pub help: &'static str,
}

/// Parses a logged request. The defaults are GET, `/`, no headers and no body. `body_limit`, in
/// bytes, limits the size of an unpacked gzip body.
pub fn parse_logged_request(logged: &Map<String, Value>, body_limit: usize) -> Result<Call, LoggedRequestError> {
    let text = |key: &str| logged.get(key).and_then(Value::as_str);
    let method = text("method").unwrap_or("GET");
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| error("method", method, "write one such as `GET`"))?;
    let absolute: Option<Uri> = text("absoluteUrl").and_then(|url| raw_target::parse(url).ok());
    let uri = match text("url") {
        Some(url) => {
            raw_target::parse(url).map_err(|_| error("url", url, "write a path such as `/a?b=c`, percent-encoded"))?
        }
        None => absolute.clone().unwrap_or_default(),
    };
    let scheme = text("scheme").or_else(|| absolute.as_ref()?.scheme_str());
    let scheme = if scheme == Some("https") { Scheme::Https } else { Scheme::Http };
    let mut headers = headers(logged)?;
    if let Some(authority) = authority(logged, absolute.as_ref())
        && let Ok(value) = HeaderValue::try_from(authority)
    {
        headers.entry(HOST).or_insert(value);
    }
    let client = text("clientIp").and_then(|ip| ip.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, scheme.default_port()));
    let peers = Peers { scheme, remote: SocketAddr::new(client, 0), local };
    let (mut parts, ()) = http::Request::new(()).into_parts();
    (parts.method, parts.uri, parts.headers) = (method, uri, headers);
    Ok(Call::new(parts, body(logged)?, peers, Instant::now(), body_limit))
}

fn headers(logged: &Map<String, Value>) -> Result<HeaderMap, LoggedRequestError> {
    let mut headers = HeaderMap::new();
    for (name, values) in logged.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| error("headers", name, "use letters, digits and `-` in names"))?;
        for value in texts(values) {
            headers.append(&name, header_value("headers", value)?);
        }
    }
    // the journal lists cookies separately, beside the Cookie header
    if !headers.contains_key(COOKIE) {
        for (name, values) in logged.get("cookies").and_then(Value::as_object).into_iter().flatten() {
            for value in texts(values) {
                headers.append(COOKIE, header_value("cookies", &format!("{name}={value}"))?);
            }
        }
    }
    Ok(headers)
}

fn header_value(key: &str, value: &str) -> Result<HeaderValue, LoggedRequestError> {
    latin_header_value(value).ok_or_else(|| error(key, value, "remove control characters"))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().filter_map(Value::as_str)
}

fn authority(logged: &Map<String, Value>, absolute: Option<&Uri>) -> Option<String> {
    if let Some(authority) = absolute.and_then(Uri::authority) {
        return Some(authority.to_string());
    }
    let host = logged.get("host")?.as_str()?;
    match logged.get("port").and_then(Value::as_u64) {
        Some(port) => Some(format!("{host}:{port}")),
        None => Some(host.to_owned()),
    }
}

fn body(logged: &Map<String, Value>) -> Result<Bytes, LoggedRequestError> {
    if let Some(encoded) = logged.get("bodyAsBase64").and_then(Value::as_str).filter(|encoded| !encoded.is_empty()) {
        return match base64::engine::general_purpose::STANDARD.decode(encoded) {
            Ok(body) => Ok(body.into()),
            Err(_) => Err(error("bodyAsBase64", encoded, "encode the bytes as base64, with padding, or give `body`")),
        };
    }
    Ok(logged.get("body").and_then(Value::as_str).map(|body| Bytes::from(body.to_owned())).unwrap_or_default())
}

fn error(key: &str, value: &str, help: &'static str) -> LoggedRequestError {
    LoggedRequestError {
        message: format!("`{}` is not a valid `{key}` of a request", super::report::truncate(value, 100)),
        help,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(logged: &Value) -> Result<Call, LoggedRequestError> {
        parse_logged_request(logged.as_object().expect("an object"), 1 << 20)
    }

    #[test]
    fn a_logged_request_is_a_call_again() {
        let call = call(&json!({
            "url": "/a?q=1", "absoluteUrl": "https://h:77/a?q=1", "method": "POST", "clientIp": "10.0.0.7",
            "headers": {"A": ["1", "2"], "B": "x"}, "cookies": {"c": "v"}, "bodyAsBase64": "aGk=", "body": "ignored",
        }))
        .expect("a request");
        assert_eq!((call.method.as_str(), call.url(), &*call.host(), call.port()), ("POST", "/a?q=1", "h", 77));
        assert_eq!((call.peers.scheme, &*call.client_ip(), call.text()), (Scheme::Https, "10.0.0.7", Some("hi")));
        assert_eq!(call.header(&HeaderName::from_static("a")).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(call.cookies(), &[("c".to_owned(), "v".to_owned())]);
    }

    #[test]
    fn what_is_not_said_is_plain() {
        let bare = call(&json!({})).expect("a request");
        assert_eq!((bare.method.as_str(), bare.url(), bare.text()), ("GET", "/", None));
        let absolute = call(&json!({"absoluteUrl": "http://h:8/x/a"})).expect("a request");
        assert_eq!((absolute.url(), &*absolute.host(), absolute.port()), ("/x/a", "h", 8));
        for wrong in [json!({"method": "G T"}), json!({"url": "/a b"}), json!({"headers": {"a b": "1"}})] {
            assert!(call(&wrong).is_err(), "{wrong}");
        }
    }
}
