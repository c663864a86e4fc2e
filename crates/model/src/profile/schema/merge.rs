//! Merging the tree of a profile with the one that it extends, before anything is read from it.

use standin_stub::source::{Member, Node, Value};

/// Merges the members of two objects; `both` combines the values of a key that both have.
pub(super) fn merge_members(own: &Node, base: &Node, both: impl Fn(&str, &Node, &Node) -> Node) -> Node {
    let (Value::Object(members), Value::Object(inherited)) = (&own.value, &base.value) else { return own.clone() };
    let mut merged: Vec<Member> = members
        .iter()
        .map(|member| match base.get(&member.key) {
            Some(base) => Member { value: both(&member.key, &member.value, base), ..member.clone() },
            None => member.clone(),
        })
        .collect();
    merged.extend(inherited.iter().filter(|member| own.get(&member.key).is_none()).cloned());
    Node { span: own.span.clone(), value: Value::Object(merged) }
}

/// Merges two objects; the own value of a key replaces the inherited one.
pub(super) fn merge_flat(own: &Node, base: &Node) -> Node {
    merge_members(own, base, |_, own, _| own.clone())
}

/// Merges two objects as [`merge_flat`] does, where an own key of a pair takes the place of both
/// inherited ones.
pub(super) fn merge_with_pair(own: &Node, base: &Node, pair: [&str; 2]) -> Node {
    let Value::Object(members) = &base.value else { return own.clone() };
    let is_replaced = |key: &str| pair.contains(&key) && pair.iter().any(|key| own.get(key).is_some());
    let kept = members.iter().filter(|member| !is_replaced(&member.key)).cloned().collect();
    merge_flat(own, &Node { span: base.span.clone(), value: Value::Object(kept) })
}

/// Merges two lists of named objects. New items come first: the first match counts, and new items
/// are the more specific ones.
pub(super) fn merge_by_name(own: &Node, base: &Node, both: impl Fn(&Node, &Node) -> Node) -> Node {
    let (Value::Array(items), Value::Array(inherited)) = (&own.value, &base.value) else { return own.clone() };
    let mut is_new = vec![true; items.len()];
    let mut known = Vec::with_capacity(inherited.len());
    for base in inherited {
        let same = items.iter().position(|item| name_of(item).is_some() && name_of(item) == name_of(base));
        known.push(match same {
            Some(index) => {
                is_new[index] = false;
                both(&items[index], base)
            }
            None => base.clone(),
        });
    }
    let new = items.iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(item, _)| item.clone());
    Node { span: own.span.clone(), value: Value::Array(new.chain(known).collect()) }
}

/// Returns the name of a service or an operation.
pub(super) fn name_of(node: &Node) -> Option<&str> {
    node.get("name").and_then(Node::as_str)
}
