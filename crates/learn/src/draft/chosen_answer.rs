//! The answers that drafted stubs give, of all answers to calls that a stub cannot tell apart.
//!
//! Answers that a write changes have a state of a scenario
//! ([`write_scenarios`](super::write_scenarios)). Other calls are told apart by the headers on
//! which their answers depend ([`header_rules`]). Where the same call still got several answers, a
//! scenario gives them in their order ([`sequence`](super::sequence)). If there is no order, the
//! stub gives the most frequent answer.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::answer_class::{AnswerClass, answer_class};
use super::call_group::{CallGroup, Observation, SeenAnswer};
use super::header_rules::{self, HeaderRule};
use super::report::{DraftReport, LeftOut};
use super::scenario_state::StateStep;
use super::sequence::{self, SequenceStep};
use standin_tape::exchange::ExchangeRequest;

/// An answer that a stub gives, and the calls that it is for.
#[derive(Clone)]
pub(super) struct ChosenAnswer<'d> {
    pub(super) group: &'d CallGroup,
    pub(super) seen: &'d SeenAnswer,
    /// Number of recorded calls that got the answer.
    pub(super) calls: u64,
    /// Headers that the stub asks for.
    pub(super) headers: Vec<HeaderRule>,
    /// Place in a sequence of answers.
    pub(super) step: Option<SequenceStep>,
    /// State in which it is given, if writes change the answer.
    pub(super) state: Option<&'d StateStep>,
    /// A recorded request that the stub answers.
    pub(super) request: ExchangeRequest,
}

impl ChosenAnswer<'_> {
    /// Returns a text for the id of the stub: the same in every run and on every machine.
    pub(super) fn identity(&self) -> String {
        let mut identity = self.group.rule.identity();
        for rule in &self.headers {
            identity.push('\n');
            identity.push_str(&rule.identity());
        }
        if let Some(step) = &self.step {
            identity.push_str("\nstep ");
            identity.push_str(&step.number.to_string());
        }
        if let Some(state) = self.state {
            identity.push('\n');
            identity.push_str(&state.identity());
        }
        identity
    }

    /// Returns true if it is the answer that a client gets in the end.
    pub(super) fn is_last(&self) -> bool {
        self.step.as_ref().is_none_or(|step| step.is_last) && self.state.is_none_or(|state| state.is_representative)
    }
}

/// Chooses the answers of the stubs of each group, and reports what is left out under `operation`.
///
/// Overload answers are chosen only if the service gave no others: how a service fails under load
/// belongs to its profile.
pub(super) fn choose_answers<'g>(
    operation: &str,
    groups: &[&'g CallGroup],
    report: &mut DraftReport,
) -> Vec<ChosenAnswer<'g>> {
    let has_others = groups
        .iter()
        .flat_map(|group| &group.answers)
        .any(|seen| !matches!(answer_class(seen), AnswerClass::Overload | AnswerClass::NotModified));
    let mut all_chosen = Vec::new();
    for group in groups {
        let choice = Choice { operation, group, has_others };
        let chosen = choice.of_group(report);
        let counted: u64 = chosen.iter().map(|one| one.calls).sum();
        choice.note_left_out(&chosen, report);
        debug_assert!(counted <= group.calls);
        all_chosen.extend(chosen);
    }
    all_chosen
}

/// The choice of the answers of one group.
struct Choice<'c, 'g> {
    operation: &'c str,
    group: &'g CallGroup,
    /// True if the operation has answers without overload.
    has_others: bool,
}

