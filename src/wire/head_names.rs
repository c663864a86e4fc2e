//! Names of headers in the spelling of an HTTP/1.1 client.
//!
//! The HTTP library keeps names in lower case. Most clients send them in title case, as in
//! `Content-Type`, so that only names in another spelling are kept.

use super::Clock;

/// Maximum length of a header line, in bytes, that is kept until its rest is read. The name is
/// within these bytes.
const MAX_PARTIAL_BYTES: usize = 256;

/// The state between two reads of a head.
#[derive(Debug, Default)]
pub(super) struct HeadNames {
    /// Begin of a line whose end has not been read.
    partial: Vec<u8>,
    /// True if the head ended, and what follows is a body or another head.
    has_ended: bool,
}

impl HeadNames {
    /// Tells the clock the names in bytes that were read, of which a head may be only a part.
    /// `begins`: they begin a head.
    pub(super) fn read(&mut self, bytes: &[u8], begins: bool, clock: &Clock) {
        if begins {
            self.partial.clear();
            self.has_ended = false;
            clock.forget_spelt_names();
        }
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            if self.has_ended {
                return;
            }
            if self.partial.is_empty() {
                self.line(&bytes[begin..end], clock);
            } else {
                self.extend_partial(&bytes[begin..end]);
                let line = std::mem::take(&mut self.partial);
                self.line(&line, clock);
            }
            begin = end + 1;
        }
        if !self.has_ended {
            self.extend_partial(&bytes[begin..]);
        }
    }

    fn extend_partial(&mut self, bytes: &[u8]) {
        let room = MAX_PARTIAL_BYTES - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8], clock: &Clock) {
        match memchr::memchr(b':', line) {
            Some(length) if !is_title_case(&line[..length]) => clock.add_spelt_name(&line[..length]),
            None if matches!(line, [] | [b'\r']) => self.has_ended = true,
            _ => {}
        }
    }
}

/// Returns whether a name is spelt as `Content-Type`. What is no name counts as such.
fn is_title_case(name: &[u8]) -> bool {
    let mut begins = true;
    for byte in name {
        if if begins { byte.is_ascii_lowercase() } else { byte.is_ascii_uppercase() } {
            // a request line has a space before its first colon
            return name.contains(&b' ');
        }
        begins = *byte == b'-';
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn names_are_kept_that_are_not_in_title_case() {
        let clock = Clock::new(Arc::new(|_, _| {}), None);
        let mut names = HeadNames::default();
        let mut read = |bytes: &[u8], begins| {
            names.read(bytes, begins, &clock);
            let read = clock.spelt_names();
            clock.forget_spelt_names();
            read
        };
        assert_eq!(read(b"GET /a:b HTTP/1.1\r\nHost: x\r\nX-Y-1: a:b\r\n\r\nbody: 1\r\n", true), None);
        assert_eq!(read(b"GET / HTTP/1.1\r\nhost: x\r\nX-ID: 1\r\nA: 2\r\n", true).as_deref(), Some("host\nX-ID"));
        assert_eq!(read(b"accept", false), None);
        assert_eq!(read(b"-Encoding: gzip\r\n\r\n", false).as_deref(), Some("accept-Encoding"));
        assert_eq!(read(b"x: 1\r\n", false), None, "the head has ended");
        names.read(b"GET / HTTP/1.1\r\nx: 1\r\n\r\n", true, &clock);
        names.read(b"GET / HTTP/1.1\r\nY: 1\r\n\r\n", true, &clock);
        assert_eq!(clock.spelt_names(), None, "they belong to the request before");
    }
}
