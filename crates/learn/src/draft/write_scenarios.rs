//! Scenarios that writes drive: a job that is created, an item that is added, a state that is
//! changed, and the reads that are answered otherwise from then on.
//!
//! Proof from a tape: each time the answer of a read changes, a successful write to a related path
//! came in between, and never does it change without one. One of the changes must also be one that
//! a write makes: to or from 404, by a value that the write names, or after the same answer came
//! twice. The states of a scenario are the writes in the order of the tape.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer_class::{AnswerClass, answer_class};
use super::call_group::{CallGroup, Observation};
use super::recorded_answer::{self, decode};
use super::request_fields::leaves;
use super::scenario_state::StateStep;
use super::volatile_text::has_whole;
use super::{BodySource, body, digest8, header_rules, names};

/// Finds the scenarios that writes drive, and sets the states of their groups.
pub(super) fn apply(groups: &mut [CallGroup], bodies: &BodySource<'_>) {
    let tapes: BTreeSet<usize> =
        groups.iter().flat_map(|group| group.observations.iter().map(|one| one.tape)).collect();
    for tape in tapes.into_iter().rev() {
        let calls = TapeCalls::new(groups, tape);
        let found: Vec<_> = calls.components(bodies).iter().flat_map(|component| calls.steps(component)).collect();
        if found.is_empty() {
            continue;
        }
        for (group, steps) in found {
            groups[group].states = steps;
        }
        return;
    }
}

/// The calls of a tape whose answers a scenario may give.
struct TapeCalls<'g> {
    groups: &'g [CallGroup],
    tape: usize,
    reads: Vec<usize>,
    writes: Vec<usize>,
}

/// Reads, and the writes that change their answers.
struct Component {
    reads: BTreeSet<usize>,
    writes: BTreeSet<usize>,
}

impl<'g> TapeCalls<'g> {
    fn new(groups: &'g [CallGroup], tape: usize) -> Self {
        let mut calls = Self { groups, tape, reads: Vec::new(), writes: Vec::new() };
        for (place, group) in groups.iter().enumerate().filter(|(_, group)| group.is_observed_whole()) {
            let observations: Vec<&Observation> = group.observations.iter().collect();
            let answers = calls.answers(place);
            if group.count_answers() > 1 && header_rules::split(group, &observations).is_some() {
                continue;
            }
            match group.rule.method.as_str() {
                "GET" | "HEAD" if answers.windows(2).any(|pair| pair[0].1 != pair[1].1) => calls.reads.push(place),
                "POST" | "PUT" | "PATCH" | "DELETE" if answers.iter().any(|(_, one)| calls.is_success(place, *one)) => {
                    calls.writes.push(place);
                }
                _ => {}
            }
        }
        calls
    }

    /// Returns the usable observations of a group on the tape: their index, and that of the answer.
    fn answers(&self, group: usize) -> Vec<(usize, usize)> {
        let group = &self.groups[group];
        let is_usable = |one: &Observation| {
            one.tape == self.tape
                && !matches!(answer_class(&group.answers[one.answer]), AnswerClass::Overload | AnswerClass::NotModified)
        };
        let all = group.observations.iter().enumerate().filter(|(_, one)| is_usable(one));
        all.map(|(place, one)| (place, one.answer)).collect()
    }

    fn is_success(&self, group: usize, answer: usize) -> bool {
        (200..400).contains(&self.groups[group].answers[answer].response.status)
    }

    /// Returns the number of the call of an observation.
    fn number(&self, group: usize, observation: usize) -> u64 {
        self.groups[group].observations[observation].number
    }

    /// Returns the successful calls of writes in their order: number, group and observation.
    fn events(&self, writes: impl IntoIterator<Item = usize>) -> Vec<(u64, usize, usize)> {
        let of_group = |group: usize| {
            let all = self.answers(group).into_iter().filter(move |(_, answer)| self.is_success(group, *answer));
            all.map(move |(observation, _)| (self.number(group, observation), group, observation))
        };
        let mut events: Vec<_> = writes.into_iter().flat_map(of_group).collect();
        events.sort_unstable();
        events
    }

