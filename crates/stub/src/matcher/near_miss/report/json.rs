//! Near misses as JSON: in WireMock's shape for its clients, and clause by clause for people and
//! programs.

use serde_json::{Map, Value, json};

use super::clause_result::ClauseResult;

/// What a request came near to.
#[derive(Clone, Debug, PartialEq)]
pub enum NearMissSubject {
    /// A request pattern, as JSON.
    Pattern(Value),
    /// A stub, as JSON, and the state of its scenario, if it asks for one.
    Stub(Value, Option<String>),
}

/// `{"nearMisses": […]}`: of each the logged request, what it came near to, and the distance.
pub fn near_misses_json(misses: impl IntoIterator<Item = (Value, NearMissSubject, f64)>) -> Value {
    let misses: Vec<Value> =
        misses.into_iter().map(|(request, subject, distance)| near_miss_json(request, subject, distance)).collect();
    json!({ "nearMisses": misses })
}

/// What each clause asks, and what came: `[{"clause": "url", "expected": "/a", "actual": "/b",
/// "matches": false}, …]`. `actual` is null if nothing came, and a list if several values did.
pub fn clauses_json(results: &[ClauseResult]) -> Value {
    results.iter().map(clause).collect()
}

/// Returns one item of [`near_misses_json`].
pub fn near_miss_json(request: Value, subject: NearMissSubject, distance: f64) -> Value {
    let mut miss = Map::new();
    miss.insert("request".to_owned(), request);
    let state = match subject {
        NearMissSubject::Pattern(pattern) => {
            miss.insert("requestPattern".to_owned(), pattern);
            None
        }
        NearMissSubject::Stub(stub, state) => {
            miss.insert("stubMapping".to_owned(), stub);
            state
        }
    };
    miss.insert("matchResult".to_owned(), json!({ "distance": distance, "diffDescriptions": [], "subEvents": [] }));
    if let Some(state) = state {
        miss.insert("scenarioState".to_owned(), state.into());
    }
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
