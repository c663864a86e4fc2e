//! From text to a tree: quick-xml tells events, this checks what it leaves open and binds names to
//! namespaces.

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesPI, BytesStart, Event};

use super::escape::{attribute_value, is_character, resolved};
use super::{Attribute, Document, Element, NodeKind, XmlName, XmlNode};
use crate::SyntaxError;

/// Parses a whole document.
pub(super) fn document(text: &str) -> Result<Document, SyntaxError> {
    if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_character(*c)) {
        return Err(error(at, "a character that XML cannot have", "leave control characters out"));
    }
    let text = with_line_feeds(text);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    let mut builder = Builder::new();
    loop {
        let at = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|broken| {
            let at = reader.error_position() as usize;
            error(at, broken.to_string(), "correct the markup")
        })?;
        if matches!(event, Event::Eof) {
            return builder.finish(text.len());
        }
        builder.take(event, at)?;
        if builder.document.nodes.len() + builder.document.attributes.len() > MOST_NODES {
            return Err(limit(at, format!("more than {MOST_NODES} elements, attributes and texts")));
        }
    }
}

struct Builder {
    document: Document,
    /// The elements that are open.
    open: Vec<u32>,
    /// Prefixes, the namespaces that they are bound to, and how many elements were open when they
    /// were.
    bindings: Vec<(Box<str>, Option<Arc<str>>, usize)>,
    /// Text that may go on: what is between tags comes in pieces.
    pending: String,
    has_root: bool,
}

impl Builder {
    fn new() -> Self {
        let document = XmlNode { kind: NodeKind::Document, parent: 0, end: 0 };
        Self {
            document: Document { nodes: vec![document], attributes: Vec::new(), unbound: None },
            open: vec![0],
            bindings: vec![("xml".into(), Some("http://www.w3.org/XML/1998/namespace".into()), 0)],
            pending: String::new(),
            has_root: false,
        }
    }

    fn take(&mut self, event: Event<'_>, at: usize) -> Result<(), SyntaxError> {
        match event {
            Event::Text(text) => {
                let text = text.into_inner();
                if text.contains("]]>") {
                    return Err(error(at, "`]]>` in a text", "write `]]&gt;`"));
                }
                self.text(&text, at)
            }
            Event::GeneralRef(reference) => {
                let reference = reference.into_inner();
                let c = resolved(&reference).ok_or_else(|| unknown_reference(&reference, at))?;
                self.text(c.encode_utf8(&mut [0; 4]), at)?;
                self.outside_root(false, at)
            }
            Event::Start(start) => {
                let node = self.element(&start, at)?;
                self.open.push(node);
                if self.open.len() > DEEPEST {
                    Err(limit(at, format!("more than {DEEPEST} elements in one another")))
                } else {
                    Ok(())
                }
            }
            Event::Empty(start) => {
                let node = self.element(&start, at)?;
                self.document.nodes[node as usize].end = node + 1;
                self.unbind();
                Ok(())
            }
            Event::End(_) => {
                self.flush();
                // quick-xml has compared the names
                if let Some(node) = self.open.pop() {
                    self.document.nodes[node as usize].end = self.document.nodes.len() as u32;
                }
                self.unbind();
                Ok(())
            }
            Event::CData(text) => {
                self.outside_root(false, at)?;
                self.leaf(NodeKind::CData(text.into_inner().into()));
                Ok(())
            }
            Event::Comment(text) => {
                self.leaf(NodeKind::Comment(text.into_inner().into()));
                Ok(())
            }
            Event::PI(instruction) => self.instruction(&instruction, at),
            Event::Decl(_) if at > 0 => {
                Err(error(at, "an XML declaration that is not at the beginning", "remove what stands before it"))
            }
            Event::DocType(_) if self.has_root => Err(error(at, "a document type behind the beginning", "remove it")),
            Event::Decl(_) | Event::DocType(_) | Event::Eof => Ok(()),
        }
    }

    fn instruction(&mut self, instruction: &BytesPI<'_>, at: usize) -> Result<(), SyntaxError> {
        let target = instruction.target();
        if target.eq_ignore_ascii_case("xml") {
            return Err(error(at, "an XML declaration that is not at the beginning", "move it, or remove it"));
        }
        let data = instruction.content().trim_start();
        self.leaf(NodeKind::Instruction { target: target.into(), data: data.into() });
        Ok(())
    }

    fn text(&mut self, text: &str, at: usize) -> Result<(), SyntaxError> {
        if self.open.len() > 1 {
            self.pending.push_str(text);
            return Ok(());
        }
        self.outside_root(text.chars().all(|c| matches!(c, ' ' | '\t' | '\n')), at)
    }

    /// Rejects text outside of the outermost element, unless it is blank.
    fn outside_root(&self, is_blank: bool, at: usize) -> Result<(), SyntaxError> {
        if self.open.len() > 1 || is_blank {
            return Ok(());
        }
        Err(error(at, "text outside of the outermost element", "put it into the element, or remove it"))
    }

