//! The number of lines of the head of an HTTP/1.1 request.
//!
//! hyper reads up to 100 headers into an array on its stack. With any other limit it clears memory
//! for all headers that could come, at each request. So a connection is served with the cheap limit
//! until a head with more lines comes.

/// The lines of the head that is being read.
#[derive(Debug, Default)]
pub(super) struct HeadLines {
    /// Number of lines that a head may have; `None` if any.
    limit: Option<usize>,
    count: usize,
    has_exceeded: bool,
}

impl HeadLines {
    /// Counts the lines of heads up to a limit.
    pub(super) fn limited(limit: usize) -> Self {
        Self { limit: Some(limit), count: 0, has_exceeded: false }
    }

    /// Counts the lines of bytes that were read, of which a head may be only a part. `begins`: they
    /// begin a head. Returns whether the head has more lines than it may.
    pub(super) fn exceed(&mut self, bytes: &[u8], begins: bool) -> bool {
        let Some(limit) = self.limit else { return false };
        let before = if begins { 0 } else { self.count };
        self.count = before + lines(bytes);
        if self.count > limit {
            // behind the head may be a body
            self.count = before + lines(head(bytes));
        }
        self.has_exceeded = self.count > limit;
        self.has_exceeded
    }

    /// Returns whether a head had more lines than it may.
    pub(super) fn have_exceeded(&self) -> bool {
        self.has_exceeded
    }
}

fn lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Returns the bytes up to an empty line.
fn head(bytes: &[u8]) -> &[u8] {
    let ends = memchr::memchr_iter(b'\n', bytes);
    let mut is_end = ends.filter(|at| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]));
    is_end.next().map_or(bytes, |at| &bytes[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_head() {
        let mut lines = HeadLines::limited(3);
        assert!(!lines.exceed(b"POST / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n1\n2\n3\n4\n5\n", true));
        assert!(!lines.exceed(b"GET / HTTP/1.1\nA: 1\nB: 2\n\n\n\n", true));
        assert!(!lines.exceed(b"GET / HTTP/1.1\r\nA: 1\r\n", true));
        assert!(!lines.exceed(b"B: 2\r\n", false));
        assert!(lines.exceed(b"C: 3\r\n\r\n", false) && lines.have_exceeded());
        assert!(!HeadLines::default().exceed(&[b'\n'; 1000], true));
    }
}