impl<'g> Choice<'_, 'g> {
    fn of_group(&self, report: &mut DraftReport) -> Vec<ChosenAnswer<'g>> {
        let group = self.group;
        if !group.states.is_empty() {
            return self.by_state(report);
        }
        let is_usable = |seen: &SeenAnswer| !self.has_others || answer_class(seen) != AnswerClass::Overload;
        let observations: Vec<&Observation> =
            group.observations.iter().filter(|one| is_usable(&group.answers[one.answer])).collect();
        let variants = if count_answers(&observations) > 1 { header_rules::split(group, &observations) } else { None };
        let Some(variants) = variants else {
            return self.of_alike(&[], &observations, report);
        };
        let parts: BTreeSet<_> = variants.iter().flat_map(|one| &one.rules).map(|rule| rule.part().label()).collect();
        let by: Vec<String> = parts.into_iter().collect();
        report.note(LeftOut::ByHeader, group.calls, &format!("{} by {}", group.rule.label(), by.join(" and ")));
        let chosen = variants.iter().flat_map(|variant| self.of_alike(&variant.rules, &variant.observations, report));
        chosen.collect()
    }

    /// Chooses the answers of the states of a scenario.
    fn by_state(&self, report: &mut DraftReport) -> Vec<ChosenAnswer<'g>> {
        let group = self.group;
        let chosen: Vec<ChosenAnswer<'g>> = group
            .states
            .iter()
            .map(|state| {
                let observation = &group.observations[state.observation];
                let (seen, request) = (&group.answers[observation.answer], group.request(observation));
                let (calls, headers) = (state.calls.min(seen.calls), Vec::new());
                ChosenAnswer { group, seen, calls, headers, step: None, state: Some(state), request }
            })
            .collect();
        report.note(LeftOut::WriteScenario, chosen.iter().map(|one| one.calls).sum(), self.operation);
        chosen
    }

    /// Chooses the answers of calls that are alike in all that stubs ask for.
    fn of_alike(
        &self,
        headers: &[HeaderRule],
        observations: &[&Observation],
        report: &mut DraftReport,
    ) -> Vec<ChosenAnswer<'g>> {
        let group = self.group;
        let best = observations.iter().map(|one| answer_class(&group.answers[one.answer])).min();
        let Some(best) = best else { return self.unobserved() };
        // a stub that asks for the precondition may give its answer
        if best == AnswerClass::NotModified && headers.is_empty() {
            return Vec::new();
        }
        let alike: Vec<&Observation> =
            observations.iter().filter(|one| answer_class(&group.answers[one.answer]) == best).copied().collect();
        let chosen = |seen: &'g SeenAnswer, calls: u64, observation: &Observation, step: Option<SequenceStep>| {
            let request = group.request(observation);
            ChosenAnswer { group, seen, calls, headers: headers.to_vec(), step, state: None, request }
        };
        let is_split = !headers.is_empty() || alike.len() < group.observations.len();
        if count_answers(&alike) > 1
            && group.is_observed_whole()
            && let Some(steps) = sequence::steps(&alike)
        {
            let calls = steps.iter().map(|(_, calls, _)| calls).sum();
            report.note(LeftOut::Sequence, calls, self.operation);
            let steps = steps.into_iter();
            return steps
                .map(|(one, calls, step)| chosen(&group.answers[one.answer], calls, one, Some(step)))
                .collect();
        }
        let frequent = |one: &&&Observation| {
            let seen = &group.answers[one.answer];
            let observed = alike.iter().filter(|other| other.answer == one.answer).count() as u64;
            // those that were not observed count as well where they cannot be of another variant
            (if headers.is_empty() { seen.calls } else { observed }, seen.last)
        };
        let Some(one) = alike.iter().max_by_key(frequent) else { return Vec::new() };
        let seen = &group.answers[one.answer];
        let calls = if headers.is_empty() && !is_split || headers.is_empty() && self.is_sole(one, observations) {
            seen.calls
        } else {
            alike.iter().filter(|other| other.answer == one.answer).count() as u64
        };
        vec![chosen(seen, calls, one, None)]
    }

    /// Returns true if all observed calls with this answer are among these.
    fn is_sole(&self, one: &Observation, observations: &[&Observation]) -> bool {
        let count = observations.iter().filter(|other| other.answer == one.answer).count();
        count == self.group.observations.iter().filter(|other| other.answer == one.answer).count()
    }

    /// Chooses the most frequent answer of those that came after the observed calls.
    fn unobserved(&self) -> Vec<ChosenAnswer<'g>> {
        let group = self.group;
        let is_usable = |seen: &&SeenAnswer| {
            let class = answer_class(seen);
            class != AnswerClass::NotModified && (!self.has_others || class != AnswerClass::Overload)
        };
        let usable = group.answers.iter().filter(is_usable);
        let best = usable.max_by_key(|seen| (Reverse(answer_class(seen)), seen.calls, seen.last));
        let chosen = best.map(|seen| {
            let (calls, request) = (seen.calls, group.sample.clone());
            ChosenAnswer { group, seen, calls, headers: Vec::new(), step: None, state: None, request }
        });
        chosen.into_iter().collect()
    }

    /// Reports the calls whose answers no stub gives.
    fn note_left_out(&self, chosen: &[ChosenAnswer<'_>], report: &mut DraftReport) {
        for seen in &self.group.answers {
            let given: u64 = chosen.iter().filter(|one| std::ptr::eq(one.seen, seen)).map(|one| one.calls).sum();
            let why = match answer_class(seen) {
                AnswerClass::NotModified => LeftOut::NotModified,
                AnswerClass::Overload => LeftOut::Overload,
                AnswerClass::Plain | AnswerClass::Conditional => LeftOut::Differing,
            };
            if seen.calls > given {
                report.note(why, seen.calls - given, self.operation);
            }
        }
    }
}

fn count_answers(observations: &[&Observation]) -> usize {
    observations.iter().map(|one| one.answer).collect::<BTreeSet<_>>().len()
}
