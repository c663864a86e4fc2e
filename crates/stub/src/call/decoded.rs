//! Parts of a request decoded on demand, and once only: query, form, cookies, and the body as
//! bytes, text, JSON, GraphQL, XML and multipart parts.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE};

use super::url_encoding::url_encoded;
use super::{BodyPart, Call, Charset, Decoded, JsonBody, NamedValues, decode_budget, header_text, multipart};
use crate::source::lenient_json;
use standin_coding::ContentCoding;
use standin_dialect::SyntaxError;
use standin_dialect::graphql::GraphQlDocument;
use standin_dialect::json::JsonNode;
use standin_dialect::xml::Document;

impl Call {
    pub(super) fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(Box::default)
    }

    /// Returns the decoded query parameters. `a` without `=` has the value "".
    pub fn query(&self) -> &NamedValues {
        self.decoded().query.get_or_init(|| url_encoded(self.raw_query().unwrap_or_default()))
    }

    /// Returns the decoded form parameters; none unless the Content-Type is that of a form.
    pub fn form(&self) -> &NamedValues {
        let read = || {
            let is_form = self
                .header(&CONTENT_TYPE)
                .any(|value| value.to_ascii_lowercase().contains("application/x-www-form-urlencoded"));
            match self.text() {
                Some(text) if is_form && self.allows(|| decode_budget::form_size(text.as_bytes())) => url_encoded(text),
                _ => Vec::new(),
            }
        };
        self.once(&self.decoded().form, read).unwrap_or(&NO_VALUES)
    }

    /// Returns the cookies of all Cookie headers.
    pub fn cookies(&self) -> &NamedValues {
        self.decoded().cookies.get_or_init(|| {
            let mut pairs = Vec::new();
            for line in self.header(&COOKIE) {
                for pair in line.split(';') {
                    if let Some((name, value)) = pair.split_once('=') {
                        let value = value.trim();
                        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
                        pairs.push((name.trim().to_owned(), value.to_owned()));
                    }
                }
            }
            pairs
        })
    }

    /// Returns the bytes of the body, unpacked if it is gzip according to its Content-Encoding or
    /// its first two bytes.
    pub fn body(&self) -> &Bytes {
        if let Some(was_asked_for) = &self.unread_body {
            was_asked_for.store(true, Relaxed);
        }
        if !self.is_zipped() {
            return &self.raw_body;
        }
        // a body that is not gzip, or unpacks to more than the limit, is matched as it was sent
        let unpack = || {
            let reserve = |bytes| self.allows(|| bytes);
            let unpacked = ContentCoding::Gzip.decode_reserving(&self.raw_body, self.body_limit, reserve);
            unpacked.map_or_else(|| self.raw_body.clone(), |unpacked| Bytes::from(unpacked.into_owned()))
        };
        self.once(&self.decoded().body, unpack).unwrap_or(&self.raw_body)
    }

    pub(super) fn is_zipped(&self) -> bool {
        ContentCoding::is_gzip(&self.raw_body)
            || (!self.raw_body.is_empty() && self.header(&CONTENT_ENCODING).any(|value| value.contains("gzip")))
    }

    /// Returns the body as text in the charset of its Content-Type, else in UTF-8; `None` if it is
    /// empty.
    pub fn text(&self) -> Option<&str> {
        let body = self.body();
        if body.is_empty() {
            return None;
        }
        let decode = || {
            let charset = Charset::of(&self.headers);
            // UTF-8 is read from the bytes of the body, without a copy
            if charset == Charset::Other(encoding_rs::UTF_8) && !has_bom(body) && std::str::from_utf8(body).is_ok() {
                return None;
            }
            // no charset takes more than three bytes of UTF-8 per byte
            self.allows(|| 3 * body.len()).then(|| charset.decode(body).into_owned())
        };
        match self.once(&self.decoded().text, decode)? {
            Some(text) => Some(text),
            None => std::str::from_utf8(body).ok(),
        }
    }

    /// Returns the body as JSON; `None` if it is empty or is not JSON. A body that is not large may
    /// have comments, single quotes and text after the value, as in WireMock.
    pub fn json(&self) -> Option<JsonNode<'_>> {
        let read = || {
            let text = self.text()?;
            if !self.allows(|| JsonBody::estimated_bytes(text.as_bytes())) {
                return None;
            }
            if self.is_large() {
                return JsonBody::parse_shared(self.shared_text(text)?);
            }
            JsonBody::parse(text).or_else(|| lenient_json(text).map(JsonBody::Value))
        };
        self.once(&self.decoded().json, read)?.as_ref().map(JsonBody::node)
    }

    /// Returns the `query` of a JSON body as GraphQL, or the error of its parser; `None` if the
    /// body has none.
    pub fn graphql(&self) -> Option<Result<&GraphQlDocument, &SyntaxError>> {
        let read = || {
            let query = self.json()?.get("query")?.as_str()?;
            self.allows(|| query.len()).then(|| GraphQlDocument::parse(&query))
        };
        self.once(&self.decoded().graphql, read)?.as_ref().map(Result::as_ref)
    }

    /// Returns the body as XML, or the error of its parser.
    pub fn xml(&self) -> Result<&Document, &SyntaxError> {
        let read = || Box::new(decode_budget::read_xml(self.bounds.as_ref(), self.text().unwrap_or_default()));
        self.once(&self.decoded().xml, read).map_or(Err(&*decode_budget::NOT_READ), |xml| (**xml).as_ref())
    }

    /// Returns the parts of a multipart body; `None` if the Content-Type is not multipart.
    pub fn parts(&self) -> Option<&[BodyPart]> {
        let read = || {
            let content_type = header_text(self.headers.get(CONTENT_TYPE)?);
            multipart::parts(&content_type, self.body(), self.bounds.as_ref())
        };
        self.once(&self.decoded().parts, read)?.as_deref()
    }

    pub(super) fn once<'c, T>(&self, cell: &'c OnceLock<T>, make: impl FnOnce() -> T) -> Option<&'c T> {
        decode_budget::once(self.bounds.as_ref(), cell, make)
    }

    pub(super) fn allows(&self, bytes: impl FnOnce() -> usize) -> bool {
        decode_budget::allow(self.bounds.as_ref(), bytes)
    }
}

static NO_VALUES: NamedValues = Vec::new();

fn has_bom(body: &[u8]) -> bool {
    body.starts_with(&[0xef, 0xbb, 0xbf])
}
