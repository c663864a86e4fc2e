//! The marker that stands on a tape where a secret was: how it looks, and how to find it again.
//!
//! It looks the same in a header, a url, a form and a JSON text: none of its characters needs escaping there, so that a
//! recorder puts it in as it stands. Equal secrets get equal markers within a tape, so that a reader can still tell which
//! calls belonged together.

use std::sync::LazyLock;

use regex::Regex;

/// What a marker begins with; eight hex digits and a `~` follow.
pub const REDACTED_PREFIX: &str = "~redacted:";

/// The marker for a secret, from a hash of it. Salt the hash: short secrets can be guessed from a plain one.
pub fn redaction(hash: u32) -> String {
    format!("{REDACTED_PREFIX}{hash:08x}~")
}

/// Whether a marker is in the text, also one that was percent-encoded.
pub fn is_redacted(text: &str) -> bool {
    // markers are rare: the pattern is only asked where their word is
    text.contains("redacted") && MARKER.is_match(text)
}

/// What stands before, between and after the markers; the text itself if it has none.
pub fn around_redactions(text: &str) -> Vec<&str> {
    MARKER.split(text).collect()
}

static MARKER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?:~|%7[Ee])redacted(?::|%3[Aa])[0-9a-f]{8}(?:~|%7[Ee])").expect("a constant"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_wherever_they_stand() {
        let marker = redaction(0x1a_2b3c);
        assert_eq!(marker, "~redacted:001a2b3c~");
        assert!(is_redacted(&format!("Bearer {marker}")));
        assert!(is_redacted("/a?key=%7Eredacted%3A001a2b3c%7e&b=1"));
        assert!(!is_redacted("redacted") && !is_redacted("~redacted:xyz~"));
        assert_eq!(around_redactions(&format!("a {marker}, {marker}")), ["a ", ", ", ""]);
        assert_eq!(around_redactions("a"), ["a"]);
    }

    #[test]
    fn a_marker_needs_no_escape_anywhere() {
        let marker = redaction(u32::MAX);
        assert!(format!("/a/{marker}?b={marker}").parse::<http::Uri>().is_ok());
        assert!(http::HeaderValue::from_str(&marker).is_ok());
        assert_eq!(serde_json::Value::from(marker.clone()).to_string(), format!("\"{marker}\""));
    }
}
