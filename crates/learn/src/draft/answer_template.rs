//! Answers that repeat values of their request or the time: one template in place of many answers.
//!
//! The proof is on the tape. Answers that differ in nothing else become one; or the repeated value
//! is so long and random that it is not in the answer by chance.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::call_group::{CallGroup, Observation, SeenAnswer};
use super::header_rules::title_case;
use super::recorded_answer::{self, decode};
use super::request_fields::FieldPlace;
use super::request_rule::RequestRule;
use super::volatile_text::{self, AnswerTemplate, EchoSource, TextPart, VolatileKinds};
use super::{BodySource, body};
use standin_tape::is_redacted;

/// An answer with what its volatile parts are made of.
struct Sample {
    answer: usize,
    body: String,
    sources: Vec<EchoSource>,
    at_ms: i64,
}

/// An answer without its volatile values: equal for answers that one template gives.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NormalForm {
    status: u16,
    content_type: Option<String>,
    location: Vec<TextPart>,
    body: Vec<TextPart>,
}

/// Puts templates in place of the answers of a group that differ in volatile values only.
pub(super) fn apply(group: &mut CallGroup, bodies: &BodySource<'_>) {
    let samples: Vec<Sample> =
        (0..group.answers.len()).filter_map(|answer| Sample::of(group, answer, bodies)).collect();
    if samples.iter().all(|sample| sample.sources.is_empty()) && group.answers.len() < 2 {
        return;
    }
    let forms = |kinds: VolatileKinds| -> Vec<NormalForm> {
        samples.iter().map(|sample| sample.normal_form(group, &sample.sources, kinds)).collect()
    };
    let count = |forms: &[NormalForm]| forms.iter().collect::<BTreeSet<_>>().len();
    let (echoes, times) = (forms(VolatileKinds::Echoes), forms(VolatileKinds::Times));
    let (with_echoes, with_times) = (count(&echoes), count(&times));
    let (kinds, forms, is_proven) = if with_times < with_echoes {
        (VolatileKinds::Times, times, true)
    } else {
        (VolatileKinds::Echoes, echoes, with_echoes < samples.len())
    };
    let mut classes: BTreeMap<&NormalForm, Vec<usize>> = BTreeMap::new();
    for (place, form) in forms.iter().enumerate() {
        classes.entry(form).or_default().push(place);
    }
    let mut merged: Vec<(Vec<usize>, AnswerTemplate)> = Vec::new();
    for places in classes.into_values() {
        // a single answer proves what it repeats only by the look of it
        let is_proven = is_proven && places.len() > 1;
        let sample = &samples[*places.last().expect("a class has members")];
        if let Some(template) = sample.template(group, kinds, is_proven) {
            merged.push((places.iter().map(|place| samples[*place].answer).collect(), template));
        }
    }
    let observed: BTreeSet<usize> = group.observations.iter().map(|one| one.answer).collect();
    for (mut answers, template) in merged {
        // later answers, which were only counted, are like those that were looked at
        if is_proven && answers.len() > 1 {
            let first = &group.answers[answers[0]].response;
            let kind = |response| recorded_answer::header(response, "content-type");
            let alike = group.answers.iter().enumerate().filter(|(place, seen)| {
                !observed.contains(place) && seen.response.status == first.status && kind(&seen.response) == kind(first)
            });
            answers.extend(alike.map(|(place, _)| place).collect::<Vec<_>>());
        }
        group.merge_answers(&answers, template);
    }
}

impl Sample {
    /// Returns the last call with an answer; `None` if it was not observed or is no text.
    fn of(group: &CallGroup, answer: usize, bodies: &BodySource<'_>) -> Option<Self> {
        let seen = &group.answers[answer];
        let observation = group.observations.iter().rev().find(|one| one.answer == answer)?;
        if observation.number != seen.last || seen.template.is_some() {
            return None;
        }
        let raw = body(seen.response.body.as_ref(), bodies)?;
        let coding = recorded_answer::header(&seen.response, "content-encoding").unwrap_or_default();
        let plain = decode(&raw, coding).unwrap_or(raw);
        let body = std::str::from_utf8(&plain).ok().filter(|text| text.len() <= MAX_TEMPLATE_BYTES)?.to_owned();
        let sources = sources(group, observation, bodies);
        Some(Self { answer, body, sources, at_ms: observation.at_ms })
    }

