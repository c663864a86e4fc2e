//! Walking a tree: what is below, beside and above a node, and the text of it.

use std::borrow::Cow;

use super::{Attribute, Document, Element, NodeKind, joined};

/// A place in a document: a node, or an attribute of one. Places are ordered as the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    node: u32,
    /// 0 is the node itself, n its n-th attribute.
    attribute: u32,
}

impl NodeId {
    /// The document itself, above its outermost element.
    pub const DOCUMENT: Self = Self::of_node(0);

    const fn of_node(node: u32) -> Self {
        Self { node, attribute: 0 }
    }

    /// Returns true if the identifier is that of an attribute.
    pub fn is_attribute(self) -> bool {
        self.attribute > 0
    }
}

impl Document {
    /// Returns the kind of a node; for an attribute, that of its element.
    pub fn kind(&self, place: NodeId) -> &NodeKind {
        &self.nodes[place.node as usize].kind
    }

    /// Returns the element of an identifier; `None` for any other node, attributes included.
    pub fn element(&self, place: NodeId) -> Option<&Element> {
        match self.kind(place) {
            NodeKind::Element(element) if !place.is_attribute() => Some(element),
            _ => None,
        }
    }

    /// Returns the attribute of an identifier.
    pub fn attribute(&self, place: NodeId) -> Option<&Attribute> {
        let NodeKind::Element(element) = self.kind(place) else { return None };
        let index = place.attribute.checked_sub(1)?;
        self.attributes.get((element.attributes.start + index) as usize)
    }

    /// Returns the attributes of an element as written, declarations of namespaces included.
    pub fn attributes(&self, element: &Element) -> &[Attribute] {
        &self.attributes[element.attributes.start as usize..element.attributes.end as usize]
    }

    /// Returns the identifiers of the attributes of a node.
    pub fn attribute_places(&self, place: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let count = self.element(place).map_or(0, |element| element.attributes.end - element.attributes.start);
        (1..=count).map(move |attribute| NodeId { node: place.node, attribute })
    }

    /// Returns the children of a node, in document order.
    pub fn children(&self, place: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = if place.is_attribute() { 0 } else { self.end(place) };
        let inside = move |node: u32| (node < end).then_some(node);
        std::iter::successors(inside(place.node + 1), move |child| inside(self.nodes[*child as usize].end))
            .map(NodeId::of_node)
    }

    /// Returns all nodes below a node, in document order.
    pub fn descendants(&self, place: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        let end = if place.is_attribute() { 0 } else { self.end(place) };
        (place.node + 1..end).map(NodeId::of_node)
    }

    /// Returns the parent of a node; for an attribute, its element.
    pub fn parent(&self, place: NodeId) -> Option<NodeId> {
        if place.is_attribute() {
            return Some(NodeId::of_node(place.node));
        }
        (place.node > 0).then(|| NodeId::of_node(self.nodes[place.node as usize].parent))
    }

    /// Returns the next node with the same parent.
    pub fn next_sibling(&self, place: NodeId) -> Option<NodeId> {
        let parent = self.parent(place).filter(|_| !place.is_attribute())?;
        let next = self.end(place);
        (next < self.end(parent)).then(|| NodeId::of_node(next))
    }

    /// Returns all nodes after a node that are not below it, in document order.
    pub fn following(&self, place: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let begin = if place.is_attribute() { place.node + 1 } else { self.end(place) };
        (begin..self.nodes.len() as u32).map(NodeId::of_node)
    }

    /// Returns all nodes before a node, its ancestors included, in document order.
    pub fn before(place: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..place.node).map(NodeId::of_node)
    }

    /// Returns the text of a text node or CDATA section.
    pub fn text(&self, place: NodeId) -> Option<&str> {
        match self.kind(place) {
            NodeKind::Text(text) | NodeKind::CData(text) if !place.is_attribute() => Some(text),
            _ => None,
        }
    }

    /// Returns true if a text continues the node before it: CDATA and the text beside it are one
    /// text to XPath.
    pub fn continues_text(&self, place: NodeId) -> bool {
        let Some(before) = place.node.checked_sub(1).map(NodeId::of_node) else { return false };
        self.text(place).is_some() && self.text(before).is_some() && self.next_sibling(before) == Some(place)
    }

    /// Returns the text of a node as XPath defines it: all text below an element, the value of an
    /// attribute.
    pub fn string_value(&self, place: NodeId) -> Cow<'_, str> {
        if let Some(attribute) = self.attribute(place) {
            return Cow::Borrowed(&attribute.value);
        }
        match self.kind(place) {
            NodeKind::Document | NodeKind::Element(_) => {
                joined(self.descendants(place).filter_map(|below| self.text(below)))
            }
            // what stands in CDATA continues the text beside it
            NodeKind::Text(_) | NodeKind::CData(_) => {
                let run = std::iter::successors(Some(place), |place| self.next_sibling(*place));
                joined(run.map_while(|place| self.text(place)))
            }
            NodeKind::Comment(text) | NodeKind::Instruction { data: text, .. } => Cow::Borrowed(text),
        }
    }

    /// Returns the index of the first node that is not below a node.
    fn end(&self, place: NodeId) -> u32 {
        self.nodes[place.node as usize].end
    }
}
