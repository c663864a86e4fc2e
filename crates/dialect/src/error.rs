//! [`SyntaxError`], the error of every parser of this crate.

use std::fmt;

/// An error in a text of one of the languages: its place, a message, and help.
///
/// Message and help are lower-case phrases without a full stop, so that callers can put them into
/// sentences of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The place of the error as a byte index into the text; 0 where the error concerns the whole
    /// text.
    pub at: usize,
    /// The error, such as "`[` is not closed".
    pub message: String,
    /// A way to correct the text, such as "write `]`".
    pub help: String,
    /// True where the text exceeds a limit of this crate and may be well-formed otherwise.
    pub is_limit: bool,
}

impl SyntaxError {
    /// Returns the error of a text that breaks the grammar of its language.
    pub fn new(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: help.into(), is_limit: false }
    }

    /// Returns the error of a text that exceeds a limit of length, size or depth.
    pub fn limit(at: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { is_limit: true, ..Self::new(at, message, help) }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at index {}: {}", self.message, self.at, self.help)
    }
}

impl std::error::Error for SyntaxError {}
