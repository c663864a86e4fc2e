//! The marker that replaces a secret on a tape: its form, and how to find it again.
//!
//! No character of the marker needs escaping in a header, a URL, a form or a JSON text. Equal
//! secrets get equal markers within a tape, so that a reader can tell which requests belong
//! together.

use std::sync::LazyLock;

use regex::Regex;

/// Beginning of a marker; eight hexadecimal digits and a `~` follow.
pub const REDACTED_PREFIX: &str = "~redacted:";

/// Returns the marker for a secret with this hash. The hash must be salted: short secrets can be
/// guessed from an unsalted hash.
pub fn redaction_marker(hash: u32) -> String {
    format!("{REDACTED_PREFIX}{hash:08x}~")
}

/// Returns true if the text contains a marker, plain or percent-encoded.
pub fn is_redacted(text: &str) -> bool {
    // markers are rare: the plain search saves the regular expression
    text.contains("redacted") && MARKER.is_match(text)
}

/// Splits a text at its markers. A text without markers is the only part.
pub fn split_at_redactions(text: &str) -> Vec<&str> {
    MARKER.split(text).collect()
}

/// Returns a text with a value in place of each marker that a client can send back.
pub fn with_stand_ins(text: &str) -> std::borrow::Cow<'_, str> {
    MARKER.replace_all(text, "standin-$1")
}

static MARKER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?:~|%7[Ee])redacted(?::|%3[Aa])([0-9a-f]{8})(?:~|%7[Ee])").expect("a constant"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_wherever_they_stand() {
        let marker = redaction_marker(0x1a_2b3c);
        assert_eq!(marker, "~redacted:001a2b3c~");
        assert!(is_redacted(&format!("Bearer {marker}")));
        assert!(is_redacted("/a?key=%7Eredacted%3A001a2b3c%7e&b=1"));
        assert!(!is_redacted("redacted") && !is_redacted("~redacted:xyz~"));
        assert_eq!(split_at_redactions(&format!("a {marker}, {marker}")), ["a ", ", ", ""]);
        assert_eq!(split_at_redactions("a"), ["a"]);
        assert_eq!(with_stand_ins(&format!("a={marker}; b")), "a=standin-001a2b3c; b");
    }

    #[test]
    fn a_marker_needs_no_escape_anywhere() {
        let marker = redaction_marker(u32::MAX);
        assert!(format!("/a/{marker}?b={marker}").parse::<http::Uri>().is_ok());
        assert!(http::HeaderValue::from_str(&marker).is_ok());
        assert_eq!(serde_json::Value::from(marker.clone()).to_string(), format!("\"{marker}\""));
    }
}
