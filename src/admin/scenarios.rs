//! `/__admin/scenarios`: lists scenarios with their states, and sets the states.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, Path};
use hashbrown::HashSet;
use http::StatusCode;
use serde_json::{Value, json};

use super::{AdminResponse, json_answer, problem, refusal};
use crate::live::{STARTED, ServiceState};
use standin_dialect::java_text::sort_as_hash_map;
use standin_stub::Stub;
use standin_stub::format::Reader;
use standin_stub::source::{Object, Strictness};

/// A scenario, collected from the stubs that name it.
#[derive(Default)]
struct ScenarioView {
    /// States that the stubs name, in the order of Java's hash sets.
    states: Vec<Arc<str>>,
    /// Stubs, the oldest first.
    stubs: Vec<Arc<Stub>>,
}

pub(super) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    let scenarios: Vec<Value> = known(&live)
        .into_iter()
        .map(|(name, scenario)| {
            json!({
                "id": name,
                "name": name,
                "state": live.scenarios().state(&name),
                "possibleStates": scenario.states.iter().map(|state| &**state).collect::<Vec<_>>(),
                "mappings": scenario.stubs.iter().map(|stub| stub.json()).collect::<Vec<_>>(),
            })
        })
        .collect();
    json_answer(StatusCode::OK, &json!({ "scenarios": scenarios }))
}

pub(super) async fn reset(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.scenarios().reset();
    json_answer(StatusCode::OK, &json!({}))
}

/// Sets a scenario to the state in the body; without a body, to its initial state.
pub(super) async fn set(
    Extension(live): Extension<Arc<ServiceState>>,
    Path(name): Path<String>,
    body: String,
) -> AdminResponse {
    let known = known(&live);
    let Some(scenario) = known.get(&name) else {
        let title = format!("Scenario {name} does not exist");
        return problem(StatusCode::NOT_FOUND, 404, &title, None, None);
    };
    if body.trim().is_empty() {
        live.scenarios().set(&name, STARTED);
        return json_answer(StatusCode::OK, &json!({}));
    }
    let mut reader = Reader::of_api(&body);
    let state = reader.parse(&body).and_then(|tree| {
        let mut wanted = Object::open(&tree, "the state of a scenario", &mut reader)?;
        let state = wanted.text("state", &mut reader);
        wanted.close(&["state"], Strictness::Strict, &mut reader);
        Some(state.unwrap_or_else(|| "null".to_owned()))
    });
    let Some(state) = state.filter(|_| !reader.has_errors()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    if scenario.states.iter().all(|known| **known != *state) {
        let title = format!("Scenario {name} does not support state {state}");
        let states = scenario.states.join(", ");
        let help = format!("its states are: {states}");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, 11, &title, None, Some(&help));
    }
    live.scenarios().set(&name, &state);
    json_answer(StatusCode::OK, &json!({}))
}

/// Returns the scenarios that stubs name, by name.
fn known(live: &ServiceState) -> BTreeMap<String, ScenarioView> {
    let mut known: BTreeMap<String, ScenarioView> = BTreeMap::new();
    for stub in live.catalog().stubs() {
        let Some(part) = &stub.scenario else { continue };
        known.entry(part.name.clone()).or_default().stubs.push(Arc::clone(stub));
    }
    for scenario in known.values_mut() {
        scenario.stubs.sort_by_key(|stub| Reverse(stub.rank.age));
        scenario.states = states(&scenario.stubs);
    }
    known
}

fn states(stubs: &[Arc<Stub>]) -> Vec<Arc<str>> {
    let parts = || stubs.iter().filter_map(|stub| stub.scenario.as_ref());
    let required = parts().filter_map(|part| part.required.as_deref());
    let mut seen = HashSet::new();
    let named = required.chain(parts().filter_map(|part| part.next.as_deref())).filter(|state| seen.insert(*state));
    let mut states: Vec<(Arc<str>, ())> = named.map(|state| (state.into(), ())).collect();
    sort_as_hash_map(&mut states);
    states.into_iter().map(|(state, ())| state).collect()
}
