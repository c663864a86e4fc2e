//! `/__admin/scenarios`: lists scenarios with their states, and sets the states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Extension, Path};
use http::StatusCode;
use serde_json::{Value, json};

use super::{AdminResponse, empty, json_answer, problem, refusal};
use crate::live::{STARTED, ServiceState};
use standin_stub::Stub;
use standin_stub::format::Reader;

/// A scenario, collected from the stubs that name it.
#[derive(Default)]
struct ScenarioView {
    states: BTreeSet<String>,
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
                "possibleStates": scenario.states,
                "mappings": scenario.stubs.iter().map(|stub| stub.json()).collect::<Vec<_>>(),
            })
        })
        .collect();
    json_answer(StatusCode::OK, &json!({ "scenarios": scenarios }))
}

pub(super) async fn reset(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.scenarios().reset();
    empty(StatusCode::OK)
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
    let tree = reader.parse(&body);
    let state = tree.as_ref().and_then(|tree| tree.get("state")).and_then(|node| match &node.value {
        standin_stub::source::Value::String(state) => Some(state.clone()),
        _ => None,
    });
    let Some(state) = state else {
        if let Some(tree) = &tree {
            reader.error(tree, "the state is missing", "write `{\"state\": \"…\"}`, or send no body to start again");
        }
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    if !scenario.states.contains(&*state) {
        let title = format!("Scenario {name} does not support state {state}");
        let states = scenario.states.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let help = format!("its states are: {states}");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, 11, &title, None, Some(&help));
    }
    live.scenarios().set(&name, &state);
    json_answer(StatusCode::OK, &json!({}))
}

fn known(live: &ServiceState) -> BTreeMap<String, ScenarioView> {
    let mut known: BTreeMap<String, ScenarioView> = BTreeMap::new();
    for stub in live.catalog().stubs() {
        let Some(part) = &stub.scenario else { continue };
        let scenario = known.entry(part.name.clone()).or_default();
        scenario.states.insert(STARTED.to_owned());
        scenario.states.extend(part.required.iter().chain(&part.next).cloned());
        scenario.stubs.push(Arc::clone(stub));
    }
    known
}
