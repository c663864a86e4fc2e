//! Reading of objects field by field. Known fields are converted and echoed; others are reported as
//! unknown.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::defect::{Defect, Severity, SourcePlace, nearest};
use super::rule::Rule;
use super::{DocumentError, DocumentLimits, Member, Node, Repeat, Value, read_json_with_repeats, read_yaml};

/// A collector of defects while a document is read.
#[derive(Debug)]
pub struct Reader {
    file: Arc<str>,
    text: Arc<str>,
    /// Path of the current value.
    pointer: Vec<String>,
    /// True for a file, in which some errors are only warnings.
    is_lenient: bool,
    limits: DocumentLimits,
    defects: Vec<Defect>,
    /// Byte index up to which lines have been counted, and its line.
    counted_lines: (usize, usize),
}

/// The treatment of unknown fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// An unknown field is an error.
    Strict,
    /// An unknown field is a warning in a file, as existing files have such fields, and an error in
    /// the API.
    TopLevel,
}

impl Reader {
    /// Returns a reader of a request body of the admin API.
    pub fn of_api(text: &str) -> Self {
        Self {
            file: "request body".into(),
            text: text.into(),
            pointer: Vec::new(),
            is_lenient: false,
            limits: DocumentLimits::API,
            defects: Vec::new(),
            counted_lines: (0, 1),
        }
    }

    /// Returns a reader of the document of an existing stub.
    pub fn of_own(text: &str) -> Self {
        Self { limits: DocumentLimits::FILE, ..Self::of_api(text) }
    }

    /// Returns a reader of a file; `file` is its name for messages.
    pub fn of_file(file: &str, text: Arc<str>) -> Self {
        let limits = DocumentLimits::FILE;
        Self {
            file: file.into(),
            text,
            pointer: Vec::new(),
            is_lenient: true,
            limits,
            defects: Vec::new(),
            counted_lines: (0, 1),
        }
    }

    /// Returns the defects that were found.
    pub fn into_defects(self) -> Vec<Defect> {
        self.defects
    }

    /// Returns the defects so far.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// Returns true if there is an error so far by which the document cannot be used.
    pub fn has_errors(&self) -> bool {
        self.error_count() > 0
    }

    /// Returns the number of errors so far by which the document, or a part of it, cannot be used.
    pub fn error_count(&self) -> usize {
        self.defects.iter().filter(|defect| defect.leaves_out()).count()
    }

    /// Returns true if the document is a file, in which some errors are only warnings.
    pub fn is_lenient(&self) -> bool {
        self.is_lenient
    }

    /// Returns the line of a node, from 1. Calls in the order of the nodes take one pass over the
    /// text.
    pub fn line(&mut self, node: &Node) -> usize {
        let (mut at, mut line) = self.counted_lines;
        if node.span.start < at {
            (at, line) = (0, 1);
        }
        line += self.text.get(at..node.span.start).map_or(0, |between| between.matches('\n').count());
        self.counted_lines = (node.span.start, line);
        line
    }

    /// Calls `read` with `key` appended to the path of the current value.
    pub fn within<T>(&mut self, key: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.pointer.push(key.into());
        let read = read(self);
        self.pointer.pop();
        read
    }

    /// Calls `read`, and reports its errors as warnings.
    pub fn as_warnings<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let begin = self.defects.len();
        let read = read(self);
        for defect in &mut self.defects[begin..] {
            defect.severity = Severity::Warning;
        }
        read
    }

    /// Reports an error of the current value.
    pub fn error(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.push(Defect::error(message).help(help), node.span.clone(), None);
    }

    /// Reports an error of the current value, with its code in WireMock's API.
    pub fn coded_error(&mut self, node: &Node, code: u16, message: impl Into<String>, help: impl Into<String>) {
        self.push(Defect::error(message).help(help).code(code), node.span.clone(), None);
    }

    /// Reports an error of the field `key` of the current value.
    pub fn error_at(&mut self, node: &Node, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Defect::error(message).help(help), node.span.clone(), Some(key));
    }

    /// Reports a warning about the field `key` of the current value.
    pub fn warn_at(&mut self, node: &Node, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Defect::warning(message).help(help), node.span.clone(), Some(key));
    }

    /// Reports a defect of the field `key` of the current value.
    pub fn report(&mut self, defect: Defect, node: &Node, key: &str) {
        self.push(defect, node.span.clone(), Some(key));
    }

    /// Reports a defect of the current value.
    pub fn report_here(&mut self, defect: Defect, node: &Node) {
        self.push(defect, node.span.clone(), None);
    }

    /// Reports an error of the whole document, with its code in WireMock's API.
    pub fn document_error(&mut self, code: u16, message: impl Into<String>, help: impl Into<String>) {
        self.push(Defect::error(message).help(help).code(code), 0..0, None);
    }

    /// Parses a JSON document; `None` if it does not parse, and then the error is among the
    /// defects.
    pub fn parse(&mut self, text: &str) -> Option<Node> {
        let mut repeats = Vec::new();
        let tree = read_json_with_repeats(text, self.limits, &mut repeats);
        for Repeat { name, span } in repeats.into_iter().take(if self.is_lenient { MAX_REPEATS } else { 0 }) {
            let message = format!("the name `{name}` stands twice in this object, and the last value counts");
            let defect = Defect::warning(message).help("remove one of them").rule(&Rule::REPEATED_NAME);
            self.push(defect, span, None);
        }
        self.parsed(tree)
    }

    /// Parses a YAML document; `None` if it does not parse, and then the error is among the
    /// defects.
    pub fn parse_yaml(&mut self, text: &str) -> Option<Node> {
        self.parsed(read_yaml(text))
    }

    fn parsed(&mut self, tree: Result<Node, DocumentError>) -> Option<Node> {
        let error = match tree {
            Ok(tree) => return Some(tree),
            Err(error) => error,
        };
        let is_blank = self.text.trim().is_empty();
        let pointer = if error.pointer.is_empty() && is_blank { "/".to_owned() } else { error.pointer };
        let mut defect = Defect::error(error.message).pointer(pointer);
        if let Some(help) = error.help {
            defect = defect.help(help);
        }
        let place = self.place(error.span);
        self.defects.push(defect.at(place));
        None
    }

    fn push(&mut self, defect: Defect, span: Range<usize>, key: Option<&str>) {
        let pointer = self.pointer.iter().map(String::as_str).chain(key).fold(String::new(), |mut pointer, step| {
            pointer.push('/');
            pointer.push_str(step);
            pointer
        });
        let place = self.place(span);
        self.defects.push(defect.pointer(if pointer.is_empty() { "/".to_owned() } else { pointer }).at(place));
    }

    fn place(&self, span: Range<usize>) -> SourcePlace {
        SourcePlace { file: Arc::clone(&self.file), text: Arc::clone(&self.text), span }
    }
}

