//! A place in an expression that is being read, with the moves that all readers share.

use crate::SyntaxError;

/// A place in the expression.
pub(super) struct PathCursor<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
}

impl<'t> PathCursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, nesting: 0 }
    }

    /// Returns the index of the next byte.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Returns the text that was read since a place.
    pub(super) fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves behind one character and returns it.
    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Passes the text if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let comes = self.rest().starts_with(text);
        if comes {
            self.at += text.len();
        }
        comes
    }

    pub(super) fn take_while(&mut self, wanted: impl FnMut(&char) -> bool) -> &'t str {
        let length = self.rest().chars().take_while(wanted).map(char::len_utf8).sum::<usize>();
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|next| matches!(next, ' ' | '\t' | '\r' | '\n'));
    }

    pub(super) fn expect(&mut self, text: &str, message: &str, help: &str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.take(text) { Ok(()) } else { Err(self.error(message, help)) }
    }

    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) -> SyntaxError {
        error_at(self.at, message, help)
    }

    /// Reads what stands in brackets of any kind, one level down.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.nesting == MAX_NESTING {
            let message = format!("more than {MAX_NESTING} brackets in one another");
            return Err(SyntaxError::limit(self.at, message, "split the expression"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }
}

/// Returns an error at a place.
pub(super) fn error_at(at: usize, message: impl Into<String>, help: impl Into<String>) -> SyntaxError {
    SyntaxError::new(at, message, help)
}

/// Brackets in one another, for the stack's sake.
const MAX_NESTING: usize = 24;
