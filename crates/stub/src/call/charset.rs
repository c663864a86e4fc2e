//! The character set of a body, as Java decodes it.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, WINDOWS_1252};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::header_text;

/// A character set of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// ISO 8859-1, one character per byte. Browsers read it as Windows-1252, Java does not.
    Latin1,
    /// Any other character set.
    Other(&'static Encoding),
}

impl Charset {
    /// Returns the character set that the Content-Type of a message names, else UTF-8.
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE).map(header_text) else { return Self::Other(UTF_8) };
        let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let label = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let label = label.map_or("", |(_, label)| label.trim().trim_matches('"'));
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == WINDOWS_1252 && !label.to_ascii_lowercase().contains("1252") => Self::Latin1,
            // without a byte order mark, the first byte is the higher one (RFC 2781, 4.3)
            Some(_) if label.eq_ignore_ascii_case("utf-16") => Self::Other(UTF_16BE),
            Some(encoding) => Self::Other(encoding),
            None => Self::Other(UTF_8),
        }
    }

    /// Decodes a body; what cannot be decoded becomes U+FFFD.
    pub fn decode(self, body: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Latin1 => encoding_rs::mem::decode_latin1(body),
            // `utf-16` is the one label whose byte order the body itself may tell
            Self::Other(encoding) if encoding == UTF_16BE => encoding.decode(body).0,
            Self::Other(encoding) => encoding.decode_with_bom_removal(body).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn bodies_are_decoded_as_by_java() {
        for (content_type, body, expected) in [
            ("text/plain", "é€".as_bytes(), "é€"),
            ("text/plain; charset=ISO-8859-1", b"\xe9\x80", "é\u{80}"),
            ("text/plain; Charset=ISO-8859-15", b"\xe9\xa4", "é€"),
            ("text/plain;charset=windows-1252", b"\xe9\x80", "é€"),
            ("text/plain;charset=UTF-16", b"\x00\xe9\x20\xac", "é€"),
            ("text/plain;charset=UTF-16", b"\xff\xfe\xe9\x00\xac\x20", "é€"),
            ("text/plain;charset=\"utf-16le\"", b"\xe9\x00\xac\x20", "é€"),
            ("text/plain;charset=unknown", "é€".as_bytes(), "é€"),
            ("application/octet-stream", b"\xff\xfea", "\u{fffd}\u{fffd}a"),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(Charset::of(&headers).decode(body), expected, "{content_type}");
        }
    }
}