/// Maximum number of repeated names that are reported for one file.
const MAX_REPEATS: usize = 20;

/// An object that is read field by field, and its echo: the fields as WireMock's API returns them.
#[derive(Debug)]
pub struct Object<'n> {
    node: &'n Node,
    members: &'n [Member],
    echo: Map<String, Json>,
}

impl<'n> Object<'n> {
    /// Opens a node that must be an object; `subject` names it in the error message.
    pub fn open(node: &'n Node, subject: &str, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Object(members) => Some(Self { node, members, echo: Map::new() }),
            _ => {
                reader.error(node, format!("{subject} is an object, not {}", node.kind_name()), "write `{…}` here");
                None
            }
        }
    }

    /// Returns the node of the whole object.
    pub fn whole(&self) -> &'n Node {
        self.node
    }

    /// Returns the members in their order.
    pub fn members(&self) -> &'n [Member] {
        self.members
    }

    /// Returns the value of a field; `None` if it is absent or null.
    pub fn node(&self, key: &str) -> Option<&'n Node> {
        let member = self.members.iter().find(|member| member.key == key)?;
        (!matches!(member.value.value, Value::Null)).then_some(&member.value)
    }

    /// Adds a field to the echo.
    pub fn echo(&mut self, key: &str, value: Json) {
        self.echo.insert(key.to_owned(), value);
    }

    /// Reads a string; a number or a boolean is converted.
    pub fn text(&mut self, key: &str, reader: &mut Reader) -> Option<String> {
        let node = self.node(key)?;
        let text = match &node.value {
            Value::String(text) | Value::Number(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            _ => {
                reader.error_at(
                    node,
                    key,
                    format!("`{key}` is a string, not {}", node.kind_name()),
                    "put it in quotes",
                );
                return None;
            }
        };
        self.echo(key, text.clone().into());
        Some(text)
    }

    /// Reads a whole number, or a string that contains one; decimals are truncated.
    pub fn integer(&mut self, key: &str, reader: &mut Reader) -> Option<i64> {
        let node = self.node(key)?;
        let number = match &node.value {
            Value::Number(text) => text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let message = match &node.value {
                Value::String(text) => format!("`{key}` is a whole number, not `{text}`"),
                _ => format!("`{key}` is a whole number, not {}", node.kind_name()),
            };
            reader.error_at(node, key, message, "write digits");
            return None;
        };
        self.echo(key, number.into());
        Some(number)
    }

    /// Reads a boolean, or a string that contains one.
    pub fn boolean(&mut self, key: &str, reader: &mut Reader) -> Option<bool> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Bool(value) => *value,
            Value::String(text) if text.eq_ignore_ascii_case("true") => true,
            Value::String(text) if text.eq_ignore_ascii_case("false") => false,
            _ => {
                let message = format!("`{key}` is a boolean, not {}", node.kind_name());
                reader.error_at(node, key, message, "write `true` or `false`");
                return None;
            }
        };
        self.echo(key, value.into());
        Some(value)
    }

    /// Reports the fields that are not among `known`, and returns the echo.
    pub fn close(self, known: &[&str], strictness: Strictness, reader: &mut Reader) -> Map<String, Json> {
        for member in self.members.iter().filter(|member| !known.contains(&member.key.as_str())) {
            let key = &member.key;
            let help = match nearest(key, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let place = Node { span: member.key_span.clone(), value: Value::Null };
            if strictness == Strictness::TopLevel && reader.is_lenient() {
                reader.warn_at(&place, key, format!("unknown field `{key}` is ignored"), help);
            } else {
                reader.error_at(&place, key, format!("unknown field `{key}`"), help);
            }
        }
        self.echo
    }
}
