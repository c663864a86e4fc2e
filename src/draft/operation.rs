//! The stubs of one operation: which answer each has, how many there are, and in which order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::report::{LeftOut, Report};
use super::template::{self, Template};
use super::write::seal;
use super::{DraftFile, Group, MappingFile, Seen, Tape, body, names};
use crate::exchange::Request;

/// What drafting an operation needs.
pub(super) struct File<'d> {
    pub(super) name: &'d str,
    /// Stubs for recorded calls that it may have.
    pub(super) most: usize,
    pub(super) bodies: &'d dyn Fn(&str) -> Option<Bytes>,
    pub(super) tapes: &'d [Tape],
}

/// A group and the answer that stands for it.
#[derive(Clone, Copy)]
pub(super) struct Choice<'d> {
    pub(super) group: &'d Group,
    pub(super) seen: &'d Seen,
}

impl File<'_> {
    /// The file of the operation; none if nothing of it can be stubbed.
    pub(super) fn of(
        &self,
        groups: &[&Group],
        calls: &mut Vec<(Request, Uuid)>,
        report: &mut Report,
    ) -> Option<MappingFile> {
        let mut choices = self.choices(groups, report);
        let templates = template::templates(self.name, &choices);
        // the calls that were made most often stay, in the order of the tape
        choices.sort_by_key(|choice| Reverse(choice.group.calls));
        for choice in choices.split_off(choices.len().min(self.most)) {
            report.note(LeftOut::Capped, choice.group.calls, self.name);
        }
        // of stubs of one priority the later is tried first: those that ask more come last
        choices.sort_by_cached_key(|choice| (choice.group.ask.weight(), choice.group.ask.label()));
        let slug = names::slug(self.name);
        let mut bodies = BTreeMap::new();
        let mut mappings = Vec::new();
        for choice in &choices {
            let Some(answer) = self.answer(choice, report) else { continue };
            let ask = &choice.group.ask;
            let id = names::id(&ask.identity());
            let priority = ask.has_secret_path.then_some(SECRET_PATH);
            let mapping = self.mapping(id, &ask.label(), priority, ask.json(), choice, &answer, &slug, &mut bodies);
            mappings.push(mapping);
            calls.push((choice.group.sample.clone(), id));
            self.remark(choice, &answer, report);
        }
        for Template { name, request, priority, choice } in &templates {
            let Some(answer) = self.answer(choice, report) else { continue };
            let id = names::id(&format!("template {}", Value::Object(request.clone())));
            let request = Value::Object(request.clone());
            mappings.push(self.mapping(id, name, Some(*priority), request, choice, &answer, &slug, &mut bodies));
            report.templates += 1;
        }
        report.stubs += mappings.len();
        let bodies = bodies.into_iter().map(|(name, bytes)| DraftFile { name, bytes }).collect();
        (!mappings.is_empty()).then(|| MappingFile { name: format!("{slug}.json"), content: seal(mappings), bodies })
    }

    /// The answer of each group. How a service fails under load is a matter of its profile, unless it did nothing else.
    fn choices<'g>(&self, groups: &[&'g Group], report: &mut Report) -> Vec<Choice<'g>> {
        let best = groups.iter().filter_map(|group| Some((*group, winner(group)?)));
        let choices: Vec<Choice<'_>> = best.map(|(group, seen)| Choice { group, seen }).collect();
        let ever_well = choices.iter().any(|choice| tier(choice.seen.kind.status) != Tier::Overload);
        let is_stubbed = |choice: &Choice<'_>| !ever_well || tier(choice.seen.kind.status) != Tier::Overload;
        let choices: Vec<Choice<'_>> = choices.into_iter().filter(is_stubbed).collect();
        let chosen: Vec<*const Seen> = choices.iter().map(|choice| std::ptr::from_ref(choice.seen)).collect();
        for seen in
            groups.iter().flat_map(|group| &group.answers).filter(|seen| !chosen.contains(&std::ptr::from_ref(*seen)))
        {
            let why = match tier(seen.kind.status) {
                Tier::NotModified => LeftOut::NotModified,
                Tier::Overload => LeftOut::Overload,
                Tier::Plain | Tier::Conditional => LeftOut::Differing,
            };
            report.note(why, seen.calls, self.name);
        }
        choices
    }

    fn answer(&self, choice: &Choice<'_>, report: &mut Report) -> Option<Answer> {
        let response = &choice.seen.response;
        let Some(raw) = body(response.body.as_ref(), self.bodies) else {
            report.note(LeftOut::NoBody, choice.group.calls, self.name);
            return None;
        };
        Some(Answer::of(response, raw))
    }

    #[expect(clippy::too_many_arguments, reason = "a mapping has that many parts")]
    fn mapping(
        &self,
        id: Uuid,
        name: &str,
        priority: Option<i32>,
        request: Value,
        choice: &Choice<'_>,
        answer: &Answer,
        slug: &str,
        bodies: &mut BTreeMap<String, Bytes>,
    ) -> Map<String, Value> {
        let (response, file) = answer.json(slug);
        bodies.extend(file.map(|file| (file.name, file.bytes)));
        let mut mapping = Map::new();
        mapping.insert("id".to_owned(), id.to_string().into());
        mapping.insert("name".to_owned(), name.into());
        mapping.extend(priority.map(|priority| ("priority".to_owned(), priority.into())));
        mapping.insert("request".to_owned(), request);
        mapping.insert("response".to_owned(), response);
        let tape = self.tapes.get(choice.seen.tape).map_or("", |tape| tape.name.as_str());
        let draft = json!({ "tape": tape, "recorded": choice.seen.calls });
        mapping.insert("metadata".to_owned(), json!({ "standin": { "draft": draft } }));
        mapping
    }

    fn remark(&self, choice: &Choice<'_>, answer: &Answer, report: &mut Report) {
        let calls = choice.group.calls;
        if choice.group.ask.is_loose {
            report.note(LeftOut::LooseBody, calls, self.name);
        }
        if answer.lacks_secrets {
            report.note(LeftOut::SecretHeader, calls, self.name);
        }
        if self.tapes.get(choice.seen.tape).is_some_and(|tape| answer.names(&tape.target)) {
            report.note(LeftOut::NamesTarget, calls, self.name);
        }
    }
}

/// What an answer says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// What it answers.
    Plain,
    /// It answers a condition or a range in headers, which stubs do not ask for.
    Conditional,
    /// It was too busy, or broke.
    Overload,
    /// Of no use to a client that did not ask for it.
    NotModified,
}

fn tier(status: u16) -> Tier {
    match status {
        304 => Tier::NotModified,
        206 | 412 | 416 => Tier::Conditional,
        408 | 429 | 500.. => Tier::Overload,
        _ => Tier::Plain,
    }
}

/// The answer that was given most often; of several, the one that was given last.
fn winner(group: &Group) -> Option<&Seen> {
    let usable = group.answers.iter().filter(|seen| tier(seen.kind.status) != Tier::NotModified);
    usable.max_by_key(|seen| (Reverse(tier(seen.kind.status)), seen.calls, seen.last))
}

/// A stub for a path that held a secret takes any text there: literal paths come first.
const SECRET_PATH: i32 = 9;
