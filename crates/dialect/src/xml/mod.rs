//! XML as stubs look at it: a small tree, its text, and paths into it.
//!
//! What a mock reads comes from strangers, so there are no DTDs, no entities beyond the five and
//! character references, nothing external, and bounds on depth and size. The tree is one list in
//! document order: whatever is below a node stands right behind it. Names are kept as they were
//! written beside the namespaces that they are bound to, since WireMock looks at some documents
//! with namespaces and at some without.

mod escape;
mod node;
mod parse;
mod serialise;
#[cfg(test)]
mod tests;
pub mod xpath;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

pub use node::NodeId;

use crate::SyntaxError;

/// A document, read.
#[derive(Clone, Debug)]
pub struct Document {
    /// In document order; the first is the document itself.
    nodes: Vec<XmlNode>,
    /// Of all elements, in document order.
    attributes: Vec<Attribute>,
    /// The first prefix that is bound to no namespace.
    unbound: Option<Box<str>>,
}

/// A node: what it is, where its parent stands, and where what is below it ends.
#[derive(Clone, Debug)]
struct XmlNode {
    kind: NodeKind,
    parent: u32,
    end: u32,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// The document itself.
    Document,
    /// An element.
    Element(Element),
    /// Text between tags.
    Text(Box<str>),
    /// Text in `<![CDATA[…]]>`.
    CData(Box<str>),
    /// `<!--…-->`
    Comment(Box<str>),
    /// `<?target data?>`
    Instruction {
        /// What it is for.
        target: Box<str>,
        /// What it says.
        data: Box<str>,
    },
}

/// What is known of an element beside what is below it.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its name.
    pub name: XmlName,
    attributes: Range<u32>,
}

/// An attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: XmlName,
    /// Its value, references resolved.
    pub value: Box<str>,
}

/// A name as it was written, and the namespace that it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlName {
    written: Box<str>,
    /// Where the part behind the colon begins; 0 if there is none.
    local: usize,
    namespace: Option<Arc<str>>,
}

impl Document {
    /// Reads a document. White space, comments and instructions are kept; the XML declaration and a
    /// document type are passed over.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse::document(text)
    }

    /// The first prefix that is bound to no namespace, if there is one: then the document is none
    /// to those who look at namespaces.
    pub fn unbound_prefix(&self) -> Option<&str> {
        self.unbound.as_deref()
    }

    /// The outermost element.
    pub fn root(&self) -> NodeId {
        self.children(NodeId::DOCUMENT).find(|child| self.element(*child).is_some()).unwrap_or(NodeId::DOCUMENT)
    }
}

impl XmlName {
    fn new(written: &str, namespace: Option<Arc<str>>) -> Self {
        let local = written.find(':').map_or(0, |colon| colon + 1);
        Self { written: written.into(), local, namespace }
    }

    /// With its prefix.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Without its prefix.
    pub fn local(&self) -> &str {
        &self.written[self.local..]
    }

    /// What stands before the colon, if there is one.
    pub fn prefix(&self) -> Option<&str> {
        (self.local > 0).then(|| &self.written[..self.local - 1])
    }

    /// The namespace that it is bound to.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether it declares a namespace: `xmlns`, `xmlns:p`.
    pub fn is_declaration(&self) -> bool {
        self.written() == "xmlns" || self.prefix() == Some("xmlns")
    }
}

/// The text that several nodes make together; borrowed if it is one.
fn joined<'d>(mut texts: impl Iterator<Item = &'d str>) -> Cow<'d, str> {
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    let Some(second) = texts.next() else { return Cow::Borrowed(first) };
    let mut all = format!("{first}{second}");
    all.extend(texts);
    Cow::Owned(all)
}
