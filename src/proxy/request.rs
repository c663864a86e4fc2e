//! The request to a service: its URL, its headers and its body.

use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, USER_AGENT, VIA,
};
use http::{Method, Request, Uri, Version};
use http_body::Body as _;

use super::ProxySettings;
use super::hops::Hops;
use crate::send::Outgoing;
use crate::upstream::{self, TargetUrl};
use standin_stub::call::Call;
use standin_stub::call::raw_target::percent_encoded_text;
use standin_stub::proxy::ProxyDefinition;

/// The URL of a request at a service.
#[derive(Debug)]
pub(super) struct ProxiedUrl {
    /// The URL as it was put together, for messages.
    pub(super) text: String,
    pub(super) target: TargetUrl,
    path_and_query: Uri,
}

impl ProxiedUrl {
    /// Parses a URL. The error is a message.
    pub(super) fn parse(text: String) -> Result<Self, String> {
        let wrong = |why: String| format!("The target proxy address `{text}` is not an absolute URL: {why}");
        let uri: Uri = percent_encoded_text(&text)
            .parse()
            .map_err(|error| wrong(format!("{error}; correct the proxyBaseUrl of the stub")))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let target = TargetUrl::parse(&format!("{scheme}://{authority}"))
            .map_err(|_| wrong("a proxyBaseUrl begins with http://HOST or https://HOST".to_owned()))?;
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        // WireMock's client sends one slash for several at the beginning
        let below = path_and_query.trim_start_matches('/');
        let path_and_query = if path_and_query.starts_with("//") {
            format!("/{below}").parse().map_err(|error| wrong(format!("{error}")))?
        } else {
            uri.path_and_query().cloned().map(Uri::from).unwrap_or_default()
        };
        Ok(Self { text, target, path_and_query })
    }
}

/// Returns the request that the service gets.
pub(super) fn to_service(
    url: &ProxiedUrl,
    definition: &ProxyDefinition,
    (call, body): (&Call, Outgoing),
    settings: &ProxySettings,
    hops: &Hops,
) -> Request<Outgoing> {
    let mut headers = call.headers.clone();
    let is_chunked = headers.get(TRANSFER_ENCODING).is_some();
    upstream::remove_hop_by_hop(&mut headers);
    for name in definition.removed_headers.iter().chain([&EXPECT, &CONTENT_LENGTH]) {
        headers.remove(name);
    }
    if !settings.preserve_user_agent {
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    }
    if !settings.preserve_host || !headers.contains_key(HOST) {
        headers.insert(HOST, url.target.host_header());
    }
    if let Some(supported) = &settings.supported_encodings {
        keep_supported_codings(&mut headers, supported);
    }
    if call.version == Version::HTTP_2 {
        upstream::join_cookies(&mut headers);
    }
    for (name, value) in &definition.additional_headers {
        match *name {
            HOST => drop(headers.insert(HOST, value.clone())),
            USER_AGENT if !settings.preserve_user_agent => {}
            _ => drop(headers.append(name, value.clone())),
        }
    }
    headers.append(VIA, hops.via());
    if is_chunked {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    } else if body.is_end_stream() && has_length(call) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = url.path_and_query.clone();
    *request.headers_mut() = headers;
    request
}

/// Returns true if a request without a body says so.
fn has_length(call: &Call) -> bool {
    call.headers.contains_key(CONTENT_LENGTH) || matches!(call.method, Method::POST | Method::PUT | Method::PATCH)
}

/// Removes the codings that are not supported from `Accept-Encoding`.
fn keep_supported_codings(headers: &mut HeaderMap, supported: &[String]) {
    let accepted: Vec<&str> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|coding| supported.iter().any(|known| known == coding))
        .collect();
    match HeaderValue::from_str(&accepted.join(",")) {
        Ok(value) if !accepted.is_empty() => drop(headers.insert(ACCEPT_ENCODING, value)),
        _ => drop(headers.remove(ACCEPT_ENCODING)),
    }
}

const USER_AGENT_VALUE: &str = concat!("standin/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(String, String), String> {
        ProxiedUrl::parse(url.to_owned()).map(|url| (url.target.to_string(), url.path_and_query.to_string()))
    }

    #[test]
    fn urls_lead_to_a_target_and_a_path() {
        let is = |target: &str, path: &str| Ok((target.to_owned(), path.to_owned()));
        assert_eq!(parsed("http://a:1/b//c?d=1"), is("http://a:1", "/b//c?d=1"));
        assert_eq!(parsed("http://a//b"), is("http://a", "/b"));
        assert_eq!(parsed("https://[::1]:2"), is("https://[::1]:2", "/"));
        assert_eq!(parsed("http://a?b=1/c"), is("http://a", "/?b=1/c"));
        for wrong in ["", "/x", "a:1/x", "ftp://a/x", "http:///x", "http://a:1x/y", "http://u:p@a/x", "http://a b/x"] {
            let error = parsed(wrong).expect_err(wrong);
            assert!(error.contains("is not an absolute URL"), "{error}");
        }
    }
}
