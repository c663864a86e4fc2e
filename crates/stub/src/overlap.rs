//! Stubs that cannot answer because another always comes first, and stubs that say the same twice.
//!
//! A stub is hidden when an earlier one asks of a call nothing that it does not ask itself. That is decided clause by
//! clause on the text of the request patterns, so what is reported is certain; overlaps of patterns are not looked for.

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::Value;

use super::{Scenario, Stub};
use crate::defect::Defect;

/// Clauses of a stub of which all combinations are looked up; with more, only the whole and each without one.
const FEW: usize = 8;

/// Reports hidden and duplicate stubs among `stubs`.
pub fn overlaps(stubs: &[Arc<Stub>]) -> Vec<Defect> {
    let mut ordered: Vec<&Arc<Stub>> = stubs.iter().collect();
    ordered.sort_by_key(|stub| stub.rank);
    // the stubs that come earlier, by all that they ask
    let mut earlier: HashMap<String, &Arc<Stub>> = HashMap::new();
    let mut defects = Vec::new();
    for stub in ordered {
        let asked = asked(stub);
        let whole = asked.join("\n");
        // a stub with a subset of the clauses asks for less, and the whole is its own largest subset
        let hider = subsets(&asked).find_map(|subset| Some((earlier.get(&subset)?, subset == whole)));
        if let Some((other, same)) = hider {
            defects.push(report(stub, other, same));
        }
        if may_hide(stub) {
            earlier.entry(whole).or_insert(stub);
        }
    }
    defects
}

/// The combinations of sorted clauses, the whole first.
fn subsets(asked: &[String]) -> Box<dyn Iterator<Item = String> + '_> {
    let without = |left_out: usize| {
        let kept = asked.iter().enumerate().filter(move |(place, _)| left_out >> place & 1 == 0);
        kept.map(|(_, clause)| clause.as_str()).collect::<Vec<_>>().join("\n")
    };
    if asked.len() <= FEW {
        return Box::new((0..1 << asked.len()).map(without));
    }
    let each = (0..asked.len().min(usize::BITS as usize - 1)).map(|place| 1 << place);
    Box::new(std::iter::once(0).chain(each).map(without))
}

/// A stub of a scenario gives way in some states.
fn may_hide(stub: &Stub) -> bool {
    stub.scenario.as_ref().is_none_or(|scenario| scenario.required.is_none())
}

fn report(stub: &Stub, other: &Stub, same: bool) -> Defect {
    let message = if same {
        format!("{} is never reached: {} asks for the same and comes first", stub.label(), other.label())
    } else {
        format!("{} is never reached: {} asks for less and comes first", stub.label(), other.label())
    };
    let help = if stub.rank.priority == other.rank.priority {
        "remove one of them, or give this one a lower `priority`"
    } else {
        "remove one of them, or change their `priority`"
    };
    Defect::warning(message).help(help)
}

/// The clauses of a request pattern, each as a line of text: `headers.accept {"equalTo":"x"}`; sorted.
fn asked(stub: &Stub) -> Vec<String> {
    let mut clauses = Vec::new();
    let document = stub.json();
    let Some(Value::Object(request)) = document.get("request") else { return clauses };
    for (key, value) in request {
        match (key.as_str(), value) {
            ("method", Value::String(method)) if method == "ANY" => {}
            ("headers" | "queryParameters" | "cookies" | "formParameters" | "pathParameters", Value::Object(named)) => {
                clauses.extend(named.iter().map(|(name, rule)| format!("{key}.{} {rule}", name_of(key, name))));
            }
            ("bodyPatterns", Value::Array(rules)) => clauses.extend(rules.iter().map(|rule| format!("body {rule}"))),
            (key, value) => clauses.push(format!("{key} {value}")),
        }
    }
    if let Some(Scenario { name, required: Some(required), .. }) = &stub.scenario {
        clauses.push(format!("scenario.{name} {required}"));
    }
    clauses.sort();
    clauses.dedup();
    clauses
}

/// Names of headers do not depend on case.
fn name_of(key: &str, name: &str) -> String {
    if key == "headers" { name.to_ascii_lowercase() } else { name.to_owned() }
}
