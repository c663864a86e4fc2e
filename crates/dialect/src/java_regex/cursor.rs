//! Reading a pattern character by character: quotations resolved, white space and comments passed
//! over under `(?x)`.
//!
//! The steps are those of Java's own reader, since what it does at odd places (`( ?i)`, `a+ +`)
//! hangs on them.

use super::Flags;
use crate::SyntaxError;

/// A place in the pattern, and the flags in force there.
#[derive(Debug)]
pub(super) struct PatternCursor {
    chars: Vec<PatternChar>,
    place: usize,
    /// Bytes of the pattern.
    length: usize,
    pub(super) flags: Flags,
}

/// A character after quotations are resolved, and where it stood before.
#[derive(Clone, Copy, Debug)]
struct PatternChar {
    c: char,
    at: usize,
}

impl PatternCursor {
    pub(super) fn new(java: &str, flags: Flags) -> Self {
        Self { chars: unquoted(java), place: 0, length: java.len(), flags }
    }

    /// Returns true if the whole pattern was read.
    pub(super) fn is_over(&self) -> bool {
        self.place >= self.chars.len()
    }

    /// Returns the place of the cursor, in bytes of the pattern.
    pub(super) fn at(&self) -> usize {
        self.chars.get(self.place).map_or(self.length, |piece| piece.at)
    }

    /// Returns the character here, past ignored ones; NUL at the end.
    pub(super) fn peek(&mut self) -> char {
        self.pass_ignored();
        self.raw(0)
    }

    /// Returns the character here, past ignored ones, and moves behind it.
    pub(super) fn read(&mut self) -> char {
        let c = self.peek();
        self.place += 1;
        c
    }

    /// Leaves the character here; what comes then.
    pub(super) fn advance(&mut self) -> char {
        self.place += 1;
        self.peek()
    }

    /// Leaves the character here; returns the next one, ignored or not, as after a backslash.
    pub(super) fn advance_raw(&mut self) -> char {
        self.place += 1;
        self.raw(0)
    }

    /// Returns the character after this one, ignored or not, and moves behind it.
    pub(super) fn skip(&mut self) -> char {
        let c = self.raw(1);
        self.place += 2;
        c
    }

    pub(super) fn unread(&mut self) {
        self.place = self.place.saturating_sub(1);
    }

    /// Returns the character `ahead` places on, ignored or not; NUL past the end.
    pub(super) fn raw(&self, ahead: usize) -> char {
        self.chars.get(self.place + ahead).map_or('\0', |piece| piece.c)
    }

    /// Returns the character before this one.
    pub(super) fn before(&self) -> Option<char> {
        self.chars.get(self.place.checked_sub(1)?).map(|piece| piece.c)
    }

    /// Returns the text up to `end`, with nothing ignored, and moves behind `end`. `None` if `end`
    /// does not come.
    pub(super) fn until(&mut self, end: char) -> Option<String> {
        let rest = self.chars.get(self.place..)?;
        let length = rest.iter().position(|piece| piece.c == end)?;
        let text = rest[..length].iter().map(|piece| piece.c).collect();
        self.place += length + 1;
        Some(text)
    }

    pub(super) fn save(&self) -> usize {
        self.place
    }

    pub(super) fn restore(&mut self, place: usize) {
        self.place = place;
    }

    fn pass_ignored(&mut self) {
        if !self.flags.has(Flags::COMMENTS) {
            return;
        }
        loop {
            while matches!(self.raw(0), ' ' | '\t'..='\r') {
                self.place += 1;
            }
            if self.raw(0) != '#' {
                return;
            }
            while !self.is_over() && !self.ends_line() {
                self.place += 1;
            }
        }
    }

    fn ends_line(&self) -> bool {
        let c = self.raw(0);
        c == '\n' || !self.flags.has(Flags::UNIX_LINES) && matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
    }
}

/// Returns an error at a place.
pub(super) fn error<T>(at: usize, message: impl Into<String>, help: impl Into<String>) -> Result<T, SyntaxError> {
    Err(SyntaxError::new(at, message, help))
}

/// Replaces `\Q…\E` by escaped characters; without an end it goes up to the end of the pattern.
fn unquoted(java: &str) -> Vec<PatternChar> {
    let mut pieces = Vec::with_capacity(java.len());
    let mut rest = java;
    while let Some(c) = rest.chars().next() {
        let at = java.len() - rest.len();
        if let Some(quotation) = rest.strip_prefix("\\Q") {
            let (quoted, after) = quotation.split_once("\\E").unwrap_or((quotation, ""));
            quote(quoted, at + 2, &mut pieces);
            rest = after;
            continue;
        }
        // a backslash and what it escapes stay together, so that the second of `\\Q` opens nothing
        let length = c.len_utf8() + if c == '\\' { rest[1..].chars().next().map_or(0, char::len_utf8) } else { 0 };
        pieces.extend(rest[..length].char_indices().map(|(offset, c)| PatternChar { c, at: at + offset }));
        rest = &rest[length..];
    }
    pieces
}

fn quote(text: &str, start: usize, pieces: &mut Vec<PatternChar>) {
    for (offset, c) in text.char_indices() {
        let at = start + offset;
        // a first digit must not become part of an escape before the quotation
        let escape = if offset == 0 && c.is_ascii_digit() {
            "\\x3"
        } else if c.is_ascii() && !c.is_ascii_alphanumeric() {
            "\\"
        } else {
            ""
        };
        pieces.extend(escape.chars().chain([c]).map(|c| PatternChar { c, at }));
    }
}
