//! A profile that extends another: its tree laid over the other's, before anything is read from it.
//!
//! Maps merge by key, services and operations by name. What only makes sense as a whole is replaced as a whole: patterns,
//! distributions, overflows, classes, and a capacity that names its discipline.

use standin_stub::source::{Member, Node, Value};

/// The tree of a profile over that of the one that it extends.
pub(super) fn over(own: &Node, base: &Node) -> Node {
    let inherited = keep(base, |key| !OF_ITS_OWN.contains(&key));
    merge(own, &inherited, |key, own, base| match key {
        "services" => by_name(own, base, service),
        _ => own.clone(),
    })
}

/// The names of services that are said to differ from the base's, which has none of that name: they lack what a new one needs.
pub(super) fn unknown_services<'n>(own: &'n Node, base: &Node) -> Vec<&'n Node> {
    let (items, known) = (own.get("services").map_or(&[][..], Node::items), services(base));
    let is_unknown =
        |service: &&Node| service.get("capacity").is_none() && name(service).is_some_and(|name| !known.contains(&name));
    items.iter().filter(is_unknown).filter_map(|service| service.get("name")).collect()
}

/// The names of the services of a profile.
pub(super) fn services(profile: &Node) -> Vec<&str> {
    profile.get("services").map_or(&[][..], Node::items).iter().filter_map(name).collect()
}

fn service(own: &Node, base: &Node) -> Node {
    merge(own, base, |key, own, base| match key {
        "operations" => by_name(own, base, |own, base| merge(own, base, |_, own, _| own.clone())),
        "capacity" | "front" if own.get("discipline").is_some() => own.clone(),
        "capacity" | "front" | "default" | "scale" | "stalls" | "valid" => merge(own, base, |_, own, _| own.clone()),
        _ => own.clone(),
    })
}

/// The members of both; `both` says what becomes of those that both have.
fn merge(own: &Node, base: &Node, both: impl Fn(&str, &Node, &Node) -> Node) -> Node {
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

/// The items of both lists. Those that are new come first, as the first match counts and they are the more special ones.
fn by_name(own: &Node, base: &Node, both: impl Fn(&Node, &Node) -> Node) -> Node {
    let (Value::Array(items), Value::Array(inherited)) = (&own.value, &base.value) else { return own.clone() };
    let mut is_new = vec![true; items.len()];
    let mut known = Vec::with_capacity(inherited.len());
    for base in inherited {
        let same = items.iter().position(|item| name(item).is_some() && name(item) == name(base));
        known.push(match same {
            Some(place) => {
                is_new[place] = false;
                both(&items[place], base)
            }
            None => base.clone(),
        });
    }
    let new = items.iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(item, _)| item.clone());
    Node { span: own.span.clone(), value: Value::Array(new.chain(known).collect()) }
}

fn name(node: &Node) -> Option<&str> {
    node.get("name").and_then(Node::as_str)
}

fn keep(node: &Node, kept: impl Fn(&str) -> bool) -> Node {
    let members = node.members().iter().filter(|member| kept(&member.key)).cloned().collect();
    Node { span: node.span.clone(), value: Value::Object(members) }
}

/// What speaks of a profile itself.
const OF_ITS_OWN: &[&str] = &["description", "extends", "priority", "repeat", "speed", "timeline"];
