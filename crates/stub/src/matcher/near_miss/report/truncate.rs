//! Texts up to a limit: a truncated text says how many bytes are missing.

use crate::matcher::near_miss::char_boundary::floor_char_boundary;

/// A text of up to `max_bytes` bytes; what is pushed beyond is only counted.
#[derive(Debug)]
pub(super) struct TruncatedText {
    text: String,
    max_bytes: usize,
    missing: usize,
}

impl TruncatedText {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { text: String::new(), max_bytes, missing: 0 }
    }

    pub(super) fn push(&mut self, text: &str) {
        let fits = if self.missing > 0 { 0 } else { floor_char_boundary(text, self.max_bytes - self.text.len()) };
        self.text.push_str(&text[..fits]);
        self.missing += text.len() - fits;
    }

    pub(super) fn finish(mut self) -> String {
        if self.missing > 0 {
            self.text.push_str(&ellipsis(self.missing));
        }
        self.text
    }
}

/// Returns the first `max_bytes` bytes of a text, and the number of bytes that are left out.
pub(in crate::matcher::near_miss) fn truncate(text: &str, max_bytes: usize) -> String {
    let mut truncated = TruncatedText::new(max_bytes);
    truncated.push(text);
    truncated.finish()
}

/// Returns the text that stands for `missing` bytes which are not shown.
pub(super) fn ellipsis(missing: usize) -> String {
    format!("… ({missing} more bytes)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_says_how_much_is_missing() {
        assert_eq!(truncate("short", 5), "short");
        assert_eq!(truncate("longer", 4), "long… (2 more bytes)");
        assert_eq!(truncate("aéb", 2), "a… (3 more bytes)");
        let mut out = TruncatedText::new(3);
        for part in ["ab", "cd", "e"] {
            out.push(part);
        }
        assert_eq!(out.finish(), "abc… (2 more bytes)");
    }
}
