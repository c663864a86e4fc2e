//! From nodes to nodes: along an axis, by a test, through predicates.

use super::evaluate::{Context, Walk};
use super::{Axis, Document, Expression, GaveUp, Place, Step, Test, Value};
use crate::xml::Kind;

/// What a step finds from these nodes, in document order.
pub(super) fn step(step: &Step, from: &[Place], walk: &Walk<'_>) -> Result<Vec<Place>, GaveUp> {
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

/// Those of some nodes, in document order, that meet every predicate.
pub(super) fn filtered(
    mut nodes: Vec<Place>,
    predicates: &[Expression],
    walk: &Walk<'_>,
) -> Result<Vec<Place>, GaveUp> {
    for predicate in predicates {
        nodes = kept(nodes, predicate, walk)?;
    }
    Ok(nodes)
}

/// Each once, in document order.
pub(super) fn in_order(mut nodes: Vec<Place>) -> Vec<Place> {
    if !nodes.is_sorted_by(|one, other| one < other) {
        nodes.sort_unstable();
        nodes.dedup();
    }
    nodes
}

/// Those that a predicate holds for; a number holds for the node of that place.
fn kept(nodes: Vec<Place>, predicate: &Expression, walk: &Walk<'_>) -> Result<Vec<Place>, GaveUp> {
    let size = nodes.len();
    let mut kept = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let context = Context { walk, node, position: index + 1, size };
        let holds = match context.value(predicate)? {
            Value::Number(number) => number == context.position as f64,
            value => value.as_boolean(),
        };
        if holds {
            kept.push(node);
        }
    }
    Ok(kept)
}

/// What stands on an axis and meets the test, nearest first.
fn along(step: &Step, node: Place, walk: &Walk<'_>) -> Result<Vec<Place>, GaveUp> {
    let document = walk.document;
    let mut found = Vec::new();
    let mut take = |place: Place| {
        walk.count(1)?;
        if fits(step, place, document) {
            found.push(place);
        }
        Ok(())
    };
    match step.axis {
        Axis::Ancestor => above(document, node).try_for_each(&mut take)?,
        Axis::AncestorOrSelf => std::iter::once(node).chain(above(document, node)).try_for_each(&mut take)?,
        Axis::Attribute => document.attribute_places(node).try_for_each(&mut take)?,
        Axis::Child => document.children(node).try_for_each(&mut take)?,
        Axis::Descendant => document.descendants(node).try_for_each(&mut take)?,
        Axis::DescendantOrSelf => std::iter::once(node).chain(document.descendants(node)).try_for_each(&mut take)?,
        Axis::Following => document.following(node).try_for_each(&mut take)?,
        Axis::FollowingSibling => {
            std::iter::successors(document.next_sibling(node), |place| document.next_sibling(*place))
                .try_for_each(&mut take)?;
        }
        Axis::Itself => take(node)?,
        Axis::Parent => document.parent(node).into_iter().try_for_each(&mut take)?,
        Axis::Preceding => {
            let above: Vec<Place> = above(document, node).collect();
            let mut before =
                Document::before(node).rev().filter(|place| above.binary_search_by(|known| place.cmp(known)).is_err());
            before.try_for_each(&mut take)?;
        }
        Axis::PrecedingSibling => {
            if let Some(parent) = document.parent(node).filter(|_| !node.is_attribute()) {
                let before: Vec<Place> = document.children(parent).take_while(|place| *place < node).collect();
                before.into_iter().rev().try_for_each(&mut take)?;
            }
        }
    }
    Ok(found)
}

/// The nodes above, from below.
fn above(document: &Document, node: Place) -> impl Iterator<Item = Place> + '_ {
    std::iter::successors(document.parent(node), |place| document.parent(*place))
}

fn fits(step: &Step, place: Place, document: &Document) -> bool {
    if let Some(attribute) = document.attribute(place) {
        // a declaration of a namespace is no attribute
        return !attribute.name.is_declaration()
            && match &step.test {
                Test::Node => true,
                // a name means an element everywhere but on this axis
                Test::Name(test) => step.axis == Axis::Attribute && test.fits(&attribute.name),
                _ => false,
            };
    }
    match (&step.test, document.kind(place)) {
        (Test::Name(test), Kind::Element(element)) => test.fits(&element.name),
        (Test::Text | Test::Node, Kind::Text(_) | Kind::CData(_)) => !document.continues_text(place),
        (Test::Node, _) | (Test::Comment, Kind::Comment(_)) => true,
        (Test::Instruction(wanted), Kind::Instruction { target, .. }) => {
            wanted.as_ref().is_none_or(|wanted| wanted == target)
        }
        _ => false,
    }
}
