//! A parser of JSON as WireMock accepts it: with comments, single quotes, and any text after the
//! value.
//!
//! Of a repeated name the last value counts. All else is as strict as RFC 8259, except that half of
//! a surrogate pair becomes U+FFFD. The parser does not recurse: open containers are kept in a
//! vector.

mod scanner;

use std::ops::Range;

use super::{DocumentError, DocumentLimits, Member, Node, Value, first_repeated, last_wins};
pub(super) use scanner::is_number;
use scanner::{Scanner, truncated_word};

/// Parses a value, which may be nested deeper than a stub.
pub fn read_json(text: &str) -> Result<Node, DocumentError> {
    read_json_within(text, DocumentLimits::OTHER)
}

/// A name that stands again in its object.
pub(super) struct Repeat {
    pub(super) name: String,
    /// Span of the later name, in bytes.
    pub(super) span: Range<usize>,
}

/// Parses a value of a limited size.
pub(super) fn read_json_within(text: &str, limits: DocumentLimits) -> Result<Node, DocumentError> {
    read_json_with_repeats(text, limits, &mut Vec::new())
}

/// Parses a value of a limited size; adds the names that are repeated in it to `repeats`.
pub(super) fn read_json_with_repeats(
    text: &str,
    limits: DocumentLimits,
    repeats: &mut Vec<Repeat>,
) -> Result<Node, DocumentError> {
    let scanner = Scanner::new(text);
    let mut reader = JsonReader { scanner, open: Vec::new(), is_in_value: true, values: 0, limits, repeats };
    reader.document().map_err(|error| error.with_path(reader.steps()))
}

impl Repeat {
    fn of(member: &Member) -> Self {
        Self { name: member.key.clone(), span: member.key_span.clone() }
    }
}

struct JsonReader<'t> {
    scanner: Scanner<'t>,
    /// Containers that are open, the outermost first.
    open: Vec<JsonContainer>,
    /// True while a value of the innermost container is read.
    is_in_value: bool,
    /// Number of values so far.
    values: usize,
    limits: DocumentLimits,
    /// Names that are repeated, one for each object.
    repeats: &'t mut Vec<Repeat>,
}

/// A list or object that has begun and not ended.
struct JsonContainer {
    start: usize,
    content: JsonContent,
}

enum JsonContent {
    List(Vec<Node>),
    /// Members so far, and the name of the value that is read, with its span.
    Object(Vec<Member>, String, Range<usize>),
}

impl JsonContainer {
    /// Returns the bracket that closes it.
    fn close(&self) -> char {
        match self.content {
            JsonContent::List(_) => ']',
            JsonContent::Object(..) => '}',
        }
    }
}

