//! The request line of HTTP/1.1, in which the HTTP library refuses characters that clients send.

use std::ops::Range;

use bytes::BytesMut;

use standin_stub::call::raw_target::{needs_placeholder, put_with_placeholders};

/// The part of an HTTP/1.1 request line that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestLine {
    Method,
    Target,
    /// The part behind the target, or another protocol.
    Beyond,
}

impl RequestLine {
    /// Advances over `bytes`. Returns the range of the target if the HTTP library would refuse it.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let mut begin = 0;
        if *self == Self::Method {
            begin = bytes.iter().position(|byte| *byte == b' ')? + 1;
            *self = Self::Target;
        }
        if *self == Self::Beyond {
            return None;
        }
        let length = bytes[begin..].iter().position(|byte| matches!(byte, b' ' | b'\n'));
        if length.is_some() {
            *self = Self::Beyond;
        }
        let target = begin..length.map_or(bytes.len(), |length| begin + length);
        bytes[target.clone()].iter().any(|byte| needs_placeholder(*byte)).then_some(target)
    }
}

/// Returns bytes with placeholders in the request target at this range.
pub(super) fn with_placeholders(bytes: &[u8], target: Range<usize>) -> BytesMut {
    let mut replaced = bytes[..target.start].to_vec();
    put_with_placeholders(&mut replaced, &bytes[target.clone()]);
    replaced.extend_from_slice(&bytes[target.end..]);
    BytesMut::from(&*replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_across_reads() {
        let mut line = RequestLine::Method;
        assert_eq!(line.advance(b"GE"), None);
        assert_eq!(line.advance(b"T /a<b"), Some(2..6));
        assert_eq!(line.advance(b"c>"), Some(0..2));
        assert_eq!(line.advance(b" HTTP/1.1\r\nx: <\r\n"), None);
        assert_eq!(line, RequestLine::Beyond);
        assert_eq!(line.advance(b"<"), None);
    }

    #[test]
    fn only_the_target_gets_placeholders() {
        let sent = b"GET /a<b HTTP/1.1\r\nx: <\r\n";
        let target = RequestLine::Method.advance(sent).expect("a target");
        assert_eq!(&*with_placeholders(sent, target), "GET /a\u{fdd1}b HTTP/1.1\r\nx: <\r\n".as_bytes());
    }
}
