//! A recorded answer as a stub gives it: headers that belong to the answer and not to the
//! connection, and the body decoded.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::java_numbers::survive_java;
use super::volatile_text::{AnswerTemplate, TRANSFORMER};
use super::{DraftFile, digest8};
use standin_coding::ContentCoding;
use standin_tape::exchange::ExchangeResponse;
use standin_tape::{is_redacted, with_stand_ins};

/// A recorded answer as a stub gives it.
#[derive(Clone, Debug)]
pub(super) struct RecordedAnswer {
    pub(super) status: u16,
    /// Names as first spelt, each with its values.
    headers: Vec<(String, Vec<String>)>,
    pub(super) body: Bytes,
    /// Status text, if it is not the usual one.
    pub(super) reason: Option<String>,
    /// Template that gives the body and some headers.
    pub(super) template: Option<AnswerTemplate>,
    /// True if a header held a secret, in whose place it has another value.
    pub(super) lacks_secrets: bool,
}

impl RecordedAnswer {
    /// Reads the answer of an exchange and its body as it stands on the tape. An answer to HEAD
    /// keeps the length and the coding of the body that it lacks.
    pub(super) fn of(response: &ExchangeResponse, raw: Bytes, to_head: bool) -> Self {
        let coding = header(response, "content-encoding").unwrap_or_default();
        let decoded = decode(&raw, coding);
        let named: Vec<String> = response
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, value)| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
            .collect();
        let mut answer = Self {
            status: response.status,
            headers: Vec::new(),
            body: raw,
            reason: unusual_reason(response),
            template: None,
            lacks_secrets: false,
        };
        for (name, value) in &response.headers {
            let lower = name.to_ascii_lowercase();
            let is_coding = lower == "content-encoding" && decoded.is_some();
            let is_of_head = to_head && matches!(lower.as_str(), "content-encoding" | "content-length");
            let is_left_out = is_coding || DROPPED_HEADERS.contains(&lower.as_str()) || named.contains(&lower);
            if is_left_out && !is_of_head {
                continue;
            }
            let is_secret = is_redacted(value);
            let value = &*with_stand_ins(value);
            answer.lacks_secrets |= is_secret;
            if HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok() {
                answer.add(name, value);
            }
        }
        if let Some(decoded) = decoded {
            answer.body = decoded;
        }
        answer
    }

    /// Returns the names as first spelt, each with its values.
    pub(super) fn headers(&self) -> &[(String, Vec<String>)] {
        &self.headers
    }

    /// Returns the value of a header that has one value.
    pub(super) fn single_header(&self, name: &str) -> Option<&str> {
        match self.values(name) {
            [value] => Some(value),
            _ => None,
        }
    }

    /// Returns true if a header has the same values in another answer.
    pub(super) fn same_header(&self, name: &str, other: &Self) -> bool {
        self.values(name) == other.values(name)
    }

    /// Keeps the headers of which `keep` returns true; it is called with the name and the values.
    pub(super) fn retain_headers(&mut self, mut keep: impl FnMut(&str, &[String]) -> bool) {
        self.headers.retain(|(name, values)| keep(name, values));
    }

    fn values(&self, name: &str) -> &[String] {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }

    /// Returns true if the text is in a header or the body.
    pub(super) fn names(&self, text: &str) -> bool {
        let in_body = || self.body.windows(text.len()).any(|window| window == text.as_bytes());
        !text.is_empty()
            && (self.headers.iter().any(|(_, values)| values.iter().any(|value| value.contains(text))) || in_body())
    }

    /// Returns the response definition, and the file that its body is in if it is large or no text.
    pub(super) fn json(&self, slug: &str) -> (Value, Option<DraftFile>) {
        let mut response = Map::new();
        response.insert("status".to_owned(), self.status.into());
        response.extend(self.reason.clone().map(|reason| ("statusMessage".to_owned(), reason.into())));
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, values)| {
                if let Some(template) = self.template.as_ref().and_then(|all| all.header(name)) {
                    return (name.clone(), template.into());
                }
                let value = if values.len() == 1 { values[0].clone().into() } else { values.clone().into() };
                (name.clone(), value)
            })
            .collect();
        if !headers.is_empty() {
            response.insert("headers".to_owned(), headers.into());
        }
        if let Some(template) = &self.template {
            if !template.body.is_empty() {
                response.insert("body".to_owned(), template.body.clone().into());
            }
            response.insert("transformers".to_owned(), json!([TRANSFORMER]));
            return (response.into(), None);
        }
        let file = match self.inline() {
            _ if self.body.is_empty() => None,
            Some((key, body)) => {
                response.insert(key.to_owned(), body);
                None
            }
            None => {
                let name = format!("{slug}-{}.{}", digest8(&self.body), self.extension());
                response.insert("bodyFileName".to_owned(), name.clone().into());
                Some(DraftFile { name, bytes: self.body.clone() })
            }
        };
        (response.into(), file)
    }

    fn add(&mut self, name: &str, value: &str) {
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.push(value.to_owned()),
            None => self.headers.push((name.to_owned(), vec![value.to_owned()])),
        }
    }

    /// Returns the content type in lower case; empty if there is none.
    pub(super) fn content_type(&self) -> String {
        let found = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        found.and_then(|(_, values)| values.first()).map_or_else(String::new, |value| value.to_ascii_lowercase())
    }

    /// Returns a body that can stand in the mapping: as JSON if it would be written unchanged, byte
    /// for byte.
    fn inline(&self) -> Option<(&'static str, Value)> {
        let text = std::str::from_utf8(&self.body).ok().filter(|text| text.len() <= MAX_INLINE_BYTES)?;
        let shows = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        if !text.chars().all(shows) || text.starts_with('\u{feff}') {
            return None;
        }
        let document = serde_json::from_str::<Value>(text).ok().filter(|document| {
            (document.is_object() || document.is_array())
                && survive_java(document)
                && serde_json::to_string(document).is_ok_and(|written| written == text)
        });
        Some(document.map_or_else(|| ("body", text.into()), |document| ("jsonBody", document)))
    }

    fn extension(&self) -> &'static str {
        let kind = self.content_type();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let known = EXTENSIONS.iter().find(|(part, _)| kind.ends_with(part));
        known.map_or(if kind.starts_with("text/") { "txt" } else { "bin" }, |(_, extension)| extension)
    }
}

