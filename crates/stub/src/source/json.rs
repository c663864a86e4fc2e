//! JSON as WireMock takes it: comments and single quotes are allowed, and what follows the value is not looked at.
//!
//! Of a name that stands twice the last value counts. All else is as strict as RFC 8259, except that half of a
//! surrogate pair becomes U+FFFD. Nothing recurses here: what is open lies in a vector.

mod scanner;

use std::ops::Range;

use super::{DocumentLimits, Member, Node, SyntaxError, Value, last_wins};
pub(super) use scanner::is_number;
use scanner::{Scanner, clipped};

/// Reads one value, which may be deeper than a stub.
pub fn read_json(text: &str) -> Result<Node, SyntaxError> {
    read_json_within(text, DocumentLimits::OTHER)
}

/// Reads one value of a limited size.
pub(super) fn read_json_within(text: &str, limits: DocumentLimits) -> Result<Node, SyntaxError> {
    let scanner = Scanner::new(text);
    let mut reader = Reader { scanner, open: Vec::new(), in_value: true, values: 0, limits };
    reader.document().map_err(|error| error.under(reader.steps()))
}

struct Reader<'t> {
    scanner: Scanner<'t>,
    /// The lists and objects that have begun and not ended, outermost first.
    open: Vec<Open>,
    /// Whether a value of the innermost of them is being read.
    in_value: bool,
    /// Values that have begun so far.
    values: usize,
    limits: DocumentLimits,
}

struct Open {
    start: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The members so far, and the name whose value is being read.
    Object(Vec<Member>, String, Range<usize>),
}

impl Open {
    fn close(&self) -> char {
        match self.content {
            Content::List(_) => ']',
            Content::Object(..) => '}',
        }
    }
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        self.scanner.skip_space()?;
        if self.scanner.peek().is_none() {
            return Err(SyntaxError::new(
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

    /// A value that is whole; `None` if a list or object began, whose first value comes next.
    fn value(&mut self) -> Result<Option<Node>, SyntaxError> {
        let start = self.scanner.at();
        self.values += 1;
        if self.values > self.limits.values {
            let message = format!("the document has more than {} values", self.limits.values);
            return Err(self.beyond(&message, "split it, for instance into several imports"));
        }
        let value = match self.scanner.peek() {
            Some(b'"' | b'\'') => Value::String(self.scanner.string()?),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => Value::Number(self.scanner.number()?),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$') => self.scanner.name()?,
            Some(b'{') => return self.begin(b'{', Content::Object(Vec::new(), String::new(), 0..0)),
            Some(b'[') => return self.begin(b'[', Content::List(Vec::new())),
            Some(b',' | b']' | b'}') => return Err(self.no_value()),
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Some(Node { span: start..self.scanner.at(), value }))
    }

    fn begin(&mut self, bracket: u8, content: Content) -> Result<Option<Node>, SyntaxError> {
        let start = self.scanner.at();
        self.scanner.take(bracket);
        if self.open.len() == self.limits.depth {
            let message = format!("more than {} lists and objects stand in each other", self.limits.depth);
            self.scanner.step_back();
            return Err(self.beyond(&message, "make the document flatter"));
        }
        let open = Open { start, content };
        let close = open.close() as u8;
        self.open.push(open);
        self.in_value = false;
        self.scanner.skip_space()?;
        if self.scanner.take(close) {
            return Ok(self.end());
        }
        self.next_value()?;
        Ok(None)
    }

    /// Goes to where the next value of the innermost list or object begins, past its name.
    fn next_value(&mut self) -> Result<(), SyntaxError> {
        if matches!(self.open.last(), Some(Open { content: Content::Object(..), .. })) {
            let start = self.scanner.at();
            let name = self.name()?;
            let span = start..self.scanner.at();
            self.scanner.skip_space()?;
            if !self.scanner.take(b':') {
                return Err(self.no_colon(span));
            }
            if let Some(Open { content: Content::Object(_, key, key_span), .. }) = self.open.last_mut() {
                (*key, *key_span) = (name, span);
            }
        }
        self.in_value = true;
        self.scanner.skip_space()?;
        if self.scanner.peek().is_none() { Err(self.not_closed()) } else { Ok(()) }
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        match self.scanner.peek() {
            Some(b'"' | b'\'') => self.scanner.string(),
            None => Err(self.not_closed()),
            Some(b'{') if self.open.last().is_some_and(|open| open.start + 1 == self.scanner.at()) => {
                let span = self.scanner.at() - 1..self.scanner.at() + 1;
                Err(SyntaxError::new(span, "a template is no JSON by itself", "put it in quotes: `\"{{…}}\"`"))
            }
            _ => {
                let span = self.scanner.at()..self.scanner.word_end();
                if span.is_empty() {
                    return Err(self.unexpected("a name in quotes"));
                }
                let name = clipped(&self.scanner.rest()[..span.len()]);
                Err(SyntaxError::new(span, format!("the name `{name}` needs quotes"), format!("write `\"{name}\"`")))
            }
        }
    }

    /// Puts a value where it belongs. Returns what ended after it, or `None` if another value comes next.
    fn put(&mut self, node: Node) -> Result<Option<Node>, SyntaxError> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        let close = open.close();
        let span = node.span.clone();
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Object(members, key, key_span) => {
                members.push(Member { key: std::mem::take(key), key_span: key_span.clone(), value: node });
            }
        }
        self.in_value = false;
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
            return Err(SyntaxError::new(comma..comma + 1, format!("trailing comma before `{close}`"), "remove it"));
        }
        self.next_value()?;
        Ok(None)
    }

