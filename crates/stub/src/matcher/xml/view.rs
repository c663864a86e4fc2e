//! A document as it is compared: without comments and blank texts, and with names by the chosen regard to namespaces.

use std::borrow::Cow;

use super::Awareness;
use standin_dialect::xml::{Attribute, Document, Element, Kind, Place};

/// A child that counts.
#[derive(Clone, Debug)]
pub(super) struct Child<'d> {
    pub(super) place: Place,
    pub(super) class: Class,
    /// The name of an element, the trimmed text of a text.
    pub(super) label: Cow<'d, str>,
}

/// What can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Document,
    Element,
    Instruction,
    Text { is_cdata: bool },
}

impl Class {
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// Whether two children are a pair; text and CDATA are, to be found different.
    pub(super) fn pairs_with(self, other: Self) -> bool {
        self == other || self.is_text() && other.is_text()
    }
}

/// An attribute that is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'d> {
    pub(super) place: Place,
    pub(super) namespace: Option<&'d str>,
    pub(super) name: &'d str,
    pub(super) value: &'d str,
}

/// The attributes of an element: what schemas say apart from the others.
#[derive(Debug, Default)]
pub(super) struct Fields<'d> {
    pub(super) kind: Option<Field<'d>>,
    pub(super) schema: Option<Field<'d>>,
    pub(super) bare_schema: Option<Field<'d>>,
    pub(super) others: Vec<Field<'d>>,
}

/// What is below a node and counts, in the order of the document.
pub(super) fn children(document: &Document, place: Place, awareness: Awareness) -> Vec<Child<'_>> {
    let mut children: Vec<Child<'_>> = Vec::new();
    let mut joins = false;
    for place in document.children(place) {
        let (class, label) = match document.kind(place) {
            Kind::Document | Kind::Comment(_) => continue,
            Kind::Element(element) => (Class::Element, Cow::Borrowed(element_name(element, awareness))),
            Kind::Instruction { target, .. } => (Class::Instruction, Cow::Borrowed(&**target)),
            Kind::CData(text) => (Class::Text { is_cdata: true }, Cow::Borrowed(&**text)),
            // texts on both sides of a comment are one
            Kind::Text(text) => match children.last_mut().filter(|_| joins) {
                Some(before) => {
                    before.label.to_mut().push_str(text);
                    continue;
                }
                None => (Class::Text { is_cdata: false }, Cow::Borrowed(&**text)),
            },
        };
        joins = class == Class::Text { is_cdata: false };
        children.push(Child { place, class, label });
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

/// Children in the order in which they are paired: by name, and by what they say if that is asked.
pub(super) fn sorted<'d>(mut children: Vec<Child<'d>>, document: &'d Document, by_text: bool) -> Vec<Child<'d>> {
    let name = |child: &Child<'d>| if child.class == Class::Element { child.label.clone() } else { Cow::Borrowed("") };
    if by_text {
        children.sort_by_cached_key(|child| (name(child), text_content(document, child)));
    } else {
        children.sort_by(|one, other| name(one).cmp(&name(other)));
    }
    children
}

/// All texts of a child, trimmed one by one.
fn text_content(document: &Document, child: &Child<'_>) -> String {
    match child.class {
        Class::Element => {
            document.descendants(child.place).filter_map(|place| document.text(place)).map(trimmed).collect()
        }
        _ => child.label.to_string(),
    }
}

/// The name by which an element is known.
fn element_name(element: &Element, awareness: Awareness) -> &str {
    if awareness == Awareness::None { element.name.written() } else { element.name.local() }
}

/// The namespace by which an element is known.
pub(super) fn namespace<'d>(document: &'d Document, element: &'d Element, awareness: Awareness) -> Option<&'d str> {
    match awareness {
        Awareness::Strict => element.name.namespace(),
        Awareness::Legacy => {
            let attributes = document.attributes(element);
            attributes.iter().find(|attribute| attribute.name.written() == "xmlns").map(|attribute| &*attribute.value)
        }
        Awareness::None => None,
    }
}

/// The attributes of an element.
pub(super) fn fields<'d>(
    document: &'d Document,
    place: Place,
    element: &'d Element,
    awareness: Awareness,
) -> Fields<'d> {
    let mut fields = Fields::default();
    for (place, attribute) in document.attribute_places(place).zip(document.attributes(element)) {
        let Attribute { name, value } = attribute;
        if name.is_declaration() && awareness != Awareness::None {
            continue;
        }
        let namespace = if awareness == Awareness::Strict { name.namespace() } else { None };
        let known = if namespace.is_some() { name.local() } else { name.written() };
        let field = Field { place, namespace, name: known, value: trimmed(value) };
        let part = match known {
            "type" => &mut fields.kind,
            "schemaLocation" => &mut fields.schema,
            "noNamespaceSchemaLocation" => &mut fields.bare_schema,
            _ => {
                fields.others.push(field);
                continue;
            }
        };
        if namespace == Some(SCHEMA_INSTANCE) { *part = Some(field) } else { fields.others.push(field) }
    }
    fields
}

/// The namespace and the name that a value such as `xs:string` means at an element.
pub(super) fn qualified<'d>(document: &'d Document, place: Place, value: &'d str) -> (Option<&'d str>, &'d str) {
    let (prefix, local) = value.split_once(':').unwrap_or(("", value));
    let declared = |place: Place| {
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

/// A text without blanks and control characters around it, as Java trims.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
