//! Detection of shadowed stubs: stubs that can never answer because another stub always comes
//! first.
//!
//! A stub is shadowed if the clauses of an earlier stub are a subset of its own. Clauses are
//! compared as the texts of the request patterns. So there are no false alarms, but overlaps
//! between different patterns are not found.

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::Value;

use super::{ScenarioStep, Stub};
use crate::defect::Defect;
use crate::source::rule::Rule;

/// Maximum number of clauses of which all subsets are looked up. With more clauses, only the whole
/// set and the sets without one clause are.
const MAX_CLAUSES_FOR_ALL_SUBSETS: usize = 8;

/// Returns a warning for each shadowed or duplicate stub among `stubs`.
pub fn overlaps(stubs: &[Arc<Stub>]) -> Vec<Defect> {
    let mut ordered: Vec<&Arc<Stub>> = stubs.iter().collect();
    ordered.sort_by_key(|stub| stub.rank);
    // stubs that come earlier, by their clauses
    let mut earlier: HashMap<String, &Arc<Stub>> = HashMap::new();
    let mut defects = Vec::new();
    for stub in ordered {
        let clauses = clauses(stub);
        let whole = clauses.join("\n");
        // an earlier stub with a subset of the clauses matches every request that this one does
        let shadowing = subsets(&clauses).find_map(|subset| Some((earlier.get(&subset)?, subset == whole)));
        if let Some((other, is_duplicate)) = shadowing {
            defects.push(shadowed(stub, other, is_duplicate));
        }
        if can_shadow(stub) {
            earlier.entry(whole).or_insert(stub);
        }
    }
    defects
}

/// Returns the subsets of sorted clauses, each joined to one text, the whole set first.
fn subsets(clauses: &[String]) -> Box<dyn Iterator<Item = String> + '_> {
    let without = |left_out: usize| {
        let kept = clauses.iter().enumerate().filter(move |(place, _)| left_out >> place & 1 == 0);
        kept.map(|(_, clause)| clause.as_str()).collect::<Vec<_>>().join("\n")
    };
    if clauses.len() <= MAX_CLAUSES_FOR_ALL_SUBSETS {
        return Box::new((0..1 << clauses.len()).map(without));
    }
    let each = (0..clauses.len().min(usize::BITS as usize - 1)).map(|place| 1 << place);
    Box::new(std::iter::once(0).chain(each).map(without))
}

/// Returns true if the stub answers in every state, so that stubs after it are never reached. A
/// stub that requires a scenario state does not.
fn can_shadow(stub: &Stub) -> bool {
    stub.scenario.as_ref().is_none_or(|scenario| scenario.required.is_none())
}

fn shadowed(stub: &Stub, other: &Stub, is_duplicate: bool) -> Defect {
    let message = if is_duplicate {
        format!("{} is never reached: {} asks for the same and comes first", stub.label(), other.label())
    } else {
        format!("{} is never reached: {} asks for less and comes first", stub.label(), other.label())
    };
    let help = if stub.rank.priority == other.rank.priority {
        "remove one of them, or give this one a lower `priority`"
    } else {
        "remove one of them, or change their `priority`"
    };
    stub.located(Defect::warning(message).help(help).rule(&Rule::NEVER_REACHED))
}

/// Returns the clauses of a request pattern, sorted, each as a line such as `headers.accept
/// {"equalTo":"x"}`.
fn clauses(stub: &Stub) -> Vec<String> {
    let mut clauses = Vec::new();
    let document = stub.json();
    let Some(Value::Object(request)) = document.get("request") else { return clauses };
    for (key, value) in request {
        match (key.as_str(), value) {
            ("method", Value::String(method)) if method == "ANY" => {}
            ("headers" | "queryParameters" | "cookies" | "formParameters" | "pathParameters", Value::Object(named)) => {
                clauses.extend(named.iter().map(|(name, rule)| format!("{key}.{} {rule}", comparable_name(key, name))));
            }
            ("bodyPatterns", Value::Array(rules)) => clauses.extend(rules.iter().map(|rule| format!("body {rule}"))),
            (key, value) => clauses.push(format!("{key} {value}")),
        }
    }
    if let Some(ScenarioStep { name, required: Some(required), .. }) = &stub.scenario {
        clauses.push(format!("scenario.{name} {required}"));
    }
    clauses.sort();
    clauses.dedup();
    clauses
}

/// Returns a name as it is compared: header names in lower case, others as they are.
fn comparable_name(key: &str, name: &str) -> String {
    if key == "headers" { name.to_ascii_lowercase() } else { name.to_owned() }
}