    fn element(&mut self, start: &BytesStart<'_>, at: usize) -> Result<u32, SyntaxError> {
        self.flush();
        if self.open.len() == 1 && std::mem::replace(&mut self.has_root, true) {
            return Err(error(at, "a second outermost element", "put both into one"));
        }
        let first = self.document.attributes.len();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|broken| error(at, broken.to_string(), "correct the attributes"))?;
            let name = attribute.key.into_inner();
            check_name(name, at)?;
            if attribute.value.contains('<') {
                return Err(error(at, format!("`<` in the attribute `{name}`"), "write `&lt;`"));
            }
            let value = attribute_value(&attribute.value).map_err(|reference| unknown_reference(reference, at))?;
            let name = XmlName::new(name, None);
            if name.is_declaration() {
                let prefix = if name.prefix().is_some() { name.local() } else { "" };
                let namespace = (!value.is_empty()).then(|| Arc::from(&*value));
                if self.bindings.len() == MOST_BINDINGS {
                    return Err(limit(at, format!("more than {MOST_BINDINGS} prefixes at once")));
                }
                self.bindings.push((prefix.into(), namespace, self.open.len()));
            }
            if self.document.attributes.len() == MOST_NODES {
                return Err(limit(at, format!("more than {MOST_NODES} attributes")));
            }
            self.document.attributes.push(Attribute { name, value: value.into() });
        }
        for place in first..self.document.attributes.len() {
            let namespace = self.namespace_of_attribute(&self.document.attributes[place].name.clone());
            self.document.attributes[place].name.namespace = namespace;
        }
        let written = start.name().into_inner();
        check_name(written, at)?;
        let mut name = XmlName::new(written, None);
        name.namespace = self.namespace(name.prefix());
        let range = first as u32..self.document.attributes.len() as u32;
        Ok(self.push(NodeKind::Element(Element { name, attributes: range })))
    }

    /// Returns the namespace of an attribute; one without a prefix is in none.
    fn namespace_of_attribute(&mut self, name: &XmlName) -> Option<Arc<str>> {
        if name.is_declaration() {
            return Some(XMLNS.into());
        }
        name.prefix().and_then(|prefix| self.namespace(Some(prefix)))
    }

    fn namespace(&mut self, prefix: Option<&str>) -> Option<Arc<str>> {
        let wanted = prefix.unwrap_or_default();
        let bound = self.bindings.iter().rev().find(|(known, _, _)| **known == *wanted);
        let namespace = bound.and_then(|(_, namespace, _)| namespace.clone());
        if namespace.is_none() && prefix.is_some() && self.document.unbound.is_none() {
            self.document.unbound = Some(wanted.into());
        }
        namespace
    }

    /// Forgets what was bound by elements that are closed.
    fn unbind(&mut self) {
        let open = self.open.len();
        while self.bindings.pop_if(|(_, _, depth)| *depth >= open).is_some() {}
    }

    /// Makes a node of the text so far.
    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = std::mem::take(&mut self.pending);
            self.leaf_now(NodeKind::Text(text.into()));
        }
    }

    fn leaf(&mut self, kind: NodeKind) {
        self.flush();
        self.leaf_now(kind);
    }

    fn leaf_now(&mut self, kind: NodeKind) {
        let node = self.push(kind);
        self.document.nodes[node as usize].end = node + 1;
    }

    fn push(&mut self, kind: NodeKind) -> u32 {
        let node = self.document.nodes.len() as u32;
        let parent = self.open.last().copied().unwrap_or(0);
        self.document.nodes.push(XmlNode { kind, parent, end: 0 });
        node
    }

    fn finish(mut self, length: usize) -> Result<Document, SyntaxError> {
        if self.open.len() > 1 {
            return Err(error(length, "an element that is not closed", "close it"));
        }
        if !self.has_root {
            return Err(error(length, "no element", "write one such as `<a/>`"));
        }
        self.document.nodes[0].end = self.document.nodes.len() as u32;
        Ok(self.document)
    }
}

/// Returns the text with line feeds for all line ends, as XML reads them.
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        return Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    Cow::Borrowed(text)
}

fn check_name(name: &str, at: usize) -> Result<(), SyntaxError> {
    let begins = |c: char| c.is_alphabetic() || c == '_' || c == ':';
    let goes_on =
        |c: char| begins(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}');
    let mut chars = name.chars();
    if chars.next().is_some_and(begins) && chars.all(goes_on) && !name.ends_with(':') {
        return Ok(());
    }
    Err(error(
        at,
        format!("`{name}` is not a name"),
        "begin it with a letter, and use letters, digits, `-`, `_` and `.`",
    ))
}

fn unknown_reference(reference: &str, at: usize) -> SyntaxError {
    let message = format!("`&{reference};` stands for nothing");
    error(at, message, "write `&amp;` for `&`; entities of a document type are not read")
}

fn error(at: usize, message: impl Into<String>, help: impl Into<String>) -> SyntaxError {
    SyntaxError::new(at, message, help)
}

fn limit(at: usize, message: String) -> SyntaxError {
    SyntaxError::limit(at, message, "send a smaller document")
}

/// The namespace of declarations of namespaces.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Elements in one another, for the stack of those who walk the tree.
const DEEPEST: usize = 256;

/// Prefixes that are bound at once: each name looks through them.
const MOST_BINDINGS: usize = 256;

/// Nodes and attributes of a document: some 25 MiB.
const MOST_NODES: usize = 250_000;
