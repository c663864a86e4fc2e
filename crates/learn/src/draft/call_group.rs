//! Calls that a stub cannot tell apart by method, URL and body, with all answers that they got.

use std::collections::HashMap;
use std::rc::Rc;

use super::recorded_answer;
use super::request_rule::RequestRule;
use super::scenario_state::StateStep;
use super::volatile_text::AnswerTemplate;
use standin_tape::exchange::{BodyRef, ExchangeRequest, ExchangeResponse};

/// Calls that a stub cannot tell apart by method, URL and body.
pub(super) struct CallGroup {
    pub(super) rule: RequestRule,
    pub(super) sample: ExchangeRequest,
    /// URL of the sample.
    url: Rc<str>,
    pub(super) calls: u64,
    pub(super) answers: Vec<SeenAnswer>,
    by_key: HashMap<AnswerKey, usize>,
    /// The first calls, in the order of the tapes.
    pub(super) observations: Vec<Observation>,
    /// Answers by the states of a scenario, if writes change them.
    pub(super) states: Vec<StateStep>,
}

/// An answer that a group got.
#[derive(Clone)]
pub(super) struct SeenAnswer {
    pub(super) calls: u64,
    /// Number of the call to which it was given last, counted over all tapes.
    pub(super) last: u64,
    pub(super) response: ExchangeResponse,
    /// The tape that it was last seen on.
    pub(super) tape: usize,
    /// The template that gives it, where parts of it vary.
    pub(super) template: Option<AnswerTemplate>,
    key: AnswerKey,
}

/// A call of a group: what came with it that its stub does not match, and its answer.
#[derive(Clone)]
pub(super) struct Observation {
    /// Index of its answer.
    pub(super) answer: usize,
    pub(super) headers: Rc<RequestHeaders>,
    pub(super) body: Option<BodyRef>,
    pub(super) url: Rc<str>,
    pub(super) tape: usize,
    /// Number of the call, counted over all tapes.
    pub(super) number: u64,
    /// Time of the call in milliseconds since 1970.
    pub(super) at_ms: i64,
}

/// The place of a call on the tapes.
#[derive(Clone, Copy)]
pub(super) struct CallPlace {
    pub(super) tape: usize,
    /// Number of the call, counted in calls of all tapes.
    pub(super) number: u64,
    /// Time in milliseconds since 1970.
    pub(super) at_ms: i64,
}

/// Header names and values of a request.
pub(super) type RequestHeaders = Vec<(String, String)>;

/// The parts by which two answers are equal: ids and times in other headers differ from call to
/// call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    status: u16,
    /// SHA-256 of the body without its coding.
    body: String,
    content_type: Option<String>,
    location: Option<String>,
}

impl AnswerKey {
    pub(super) fn of(response: &ExchangeResponse, body: String) -> Self {
        let header = |name| recorded_answer::header(response, name).map(str::to_owned);
        Self { status: response.status, body, content_type: header("content-type"), location: header("location") }
    }
}

impl CallGroup {
    pub(super) fn new(rule: RequestRule, sample: ExchangeRequest) -> Self {
        let (answers, by_key, observations, states) = (Vec::new(), HashMap::new(), Vec::new(), Vec::new());
        Self { rule, url: sample.url.as_str().into(), sample, calls: 0, answers, by_key, observations, states }
    }

    /// Adds a call with its answer.
    pub(super) fn add(
        &mut self,
        (request, headers): (&ExchangeRequest, &Rc<RequestHeaders>),
        (key, response): (AnswerKey, &ExchangeResponse),
        place: CallPlace,
    ) {
        let CallPlace { tape, number, at_ms } = place;
        self.calls += 1;
        let next = self.answers.len();
        let answer = *self.by_key.entry(key.clone()).or_insert(next);
        let seen = SeenAnswer { calls: 1, last: number, response: response.clone(), tape, template: None, key };
        if answer == next {
            self.answers.push(seen);
        } else {
            let calls = self.answers[answer].calls + 1;
            self.answers[answer] = SeenAnswer { calls, ..seen };
        }
        if self.observations.len() < MAX_OBSERVATIONS {
            let url = if request.url == *self.url { Rc::clone(&self.url) } else { request.url.as_str().into() };
            let (headers, body) = (Rc::clone(headers), request.body.clone());
            self.observations.push(Observation { answer, headers, body, url, tape, number, at_ms });
        }
    }

    /// Returns true if every call is among the observations.
    pub(super) fn is_observed_whole(&self) -> bool {
        self.calls == self.observations.len() as u64
    }

    /// Returns the request of an observation.
    pub(super) fn request(&self, observation: &Observation) -> ExchangeRequest {
        let (headers, body) = (observation.headers.to_vec(), observation.body.clone());
        ExchangeRequest { method: self.sample.method.clone(), url: observation.url.to_string(), headers, body }
    }

    pub(super) fn duplicate(&self) -> Self {
        let mut copy = Self::new(self.rule.clone(), self.sample.clone());
        copy.take(self);
        copy
    }

    /// Takes in the calls of another group, which are equal to this one's for its rule.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.rule.in_any_order &= other.rule.in_any_order;
        self.take(other);
        self.observations.sort_by_key(|one| one.number);
        self.observations.truncate(MAX_OBSERVATIONS);
    }

    fn take(&mut self, other: &Self) {
        self.calls += other.calls;
        let places: Vec<usize> = other.answers.iter().map(|seen| self.take_answer(seen)).collect();
        let observations = other.observations.iter().cloned();
        self.observations.extend(observations.map(|one| Observation { answer: places[one.answer], ..one }));
    }

    fn take_answer(&mut self, seen: &SeenAnswer) -> usize {
        let next = self.answers.len();
        let place = *self.by_key.entry(seen.key.clone()).or_insert(next);
        if place == next {
            self.answers.push(seen.clone());
            return place;
        }
        let known = &mut self.answers[place];
        let calls = known.calls + seen.calls;
        if seen.last > known.last {
            *known = seen.clone();
        }
        known.calls = calls;
        place
    }

    /// Puts one template in place of these answers. The others of them have no calls any more.
    pub(super) fn merge_answers(&mut self, answers: &[usize], template: AnswerTemplate) {
        let Some(latest) = answers.iter().copied().max_by_key(|answer| self.answers[*answer].last) else { return };
        let calls = answers.iter().map(|answer| std::mem::take(&mut self.answers[*answer].calls)).sum();
        self.answers[latest].calls = calls;
        self.answers[latest].template = Some(template);
        for observation in self.observations.iter_mut().filter(|one| answers.contains(&one.answer)) {
            observation.answer = latest;
        }
    }

    /// Returns the number of different answers.
    pub(super) fn count_answers(&self) -> usize {
        self.answers.iter().filter(|seen| seen.calls > 0).count()
    }
}

/// Calls of a group that are kept, to find what their answers depend on. Answers of later calls are
/// counted only.
const MAX_OBSERVATIONS: usize = 256;
