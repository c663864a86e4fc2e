//! Reads the tokens of a tag: names, literals and closing braces.

use std::cell::Cell;
use std::sync::Arc;

use super::position::Position;
use super::{TemplateError, value::TemplateValue};

/// A position in the text of a template.
pub(super) struct TemplateCursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// The last offset with its line and column, from which the next is computed.
    known: Cell<(usize, Position)>,
}

/// The end of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Double,
    Triple,
    Raw,
}

impl<'t> TemplateCursor<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, known: Cell::new(BEGINNING) }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Skips `token` if it is next; returns whether it was.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        if taken {
            self.at += token.len();
        }
        taken
    }

    /// Returns the line and column of a byte offset.
    pub(super) fn position(&self, at: usize) -> Position {
        let (from, mut position) = if self.known.get().0 <= at { self.known.get() } else { BEGINNING };
        let mut lines = self.text[from..at].split('\n');
        position.column += lines.next().map_or(0, |line| line.chars().count()) as u32;
        for line in lines {
            position = Position { line: position.line + 1, column: line.chars().count() as u32 };
        }
        self.known.set((at, position));
        position
    }

    pub(super) fn error(&self, at: usize, message: impl Into<String>, help: impl Into<String>) -> TemplateError {
        TemplateError { at: self.position(at), message: message.into(), help: help.into() }
    }

    /// Returns whether the tag ends here.
    pub(super) fn is_closing(&self) -> bool {
        self.rest().starts_with("}}") || self.rest().starts_with("~}}")
    }

    /// Reads the end of a tag; returns whether it trims the text after it.
    ///
    /// Handlebars takes the longest run of braces as the end, so `{"a":{{b}}}` is an error there
    /// too.
    pub(super) fn close(&mut self, closing: Closing) -> Result<bool, TemplateError> {
        self.skip_space();
        let start = self.at;
        let trims = self.rest().starts_with("~}}") && self.take("~");
        let wanted = closing as usize + 2;
        let braces = self.rest().len() - self.rest().trim_start_matches('}').len();
        let found = if trims { braces.min(wanted) } else { braces.min(4) };
        if found == wanted {
            self.at += wanted;
            return Ok(trims);
        }
        let written = "}".repeat(wanted);
        if found < 2 {
            let next: String = self.rest().chars().take(12).collect();
            let message = if next.is_empty() {
                format!("the tag is not closed: `{written}` is missing")
            } else {
                format!("unexpected `{next}`")
            };
            return Err(self.error(start, message, format!("close the tag with `{written}`")));
        }
        let message = format!("`{}` does not close a tag that `{written}` would", "}".repeat(found));
        let help = if found > wanted {
            format!("put a space after `{written}`, or write `{{{{x}}}}` where the text continues with `}}`")
        } else {
            format!("close it with `{written}`")
        };
        Err(self.error(start, message, help))
    }

    /// Reads a name with dots, slashes and brackets, such as `request.headers.[X-Y]`.
    pub(super) fn name(&mut self) -> Result<&'t str, TemplateError> {
        let start = self.at;
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            let help = "begin it with a letter, or put it in brackets: `[1]`";
            return Err(self.error(start, "a name cannot begin with a digit", help));
        }
        while let Some(next) = self.rest().chars().next() {
            // a bracket begins a part of its own
            if next == '[' && self.at > start && !self.text[start..self.at].ends_with(['.', '/']) {
                break;
            }
            if next == '[' {
                let Some(length) = self.rest().find(']') else {
                    return Err(self.error(self.at, "`[` is not closed", "write `]` after the name"));
                };
                self.at += length + 1;
            } else if next.is_alphanumeric() || matches!(next, '_' | '$' | '@' | ':' | '.' | '/' | '-') {
                self.at += next.len_utf8();
            } else {
                break;
            }
        }
        if self.at > start {
            return Ok(&self.text[start..self.at]);
        }
        let next: String = self.rest().chars().take(12).collect();
        let message = if next.is_empty() {
            "the tag is not closed".to_owned()
        } else {
            format!("found `{next}` where a name is expected")
        };
        Err(self.error(start, message, "write the name of a helper or a value"))
    }

    /// Reads a quoted text, a number, `true` or `false`; `None` if there is none.
    pub(super) fn literal(&mut self) -> Result<Option<TemplateValue>, TemplateError> {
        let start = self.at;
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            return self.quoted(quote).map(Some);
        }
        for (word, value) in [("true", true), ("false", false)] {
            let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || "_$@:./-[".contains(c));
            if rest.strip_prefix(word).is_some_and(ends) {
                self.at += word.len();
                return Ok(Some(TemplateValue::Bool(value)));
            }
        }
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let sign = usize::from(rest.starts_with('-'));
        let whole = digits(&rest[sign..]);
        if whole == 0 {
            return Ok(None);
        }
        let mut length = sign + whole;
        if let Some(fraction) = rest[length..].strip_prefix('.').map(digits).filter(|&fraction| fraction > 0) {
            length += 1 + fraction;
        }
        self.at += length;
        let spelt = &self.text[start..self.at];
        // as in WireMock, a number that is not a Java int is a double
        Ok(Some(match spelt.parse::<i32>() {
            Ok(number) => TemplateValue::Int(number.into()),
            Err(_) => TemplateValue::Double(spelt.parse().unwrap_or(f64::NAN)),
        }))
    }

    /// Reads a quoted text, in which only the quote can be escaped.
    fn quoted(&mut self, quote: char) -> Result<TemplateValue, TemplateError> {
        let start = self.at;
        let mut text = String::new();
        let mut inner = self.rest()[1..].char_indices().peekable();
        while let Some((at, next)) = inner.next() {
            if next == quote {
                self.at = start + 1 + at + 1;
                return Ok(TemplateValue::Text(Arc::from(text)));
            }
            match inner.peek() {
                Some(&(_, after)) if next == '\\' && after == quote => {
                    inner.next();
                    text.push(quote);
                }
                _ => text.push(next),
            }
        }
        Err(self.error(start, "the quote is not closed", format!("write {quote} at its end")))
    }
}

const BEGINNING: (usize, Position) = (0, Position { line: 1, column: 0 });
