//! Fields of forms and queries as text.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns a field as `name=value`, percent-encoded.
pub(crate) fn pair(name: Option<&str>, value: Option<&str>) -> String {
    let encoded = |text: Option<&str>| utf8_percent_encode(text.unwrap_or_default(), ENCODED).to_string();
    format!("{}={}", encoded(name), encoded(value))
}

/// Characters that are encoded: all but those that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
