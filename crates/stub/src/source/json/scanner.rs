//! The scanner of JSON tokens: white space and comments, strings, numbers, `true`, `false` and
//! `null`.
//!
//! These files are written by hand, so that every error comes with help.

use std::borrow::Cow;
use std::ops::Range;

use super::super::{DocumentError, Value};

/// A position in a text, from which tokens are read.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Starts after a byte order mark.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: text.len() - text.trim_start_matches('\u{feff}').len() }
    }

    /// Returns the position in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Moves back by one byte, which must be an ASCII character.
    pub(super) fn step_back(&mut self) {
        self.at -= 1;
    }

    /// Returns the line, and the column in characters, both from 1.
    pub(super) fn line_and_column(&self) -> (usize, usize) {
        let before = &self.text[..self.at];
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    /// Returns the next byte; `None` at the end.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the text from the position on.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips `byte` if it comes next; returns whether it did.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips white space and comments.
    pub(super) fn skip_space(&mut self) -> Result<(), DocumentError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') => self.skip_comment()?,
                Some(b'#') => {
                    let message = "`#` does not begin a comment in JSON";
                    return Err(DocumentError::new(self.at..self.at + 1, message, "write `//`, or remove the comment"));
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), DocumentError> {
        let rest = self.rest();
        if rest.starts_with("//") {
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            return Ok(());
        }
        let Some(comment) = rest.strip_prefix("/*") else {
            return Err(DocumentError::new(
                self.at..self.at + 1,
                "a `/` alone is no comment",
                "write `//` or `/* … */`",
            ));
        };
        let Some(length) = comment.find("*/") else {
            return Err(DocumentError::new(self.at..self.at + 2, "this comment is not closed", "end it with `*/`"));
        };
        self.at += length + 4;
        Ok(())
    }

    /// Reads a string in single or double quotes, which must come next.
    pub(super) fn string(&mut self) -> Result<String, DocumentError> {
        let start = self.at;
        let quote = self.text.as_bytes()[start];
        self.at += 1;
        let mut string = String::new();
        let mut plain = self.at;
        loop {
            match self.peek() {
                Some(byte) if byte == quote => {
                    string.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    string.push_str(&self.text[plain..self.at]);
                    string.push(self.escape()?);
                    plain = self.at;
                }
                None | Some(b'\n' | b'\r') => {
                    let help = match self.peek() {
                        None => format!("end it with `{}`", char::from(quote)),
                        Some(_) => format!("end it with `{}`, or write a line break as `\\n`", char::from(quote)),
                    };
                    return Err(DocumentError::new(start..self.at, "this string is not closed", help));
                }
                Some(byte @ 0..=0x1f) => {
                    let span = self.at..self.at + 1;
                    let spelled = if byte == b'\t' { "\\t".to_owned() } else { format!("\\u{byte:04x}") };
                    let name = if byte == b'\t' { "a tab" } else { "a control character" };
                    return Err(DocumentError::new(
                        span,
                        format!("{name} cannot stand in a string"),
                        format!("write `{spelled}`"),
                    ));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, DocumentError> {
        let start = self.at;
        self.at += 1;
        let escaped = self.rest().chars().next();
        self.at += escaped.map_or(0, char::len_utf8);
        Ok(match escaped {
            Some(c @ ('"' | '\'' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => self.unicode(start)?,
            Some(c) if !c.is_control() => {
                let help = format!("write `\\\\{c}` for a backslash before `{c}`");
                return Err(DocumentError::new(start..self.at, format!("`\\{c}` is no escape"), help));
            }
            _ => {
                let message = "a backslash at the end of a line is no escape";
                return Err(DocumentError::new(start..start + 1, message, "close the string, or write `\\n`"));
            }
        })
    }

    /// Reads the character of `\uXXXX` or of a surrogate pair; half a pair becomes U+FFFD.
    fn unicode(&mut self, start: usize) -> Result<char, DocumentError> {
        let first = self.hex(start)?;
        if !(0xd800..0xdc00).contains(&first) || !self.rest().starts_with("\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let after_first = self.at;
        self.at += 2;
        let second = self.hex(after_first)?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = after_first;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self, start: usize) -> Result<u32, DocumentError> {
        let digits = self.rest().bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
        let code = u32::from_str_radix(&self.rest()[..digits], 16).ok().filter(|_| digits == 4);
        self.at += digits;
        code.ok_or_else(|| {
            let help = "write four, such as `\\u00e9`, or `\\\\u` for a backslash before `u`";
            DocumentError::new(start..self.at, "`\\u` needs four hexadecimal digits", help)
        })
    }

    /// Reads a number with its spelling, which must come next.
    pub(super) fn number(&mut self) -> Result<String, DocumentError> {
        let start = self.at;
        self.at = self.word_end();
        let spelled = &self.text[start..self.at];
        if is_number(spelled) {
            return Ok(spelled.to_owned());
        }
        let spelled = truncated_word(spelled);
        let unsigned = spelled.trim_start_matches(['+', '-']);
        let sign = if spelled.starts_with('-') { "-" } else { "" };
        let corrected = match unsigned.trim_start_matches('0') {
            "" if unsigned.is_empty() => String::new(),
            "" => format!("{sign}0"),
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => format!("{sign}{digits}"),
            fraction => format!("{sign}0{fraction}"),
        };
        let help = if is_number(&corrected) {
            format!("write `{corrected}`, or `\"{spelled}\"` if it is a text")
        } else {
            "write digits such as `12`, `-0.5` or `1e3`, or put it in quotes".to_owned()
        };
        Err(DocumentError::new(start..self.at, format!("`{spelled}` is no number in JSON"), help))
    }

    /// Reads `true`, `false` or `null`.
    pub(super) fn name(&mut self) -> Result<Value, DocumentError> {
        let start = self.at;
        self.at = self.word_end();
        let word = &self.text[start..self.at];
        match word {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "null" => return Ok(Value::Null),
            _ => {}
        }
        let word = truncated_word(word);
        let help = match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => format!("write `true`, or `\"{word}\"` if it is a text"),
            "false" | "no" | "off" => format!("write `false`, or `\"{word}\"` if it is a text"),
            "none" | "nil" | "null" | "undefined" => format!("write `null`, or `\"{word}\"` if it is a text"),
            _ => format!("write `\"{word}\"`"),
        };
        Err(DocumentError::new(start..self.at, format!("`{word}` is no value in JSON"), help))
    }

    /// Returns the end of the next word, which is a space, a quote, a bracket or another character
    /// that is not part of words.
    pub(super) fn word_end(&self) -> usize {
        let rest = self.rest();
        let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '$');
        self.at + rest.find(|c| !in_word(c)).unwrap_or(rest.len())
    }

    /// Returns true if a quote precedes `at`.
    pub(super) fn ends_string(&self, at: usize) -> bool {
        self.text[..at].ends_with(['"', '\''])
    }

    /// Returns the span of the next character; empty at the end.
    pub(super) fn next_span(&self) -> Range<usize> {
        self.at..self.at + self.rest().chars().next().map_or(0, char::len_utf8)
    }
}

/// Returns a word, truncated for a message.
pub(super) fn truncated_word(word: &str) -> Cow<'_, str> {
    match word.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &word[..end])),
        None => Cow::Borrowed(word),
    }
}

/// Returns true if a text is a number in JSON's grammar (RFC 8259, section 6).
pub(in super::super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !exponent.is_empty() && digits(exponent) == exponent.len()
}

/// Maximum number of characters of a word in a message.
const MAX_SHOWN_CHARS: usize = 40;
