//! The page that explains why no stub answered a request.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ServiceState;
use standin_stub::call::Call;
use standin_stub::matcher::near_miss::{self, ComparedStub, NearestMatches, ScenarioRequirement};
use standin_stub::{Stub, StubOrigin};

impl ServiceState {
    /// Returns the page for an unmatched request with these nearest stubs.
    pub fn near_miss_page(&self, call: &Call, nearest: &NearestMatches<&Arc<Stub>>) -> String {
        let mut text = match nearest.found.first() {
            Some(near) => {
                let width = near_miss::requested_page_width(&call.headers);
                self.with_compared_stub(near.item, |target| near_miss::render_page(target, call, width))
            }
            None => "Request was not matched\n".to_owned(),
        };
        if !nearest.is_complete() {
            let _ = writeln!(
                text,
                "\n{} of {} stubs were compared; the time for more was used up",
                nearest.examined, nearest.of
            );
        }
        text
    }

    /// Returns the nearest stubs of an unmatched request as JSON, each with the result of every
    /// clause.
    pub fn nearest_stubs_json(&self, call: &Call, nearest: &NearestMatches<&Arc<Stub>>) -> Value {
        let stubs: Vec<Value> = nearest
            .found
            .iter()
            .map(|near| {
                let stub = near.item;
                let place = match &stub.origin {
                    StubOrigin::File { path, line, .. } => json!({"file": path.display().to_string(), "line": line}),
                    StubOrigin::Api => Value::Null,
                };
                let clauses = self.clauses_json(stub, call);
                json!({
                    "id": stub.id, "name": stub.name, "place": place, "distance": near.distance, "clauses": clauses,
                })
            })
            .collect();
        json!({
            "error": format!("no stub answers {} {}", call.method, call.url()),
            "examined": nearest.examined,
            "stubs": nearest.of,
            "nearest": stubs,
        })
    }

    /// Returns the result of each clause of a stub for a request as JSON.
    pub fn clauses_json(&self, stub: &Stub, call: &Call) -> Value {
        self.with_compared_stub(stub, |target| near_miss::clauses_json(&near_miss::diagnose(target, call)))
    }

    /// Calls `look` with a stub in the form that near misses need.
    pub fn with_compared_stub<T>(&self, stub: &Stub, look: impl FnOnce(&ComparedStub<'_>) -> T) -> T {
        let document = stub.json();
        let part = stub.scenario.as_ref().and_then(|part| Some((&part.name, part.required.as_ref()?)));
        let state = part.map(|(name, _)| self.scenarios().state(name));
        let scenario =
            part.zip(state.as_ref()).map(|((name, required), state)| ScenarioRequirement { name, required, state });
        let request = document.get("request").and_then(Value::as_object);
        look(&ComparedStub { name: stub.name.as_deref(), pattern: &stub.pattern, request, scenario })
    }
}
