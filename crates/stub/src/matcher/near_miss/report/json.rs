//! Near misses as JSON: in WireMock's format, and as a list of clauses.

use serde_json::{Map, Value, json};

use super::clause_result::ClauseResult;

/// The object that a request is a near miss of.
#[derive(Clone, Debug, PartialEq)]
pub enum NearMissSubject {
    /// The JSON of a request pattern.
    Pattern(Value),
    /// The JSON of a stub.
    Stub(Value),
}

/// Returns `{"nearMisses": […]}`. Each item has a logged request, its subject and the distance.
pub fn near_misses_json(misses: impl IntoIterator<Item = (Value, NearMissSubject, f64)>) -> Value {
    let misses: Vec<Value> =
        misses.into_iter().map(|(request, subject, distance)| near_miss_json(request, subject, distance)).collect();
    json!({ "nearMisses": misses })
}

/// Returns the clauses as `[{"clause": "url", "expected": "/a", "actual": "/b", "matches": false},
/// …]`. `actual` is null if there is no value, and a list if there are several.
pub fn clauses_json(results: &[ClauseResult]) -> Value {
    results.iter().map(clause).collect()
}

/// Returns one item of [`near_misses_json`].
pub fn near_miss_json(request: Value, subject: NearMissSubject, distance: f64) -> Value {
    let mut miss = Map::new();
    miss.insert("request".to_owned(), request);
    let (key, subject) = match subject {
        NearMissSubject::Pattern(pattern) => ("requestPattern", pattern),
        NearMissSubject::Stub(stub) => ("stubMapping", stub),
    };
    miss.insert(key.to_owned(), subject);
    miss.insert("matchResult".to_owned(), json!({ "distance": distance, "diffDescriptions": [], "subEvents": [] }));
    Value::Object(miss)
}

fn clause(result: &ClauseResult) -> Value {
    let actual = match result.actual.as_slice() {
        [] => Value::Null,
        [one] => one.as_str().into(),
        several => several.into(),
    };
    let mut clause = Map::new();
    clause.insert("clause".to_owned(), result.clause.into());
    if let Some(name) = &result.name {
        clause.insert("name".to_owned(), name.as_str().into());
    }
    clause.insert("operator".to_owned(), result.operator.into());
    clause.insert("expected".to_owned(), result.expected.as_str().into());
    clause.insert("actual".to_owned(), actual);
    clause.insert("matches".to_owned(), result.matches.into());
    if result.is_limited {
        clause.insert("limited".to_owned(), true.into());
    }
    Value::Object(clause)
}