impl JsonReader<'_> {
    fn document(&mut self) -> Result<Node, DocumentError> {
        self.scanner.skip_space()?;
        if self.scanner.peek().is_none() {
            return Err(DocumentError::new(
                self.scanner.next_span(),
                "there is no JSON here",
                "write an object: `{ … }`",
            ));
        }
        loop {
            let Some(mut node) = self.value()? else { continue };
            loop {
                if self.open.is_empty() {
                    return Ok(node);
                }
                match self.put(node)? {
                    Some(closed) => node = closed,
                    None => break,
                }
            }
        }
    }

    /// Reads a scalar or an empty container; `None` if a container began, whose first value comes
    /// next.
    fn value(&mut self) -> Result<Option<Node>, DocumentError> {
        let start = self.scanner.at();
        self.values += 1;
        if self.values > self.limits.values {
            let message = format!("the document has more than {} values", self.limits.values);
            return Err(self.limit_error(&message, "split it, for instance into several imports"));
        }
        let value = match self.scanner.peek() {
            Some(b'"' | b'\'') => Value::String(self.scanner.string()?),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => Value::Number(self.scanner.number()?),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$') => self.scanner.name()?,
            Some(b'{') => return self.begin(b'{', JsonContent::Object(Vec::new(), String::new(), 0..0)),
            Some(b'[') => return self.begin(b'[', JsonContent::List(Vec::new())),
            Some(b',' | b']' | b'}') => return Err(self.no_value()),
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Some(Node { span: start..self.scanner.at(), value }))
    }

    fn begin(&mut self, bracket: u8, content: JsonContent) -> Result<Option<Node>, DocumentError> {
        let start = self.scanner.at();
        self.scanner.take(bracket);
        if self.open.len() == self.limits.depth {
            let message = format!("more than {} lists and objects stand in each other", self.limits.depth);
            self.scanner.step_back();
            return Err(self.limit_error(&message, "make the document flatter"));
        }
        let open = JsonContainer { start, content };
        let close = open.close() as u8;
        self.open.push(open);
        self.is_in_value = false;
        self.scanner.skip_space()?;
        if self.scanner.take(close) {
            return Ok(self.end());
        }
        self.next_value()?;
        Ok(None)
    }

    /// Advances past the name to the start of the next value of the innermost container.
    fn next_value(&mut self) -> Result<(), DocumentError> {
        if matches!(self.open.last(), Some(JsonContainer { content: JsonContent::Object(..), .. })) {
            let start = self.scanner.at();
            let name = self.name()?;
            let span = start..self.scanner.at();
            self.scanner.skip_space()?;
            if !self.scanner.take(b':') {
                return Err(self.no_colon(span));
            }
            if let Some(JsonContainer { content: JsonContent::Object(_, key, key_span), .. }) = self.open.last_mut() {
                (*key, *key_span) = (name, span);
            }
        }
        self.is_in_value = true;
        self.scanner.skip_space()?;
        if self.scanner.peek().is_none() { Err(self.not_closed()) } else { Ok(()) }
    }

    fn name(&mut self) -> Result<String, DocumentError> {
        match self.scanner.peek() {
            Some(b'"' | b'\'') => self.scanner.string(),
            None => Err(self.not_closed()),
            Some(b'{') if self.open.last().is_some_and(|open| open.start + 1 == self.scanner.at()) => {
                let span = self.scanner.at() - 1..self.scanner.at() + 1;
                Err(DocumentError::new(span, "a template is no JSON by itself", "put it in quotes: `\"{{…}}\"`"))
            }
            _ => {
                let span = self.scanner.at()..self.scanner.word_end();
                if span.is_empty() {
                    return Err(self.unexpected("a name in quotes"));
                }
                let name = truncated_word(&self.scanner.rest()[..span.len()]);
                Err(DocumentError::new(span, format!("the name `{name}` needs quotes"), format!("write `\"{name}\"`")))
            }
        }
    }

    /// Adds a value to the innermost container. Returns the container if it ends after the value,
    /// `None` if another value comes next.
    fn put(&mut self, node: Node) -> Result<Option<Node>, DocumentError> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        let close = open.close();
        let span = node.span.clone();
        match &mut open.content {
            JsonContent::List(items) => items.push(node),
            JsonContent::Object(members, key, key_span) => {
                members.push(Member { key: std::mem::take(key), key_span: key_span.clone(), value: node });
            }
        }
        self.is_in_value = false;
        self.scanner.skip_space()?;
        if self.scanner.take(close as u8) {
            return Ok(self.end());
        }
        let comma = self.scanner.at();
        if !self.scanner.take(b',') {
            return Err(self.no_comma(span, close));
        }
        self.scanner.skip_space()?;
        if self.scanner.peek() == Some(close as u8) {
            return Err(DocumentError::new(comma..comma + 1, format!("trailing comma before `{close}`"), "remove it"));
        }
        self.next_value()?;
        Ok(None)
    }

    /// Ends the innermost container and returns it.
    fn end(&mut self) -> Option<Node> {
        let open = self.open.pop()?;
        let value = match open.content {
            JsonContent::List(items) => Value::Array(items),
            JsonContent::Object(members, ..) => {
                self.repeats.extend(first_repeated(&members).map(Repeat::of));
                Value::Object(last_wins(members))
            }
        };
        Some(Node { span: open.start..self.scanner.at(), value })
    }

    /// Returns the path of the value that is read, as names and indices.
    fn steps(&self) -> impl Iterator<Item = String> {
        let outer = self.open.len().saturating_sub(usize::from(!self.is_in_value));
        self.open[..outer].iter().map(|open| match &open.content {
            JsonContent::List(items) => items.len().to_string(),
            JsonContent::Object(_, key, _) => key.clone(),
        })
    }
}