/// Returns the status text of a response, if it is not that of the status code.
fn unusual_reason(response: &ExchangeResponse) -> Option<String> {
    let usual = http::StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    response.reason.clone().filter(|reason| Some(reason.as_str()) != usual)
}

/// Returns the first value of a header.
pub(super) fn header<'r>(response: &'r ExchangeResponse, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Returns a body without its content coding; `None` if it cannot be decoded, and then the header
/// stays. A recorder may have decoded the body already, to look for secrets.
pub(super) fn decode(raw: &Bytes, coding: &str) -> Option<Bytes> {
    if raw.is_empty() {
        return Some(raw.clone());
    }
    let decoded = |coding: ContentCoding| Some(Bytes::from(coding.decode(raw, MAX_UNPACKED_BYTES)?.into_owned()));
    match ContentCoding::parse(&coding.trim().to_ascii_lowercase())? {
        ContentCoding::Identity => Some(raw.clone()),
        ContentCoding::Gzip if !ContentCoding::is_gzip(raw) => Some(raw.clone()),
        coding @ (ContentCoding::Gzip | ContentCoding::Brotli | ContentCoding::Zstd) => decoded(coding),
        ContentCoding::Deflate => {
            decoded(ContentCoding::Deflate).or_else(|| std::str::from_utf8(raw).is_ok().then(|| raw.clone()))
        }
    }
}

