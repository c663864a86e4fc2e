//! From nodes to nodes: along an axis, by a test, through predicates.

use super::evaluate::{Context, XPathWalk};
use super::{Document, NodeId, NodeTest, StepLimitExceeded, XPathAxis, XPathExpression, XPathStep, XPathValue};
use crate::xml::NodeKind;

/// Returns the nodes that a step finds from some nodes, in document order.
pub(super) fn step(step: &XPathStep, from: &[NodeId], walk: &XPathWalk<'_>) -> Result<Vec<NodeId>, StepLimitExceeded> {
    let mut found = Vec::new();
    for node in from {
        let mut nodes = along(step, *node, walk)?;
        for predicate in &step.predicates {
            nodes = kept(nodes, predicate, walk)?;
        }
        found.append(&mut nodes);
    }
    // even from one node, an axis may lead backwards
    Ok(in_order(found))
}

/// Returns the nodes that meet every predicate, in document order.
pub(super) fn filtered(
    mut nodes: Vec<NodeId>,
    predicates: &[XPathExpression],
    walk: &XPathWalk<'_>,
) -> Result<Vec<NodeId>, StepLimitExceeded> {
    for predicate in predicates {
        nodes = kept(nodes, predicate, walk)?;
    }
    Ok(nodes)
}

/// Returns each node once, in document order.
pub(super) fn in_order(mut nodes: Vec<NodeId>) -> Vec<NodeId> {
    if !nodes.is_sorted_by(|one, other| one < other) {
        nodes.sort_unstable();
        nodes.dedup();
    }
    nodes
}

/// Returns the nodes for which a predicate holds; a number holds for the node at that position.
fn kept(
    nodes: Vec<NodeId>,
    predicate: &XPathExpression,
    walk: &XPathWalk<'_>,
) -> Result<Vec<NodeId>, StepLimitExceeded> {
    let size = nodes.len();
    let mut kept = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let context = Context { walk, node, position: index + 1, size };
        let holds = match context.value(predicate)? {
            XPathValue::Number(number) => number == context.position as f64,
            value => value.as_boolean(),
        };
        if holds {
            kept.push(node);
        }
    }
    Ok(kept)
}

/// Returns the nodes on an axis that meet the test, nearest first.
fn along(step: &XPathStep, node: NodeId, walk: &XPathWalk<'_>) -> Result<Vec<NodeId>, StepLimitExceeded> {
    let document = walk.document;
    let mut found = Vec::new();
    let mut take = |place: NodeId| {
        walk.count(1)?;
        if fits(step, place, document) {
            found.push(place);
        }
        Ok(())
    };
    match step.axis {
        XPathAxis::Ancestor => above(document, node).try_for_each(&mut take)?,
        XPathAxis::AncestorOrSelf => std::iter::once(node).chain(above(document, node)).try_for_each(&mut take)?,
        XPathAxis::Attribute => document.attribute_places(node).try_for_each(&mut take)?,
        XPathAxis::Child => document.children(node).try_for_each(&mut take)?,
        XPathAxis::Descendant => document.descendants(node).try_for_each(&mut take)?,
        XPathAxis::DescendantOrSelf => {
            std::iter::once(node).chain(document.descendants(node)).try_for_each(&mut take)?;
        }
        XPathAxis::Following => document.following(node).try_for_each(&mut take)?,
        XPathAxis::FollowingSibling => {
            std::iter::successors(document.next_sibling(node), |place| document.next_sibling(*place))
                .try_for_each(&mut take)?;
        }
        XPathAxis::Itself => take(node)?,
        XPathAxis::Parent => document.parent(node).into_iter().try_for_each(&mut take)?,
        XPathAxis::Preceding => {
            let above: Vec<NodeId> = above(document, node).collect();
            let mut before =
                Document::before(node).rev().filter(|place| above.binary_search_by(|known| place.cmp(known)).is_err());
            before.try_for_each(&mut take)?;
        }
        XPathAxis::PrecedingSibling => {
            if let Some(parent) = document.parent(node).filter(|_| !node.is_attribute()) {
                let before: Vec<NodeId> = document.children(parent).take_while(|place| *place < node).collect();
                before.into_iter().rev().try_for_each(&mut take)?;
            }
        }
    }
    Ok(found)
}

/// Returns the ancestors of a node, nearest first.
fn above(document: &Document, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    std::iter::successors(document.parent(node), |place| document.parent(*place))
}

fn fits(step: &XPathStep, place: NodeId, document: &Document) -> bool {
    if let Some(attribute) = document.attribute(place) {
        // a declaration of a namespace is no attribute
        return !attribute.name.is_declaration()
            && match &step.test {
                NodeTest::Node => true,
                // a name means an element everywhere but on this axis
                NodeTest::Name(test) => step.axis == XPathAxis::Attribute && test.fits(&attribute.name),
                _ => false,
            };
    }
    match (&step.test, document.kind(place)) {
        (NodeTest::Name(test), NodeKind::Element(element)) => test.fits(&element.name),
        (NodeTest::Text | NodeTest::Node, NodeKind::Text(_) | NodeKind::CData(_)) => !document.continues_text(place),
        (NodeTest::Node, _) | (NodeTest::Comment, NodeKind::Comment(_)) => true,
        (NodeTest::Instruction(wanted), NodeKind::Instruction { target, .. }) => {
            wanted.as_ref().is_none_or(|wanted| wanted == target)
        }
        _ => false,
    }
}
