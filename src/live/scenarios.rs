//! The states of scenarios. Of two concurrent requests that need a state and change it, only one
//! wins.

use std::sync::{Mutex, MutexGuard};

use hashbrown::{HashMap, HashSet};

use crate::locks::LockUnpoisoned as _;
use standin_stub::ScenarioStep;

/// Initial state of every scenario.
pub const STARTED: &str = "Started";

/// The states of the scenarios that have left their initial state.
#[derive(Debug, Default)]
pub struct ScenarioStates {
    states: Mutex<HashMap<String, String>>,
}

impl ScenarioStates {
    /// Returns true if the current state allows a stub of this scenario to answer.
    pub fn allows(&self, scenario: Option<&ScenarioStep>) -> bool {
        let Some(ScenarioStep { name, required: Some(required), .. }) = scenario else { return true };
        self.states().get(name).map_or(STARTED, String::as_str) == required
    }

    /// Changes the state of a scenario after a match. Returns false if the scenario has left the
    /// required state since.
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

    /// Returns the state of a scenario.
    pub fn state(&self, name: &str) -> String {
        self.states().get(name).map_or(STARTED, String::as_str).to_owned()
    }

    /// Sets the state of a scenario.
    pub fn set(&self, name: &str, state: &str) {
        let mut states = self.states();
        if state == STARTED {
            states.remove(name);
        } else {
            states.insert(name.to_owned(), state.to_owned());
        }
    }

    /// Resets all scenarios to their initial state.
    pub fn reset(&self) {
        self.states().clear();
    }

    /// Resets the scenarios whose state none of these stubs names.
    pub fn reset_unnamed<'s>(&self, parts: impl IntoIterator<Item = &'s ScenarioStep>) {
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
        self.states.lock_unpoisoned()
    }
}
