//! Names and values of headers as text: ISO 8859-1, as Java's HTTP servers have it.

use std::borrow::Cow;

use http::{HeaderValue, Version};

/// Returns the value of a header as text, one character per byte (ISO 8859-1), as Java's HTTP
/// servers do.
pub fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(latin(value.as_bytes())),
    }
}

/// Returns text as the value of a header in ISO 8859-1. Other characters and line breaks become
/// spaces, as in WireMock; `None` if there are other control characters.
pub fn latin_header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&latin_bytes(text, b' ')).ok()
}

/// Returns text in ISO 8859-1; other characters and line breaks become `substitute`.
pub fn latin_bytes(text: &str, substitute: u8) -> Vec<u8> {
    let byte = |c: char| if matches!(c, '\r' | '\n') { substitute } else { u8::try_from(c).unwrap_or(substitute) };
    text.chars().map(byte).collect()
}

/// Returns the name of a header as it is mostly sent: in title case on HTTP/1, as `Content-Type`.
/// The HTTP library keeps names in lower case.
pub fn sent_header_name(name: &str, version: Version) -> String {
    if version == Version::HTTP_2 {
        return name.to_owned();
    }
    let mut begins = true;
    let spelt = name.chars().map(|c| {
        let spelt = if begins { c.to_ascii_uppercase() } else { c };
        begins = c == '-';
        spelt
    });
    spelt.collect()
}

/// Returns bytes as text: UTF-8 if they are valid, else one character per byte (ISO 8859-1).
pub fn latin_or_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(latin(bytes)),
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