/// Errors between values.
impl JsonReader<'_> {
    /// Returns the error of an exceeded limit. The message states the place too, as the pointer may
    /// be too long to show.
    fn limit_error(&self, message: &str, help: &str) -> DocumentError {
        let (line, column) = self.scanner.line_and_column();
        DocumentError::new(self.scanner.next_span(), format!("{message} (line {line}, column {column})"), help)
    }

    fn not_closed(&self) -> DocumentError {
        let Some(open) = self.open.last() else { return self.unexpected("a value") };
        let (kind, close) = match open.content {
            JsonContent::List(_) => ("list", ']'),
            JsonContent::Object(..) => ("object", '}'),
        };
        let message = format!("this {kind} is not closed before the text ends");
        DocumentError::new(open.start..open.start + 1, message, format!("add the missing `{close}`"))
    }

    fn no_value(&self) -> DocumentError {
        let message = format!("a value is missing before {}", self.found());
        let help = if self.open.is_empty() { "write an object: `{ … }`" } else { "write one, such as `null`" };
        DocumentError::new(self.scanner.next_span(), message, help)
    }

    fn no_colon(&self, name: Range<usize>) -> DocumentError {
        match self.scanner.peek() {
            None => self.not_closed(),
            Some(b'=') => {
                DocumentError::new(self.scanner.next_span(), "a name and its value have `:` between them", "write `:`")
            }
            Some(_) => DocumentError::new(
                name,
                format!("expected `:` after this name, found {}", self.found()),
                "add `:` and a value",
            ),
        }
    }

    fn no_comma(&self, value: Range<usize>, close: char) -> DocumentError {
        let Some(next) = self.scanner.peek() else { return self.not_closed() };
        let message = format!("expected `,` or `{close}` after this value, found {}", self.found());
        match next {
            b'}' | b']' => {
                let message = format!("this `{}` closes nothing, a `{close}` is missing before it", char::from(next));
                DocumentError::new(self.scanner.next_span(), message, format!("write `{close}`"))
            }
            // an unescaped quote within the string has ended it
            _ if next.is_ascii_alphanumeric()
                && self.scanner.at() == value.end
                && self.scanner.ends_string(value.end) =>
            {
                DocumentError::new(value, message, "write `\\\"` for a quote within a string")
            }
            b'"' | b'\'' | b'{' | b'[' | b'-' | b'0'..=b'9' => DocumentError::new(value, message, "add a `,`"),
            _ => DocumentError::new(self.scanner.next_span(), message, "remove it, or put it in quotes"),
        }
    }

    fn unexpected(&self, expected: &str) -> DocumentError {
        let message = format!("expected {expected}, found {}", self.found());
        let help = match self.scanner.rest().chars().next() {
            Some('“' | '”' | '„' | '‘' | '’' | '`' | '«') => "write straight quotes: `\"`",
            Some(c) if c.is_whitespace() || c.is_control() || c == '\u{feff}' || c == '\u{200b}' => "remove it",
            None => "complete the document",
            Some(_) => "remove it, or put it in quotes",
        };
        DocumentError::new(self.scanner.next_span(), message, help)
    }

    /// Returns the next character for a message.
    fn found(&self) -> String {
        match self.scanner.rest().chars().next() {
            None => "the end of the text".to_owned(),
            Some(c) if c.is_whitespace() || c.is_control() || c == '\u{feff}' || c == '\u{200b}' => {
                format!("an invisible character (U+{:04X})", u32::from(c))
            }
            Some(c) => format!("`{c}`"),
        }
    }
}

#[cfg(test)]
mod tests;
