//! Sequences: the same call that got different answers in a stable order, as a job that is pending,
//! running and done. A scenario gives them in that order, and the last one from then on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call_group::Observation;

/// A place in a sequence of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SequenceStep {
    /// Number of the step, from 1.
    pub(super) number: usize,
    /// True if no other answer follows.
    pub(super) is_last: bool,
}

impl SequenceStep {
    /// Adds the scenario to a mapping.
    pub(super) fn add_to(&self, mapping: &mut Map<String, Value>, scenario: &str) {
        let state = |number: usize| if number == 1 { "Started".to_owned() } else { format!("call {number}") };
        mapping.insert("scenarioName".to_owned(), scenario.into());
        mapping.insert("requiredScenarioState".to_owned(), state(self.number).into());
        if !self.is_last {
            mapping.insert("newScenarioState".to_owned(), state(self.number + 1).into());
        }
    }
}

/// Returns the steps of equal calls, each with the number of calls that it stands for; `None` if
/// their answers have no stable order.
///
/// The last tape on which the answers differ gives the sequence.
pub(super) fn steps<'o>(observations: &[&'o Observation]) -> Option<Vec<(&'o Observation, u64, SequenceStep)>> {
    let mut by_tape: BTreeMap<usize, Vec<&'o Observation>> = BTreeMap::new();
    for observation in observations {
        by_tape.entry(observation.tape).or_default().push(observation);
    }
    let differs = |calls: &&Vec<&Observation>| calls.iter().any(|one| one.answer != calls[0].answer);
    let chosen = by_tape.values().rev().find(differs)?;
    if !is_stable(chosen) {
        return None;
    }
    let last = chosen.last()?.answer;
    let length = 1 + chosen.iter().rposition(|one| one.answer != last)? + 1;
    let steps = (0..length).map(|place| {
        let is_last = place + 1 == length;
        let calls = by_tape.values().flat_map(|calls| {
            let at_place = if is_last { calls.get(place..) } else { calls.get(place..=place) };
            at_place.unwrap_or_default().iter().filter(|one| one.answer == chosen[place].answer)
        });
        (chosen[place], calls.count() as u64, SequenceStep { number: place + 1, is_last })
    });
    Some(steps.collect())
}

/// Returns true if no answer comes back after another one, or if there are few calls: a cart that
/// is empty, full and empty again.
fn is_stable(calls: &[&Observation]) -> bool {
    let mut runs: Vec<usize> = calls.iter().map(|one| one.answer).collect();
    runs.dedup();
    let (count, steps) = (runs.len(), calls.len());
    runs.sort_unstable();
    runs.dedup();
    if runs.len() == count { steps <= MAX_STEPS } else { steps <= MAX_RETURNING_STEPS }
}

/// Steps of a sequence whose answers do not come back.
const MAX_STEPS: usize = 50;

/// Steps of a sequence in which an answer comes back.
const MAX_RETURNING_STEPS: usize = 20;
