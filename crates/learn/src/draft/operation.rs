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
use standin_tape::exchange::Request;

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
        // of stubs of one priority the later is tried first: those that ask more come last
        let place = |choice: &Choice<'_>| {
            let ask = &choice.group.ask;
            (ask.weight(), ask.label(), ask.identity())
        };
        choices.sort_by_cached_key(place);
        if choices.len() > self.most {
            choices.sort_by_key(|choice| Reverse(choice.group.calls));
            for choice in choices.split_off(self.most) {
                report.note(LeftOut::Capped, choice.seen.calls, self.name);
            }
            choices.sort_by_cached_key(place);
        }
        let slug = names::slug(self.name);
        let mut bodies = BTreeMap::new();
        let mut mappings = Vec::new();
        for choice in &choices {
            let Some(answer) = self.answer(choice) else {
                // the other answers of the group are counted already
                report.note(LeftOut::NoBody, choice.seen.calls, self.name);
                continue;
            };
            let ask = &choice.group.ask;
            let id = names::id(&ask.identity());
            let priority = ask.has_secret_path.then_some(SECRET_PATH);
            let mapping = self.mapping(id, &ask.label(), priority, ask.json(), choice, &answer, &slug, &mut bodies);
            mappings.push(mapping);
            calls.push((choice.group.sample.clone(), id));
            self.remark(choice, &answer, report);
        }
        for Template { name, request, priority, choice } in &templates {
            let Some(answer) = self.answer(choice) else { continue };
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
        let winners: Vec<Option<&Seen>> = groups.iter().map(|group| winner(group)).collect();
        let ever_well = winners.iter().flatten().any(|seen| tier(seen) != Tier::Overload);
        let mut choices = Vec::new();
        for (group, winner) in groups.iter().zip(winners) {
            let stubbed = winner.filter(|seen| !ever_well || tier(seen) != Tier::Overload);
            for seen in group.answers.values().filter(|seen| !stubbed.is_some_and(|one| std::ptr::eq(one, *seen))) {
                let why = match tier(seen) {
                    Tier::NotModified => LeftOut::NotModified,
                    Tier::Overload => LeftOut::Overload,
                    Tier::Plain | Tier::Conditional => LeftOut::Differing,
                };
                report.note(why, seen.calls, self.name);
            }
            choices.extend(stubbed.map(|seen| Choice { group, seen }));
        }
        choices
    }

    /// None if its body is not on the tape.
    fn answer(&self, choice: &Choice<'_>) -> Option<Answer> {
        let response = &choice.seen.response;
        let raw = body(response.body.as_ref(), self.bodies)?;
        let to_head = choice.group.ask.method == "HEAD";
        Some(Answer::of(response, raw, to_head))
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

fn tier(seen: &Seen) -> Tier {
    match seen.response.status {
        304 => Tier::NotModified,
        206 | 412 | 416 => Tier::Conditional,
        408 | 429 | 500.. => Tier::Overload,
        _ => Tier::Plain,
    }
}

/// The answer that was given most often; of several, the one that was given last.
fn winner(group: &Group) -> Option<&Seen> {
    let usable = group.answers.values().filter(|seen| tier(seen) != Tier::NotModified);
    usable.max_by_key(|seen| (Reverse(tier(seen)), seen.calls, seen.last))
}

/// A stub for a path that held a secret takes any text there: literal paths come first.
const SECRET_PATH: i32 = 9;
