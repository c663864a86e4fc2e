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
pub use serialise::XmlLayout;

use crate::SyntaxError;

/// A parsed XML document.
#[derive(Clone, Debug)]
pub struct Document {
    /// In document order; the first is the document itself.
    nodes: Vec<XmlNode>,
    /// Attributes of all elements, in document order.
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

/// The kind and content of a node.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// The document, the parent of the outermost element.
    Document,
    /// An element with its name and attributes.
    Element(Element),
    /// Text between tags, with references resolved.
    Text(Box<str>),
    /// Text in a CDATA section, `<![CDATA[…]]>`.
    CData(Box<str>),
    /// A comment between tags, `<!--…-->`.
    Comment(Box<str>),
    /// A processing instruction, `<?target data?>`.
    Instruction {
        /// The application that the instruction is for.
        target: Box<str>,
        /// The text behind the target.
        data: Box<str>,
    },
}

/// The name and attributes of an element.
#[derive(Clone, Debug)]
pub struct Element {
    /// The name of the element.
    pub name: XmlName,
    attributes: Range<u32>,
}

/// An attribute of an element, or a declaration of a namespace.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name of the attribute.
    pub name: XmlName,
    /// The value of the attribute, with references resolved.
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

    /// Returns the first prefix that is bound to no namespace. With one, the text is no document to
    /// readers that know namespaces.
    pub fn unbound_prefix(&self) -> Option<&str> {
        self.unbound.as_deref()
    }

    /// Returns the outermost element.
    pub fn root(&self) -> NodeId {
        self.children(NodeId::DOCUMENT).find(|child| self.element(*child).is_some()).unwrap_or(NodeId::DOCUMENT)
    }
}

impl XmlName {
    fn new(written: &str, namespace: Option<Arc<str>>) -> Self {
        let local = written.find(':').map_or(0, |colon| colon + 1);
        Self { written: written.into(), local, namespace }
    }

    /// Returns the name with its prefix.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Returns the name without its prefix.
    pub fn local(&self) -> &str {
        &self.written[self.local..]
    }

    /// Returns the text before the colon, if there is one.
    pub fn prefix(&self) -> Option<&str> {
        (self.local > 0).then(|| &self.written[..self.local - 1])
    }

    /// Returns the namespace to which the name is bound.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Returns true if the name declares a namespace: `xmlns`, `xmlns:p`.
    pub fn is_declaration(&self) -> bool {
        self.written() == "xmlns" || self.prefix() == Some("xmlns")
    }
}

/// Joins several texts; borrowed if there is only one.
fn joined<'d>(mut texts: impl Iterator<Item = &'d str>) -> Cow<'d, str> {
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    let Some(second) = texts.next() else { return Cow::Borrowed(first) };
    let mut all = format!("{first}{second}");
    all.extend(texts);
    Cow::Owned(all)
}
