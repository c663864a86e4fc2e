//! URL-encoded names and values, as in query strings and form bodies.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;

use super::NamedValues;

/// Bytes that a gzip body is taken to unpack to at first.
const UNPACKED_AT_FIRST: usize = 16 << 10;

/// What a gzip body unpacks to; none if it is no gzip, is longer than `limit`, or `allows` no more
/// bytes to be held.
pub(super) fn unpacked(zipped: &[u8], limit: usize, allows: impl Fn(usize) -> bool) -> Option<Bytes> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(zipped).take(limit as u64 + 1);
    loop {
        // as much again as there is, so that the buffer grows by doubling
        let room = unpacked.len().max(UNPACKED_AT_FIRST);
        if !allows(room) {
            return None;
        }
        unpacked.reserve_exact(room);
        let read = reader.by_ref().take(room as u64).read_to_end(&mut unpacked).ok()?;
        if unpacked.len() > limit {
            return None;
        }
        if read < room {
            return Some(Bytes::from(unpacked));
        }
    }
}

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
