//! A text that grows up to a limit and then only counts: what is shown of a long body says how much is missing.

/// A text with room for so many bytes.
#[derive(Debug)]
pub(super) struct TruncatedText {
    text: String,
    room: usize,
    missing: usize,
}

impl TruncatedText {
    pub(super) fn new(room: usize) -> Self {
        Self { text: String::new(), room, missing: 0 }
    }

    /// The text, cut if it is longer.
    pub(super) fn of(text: &str, room: usize) -> String {
        let mut cut = Self::new(room);
        cut.push(text);
        cut.finish()
    }

    pub(super) fn push(&mut self, text: &str) {
        let fits = if self.missing > 0 { 0 } else { floor(text, self.room - self.text.len()) };
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

/// What stands for so many bytes that are not shown.
pub(super) fn ellipsis(missing: usize) -> String {
    format!("… ({missing} more bytes)")
}

/// The last boundary between characters that is not behind a place.
pub(super) fn floor(text: &str, place: usize) -> usize {
    if place >= text.len() {
        return text.len();
    }
    (0..=place).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_says_how_much_is_missing() {
        assert_eq!(TruncatedText::of("short", 5), "short");
        assert_eq!(TruncatedText::of("longer", 4), "long… (2 more bytes)");
        assert_eq!(TruncatedText::of("aéb", 2), "a… (3 more bytes)");
        let mut cut = TruncatedText::new(3);
        for part in ["ab", "cd", "e"] {
            cut.push(part);
        }
        assert_eq!(cut.finish(), "abc… (2 more bytes)");
    }
}
