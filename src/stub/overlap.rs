//! Stubs that cannot answer because another always comes first, and stubs that say the same twice.
//!
//! A stub is hidden when an earlier one asks of a call nothing that it does not ask itself. That is decided clause by
//! clause on the text of the request patterns, so what is reported is certain; overlaps of patterns are not looked for.

use std::sync::Arc;

use hashbrown::HashMap;
use serde_json::{Map, Value};

use super::Stub;
use crate::defect::Defect;

/// What a stub asks of a call, clause by clause.
type Asked = Vec<(String, Value)>;

/// Reports hidden and duplicate stubs among `stubs`.
pub fn overlaps(stubs: &[Arc<Stub>]) -> Vec<Defect> {
    let mut ordered: Vec<&Arc<Stub>> = stubs.iter().collect();
    ordered.sort_by_key(|stub| stub.rank);
    // a hiding stub asks for the same url in the same words, or for none
    let mut earlier: HashMap<String, Vec<(Arc<Stub>, Asked)>> = HashMap::new();
    let mut defects = Vec::new();
    for stub in ordered {
        let asked = asked(stub);
        let key = url_key(&asked);
        let hider =
            ["", key.as_str()].iter().filter_map(|key| earlier.get(*key)).flatten().find(|(other, other_asked)| {
                may_hide(other) && other_asked.iter().all(|clause| asked.contains(clause))
            });
        if let Some((other, other_asked)) = hider {
            defects.push(report(stub, other, other_asked.len() == asked.len()));
        }
        earlier.entry(key).or_default().push((Arc::clone(stub), asked));
    }
    defects
}

/// A stub of a scenario gives way in some states.
fn may_hide(stub: &Stub) -> bool {
    stub.scenario.as_ref().is_none_or(|scenario| scenario.required.is_none())
}

fn report(stub: &Stub, other: &Stub, same: bool) -> Defect {
    let what = if same {
        format!("{} is never reached: {} asks for the same and comes first", stub.label(), other.label())
    } else {
        format!("{} is never reached: {} asks for less and comes first", stub.label(), other.label())
    };
    let mend = if stub.rank.priority == other.rank.priority {
        "remove one of them, or give this one a lower `priority`"
    } else {
        "remove one of them, or change their `priority`"
    };
    Defect::warning(what).mend(mend)
}

/// The clauses of a request pattern as names and values: `headers.Accept` and its matcher.
fn asked(stub: &Stub) -> Asked {
    let mut clauses = Vec::new();
    let document = stub.json();
    let Some(Value::Object(request)) = document.get("request") else { return clauses };
    for (key, value) in request {
        match (key.as_str(), value) {
            ("method", Value::String(method)) if method == "ANY" => {}
            ("headers" | "queryParameters" | "cookies" | "formParameters" | "pathParameters", Value::Object(named)) => {
                clauses
                    .extend(named.iter().map(|(name, rule)| (format!("{key}.{}", name_of(key, name)), rule.clone())));
            }
            ("bodyPatterns", Value::Array(rules)) => {
                clauses.extend(rules.iter().map(|rule| ("body".to_owned(), rule.clone())));
            }
            (key, value) => clauses.push((key.to_owned(), value.clone())),
        }
    }
    if let Some(scenario) = &stub.scenario
        && let Some(required) = &scenario.required
    {
        clauses.push((format!("scenario.{}", scenario.name), required.clone().into()));
    }
    clauses
}

fn name_of(key: &str, name: &str) -> String {
    if key == "headers" { name.to_ascii_lowercase() } else { name.to_owned() }
}

fn url_key(asked: &[(String, Value)]) -> String {
    let url: Map<String, Value> = asked.iter().filter(|(key, _)| key.starts_with("url")).cloned().collect();
    if url.is_empty() { String::new() } else { Value::Object(url).to_string() }
}
