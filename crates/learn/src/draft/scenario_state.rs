//! Answers in the states of a scenario.

use serde_json::{Map, Value};

/// An answer that a group gives in a state of a scenario.
#[derive(Clone, Debug)]
pub(super) struct StateStep {
    /// Index of the observation that shows the answer.
    pub(super) observation: usize,
    /// Number of calls that got it.
    pub(super) calls: u64,
    pub(super) scenario: String,
    /// State in which it is given; `None` in all others.
    pub(super) required: Option<usize>,
    /// State that follows, if the call changes it.
    pub(super) next: Option<usize>,
    /// True if it is the answer that a client expects of the group.
    pub(super) is_representative: bool,
}

impl StateStep {
    /// Adds the scenario to a mapping.
    pub(super) fn add_to(&self, mapping: &mut Map<String, Value>) {
        if self.required.is_none() && self.next.is_none() {
            return;
        }
        let name = |state: usize| if state == 0 { "Started".to_owned() } else { format!("write {state}") };
        mapping.insert("scenarioName".to_owned(), self.scenario.clone().into());
        mapping.extend(self.required.map(|state| ("requiredScenarioState".to_owned(), name(state).into())));
        mapping.extend(self.next.map(|state| ("newScenarioState".to_owned(), name(state).into())));
    }

    /// Returns a text for the id of the stub.
    pub(super) fn identity(&self) -> String {
        format!("state {:?} {:?}", self.required, self.next)
    }
}
