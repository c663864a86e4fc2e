//! A node as text again, over several lines as Java's transformer writes it: what rules and
//! templates see of an element.

use super::escape::{push_attribute_value, push_text};
use super::{Document, NodeId, NodeKind};

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
            NodeKind::Text(_) | NodeKind::CData(_) => self.string_value(place).into_owned(),
            NodeKind::Comment(text) => format!("[#comment: {text}]"),
            NodeKind::Instruction { target, data } => format!("[{target}: {data}]"),
        }
    }

    /// Returns the XML of a node over several lines. It is cut somewhere after `room` bytes, since
    /// indentation makes it much longer than the document.
    pub fn pretty(&self, place: NodeId, room: usize) -> String {
        let mut out = String::new();
        match self.kind(place) {
            NodeKind::Document => {
                for child in self.children(place) {
                    self.write(child, 0, room, &mut out);
                    out.push('\n');
                }
            }
            _ => {
                self.write(place, 0, room, &mut out);
                out.push('\n');
            }
        }
        out
    }

    fn write(&self, place: NodeId, depth: usize, room: usize, out: &mut String) {
        if out.len() > room {
            return;
        }
        match self.kind(place) {
            NodeKind::Document => {}
            NodeKind::Element(element) => {
                out.push('<');
                out.push_str(element.name.written());
                let mut attributes: Vec<_> = self.attributes(element).iter().collect();
                attributes.sort_by_key(|attribute| attribute.name.written());
                for attribute in attributes {
                    out.push(' ');
                    out.push_str(attribute.name.written());
                    out.push_str("=\"");
                    push_attribute_value(&attribute.value, out);
                    out.push('"');
                }
                if self.children(place).next().is_none() {
                    out.push_str("/>");
                    return;
                }
                out.push('>');
                self.write_children(place, depth, room, out);
                out.push_str("</");
                out.push_str(element.name.written());
                out.push('>');
            }
            NodeKind::Text(text) => push_text(text, out),
            NodeKind::CData(text) => {
                out.push_str("<![CDATA[");
                out.push_str(text);
                out.push_str("]]>");
            }
            NodeKind::Comment(text) => {
                out.push_str("<!--");
                out.push_str(text);
                out.push_str("-->");
            }
            NodeKind::Instruction { target, data } => {
                out.push_str("<?");
                out.push_str(target);
                out.push(' ');
                out.push_str(data);
                out.push_str("?>");
            }
        }
    }

    /// Writes the children of an element: text alone stays beside the tags, everything else has
    /// lines of its own.
    fn write_children(&self, place: NodeId, depth: usize, room: usize, out: &mut String) {
        if self.children(place).all(|child| self.text(child).is_some()) {
            for child in self.children(place) {
                self.write(child, depth, room, out);
            }
            return;
        }
        for child in self.children(place) {
            if let NodeKind::Text(text) = self.kind(child)
                && text.trim().is_empty()
            {
                continue;
            }
            if out.len() > room {
                return;
            }
            new_line(depth + 1, out);
            self.write(child, depth + 1, room, out);
        }
        if out.len() <= room {
            new_line(depth, out);
        }
    }
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}
