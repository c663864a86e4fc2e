//! The response definition of a recorded call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use serde_json::{Map, Value};
use standin_coding::ContentCoding;
use standin_stub::call::header_text;

use super::spec::RecordSpec;
use super::{RecordedBody, RecordedExchange};

/// A response without its coding.
pub(super) struct ResponseDraft {
    status: u16,
    headers: Map<String, Value>,
    body: Bytes,
    /// Media type of the body, in lower case.
    media_type: Option<String>,
    /// True if the media type says that the body is text.
    is_text: bool,
    /// True if the body can be written as a JSON string.
    is_plain: bool,
}

impl ResponseDraft {
    pub(super) fn of(exchange: &RecordedExchange) -> Self {
        let content_type = exchange.headers.get(CONTENT_TYPE).map(|value| header_text(value).into_owned());
        let media_type = content_type.as_deref().map(media_type);
        let is_text = media_type.as_deref().is_some_and(is_text_type);
        let (body, is_decoded) = decoded(exchange);
        let is_utf8 = content_type.as_deref().and_then(charset).is_none_or(|charset| charset == "utf-8");
        // bytes in another charset would be sent as UTF-8 from a JSON string
        let is_plain = is_text && is_decoded && (is_utf8 || body.is_ascii());
        let headers = headers(&exchange.headers, is_decoded);
        Self { status: exchange.status, headers, body, media_type, is_text, is_plain }
    }

    /// Returns the file for a body that the spec wants to have one; `name` gives its name for the
    /// media type and the body.
    pub(super) fn file(
        &self,
        spec: &RecordSpec,
        name: impl FnOnce(Option<&str>, &[u8]) -> String,
    ) -> Option<RecordedBody> {
        let (size, threshold) = if self.is_text {
            (String::from_utf8_lossy(&self.body).chars().count(), spec.text_threshold)
        } else {
            (self.body.len(), spec.binary_threshold)
        };
        let has_file = !self.body.is_empty() && threshold.is_some_and(|threshold| size as u64 > threshold);
        has_file.then(|| RecordedBody { name: name(self.media_type.as_deref(), &self.body), bytes: self.body.clone() })
    }

    /// Returns the response definition in WireMock's JSON.
    pub(super) fn json(self, file: Option<&RecordedBody>) -> Value {
        let mut response = Map::new();
        response.insert("status".to_owned(), self.status.into());
        match file {
            _ if self.body.is_empty() => {}
            Some(file) => drop(response.insert("bodyFileName".to_owned(), file.name.as_str().into())),
            None if self.is_plain => {
                response.insert("body".to_owned(), String::from_utf8_lossy(&self.body).into());
            }
            None => drop(response.insert("base64Body".to_owned(), STANDARD.encode(&self.body).into())),
        }
        if !self.headers.is_empty() {
            response.insert("headers".to_owned(), self.headers.into());
        }
        Value::Object(response)
    }
}

/// Returns the media type of a Content-Type, in lower case and without parameters.
pub(super) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns true if bodies of a media type are text.
pub(super) fn is_text_type(media_type: &str) -> bool {
    TEXT_TYPES.iter().any(|part| media_type.contains(part))
}

fn charset(content_type: &str) -> Option<String> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
}

/// Returns the body without its coding, and whether it has none any more.
fn decoded(exchange: &RecordedExchange) -> (Bytes, bool) {
    let coding = exchange
        .headers
        .get(CONTENT_ENCODING)
        .map_or_else(String::new, |value| header_text(value).trim().to_ascii_lowercase());
    let plain = ContentCoding::parse(&coding).and_then(|coding| coding.decode(&exchange.body, MAX_BODY_BYTES));
    match plain {
        Some(std::borrow::Cow::Owned(plain)) => (plain.into(), true),
        Some(std::borrow::Cow::Borrowed(_)) => (exchange.body.clone(), true),
        None => (exchange.body.clone(), false),
    }
}

/// Returns the headers without those of the transfer, with each name in its usual case.
fn headers(map: &HeaderMap, is_decoded: bool) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in map.keys() {
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING || (*name == CONTENT_ENCODING && is_decoded) {
            continue;
        }
        let mut values: Vec<Value> = map.get_all(name).iter().map(|value| header_text(value).into()).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        headers.insert(title_case(name.as_str()), value);
    }
    headers
}

/// Returns `content-type` as `Content-Type`.
fn title_case(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}

/// Parts of media types by which text is recognized.
const TEXT_TYPES: [&str; 7] = ["text", "json", "xml", "html", "yaml", "csv", "x-www-form-urlencoded"];

/// Maximum bytes of a decoded body.
const MAX_BODY_BYTES: usize = 64 << 20;
