//! The page that explains why no stub answered a request.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::ServiceState;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::matcher::near_miss::{self, ComparedStub, NearestMatches, ScenarioRequirement};

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