    fn normal_form(&self, group: &CallGroup, sources: &[EchoSource], kinds: VolatileKinds) -> NormalForm {
        let SeenAnswer { response, .. } = &group.answers[self.answer];
        let header = |name| recorded_answer::header(response, name);
        let split = |text: &str| volatile_text::split(text, sources, kinds, self.at_ms);
        NormalForm {
            status: response.status,
            content_type: header("content-type").map(str::to_owned),
            location: split(header("location").unwrap_or_default()),
            body: split(&self.body),
        }
    }

    /// Returns the template; `None` if nothing in it varies, or if it cannot be written as one.
    fn template(&self, group: &CallGroup, kinds: VolatileKinds, is_proven: bool) -> Option<AnswerTemplate> {
        let random: Vec<EchoSource> =
            self.sources.iter().filter(|source| volatile_text::looks_random(&source.value)).cloned().collect();
        let (sources, kinds) = if is_proven { (&self.sources, kinds) } else { (&random, VolatileKinds::Echoes) };
        let body = self.normal_form(group, sources, kinds).body;
        let mut all = vec![body.clone()];
        let mut headers = Vec::new();
        for (name, value) in &group.answers[self.answer].response.headers {
            let sources = if name.eq_ignore_ascii_case("location") { sources } else { &random };
            let parts = volatile_text::split(value, sources, VolatileKinds::Echoes, self.at_ms);
            if volatile_text::is_volatile(&parts) {
                headers.push((name.to_ascii_lowercase(), volatile_text::template(&parts)));
            }
            all.push(parts);
        }
        let is_written = all.iter().any(|parts| volatile_text::is_volatile(parts))
            && !all.iter().any(|parts| volatile_text::has_braces(parts));
        is_written.then(|| AnswerTemplate { body: volatile_text::template(&body), headers })
    }
}

/// Returns the values of a call that its stub does not match, and how a template names them.
fn sources(group: &CallGroup, observation: &Observation, bodies: &BodySource<'_>) -> Vec<EchoSource> {
    let mut sources = Vec::new();
    let mut add = |value: &str, expression: String| {
        if value.len() >= MIN_ECHO_BYTES && !is_redacted(value) {
            sources.push(EchoSource { value: value.to_owned(), expression });
        }
    };
    for (name, value) in observation.headers.iter() {
        let lower = name.to_ascii_lowercase();
        if !USUAL_HEADERS.contains(&lower.as_str()) && is_plain_name(name) {
            add(value, format!("{{{{request.headers.{}}}}}", title_case(&lower)));
        }
    }
    if group.rule.masked.is_empty() {
        return sources;
    }
    let request = group.request(observation);
    let body: Option<Bytes> = body(request.body.as_ref(), bodies);
    let Some(Ok(rule)) = body.map(|body| RequestRule::of(&request, body)) else { return sources };
    for field in rule.fields() {
        if !group.rule.masked.contains(&field.place) {
            continue;
        }
        let value = percent_decode_str(&field.value).decode_utf8_lossy().into_owned();
        match &field.place {
            FieldPlace::Query(name) if is_plain_name(name) => add(&value, format!("{{{{request.query.{name}}}}}")),
            FieldPlace::Json(pointer) => {
                if let Some(path) = json_path(pointer) {
                    add(&field.value, format!("{{{{jsonPath request.body '{path}'}}}}"));
                }
            }
            FieldPlace::Query(_) | FieldPlace::Form(_) | FieldPlace::Xml(_) => {}
        }
    }
    sources
}

/// Returns a JSON pointer of plain names as a JSONPath.
fn json_path(pointer: &str) -> Option<String> {
    let mut path = "$".to_owned();
    for name in pointer.split('/').skip(1) {
        if !is_plain_name(name) || name.starts_with(|c: char| c.is_ascii_digit()) || name.contains('-') {
            return None;
        }
        path.push('.');
        path.push_str(name);
    }
    Some(path)
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Shortest value that an answer repeats; shorter ones are there by chance.
const MIN_ECHO_BYTES: usize = 4;

/// Longest body that becomes a template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 64 << 10;

/// Headers whose values are in answers by chance.
const USUAL_HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "te",
    "transfer-encoding",
    "upgrade-insecure-requests",
];
