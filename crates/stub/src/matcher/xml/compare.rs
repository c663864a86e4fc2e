//! Compares two documents in the order of XMLUnit, up to the first difference or counting all.

use super::view::{self, AttributeView, ComparedAttribute, ComparedNode, NodeClass};
use super::{ExpectedXml, NamespaceAwareness, XmlComparison};
use standin_dialect::java_regex::MatchOutcome;
use standin_dialect::xml::{Document, Element, NodeId, NodeKind};

/// The state of a comparison of two documents.
pub(super) struct Comparer<'d> {
    rule: &'d ExpectedXml,
    actual: &'d Document,
    /// True if the first difference ends the comparison. Children are then paired by name, whatever
    /// their order.
    stops: bool,
    pub(super) comparisons: usize,
    pub(super) differences: usize,
    /// True if the pattern of a placeholder reached its limit.
    pub(super) gave_up: bool,
}

impl<'d> Comparer<'d> {
    pub(super) fn new(rule: &'d ExpectedXml, actual: &'d Document, stops: bool) -> Self {
        Self { rule, actual, stops, comparisons: 0, differences: 0, gave_up: false }
    }

    /// Returns whether the documents are equal.
    pub(super) fn compare(&mut self) -> bool {
        let document = |place| ComparedNode { place, class: NodeClass::Document, label: "".into() };
        self.nodes(&document(NodeId::DOCUMENT), &document(NodeId::DOCUMENT));
        self.differences == 0
    }

    /// Counts a comparison; returns false if it ends the walk.
    fn note(&mut self, comparison: XmlComparison, is_equal: bool) -> bool {
        if self.rule.options.exempted.has(comparison) {
            return true;
        }
        self.comparisons += 1;
        self.differences += usize::from(!is_equal);
        is_equal || !self.stops
    }

    /// Compares two nodes and their descendants; returns false if that ends the walk.
    fn nodes(&mut self, expected: &ComparedNode<'d>, actual: &ComparedNode<'d>) -> bool {
        let awareness = self.rule.options.namespaces;
        let are_texts = expected.class.is_text() && actual.class.is_text();
        let same_type = expected.class == actual.class
            || are_texts && awareness == NamespaceAwareness::Legacy
            || are_texts && self.placeholder(expected.place, Some(&actual.label)) == Some(true);
        if !self.note(XmlComparison::NodeType, same_type) {
            return false;
        }
        let elements = (element(&self.rule.expected, expected), element(self.actual, actual));
        if let (Some(one), other) = elements
            && let Some(wanted) = view::namespace(&self.rule.expected, one, awareness)
        {
            let namespace = other.and_then(|other| view::namespace(self.actual, other, awareness));
            if !self.note(XmlComparison::NamespaceUri, namespace == Some(wanted)) {
                return false;
            }
        }
        let wanted = view::children(&self.rule.expected, expected.place, awareness);
        let came = view::children(self.actual, actual.place, awareness);
        let mut same_count = wanted.len() == came.len();
        if let ([only], []) = (wanted.as_slice(), came.as_slice())
            && only.class.is_text()
            && let Some(accepts) = self.placeholder(only.place, None)
        {
            same_count = accepts;
        }
        self.note(XmlComparison::ChildCount, same_count)
            && self.own(expected, actual, elements)
            && self.children(wanted, came)
    }

