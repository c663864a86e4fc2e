//! The parts of a multipart body, as far as templates ask for them: names, headers and bytes.

use bytes::Bytes;

use crate::call::latin_or_utf8;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The `name` of its Content-Disposition; empty if it has none.
    pub(super) name: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What stands between the parts, if a Content-Type is multipart.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The parts of a body, [`MAX_PIECES`] at most; what stands before the first and after the last boundary is none.
pub(super) fn pieces(body: &Bytes, boundary: &str) -> Vec<Piece> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut pieces = Vec::new();
    let Some(mut at) = find(body, 0, &delimiter).map(|at| at + delimiter.len()) else { return pieces };
    while pieces.len() < MAX_PIECES && !body[at..].starts_with(b"--") {
        let Some(next) = find(body, at, &delimiter) else { break };
        let start = at + line_break(&body[at..]);
        let end = next - trailing_break(&body[start.min(next)..next]);
        pieces.push(piece(&body.slice(start.min(end)..end)));
        at = next + delimiter.len();
    }
    pieces
}

fn piece(bytes: &Bytes) -> Piece {
    let mut headers = Vec::new();
    let mut at = 0;
    loop {
        let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end);
        let line = latin_or_utf8(bytes[at..end].strip_suffix(b"\r").unwrap_or(&bytes[at..end])).into_owned();
        at = (end + 1).min(bytes.len());
        if line.is_empty() || at == bytes.len() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    let disposition = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"));
    let name = disposition.and_then(|(_, value)| parameter(value, "name")).unwrap_or_default();
    Piece { name, headers, body: bytes.slice(at..) }
}

/// The value of `name=` in a header, out of its quotes.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    text.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

/// How long the line break is that a text begins with, with the blanks before it.
fn line_break(bytes: &[u8]) -> usize {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match &bytes[blanks..] {
        [b'\r', b'\n', ..] => blanks + 2,
        [b'\n', ..] => blanks + 1,
        _ => 0,
    }
}

/// How long the line break is that a text ends with.
fn trailing_break(bytes: &[u8]) -> usize {
    match bytes {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

const MAX_PIECES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_headers_and_bodies() {
        let body = "before\r\n--b\r\nContent-Disposition: form-data; name=\"one\"\r\nX-A: 1\r\n\r\nfirst\r\nline\r\n--b\r\n\
                    Content-Disposition: form-data; name=two; filename=\"f\"\r\n\r\n\r\n--b--\r\nafter";
        let pieces = pieces(&Bytes::from_static(body.as_bytes()), "b");
        let seen: Vec<(&str, usize, &[u8])> =
            pieces.iter().map(|piece| (piece.name.as_str(), piece.headers.len(), &piece.body[..])).collect();
        assert_eq!(seen, [("one", 2, &b"first\r\nline"[..]), ("two", 1, b"")]);
    }

    #[test]
    fn broken_bodies_have_what_can_be_read() {
        for body in ["", "--b", "--b\r\n", "--b--", "--b\r\nX: 1\r\n\r\nopen", "--b\n--b\n--b--"] {
            let pieces = pieces(&Bytes::from(body.to_owned()), "b");
            assert!(pieces.iter().all(|piece| piece.name.is_empty()), "{body:?}");
        }
    }

    #[test]
    fn a_boundary_may_stand_in_quotes() {
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("Multipart/Mixed; charset=x; Boundary=c").as_deref(), Some("c"));
        assert_eq!(boundary("text/plain; boundary=c"), None);
    }
}
