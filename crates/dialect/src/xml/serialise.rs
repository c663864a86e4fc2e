//! A node as text again, as Java's transformer writes it: what rules and templates see of an
//! element.

use super::escape::{push_attribute_value, push_text};
use super::{Attribute, Document, Element, NodeId, NodeKind};

/// The layout of XML text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlLayout {
    /// On one line, without texts that are blank.
    Compact,
    /// Over several lines, indented by two spaces and ended by a line feed. Blank texts stand on
    /// lines of their own, as in Java since version 9.
    Indented,
    /// Over several lines, without texts that are blank.
    Pretty,
}

/// Writes nodes until the text has `room` bytes.
struct XmlWriter<'d> {
    document: &'d Document,
    layout: XmlLayout,
    room: usize,
    out: String,
}

impl Document {
    /// Returns the text by which WireMock shows a node: the value of an attribute or text, the XML
    /// of an element, indented by two spaces and ended by a line feed.
    ///
    /// Attributes are sorted by their names. A text that is longer than `room` bytes is cut
    /// somewhere after them.
    pub fn shown(&self, place: NodeId, room: usize) -> String {
        if place.is_attribute() {
            return self.string_value(place).into_owned();
        }
        match self.kind(place) {
            NodeKind::Document | NodeKind::Element(_) => self.pretty(place, room),
            NodeKind::Text(text) => text.to_string(),
            NodeKind::CData(text) => format!("[#cdata-section: {text}]"),
            NodeKind::Comment(text) => format!("[#comment: {text}]"),
            NodeKind::Instruction { target, data } => format!("[{target}: {data}]"),
        }
    }

    /// Returns the XML of a node over several lines. It is cut somewhere after `room` bytes, since
    /// indentation makes it much longer than the document.
    pub fn pretty(&self, place: NodeId, room: usize) -> String {
        self.to_text(place, XmlLayout::Indented, room)
    }

    /// Returns the XML of a node. It is cut somewhere after `room` bytes.
    pub fn to_text(&self, place: NodeId, layout: XmlLayout, room: usize) -> String {
        let mut writer = XmlWriter { document: self, layout, room, out: String::new() };
        match self.kind(place) {
            NodeKind::Document => self.children(place).for_each(|child| writer.node(child, 0, true)),
            _ => writer.node(place, 0, true),
        }
        if layout != XmlLayout::Compact {
            writer.out.push('\n');
        }
        writer.out
    }
}

impl XmlWriter<'_> {
    /// Writes a node. Its children are indented if `indents` is true and the layout has lines.
    fn node(&mut self, place: NodeId, depth: usize, indents: bool) {
        if self.out.len() > self.room {
            return;
        }
        match self.document.kind(place) {
            NodeKind::Document => {}
            NodeKind::Element(element) => self.element(place, element, depth, indents),
            NodeKind::Text(text) => push_text(text, &mut self.out),
            NodeKind::CData(text) => self.push(&["<![CDATA[", text, "]]>"]),
            NodeKind::Comment(text) => self.push(&["<!--", text, "-->"]),
            NodeKind::Instruction { target, data } => self.push(&["<?", target, " ", data, "?>"]),
        }
    }

    fn element(&mut self, place: NodeId, element: &Element, depth: usize, indents: bool) {
        self.push(&["<", element.name.written()]);
        let mut indents = indents;
        for attribute in sorted(element, self.document.attributes(element)) {
            self.push(&[" ", attribute.name.written(), "=\""]);
            push_attribute_value(&attribute.value, &mut self.out);
            self.out.push('"');
            if attribute.name.written() == "xml:space" {
                indents = &*attribute.value != "preserve";
            }
        }
        let children: Vec<NodeId> = self.document.children(place).filter(|child| self.is_written(*child)).collect();
        if children.is_empty() {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        let is_inline = !indents
            || self.layout == XmlLayout::Compact
            || children.iter().all(|child| self.document.text(*child).is_some());
        if is_inline {
            for child in children {
                self.node(child, depth + 1, indents);
            }
        } else {
            self.lines(&children, depth);
        }
        self.push(&["</", element.name.written(), ">"]);
    }

    /// Writes each child on a line of its own, save for texts beside CDATA before any other node.
    fn lines(&mut self, children: &[NodeId], depth: usize) {
        let is_cdata = |child: &NodeId| matches!(self.document.kind(*child), NodeKind::CData(_));
        let texts = children.iter().take_while(|child| self.document.text(**child).is_some()).count();
        let inline = children[..texts].iter().rposition(is_cdata).map_or(0, |last| last + 1);
        for (at, child) in children.iter().enumerate() {
            if self.out.len() > self.room {
                return;
            }
            if at >= inline {
                self.new_line(depth + 1);
            }
            match self.document.kind(*child) {
                NodeKind::Text(text) if at >= inline => push_text(text.trim_start_matches('\n'), &mut self.out),
                _ => self.node(*child, depth + 1, true),
            }
        }
        if self.out.len() <= self.room {
            self.new_line(depth);
        }
    }

    fn is_written(&self, place: NodeId) -> bool {
        self.layout == XmlLayout::Indented || self.document.text(place).is_none_or(|text| !text.trim().is_empty())
    }

    fn push(&mut self, parts: &[&str]) {
        self.out.extend(parts.iter().copied());
    }

    fn new_line(&mut self, depth: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Returns attributes in the order of Java's transformer: declarations of namespaces, that of the
/// element's own prefix first, and then the others, each by name.
fn sorted<'d>(element: &Element, attributes: &'d [Attribute]) -> Vec<&'d Attribute> {
    let own = element.name.prefix().map_or_else(|| "xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"));
    let mut attributes: Vec<&Attribute> = attributes.iter().collect();
    attributes.sort_by_key(|attribute| {
        let name = attribute.name.written();
        (!attribute.name.is_declaration(), name != own, name)
    });
    attributes
}
