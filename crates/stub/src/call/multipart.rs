//! The parts of a multipart body, each with its own headers.
//!
//! The reader is lenient, since a mock should match a request rather than refuse it: bare line
//! feeds end lines, and any `multipart/…` type is accepted. A part without an end is ignored. Part
//! bodies share the bytes of the request.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

use super::decode_budget::{self, DecodeBudget};
use super::{JsonBody, latin_or_utf8};
use standin_dialect::SyntaxError;
use standin_dialect::json::JsonNode;
use standin_dialect::xml::Document;

/// One part of a multipart body.
#[derive(Debug, Default)]
pub struct BodyPart {
    /// The `name` of its Content-Disposition.
    pub name: Option<String>,
    /// The `filename` of its Content-Disposition.
    pub file_name: Option<String>,
    /// The headers of the part.
    pub headers: HeaderMap,
    /// The body of the part.
    pub body: Bytes,
    bounds: Option<Arc<DecodeBudget>>,
    json: OnceLock<Option<JsonBody>>,
    xml: OnceLock<Box<Result<Document, SyntaxError>>>,
}

impl BodyPart {
    /// Returns the body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns the body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<JsonNode<'_>> {
        let bounds = self.bounds.as_ref();
        let read = || {
            let may = decode_budget::allow(bounds, || JsonBody::estimated_bytes(&self.body));
            may.then(|| JsonBody::parse_shared(self.body.clone()))?
        };
        decode_budget::once(bounds, &self.json, read)?.as_ref().map(JsonBody::node)
    }

    /// Returns the body as XML, or the error of its parser.
    pub fn xml(&self) -> Result<&Document, &SyntaxError> {
        let bounds = self.bounds.as_ref();
        let read = || Box::new(decode_budget::read_xml(bounds, &self.text()));
        decode_budget::once(bounds, &self.xml, read).map_or(Err(&*decode_budget::NOT_READ), |xml| (**xml).as_ref())
    }

    /// Returns the values of a header, one per header line.
    pub fn header(&self, name: &HeaderName) -> impl Iterator<Item = Cow<'_, str>> {
        self.headers.get_all(name).iter().map(|value| latin_or_utf8(value.as_bytes()))
    }
}

/// Returns the parts of a body with this Content-Type; `None` if that is not multipart.
pub(super) fn parts(content_type: &str, body: &Bytes, bounds: Option<&Arc<DecodeBudget>>) -> Option<Vec<BodyPart>> {
    let starts = content_type.trim_start();
    if !starts.get(.."multipart/".len()).is_some_and(|start| start.eq_ignore_ascii_case("multipart/")) {
        return None;
    }
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
    let Some(boundary) = boundary else { return Some(Vec::new()) };
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begin = None;
    for at in memmem::find_iter(&body[..], delimiter.as_bytes()) {
        // a delimiter stands at the beginning of a line
        let line = match &body[..at] {
            [.., b'\r', b'\n'] => at - 2,
            [.., b'\n'] => at - 1,
            [] => at,
            _ => continue,
        };
        let after = &body[at + delimiter.len()..];
        let is_last = after.starts_with(b"--");
        let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let end_of_line = match &after[blanks..] {
            [b'\r', b'\n', ..] => blanks + 2,
            [b'\n', ..] => blanks + 1,
            // a longer boundary with the same beginning
            _ if !is_last => continue,
            _ => 0,
        };
        if let Some(begin) = begin {
            parts.extend(part(body, begin, line.max(begin)).map(|part| BodyPart { bounds: bounds.cloned(), ..part }));
        }
        if is_last || parts.len() > MAX_PARTS {
            break;
        }
        begin = Some(at + delimiter.len() + end_of_line);
    }
    Some(parts)
}