    /// Returns the reads whose changes are proven, with the writes that come before them, joined
    /// where they have writes in common.
    fn components(&self, bodies: &BodySource<'_>) -> Vec<Component> {
        let mut components: Vec<Component> = Vec::new();
        for read in &self.reads {
            let Some(writes) = self.driving_writes(*read, bodies) else { continue };
            let (joined, apart): (Vec<_>, Vec<_>) =
                components.into_iter().partition(|one| !one.writes.is_disjoint(&writes));
            let mut all = Component { reads: BTreeSet::from([*read]), writes };
            for one in joined {
                all.reads.extend(one.reads);
                all.writes.extend(one.writes);
            }
            components = apart;
            components.push(all);
        }
        components.retain(|one| self.events(one.writes.iter().copied()).len() <= MAX_WRITES);
        components
    }

    /// Returns the writes that change the answer of a read; `None` without proof.
    fn driving_writes(&self, read: usize, bodies: &BodySource<'_>) -> Option<BTreeSet<usize>> {
        let path = &self.groups[read].rule.path;
        let related = self.writes.iter().copied().filter(|write| is_related(&self.groups[*write].rule.path, path));
        let events = self.events(related);
        let answers = self.answers(read);
        let between = |from: usize, to: usize| {
            let (from, to) = (self.number(read, from), self.number(read, to));
            let begin = events.partition_point(|(number, ..)| *number <= from);
            &events[begin..events.partition_point(|(number, ..)| *number < to)]
        };
        let mut driving = BTreeSet::new();
        let mut is_proven = answers.windows(2).any(|pair| pair[0].1 == pair[1].1);
        for pair in answers.windows(2).filter(|pair| pair[0].1 != pair[1].1) {
            let writes = between(pair[0].0, pair[1].0);
            if writes.is_empty() {
                return None;
            }
            driving.extend(writes.iter().map(|(_, group, _)| *group));
            is_proven |= self.is_success(read, pair[0].1) != self.is_success(read, pair[1].1)
                || writes.iter().any(|write| self.is_named(read, (pair[0].1, pair[1].1), write, bodies));
        }
        is_proven.then_some(driving)
    }

    /// Returns true if a value that a write names is in one of two answers of a read only.
    fn is_named(
        &self,
        read: usize,
        (before, after): (usize, usize),
        (_, write, observation): &(u64, usize, usize),
        bodies: &BodySource<'_>,
    ) -> bool {
        let text = |answer: usize| {
            let response = &self.groups[read].answers[answer].response;
            let raw = body(response.body.as_ref(), bodies)?;
            let coding = recorded_answer::header(response, "content-encoding").unwrap_or_default();
            let plain = decode(&raw, coding).unwrap_or(raw);
            String::from_utf8(plain.to_vec()).ok()
        };
        let (Some(before), Some(after)) = (text(before), text(after)) else { return false };
        let group = &self.groups[*write];
        let mut values = vec![group.rule.path.rsplit('/').next().unwrap_or_default().to_owned()];
        let asked = body(group.observations[*observation].body.as_ref(), bodies).unwrap_or_default();
        if let Ok(document) = serde_json::from_slice::<Value>(&asked) {
            let mut fields = Vec::new();
            leaves(&document, String::new(), &mut fields);
            values.extend(fields.into_iter().map(|field| field.value));
        }
        values.iter().any(|value| has_whole(&before, value) != has_whole(&after, value))
    }

    /// Returns the steps of the groups of a scenario.
    fn steps(&self, component: &Component) -> Vec<(usize, Vec<StateStep>)> {
        let events = self.events(component.writes.iter().copied());
        let identities: Vec<String> =
            component.reads.iter().chain(&component.writes).map(|group| self.groups[*group].rule.identity()).collect();
        let mut identities: Vec<&str> = identities.iter().map(String::as_str).collect();
        identities.sort_unstable();
        let first = events.first().map_or("", |(_, group, _)| self.groups[*group].rule.path.as_str());
        let scenario =
            format!("{}-{}", names::slug(&format!("writes {first}")), digest8(identities.join("\n").as_bytes()));
        let state = |number: u64| events.partition_point(|(at, ..)| *at < number);
        let reads = component.reads.iter().map(|read| (*read, self.read_steps(*read, &scenario, events.len(), &state)));
        let writes = component.writes.iter().map(|write| (*write, self.write_steps(*write, &scenario, &state)));
        reads.chain(writes).collect()
    }

