//! A document as it is compared: without comments and blank texts, with names by the chosen
//! namespace awareness.

use std::borrow::Cow;

use super::NamespaceAwareness;
use standin_dialect::xml::{Attribute, Document, Element, NodeId, NodeKind};

/// A node that takes part in the comparison.
#[derive(Clone, Debug)]
pub(super) struct ComparedNode<'d> {
    pub(super) place: NodeId,
    pub(super) class: NodeClass,
    /// The name of an element, or the trimmed content of a text.
    pub(super) label: Cow<'d, str>,
}

/// The class of a node. Only nodes of one class are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeClass {
    Document,
    Element,
    Instruction,
    Text { is_cdata: bool },
}

impl NodeClass {
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// Returns whether two children form a pair. Text and CDATA do, and then differ.
    pub(super) fn pairs_with(self, other: Self) -> bool {
        self == other || self.is_text() && other.is_text()
    }
}

/// An attribute that takes part in the comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComparedAttribute<'d> {
    pub(super) place: NodeId,
    pub(super) namespace: Option<&'d str>,
    pub(super) name: &'d str,
    pub(super) value: &'d str,
}

/// The attributes of an element; those of `xsi` are kept separately.
#[derive(Debug, Default)]
pub(super) struct AttributeView<'d> {
    pub(super) kind: Option<ComparedAttribute<'d>>,
    pub(super) schema: Option<ComparedAttribute<'d>>,
    pub(super) bare_schema: Option<ComparedAttribute<'d>>,
    pub(super) others: Vec<ComparedAttribute<'d>>,
}

/// Returns the children that take part in the comparison, in document order.
pub(super) fn children(document: &Document, place: NodeId, awareness: NamespaceAwareness) -> Vec<ComparedNode<'_>> {
    let mut children: Vec<ComparedNode<'_>> = Vec::new();
    let mut joins = false;
    for place in document.children(place) {
        let (class, label) = match document.kind(place) {
            NodeKind::Document | NodeKind::Comment(_) => continue,
            NodeKind::Element(element) => (NodeClass::Element, Cow::Borrowed(element_name(element, awareness))),
            NodeKind::Instruction { target, .. } => (NodeClass::Instruction, Cow::Borrowed(&**target)),
            NodeKind::CData(text) => (NodeClass::Text { is_cdata: true }, Cow::Borrowed(&**text)),
            // texts on both sides of a comment are joined
            NodeKind::Text(text) => match children.last_mut().filter(|_| joins) {
                Some(before) => {
                    before.label.to_mut().push_str(text);
                    continue;
                }
                None => (NodeClass::Text { is_cdata: false }, Cow::Borrowed(&**text)),
            },
        };
        joins = class == NodeClass::Text { is_cdata: false };
        children.push(ComparedNode { place, class, label });
    }
    for child in children.iter_mut().filter(|child| child.class.is_text()) {
        child.label = match &child.label {
            Cow::Borrowed(text) => Cow::Borrowed(trimmed(text)),
            Cow::Owned(text) => Cow::Owned(trimmed(text).to_owned()),
        };
    }
    children.retain(|child| !(child.class.is_text() && child.label.is_empty()));
    children
}

/// Sorts children into the order in which they are paired: by name, and by their texts if `by_text`
/// is set.
pub(super) fn sorted<'d>(
    mut children: Vec<ComparedNode<'d>>,
    document: &'d Document,
    by_text: bool,
) -> Vec<ComparedNode<'d>> {
    let name = |child: &ComparedNode<'d>| {
        if child.class == NodeClass::Element { child.label.clone() } else { Cow::Borrowed("") }
    };
    if by_text {
        children.sort_by_cached_key(|child| (name(child), text_content(document, child)));
    } else {
        children.sort_by(|one, other| name(one).cmp(&name(other)));
    }
    children
}

/// Returns the texts of a child, each trimmed, joined.
fn text_content(document: &Document, child: &ComparedNode<'_>) -> String {
    match child.class {
        NodeClass::Element => {
            document.descendants(child.place).filter_map(|place| document.text(place)).map(trimmed).collect()
        }
        _ => child.label.to_string(),
    }
}

/// Returns the name of an element as it is compared.
fn element_name(element: &Element, awareness: NamespaceAwareness) -> &str {
    if awareness == NamespaceAwareness::None { element.name.written() } else { element.name.local() }
}

/// Returns the namespace of an element as it is compared.
pub(super) fn namespace<'d>(
    document: &'d Document,
    element: &'d Element,
    awareness: NamespaceAwareness,
) -> Option<&'d str> {
    match awareness {
        NamespaceAwareness::Strict => element.name.namespace(),
        NamespaceAwareness::Legacy => {
            let attributes = document.attributes(element);
            attributes.iter().find(|attribute| attribute.name.written() == "xmlns").map(|attribute| &*attribute.value)
        }
        NamespaceAwareness::None => None,
    }
}

/// Returns the attributes of an element.
pub(super) fn attributes<'d>(
    document: &'d Document,
    place: NodeId,
    element: &'d Element,
    awareness: NamespaceAwareness,
) -> AttributeView<'d> {
    let mut view = AttributeView::default();
    for (place, attribute) in document.attribute_places(place).zip(document.attributes(element)) {
        let Attribute { name, value } = attribute;
        if name.is_declaration() && awareness != NamespaceAwareness::None {
            continue;
        }
        let namespace = if awareness == NamespaceAwareness::Strict { name.namespace() } else { None };
        let known = if namespace.is_some() { name.local() } else { name.written() };
        let field = ComparedAttribute { place, namespace, name: known, value: trimmed(value) };
        let part = match known {
            "type" => &mut view.kind,
            "schemaLocation" => &mut view.schema,
            "noNamespaceSchemaLocation" => &mut view.bare_schema,
            _ => {
                view.others.push(field);
                continue;
            }
        };
        if namespace == Some(SCHEMA_INSTANCE) { *part = Some(field) } else { view.others.push(field) }
    }
    view
}

/// Returns the namespace and the name that a value such as `xs:string` means at an element.
pub(super) fn qualified<'d>(document: &'d Document, place: NodeId, value: &'d str) -> (Option<&'d str>, &'d str) {
    let (prefix, local) = value.split_once(':').unwrap_or(("", value));
    let declared = |place: NodeId| {
        let attributes = document.attributes(document.element(place)?);
        let is_meant = |attribute: &&Attribute| match attribute.name.prefix() {
            Some("xmlns") => attribute.name.local() == prefix,
            None => prefix.is_empty() && attribute.name.written() == "xmlns",
            Some(_) => false,
        };
        attributes.iter().find(is_meant).map(|attribute| &*attribute.value)
    };
    let namespace = std::iter::successors(Some(place), |place| document.parent(*place)).find_map(declared);
    (namespace, local)
}

/// Returns a text without white space and control characters at its ends, as Java's `trim` does.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