/// Parses the part between two byte offsets: headers, an empty line, and a body.
fn part(body: &Bytes, begin: usize, end: usize) -> Option<BodyPart> {
    let mut part = BodyPart::default();
    let mut at = begin;
    loop {
        let length = memchr::memchr(b'\n', &body[at..end])?;
        let line = body[at..at + length].strip_suffix(b"\r").unwrap_or(&body[at..at + length]);
        at += length + 1;
        if line.is_empty() {
            break;
        }
        let line = latin_or_utf8(line);
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        let value = HeaderValue::from_bytes(value.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && part.headers.len() < MAX_HEADERS
        {
            part.headers.append(name, value);
        }
    }
    if let Some(disposition) = part.headers.get(http::header::CONTENT_DISPOSITION) {
        let disposition = latin_or_utf8(disposition.as_bytes());
        (part.name, part.file_name) = (parameter(&disposition, "name"), parameter(&disposition, "filename"));
    }
    part.body = body.slice(at..end);
    Some(part)
}

/// Returns a parameter of a header, such as `boundary` of `multipart/form-data; boundary="x"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = &header[header.find(';')?..];
    while let Some(parameter) = rest.strip_prefix(';') {
        let equals = parameter.find(['=', ';']).unwrap_or(parameter.len());
        let (key, after) = parameter.split_at(equals);
        let after = after.strip_prefix('=').unwrap_or(after).trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = left.find(';').map_or("", |next| &left[next..]);
    }
    None
}

/// Returns the text up to the closing quote, and the rest. Only quotes are escaped, since browsers
/// write bare backslashes.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return (value, &quoted[at + 1..]),
            '\\' if chars.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            next => value.push(next),
        }
    }
    (value, "")
}

/// Number of parts that are read; one more is read to tell that there are more.
pub const MAX_PARTS: usize = 1000;

/// Maximum number of headers that are kept per part.
const MAX_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, file name and text of a part.
    type Read = (Option<String>, Option<String>, String);

    fn read(content_type: &str, body: &str) -> Option<Vec<Read>> {
        let parts = parts(content_type, &Bytes::from(body.to_owned()), None)?;
        Some(
            parts
                .into_iter()
                .map(|part| (part.name.clone(), part.file_name.clone(), part.text().into_owned()))
                .collect(),
        )
    }

    fn part(name: &str, file_name: Option<&str>, body: &str) -> Read {
        (Some(name.to_owned()), file_name.map(str::to_owned), body.to_owned())
    }

    #[test]
    fn parts_with_their_names() {
        let body = "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--B  \r\n\
                    content-disposition: form-data; filename=\"x\\\"y;z.png\"; name=b\r\nContent-Type: image/png\r\n\r\n\
                    \r\n--B--\r\nepilogue";
        let expected = vec![part("a", None, "1\r\n2"), part("b", Some("x\"y;z.png"), "")];
        assert_eq!(read("multipart/form-data; boundary=B", body), Some(expected));
    }

    #[test]
    fn boundaries() {
        let body = "--q-u:o\nContent-Disposition: form-data; name=\"a\"\n\n1\n--q-u:o--";
        for content_type in [
            "multipart/form-data; boundary=\"q-u:o\"",
            "Multipart/Mixed;charset=x; BOUNDARY=q-u:o ; more=1",
            "multipart/form-data; start=\"a;boundary=c\"; boundary=q-u:o",
        ] {
            assert_eq!(read(content_type, body), Some(vec![part("a", None, "1")]), "{content_type}");
        }
        assert_eq!(read("multipart/form-data", body), Some(vec![]));
        assert_eq!(read("multipart/form-data; boundary=", body), Some(vec![]));
        assert_eq!(read("text/plain; boundary=q-u:o", body), None);
    }

    #[test]
    fn what_looks_like_a_boundary_is_none() {
        let body = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx--B\r\n--Bx\r\ny\r\n--B--";
        assert_eq!(read("multipart/form-data; boundary=B", body), Some(vec![part("a", None, "x--B\r\n--Bx\r\ny")]));
        // parts without an end of their headers or body are ignored
        for broken in ["--B\r\nA: b\r\n\r\nx", "--B\r\nA: b\r\n--B--", "--B--\r\n--B\r\n\r\nx\r\n--B--", "--B", ""] {
            assert_eq!(read("multipart/form-data; boundary=B", broken), Some(vec![]), "{broken:?}");
        }
        assert_eq!(read("multipart/form-data; boundary=B", "--B\r\n\r\n\r\n--B--").map(|parts| parts.len()), Some(1));
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(header in "\\PC{0,40}", body in "(--B|-|B|\r|\n|:|\"|;|=|name|[a-z]|\u{e9}){0,60}") {
            parts(&format!("multipart/x;{header}"), &Bytes::from(body.clone()), None);
            parts("multipart/form-data; boundary=B", &Bytes::from(body), None);
        }
    }
}
