//! Characters of a request target that must be percent-encoded but that clients send as they are.
//!
//! The HTTP library refuses some of them. A placeholder stands in for each while a target is a
//! [`Uri`]: a Unicode noncharacter, which no URL has.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

/// The characters, in the order of their placeholders.
const CHARACTERS: &[u8; 4] = b"\"<>`";

/// The first two bytes of every placeholder in UTF-8: U+FDD0 and the characters after it.
const LEAD: [u8; 2] = [0xEF, 0xB7];

/// The last byte of the first placeholder.
const FIRST: u8 = 0x90;

/// Returns whether a byte is a character that needs a placeholder.
pub fn needs_placeholder(byte: u8) -> bool {
    CHARACTERS.contains(&byte)
}

/// Appends a target with placeholders for the characters that need one.
pub fn put_with_placeholders(out: &mut Vec<u8>, target: &[u8]) {
    for &byte in target {
        match CHARACTERS.iter().position(|known| *known == byte) {
            Some(place) => out.extend([LEAD[0], LEAD[1], FIRST + place as u8]),
            None => out.push(byte),
        }
    }
}

/// Returns whether a target has placeholders.
pub fn has_placeholder(target: &str) -> bool {
    target.as_bytes().contains(&LEAD[0]) && target.chars().any(|c| character(c).is_some())
}

/// Returns a target with the characters in place of their placeholders; `None` if it has none.
pub fn without_placeholders(target: &str) -> Option<Box<str>> {
    let put = |c| character(c).map_or(c, char::from);
    has_placeholder(target).then(|| target.chars().map(put).collect())
}

/// Returns a path and query with the characters percent-encoded in place of their placeholders.
pub fn percent_encoded(target: &PathAndQuery) -> PathAndQuery {
    match without_placeholders(target.as_str()) {
        Some(raw) => percent_encoded_text(&raw).parse().unwrap_or_else(|_| target.clone()),
        None => target.clone(),
    }
}

/// Returns a URL with the characters percent-encoded.
pub fn percent_encoded_text(url: &str) -> Cow<'_, str> {
    if !url.bytes().any(needs_placeholder) {
        return Cow::Borrowed(url);
    }
    let put = |c: char| match u8::try_from(c).ok().filter(|byte| needs_placeholder(*byte)) {
        Some(byte) => format!("%{byte:02X}"),
        None => c.to_string(),
    };
    Cow::Owned(url.chars().map(put).collect())
}

/// Parses a URL that may have the characters as they are.
pub fn parse(url: &str) -> Result<Uri, http::uri::InvalidUri> {
    let mut hidden = Vec::with_capacity(url.len());
    put_with_placeholders(&mut hidden, url.as_bytes());
    Uri::from_maybe_shared(bytes::Bytes::from(hidden))
}

fn character(placeholder: char) -> Option<u8> {
    let place = u32::from(placeholder).checked_sub(0xFDD0)?;
    CHARACTERS.get(place as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_back_from_their_placeholders() {
        let sent = "/a\"<b>`?q=\"<>`&r=é";
        let uri = parse(sent).expect("a URI with placeholders");
        let target = uri.path_and_query().expect("a target");
        assert_eq!(without_placeholders(target.as_str()).as_deref(), Some(sent));
        assert_eq!(percent_encoded(target), "/a%22%3Cb%3E%60?q=%22%3C%3E%60&r=é");
        assert_eq!(without_placeholders("/plain?é"), None);
    }
}
