//! Detection of stubs that wait for a scenario state that no stub sets.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::{ScenarioStep, Stub};
use crate::defect::{Defect, nearest};
use crate::source::rule::Rule;

/// State of every scenario at its start.
const FIRST_STATE: &str = "Started";

/// Returns a warning for each stub whose scenario state is never reached by requests.
pub fn unreachable_states(stubs: &[Arc<Stub>]) -> Vec<Defect> {
    let mut reached: HashMap<&str, HashSet<&str>> = HashMap::new();
    for step in stubs.iter().filter_map(|stub| stub.scenario.as_ref()) {
        let states = reached.entry(&step.name).or_insert_with(|| HashSet::from([FIRST_STATE]));
        states.extend(step.next.as_deref());
    }
    let warn = |stub: &Arc<Stub>| {
        let ScenarioStep { name, required, .. } = stub.scenario.as_ref()?;
        let (required, states) = (required.as_deref()?, &reached[name.as_str()]);
        if states.contains(required) {
            return None;
        }
        let mut known: Vec<&str> = states.iter().copied().collect();
        known.sort_unstable();
        let help = match nearest(required, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "its states are {}; set this one by `newScenarioState`, or through the admin API",
                known.join(", ")
            ),
        };
        let message =
            format!("no stub sets the state `{required}` of the scenario `{name}`, in which this one answers");
        Some(stub.located(Defect::warning(message).help(help).rule(&Rule::NEVER_REACHED)))
    };
    stubs.iter().filter_map(warn).collect()
}