    /// Returns the answers of a read: the one of most states in all of them, the others where they
    /// differ. A state in which it was not called is answered as the one before.
    fn read_steps(
        &self,
        read: usize,
        scenario: &str,
        last_state: usize,
        state: &impl Fn(u64) -> usize,
    ) -> Vec<StateStep> {
        let answers = self.answers(read);
        let mut known: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (observation, answer) in &answers {
            known.entry(state(self.number(read, *observation))).or_insert((*observation, *answer));
        }
        let Some(first) = known.values().next().copied() else { return Vec::new() };
        let mut current = first;
        let mut by_state = Vec::new();
        for state in 0..=last_state {
            current = known.get(&state).copied().unwrap_or(current);
            by_state.push(current);
        }
        let states_of = |answer: usize| by_state.iter().filter(|(_, other)| *other == answer).count();
        let Some((usual_observation, usual)) = by_state.iter().rev().copied().max_by_key(|(_, one)| states_of(*one))
        else {
            return Vec::new();
        };
        let group = &self.groups[read];
        let calls_in = |wanted: usize| {
            let is_in = |observation: &usize| state(self.number(read, *observation)) == wanted;
            answers.iter().filter(|(observation, _)| is_in(observation)).count() as u64
        };
        let representative = by_state
            .iter()
            .rev()
            .find(|(_, answer)| self.is_success(read, *answer))
            .map_or(usual, |(_, answer)| *answer);
        let step = |observation, calls, required, is_representative| StateStep {
            observation,
            calls,
            scenario: scenario.to_owned(),
            required,
            next: None,
            is_representative,
        };
        let mut is_given = usual == representative;
        let mut steps = vec![step(usual_observation, group.answers[usual].calls, None, is_given)];
        for (state, (observation, answer)) in by_state.iter().enumerate().filter(|(_, (_, one))| *one != usual) {
            let is_representative = *answer == representative && !std::mem::replace(&mut is_given, true);
            steps.push(step(*observation, calls_in(state), Some(state), is_representative));
        }
        steps
    }

    /// Returns the answers of a write: in the states in which it came, and its first success in all
    /// others.
    fn write_steps(&self, write: usize, scenario: &str, state: &impl Fn(u64) -> usize) -> Vec<StateStep> {
        let answers = self.answers(write);
        let Some(first) = answers.iter().position(|(_, answer)| self.is_success(write, *answer)) else {
            return Vec::new();
        };
        let mut known = BTreeSet::new();
        let mut steps = Vec::new();
        let successes = answers.iter().filter(|(_, answer)| self.is_success(write, *answer)).count();
        for (place, (observation, answer)) in answers.iter().enumerate() {
            let required = state(self.number(write, *observation));
            let next = self.is_success(write, *answer).then_some(required + 1);
            let is_only = place == first && successes == 1;
            if place == first {
                let calls = u64::from(is_only);
                steps.push(write_step(*observation, scenario, calls, (None, next)));
            }
            if !is_only && known.insert(required) {
                steps.push(write_step(*observation, scenario, 1, (Some(required), next)));
            }
        }
        steps
    }
}

fn write_step(
    observation: usize,
    scenario: &str,
    calls: u64,
    (required, next): (Option<usize>, Option<usize>),
) -> StateStep {
    let scenario = scenario.to_owned();
    StateStep { observation, calls, scenario, required, next, is_representative: required.is_none() }
}

/// Returns true if a write to one path may change what another path answers: one of them begins
/// with the other, or with the path above an action such as `/jobs/7/cancel`.
fn is_related(write: &str, read: &str) -> bool {
    let segments = |path: &str| -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    };
    let (write, read) = (segments(write), segments(read));
    let begins = |long: &[String], short: &[String]| !short.is_empty() && long.starts_with(short);
    let action = write.last().filter(|last| write.len() > 2 && last.chars().all(|c| c.is_alphabetic() || c == '-'));
    begins(&write, &read) || begins(&read, &write) || action.is_some() && begins(&read, &write[..write.len() - 1])
}

/// Successful writes of a scenario, and with them its states.
const MAX_WRITES: usize = 20;