    /// The innermost list or object, which ends here.
    fn end(&mut self) -> Option<Node> {
        let open = self.open.pop()?;
        let value = match open.content {
            Content::List(items) => Value::Array(items),
            Content::Object(members, ..) => Value::Object(last_wins(members)),
        };
        Some(Node { span: open.start..self.scanner.at(), value })
    }

    /// The names and indices that lead to the value that is being read.
    fn steps(&self) -> impl Iterator<Item = String> {
        let outer = self.open.len().saturating_sub(usize::from(!self.in_value));
        self.open[..outer].iter().map(|open| match &open.content {
            Content::List(items) => items.len().to_string(),
            Content::Object(_, key, _) => key.clone(),
        })
    }
}

/// What went wrong between values.
impl Reader<'_> {
    /// A limit that is passed here. Its pointer may be long, and so the place is said in words too.
    fn beyond(&self, message: &str, help: &str) -> SyntaxError {
        let (line, column) = self.scanner.line_and_column();
        SyntaxError::new(self.scanner.next_span(), format!("{message} (line {line}, column {column})"), help)
    }

    fn not_closed(&self) -> SyntaxError {
        let Some(open) = self.open.last() else { return self.unexpected("a value") };
        let (kind, close) = match open.content {
            Content::List(_) => ("list", ']'),
            Content::Object(..) => ("object", '}'),
        };
        let message = format!("this {kind} is not closed before the text ends");
        SyntaxError::new(open.start..open.start + 1, message, format!("add the missing `{close}`"))
    }

    fn no_value(&self) -> SyntaxError {
        let message = format!("a value is missing before {}", self.found());
        let help = if self.open.is_empty() { "write an object: `{ … }`" } else { "write one, such as `null`" };
        SyntaxError::new(self.scanner.next_span(), message, help)
    }

    fn no_colon(&self, name: Range<usize>) -> SyntaxError {
        match self.scanner.peek() {
            None => self.not_closed(),
            Some(b'=') => {
                SyntaxError::new(self.scanner.next_span(), "a name and its value have `:` between them", "write `:`")
            }
            Some(_) => SyntaxError::new(
                name,
                format!("expected `:` after this name, found {}", self.found()),
                "add `:` and a value",
            ),
        }
    }

    fn no_comma(&self, value: Range<usize>, close: char) -> SyntaxError {
        let Some(next) = self.scanner.peek() else { return self.not_closed() };
        let message = format!("expected `,` or `{close}` after this value, found {}", self.found());
        match next {
            b'}' | b']' => {
                let message = format!("this `{}` closes nothing, a `{close}` is missing before it", char::from(next));
                SyntaxError::new(self.scanner.next_span(), message, format!("write `{close}`"))
            }
            // a quote that was meant to stand in the string has ended it
            _ if next.is_ascii_alphanumeric()
                && self.scanner.at() == value.end
                && self.scanner.ends_string(value.end) =>
            {
                SyntaxError::new(value, message, "write `\\\"` for a quote within a string")
            }
            b'"' | b'\'' | b'{' | b'[' | b'-' | b'0'..=b'9' => SyntaxError::new(value, message, "add a `,`"),
            _ => SyntaxError::new(self.scanner.next_span(), message, "remove it, or put it in quotes"),
        }
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let message = format!("expected {expected}, found {}", self.found());
        let help = match self.scanner.rest().chars().next() {
            Some('“' | '”' | '„' | '‘' | '’' | '`' | '«') => "write straight quotes: `\"`",
            Some(c) if c.is_whitespace() || c.is_control() || c == '\u{feff}' || c == '\u{200b}' => "remove it",
            None => "complete the document",
            Some(_) => "remove it, or put it in quotes",
        };
        SyntaxError::new(self.scanner.next_span(), message, help)
    }

    /// The next character, as it is said in a message.
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