/// Headers of a connection, of one moment, or of another mock: an answer that is given again has
/// its own. What sends a client to another port of the recorded service goes too.
const DROPPED_HEADERS: &[&str] = &[
    "alt-svc",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "matched-stub-id",
    "matched-stub-name",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Bodies up to this many bytes stand in the mapping.
const MAX_INLINE_BYTES: usize = 4 << 10;

/// Maximum size of an unpacked body in bytes.
const MAX_UNPACKED_BYTES: usize = 64 << 20;

/// Endings of media types, and of the files that hold them.
const EXTENSIONS: &[(&str, &str)] = &[
    ("json", "json"),
    ("xml", "xml"),
    ("/html", "html"),
    ("/csv", "csv"),
    ("/css", "css"),
    ("javascript", "js"),
    ("/png", "png"),
    ("/jpeg", "jpg"),
    ("/gif", "gif"),
    ("/webp", "webp"),
    ("/pdf", "pdf"),
    ("/zip", "zip"),
];

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;

    use super::*;

    fn answer(headers: &[(&str, &str)], body: &[u8]) -> RecordedAnswer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RecordedAnswer::of(
            &ExchangeResponse { status: 200, reason: None, headers, body: None },
            body.to_vec().into(),
            false,
        )
    }

    #[test]
    fn what_belongs_to_the_connection_or_the_moment_goes() {
        let secret = standin_tape::redaction_marker(3);
        let answer = answer(
            &[
                ("date", "Mon, 02 Nov 2026 09:00:00 GMT"),
                ("Connection", "close, X-Hop"),
                ("x-hop", "1"),
                ("Content-Length", "2"),
                ("Vary", "Accept"),
                ("vary", "Origin"),
                ("Set-Cookie", &format!("sid={secret}; Path=/")),
                ("Bad", "a\u{0}b"),
                ("ETag", "\"1\""),
            ],
            b"ok",
        );
        assert!(answer.lacks_secrets);
        let expected = json!({"status": 200, "headers": {"Vary": ["Accept", "Origin"], "Set-Cookie": "sid=standin-00000003; Path=/", "ETag": "\"1\""},
            "body": "ok"});
        assert_eq!(answer.json("x").0, expected);
    }

    #[test]
    fn an_answer_to_head_keeps_the_length_of_what_is_not_there() {
        let headers = [("Content-Length", "12345"), ("Content-Encoding", "gzip"), ("Date", "now")];
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let response = ExchangeResponse { status: 200, reason: None, headers, body: None };
        let kept = json!({"Content-Length": "12345", "Content-Encoding": "gzip"});
        assert_eq!(
            RecordedAnswer::of(&response, Bytes::new(), true).json("x").0,
            json!({"status": 200, "headers": kept})
        );
        assert_eq!(RecordedAnswer::of(&response, Bytes::new(), false).json("x").0, json!({"status": 200}));
    }

    #[test]
    fn codings_are_undone_or_kept_whole() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"hello").unwrap();
        let gzip = gzip.finish().unwrap();
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(b"hello").unwrap();
        let codings = [
            ("gzip", gzip),
            ("GZIP", b"hello".to_vec()),
            ("deflate", deflate.finish().unwrap()),
            ("br", ContentCoding::Brotli.encode(b"hello")),
            ("ZSTD", ContentCoding::Zstd.encode(b"hello")),
        ];
        for (coding, body) in codings {
            let (response, file) = answer(&[("Content-Encoding", coding)], &body).json("x");
            assert_eq!((response, file), (json!({"status": 200, "body": "hello"}), None), "{coding}");
        }
        let (response, file) = answer(&[("Content-Encoding", "compress")], &[0x8b, 2, 0x80]).json("get-x");
        assert_eq!(response["headers"], json!({"Content-Encoding": "compress"}));
        let file = file.unwrap();
        assert_eq!(response["bodyFileName"], file.name);
        assert!(file.name.starts_with("get-x-") && file.name.contains(".bin") && file.bytes.len() == 3);
    }

    #[test]
    fn json_is_written_as_such_only_if_it_comes_out_the_same() {
        let inline = |body: &str| answer(&[], body.as_bytes()).json("x").0;
        assert_eq!(inline("{\"a\":[1,\"b c\\\"\"]}")["jsonBody"], json!({"a": [1, "b c\""]}));
        for body in
            ["{\"a\": 1}", "{\"a\":1}\n", "{\"a\":1.10}", "null", "5", "{\"a\":1,\"a\":2}", "[\"\\u00e9\"]", "{\"a\":}"]
        {
            assert_eq!(inline(body)["body"], *body);
        }
        let long = format!("\"{}\"", "x".repeat(MAX_INLINE_BYTES));
        let (response, file) =
            answer(&[("Content-Type", "application/hal+json; charset=utf-8")], long.as_bytes()).json("x");
        assert!(response["bodyFileName"].as_str().unwrap().contains(".json"));
        assert_eq!(file.unwrap().bytes, long);
    }
}
