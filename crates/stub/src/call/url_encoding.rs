//! URL-encoded names and values, as in query strings and form bodies.

use percent_encoding::percent_decode_str;

use super::NamedValues;

/// Decodes names and values such as `a=1&b=2`.
pub(super) fn url_encoded(text: &str) -> NamedValues {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (url_decode(name), if is_offset_date_time(value) { percent_decode(value) } else { url_decode(value) })
        })
        .collect()
}

fn url_decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns whether a text looks like `2026-01-02T03:04:05+02:00`, whose `+` is not a space.
fn is_offset_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 22
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && bytes[bytes.len() - 6] == b'+'
        && bytes[bytes.len() - 3] == b':'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}
