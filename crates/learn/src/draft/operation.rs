//! The stubs of one operation: which answer each has, how many there are, and in which order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call_group::CallGroup;
use super::chosen_answer::{ChosenAnswer, choose_answers};
use super::recorded_answer::RecordedAnswer;
use super::report::{DraftReport, LeftOut};
use super::unrecorded_ids::{self, IdStub};
use super::write::with_hashes;
use super::{DraftFile, DraftMappingFile, DraftTape, body, digest8, header_rules, names};
use standin_tape::exchange::ExchangeRequest;

/// The inputs for the stubs of one operation.
pub(super) struct OperationDrafter<'d> {
    pub(super) name: &'d str,
    /// Stubs for recorded calls that it may have.
    pub(super) most: usize,
    pub(super) bodies: &'d dyn Fn(&str) -> Option<Bytes>,
    pub(super) tapes: &'d [DraftTape],
}

/// The parts of a mapping that depend on what the stub matches.
struct StubParts<'s> {
    id: Uuid,
    name: &'s str,
    priority: Option<i32>,
    request: Value,
    response: Value,
}

impl OperationDrafter<'_> {
    /// Returns the mapping file of the operation; `None` if nothing of it can be stubbed.
    pub(super) fn mapping_file(
        &self,
        groups: &[&CallGroup],
        calls: &mut Vec<(ExchangeRequest, Uuid)>,
        report: &mut DraftReport,
    ) -> Option<DraftMappingFile> {
        let mut all_chosen = choose_answers(self.name, groups, report);
        let templates = unrecorded_ids::templates(self.name, &all_chosen, |chosen| self.answer(chosen), report);
        // of stubs of one priority the later is tried first: those that ask more come last
        let place = |chosen: &ChosenAnswer<'_>| {
            let rule = &chosen.group.rule;
            let is_of_a_state = chosen.state.is_some_and(|state| state.required.is_some());
            (rule.weight(), chosen.headers.len(), rule.label(), is_of_a_state, chosen.identity())
        };
        all_chosen.sort_by_cached_key(place);
        if all_chosen.len() > self.most {
            all_chosen.sort_by_key(|chosen| Reverse(chosen.group.calls)); // the steps of a sequence stay together
            for chosen in all_chosen.split_off(self.most) {
                report.note(LeftOut::Capped, chosen.calls, self.name);
            }
            all_chosen.sort_by_cached_key(place);
        }
        let slug = names::slug(self.name);
        let mut bodies = BTreeMap::new();
        let mut mappings = Vec::new();
        for chosen in &all_chosen {
            let Some(answer) = self.answer(chosen) else {
                // the other answers of the group are counted already
                report.note(LeftOut::NoBody, chosen.calls, self.name);
                continue;
            };
            let rule = &chosen.group.rule;
            let id = names::id(&chosen.identity());
            let priority = rule.has_secret_path.then_some(SECRET_PATH_PRIORITY);
            let (response, file) = answer.json(&slug);
            bodies.extend(file.map(|file| (file.name, file.bytes)));
            let stub = StubParts { id, name: &rule.label(), priority, request: request(chosen), response };
            mappings.push(self.mapping(stub, chosen));
            calls.push((chosen.request.clone(), id));
            self.remark(chosen, &answer, report);
        }
        for IdStub { name, request, priority, answer, chosen } in &templates {
            let id = names::id(&format!("template {}", Value::Object(request.clone())));
            let (response, file) = answer.json(&slug);
            bodies.extend(file.map(|file| (file.name, file.bytes)));
            let request = Value::Object(request.clone());
            mappings.push(self.mapping(StubParts { id, name, priority: Some(*priority), request, response }, chosen));
            report.templates += 1;
        }
        report.stubs += mappings.len();
        let bodies = bodies.into_iter().map(|(name, bytes)| DraftFile { name, bytes }).collect();
        (!mappings.is_empty()).then(|| DraftMappingFile {
            name: format!("{slug}.json"),
            content: with_hashes(mappings),
            bodies,
        })
    }

    /// Returns the answer; `None` if its body is not on the tape.
    fn answer(&self, chosen: &ChosenAnswer<'_>) -> Option<RecordedAnswer> {
        let response = &chosen.seen.response;
        let raw = body(response.body.as_ref(), self.bodies)?;
        let to_head = chosen.group.rule.method == "HEAD";
        let template = chosen.seen.template.clone();
        let mut answer = RecordedAnswer::of(response, raw, to_head);
        answer.template = template;
        Some(answer)
    }

    /// Returns the mapping of a stub, with the tape and the number of calls that it is from.
    fn mapping(&self, stub: StubParts<'_>, chosen: &ChosenAnswer<'_>) -> Map<String, Value> {
        let StubParts { id, name, priority, request, response } = stub;
        let mut mapping = Map::new();
        mapping.insert("id".to_owned(), id.to_string().into());
        mapping.insert("name".to_owned(), name.into());
        mapping.extend(priority.map(|priority| ("priority".to_owned(), priority.into())));
        mapping.insert("request".to_owned(), request);
        mapping.insert("response".to_owned(), response);
        if let Some(step) =
            chosen.step.as_ref().filter(|_| priority.is_none_or(|priority| priority < unrecorded_ids::ID_STUB_PRIORITY))
        {
            step.add_to(&mut mapping, &scenario(self.name, chosen));
        }
        if let Some(state) = chosen.state.filter(|_| priority.is_none_or(|one| one < unrecorded_ids::ID_STUB_PRIORITY))
        {
            state.add_to(&mut mapping);
        }
        let tape = self.tapes.get(chosen.seen.tape).map_or("", |tape| tape.name.as_str());
        let draft = json!({ "tape": tape, "recorded": chosen.calls });
        mapping.insert("metadata".to_owned(), json!({ "standin": { "draft": draft } }));
        mapping
    }

    fn remark(&self, chosen: &ChosenAnswer<'_>, answer: &RecordedAnswer, report: &mut DraftReport) {
        let calls = chosen.calls;
        if chosen.group.rule.is_loose {
            report.note(LeftOut::LooseBody, calls, self.name);
        }
        if answer.template.is_some() {
            report.note(LeftOut::Template, calls, self.name);
        }
        if answer.lacks_secrets {
            report.note(LeftOut::SecretHeader, calls, self.name);
        }
        if self.tapes.get(chosen.seen.tape).is_some_and(|tape| answer.names(&tape.target)) {
            report.note(LeftOut::NamesTarget, calls, self.name);
        }
    }
}

/// Returns the request pattern of the stub of an answer.
fn request(chosen: &ChosenAnswer<'_>) -> Value {
    let mut request = chosen.group.rule.json();
    if let Value::Object(members) = &mut request {
        header_rules::add_to(members, &chosen.headers);
    }
    request
}

/// Returns the name of the scenario of a sequence.
fn scenario(operation: &str, chosen: &ChosenAnswer<'_>) -> String {
    let all = ChosenAnswer { step: None, ..chosen.clone() };
    format!("{}-{}", names::slug(operation), digest8(all.identity().as_bytes()))
}

/// A stub for a path that held a secret takes any text there: literal paths come first.
const SECRET_PATH_PRIORITY: i32 = 9;