    /// Compares the properties of one kind of node; returns false if that ends the walk.
    fn own(
        &mut self,
        expected: &ComparedNode<'d>,
        actual: &ComparedNode<'d>,
        elements: (Option<&'d Element>, Option<&'d Element>),
    ) -> bool {
        match (expected.class, actual.class) {
            (NodeClass::Text { .. }, NodeClass::Text { .. }) => {
                let is_equal = self
                    .placeholder(expected.place, Some(&actual.label))
                    .unwrap_or_else(|| expected.label == actual.label);
                self.note(XmlComparison::TextValue, is_equal)
            }
            (NodeClass::Instruction, NodeClass::Instruction) => {
                let data = |document: &'d Document, place| match document.kind(place) {
                    NodeKind::Instruction { data, .. } => view::trimmed(data),
                    _ => "",
                };
                let is_equal = data(&self.rule.expected, expected.place) == data(self.actual, actual.place);
                self.note(XmlComparison::InstructionTarget, expected.label == actual.label)
                    && self.note(XmlComparison::InstructionData, is_equal)
            }
            _ => match elements {
                (Some(one), Some(other)) => {
                    let awareness = self.rule.options.namespaces;
                    let wanted = view::attributes(&self.rule.expected, expected.place, one, awareness);
                    let came = view::attributes(self.actual, actual.place, other, awareness);
                    self.note(XmlComparison::ElementTagName, expected.label == actual.label)
                        && self.attributes(&wanted, &came, expected.place, actual.place)
                }
                _ => true,
            },
        }
    }

    fn attributes(
        &mut self,
        wanted: &AttributeView<'d>,
        came: &AttributeView<'d>,
        expected: NodeId,
        actual: NodeId,
    ) -> bool {
        let find = |field: &ComparedAttribute<'d>| {
            came.others.iter().find(|other| other.name == field.name && other.namespace == field.namespace)
        };
        // attributes that may be missing are not counted
        let missing = wanted
            .others
            .iter()
            .filter(|field| find(field).is_none() && self.placeholder(field.place, None) == Some(true))
            .count();
        if !self.note(XmlComparison::AttributeCount, wanted.others.len() - missing == came.others.len()) {
            return false;
        }
        if let Some(kind) = &wanted.kind {
            if !self.note(XmlComparison::AttributeName, came.kind.is_some()) {
                return false;
            }
            if let Some(other) = &came.kind {
                let is_equal = view::qualified(&self.rule.expected, expected, kind.value)
                    == view::qualified(self.actual, actual, other.value);
                if !self.note(XmlComparison::AttributeValue, is_equal) {
                    return false;
                }
            }
        }
        for (comparison, wanted, came) in [
            (XmlComparison::SchemaLocation, &wanted.schema, &came.schema),
            (XmlComparison::NoNamespaceSchemaLocation, &wanted.bare_schema, &came.bare_schema),
        ] {
            if let Some(wanted) = wanted
                && !self.note(comparison, came.as_ref().is_some_and(|came| came.value == wanted.value))
            {
                return false;
            }
        }
        wanted.others.iter().all(|field| self.attribute(field, find(field)))
    }

    fn attribute(&mut self, wanted: &ComparedAttribute<'d>, came: Option<&ComparedAttribute<'d>>) -> bool {
        let is_there = came.is_some() || self.placeholder(wanted.place, None) == Some(true);
        if !self.note(XmlComparison::AttributeName, is_there) {
            return false;
        }
        let Some(came) = came else { return true };
        let is_equal = self.placeholder(wanted.place, Some(came.value)).unwrap_or(wanted.value == came.value);
        self.note(XmlComparison::AttributeValue, is_equal)
    }

    /// Pairs the children and compares each pair; returns false if that ends the walk.
    fn children(&mut self, wanted: Vec<ComparedNode<'d>>, came: Vec<ComparedNode<'d>>) -> bool {
        let (wanted, came) = if self.stops {
            let by_text = self.rule.options.any_order;
            (view::sorted(wanted, &self.rule.expected, by_text), view::sorted(came, self.actual, by_text))
        } else {
            (wanted, came)
        };
        let mut next = [0; 3];
        for child in &wanted {
            // the children of each class are paired in order
            let next = &mut next[class_index(child.class)];
            let pair = came[*next..].iter().position(|other| child.class.pairs_with(other.class));
            let goes_on = match pair {
                Some(place) => {
                    let other = &came[*next + place];
                    *next += place + 1;
                    self.nodes(child, other)
                }
                None => {
                    let accepts = child.class.is_text() && self.placeholder(child.place, None) == Some(true);
                    self.note(XmlComparison::Child, accepts)
                }
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// Returns whether the placeholder at this place of the expected document accepts a text;
    /// `None` if there is no placeholder.
    fn placeholder(&mut self, place: NodeId, text: Option<&str>) -> Option<bool> {
        let outcome = self.rule.placeholders.get(&place)?.accepts(text);
        self.gave_up |= outcome == MatchOutcome::LimitExceeded;
        Some(outcome == MatchOutcome::Match)
    }
}

fn element<'d>(document: &'d Document, child: &ComparedNode<'d>) -> Option<&'d Element> {
    document.element(child.place)
}

fn class_index(class: NodeClass) -> usize {
    match class {
        NodeClass::Document | NodeClass::Element => 0,
        NodeClass::Instruction => 1,
        NodeClass::Text { .. } => 2,
    }
}
