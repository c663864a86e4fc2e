//! The states of scenarios. A call that matches by a state and a call that changes it never both win.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashSet};

use standin_stub::ScenarioStep;

/// The state in which every scenario begins.
pub const STARTED: &str = "Started";

/// The scenarios that have left their first state.
#[derive(Debug, Default)]
pub struct ScenarioStates {
    states: Mutex<HashMap<String, String>>,
}

impl ScenarioStates {
    /// Whether a stub of this scenario may answer now.
    pub fn allow(&self, scenario: Option<&ScenarioStep>) -> bool {
        let Some(ScenarioStep { name, required: Some(required), .. }) = scenario else { return true };
        self.states().get(name).map_or(STARTED, String::as_str) == required
    }

    /// Moves a scenario on after a match; false if it has left the required state since.
    pub fn advance(&self, scenario: Option<&ScenarioStep>) -> bool {
        let Some(scenario) = scenario else { return true };
        if scenario.required.is_none() && scenario.next.is_none() {
            return true;
        }
        let mut states = self.states();
        let state = states.get(&scenario.name).map_or(STARTED, String::as_str);
        if scenario.required.as_ref().is_some_and(|required| required != state) {
            return false;
        }
        if let Some(next) = &scenario.next
            && next != state
        {
            states.insert(scenario.name.clone(), next.clone());
        }
        true
    }

    /// The state that a scenario is in.
    pub fn state(&self, name: &str) -> String {
        self.states().get(name).map_or(STARTED, String::as_str).to_owned()
    }

    /// Puts a scenario in a state.
    pub fn set(&self, name: &str, state: &str) {
        let mut states = self.states();
        if state == STARTED {
            states.remove(name);
        } else {
            states.insert(name.to_owned(), state.to_owned());
        }
    }

    /// All scenarios at their start.
    pub fn reset(&self) {
        self.states().clear();
    }

    /// Scenarios in a state that none of these stubs' parts name go back to their start.
    pub fn keep_named<'s>(&self, parts: impl IntoIterator<Item = &'s ScenarioStep>) {
        let mut states = self.states();
        if states.is_empty() {
            return;
        }
        let mut named = HashSet::new();
        for part in parts {
            let states = [&part.required, &part.next];
            named.extend(states.into_iter().flatten().map(|state| (part.name.as_str(), state.as_str())));
        }
        states.retain(|name, state| named.contains(&(name.as_str(), state.as_str())));
    }

    fn states(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
