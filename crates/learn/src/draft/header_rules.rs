//! Request headers that tell calls apart whose method, URL and body are the same: those on which
//! their answers depend, with proof from the tape.
//!
//! A header is chosen if each of its values always got one and the same answer. That could be
//! chance, so it needs one of these proofs: an answer names the header in `Vary`; it is a
//! precondition, a range or credentials; the answer has the media type or the language that the
//! header asks for; or two values or more came twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::body_rule::quote;
use super::call_group::{CallGroup, Observation};
use super::recorded_answer;
use standin_tape::{is_redacted, split_at_redactions};

/// A part of the head of a request on which its answer may depend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HeadPart {
    /// A header, in lower case.
    Header(String),
    /// A cookie of this name.
    Cookie(String),
}

/// The value that a stub asks a part of the head for. A part that is absent is not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderRule {
    part: HeadPart,
    value: String,
}

/// Calls of a group that a stub tells apart by their head.
pub(super) struct Variant<'o> {
    pub(super) rules: Vec<HeaderRule>,
    pub(super) observations: Vec<&'o Observation>,
}

impl HeadPart {
    /// Returns the value of a call, or `None` if the part is absent.
    fn value(&self, observation: &Observation) -> Option<String> {
        let of = |name: &str| {
            let mut values = observation.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            values.next().map(|(_, value)| value.as_str())
        };
        match self {
            Self::Header(name) => of(name).map(str::to_owned),
            Self::Cookie(name) => cookies(of("cookie")?).find(|(known, _)| known == name).map(|(_, value)| {
                // two secrets cannot be told apart: a stub asks for their presence
                if is_redacted(value) { SECRET.to_owned() } else { value.to_owned() }
            }),
        }
    }

    /// Returns the name for people.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Header(name) => title_case(name),
            Self::Cookie(name) => format!("the cookie {name}"),
        }
    }
}

impl HeaderRule {
    pub(super) fn part(&self) -> &HeadPart {
        &self.part
    }

    /// Returns a text for the id of a stub.
    pub(super) fn identity(&self) -> String {
        format!("{:?}", (&self.part, masked(&self.value)))
    }

    fn json(&self) -> Value {
        if self.value == SECRET {
            return json!({ "matches": ".+" });
        }
        if is_redacted(&self.value) {
            let parts = split_at_redactions(&self.value);
            let quoted: Vec<String> = parts.into_iter().map(quote).collect();
            return json!({ "matches": quoted.join(".+") });
        }
        json!({ "equalTo": self.value })
    }
}

/// Adds the rules to a request pattern.
pub(super) fn add_to(request: &mut Map<String, Value>, rules: &[HeaderRule]) {
    let mut of = |key: &str, name: &str, rule: &HeaderRule| {
        let entry = request.entry(key).or_insert_with(|| json!({}));
        if let Value::Object(all) = entry {
            all.insert(name.to_owned(), rule.json());
        }
    };
    for rule in rules {
        match &rule.part {
            HeadPart::Header(name) => of("headers", &title_case(name), rule),
            HeadPart::Cookie(name) => of("cookies", name, rule),
        }
    }
}

/// Splits calls by the parts of their head that determine their answers; `None` if none do.
pub(super) fn split<'o>(group: &CallGroup, observations: &[&'o Observation]) -> Option<Vec<Variant<'o>>> {
    let varying = varying_parts(group, observations);
    let proven = |parts: &[&HeadPart]| {
        is_determined(parts, observations) && parts.iter().all(|part| is_proven(group, part, parts, observations))
    };
    let single = varying.iter().map(|part| vec![part]).find(|parts| proven(parts));
    let chosen = single.or_else(|| {
        let few = &varying[..varying.len().min(MAX_PAIRED)];
        let mut pairs =
            few.iter().enumerate().flat_map(|(at, one)| few[at + 1..].iter().map(move |other| vec![one, other]));
        pairs.find(|parts| proven(parts))
    });
    // what the service itself says that it varies by, if a sequence is within
    let chosen = chosen.or_else(|| {
        let named: Vec<&HeadPart> = varying.iter().filter(|part| is_named_by_vary(group, part)).collect();
        (!named.is_empty()).then_some(named)
    })?;
    Some(by_values(&chosen, observations))
}

fn by_values<'o>(parts: &[&HeadPart], observations: &[&'o Observation]) -> Vec<Variant<'o>> {
    let mut groups: BTreeMap<Vec<Option<String>>, Vec<&'o Observation>> = BTreeMap::new();
    for observation in observations {
        let values = parts.iter().map(|part| part.value(observation)).collect();
        groups.entry(values).or_default().push(observation);
    }
    let variants = groups.into_iter().map(|(values, observations)| {
        let rules = parts.iter().zip(values);
        let rules = rules.filter_map(|(part, value)| Some(HeaderRule { part: (*part).clone(), value: value? }));
        Variant { rules: rules.collect(), observations }
    });
    variants.collect()
}

/// Returns the parts whose values differ between the calls, the most telling first.
fn varying_parts(group: &CallGroup, observations: &[&Observation]) -> Vec<HeadPart> {
    let mut parts = BTreeSet::new();
    for observation in observations {
        for (name, value) in observation.headers.iter() {
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                parts.extend(cookies(value).map(|(name, _)| HeadPart::Cookie(name.to_owned())));
            } else if !NOISE.contains(&name.as_str()) {
                parts.insert(HeadPart::Header(name));
            }
        }
    }
    let mut varying: Vec<HeadPart> = parts
        .into_iter()
        .filter(|part| {
            let first = part.value(observations[0]);
            observations.iter().any(|observation| part.value(observation) != first)
        })
        .collect();
    varying.sort_by_key(|part| match part {
        _ if is_named_by_vary(group, part) => 0,
        HeadPart::Header(name) => 1 + TELLING.iter().position(|known| known == name).unwrap_or(TELLING.len()),
        HeadPart::Cookie(_) => TELLING.len() + 2,
    });
    varying
}

fn is_determined(parts: &[&HeadPart], observations: &[&Observation]) -> bool {
    let mut answers: BTreeMap<Vec<Option<String>>, usize> = BTreeMap::new();
    observations.iter().all(|observation| {
        let values = parts.iter().map(|part| part.value(observation)).collect();
        *answers.entry(values).or_insert(observation.answer) == observation.answer
    })
}

fn is_proven(group: &CallGroup, part: &HeadPart, parts: &[&HeadPart], observations: &[&Observation]) -> bool {
    if is_named_by_vary(group, part) {
        return true;
    }
    let answer_header = |observation: &Observation, name: &str| {
        recorded_answer::header(&group.answers[observation.answer].response, name)
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let status = |observation: &Observation| group.answers[observation.answer].response.status;
    let of_part = |observation: &Observation| part.value(observation).map(|value| value.to_ascii_lowercase());
    let is_explained = match part {
        HeadPart::Header(name) if PRECONDITIONS.contains(&name.as_str()) => {
            let conditional = |status: u16| matches!(status, 206 | 304 | 412 | 416);
            observations.iter().all(|one| conditional(status(one)) == of_part(one).is_some() || status(one) == 200)
        }
        HeadPart::Header(name) if name == "accept" => observations.iter().all(|one| {
            let kind = answer_header(one, "content-type");
            let kind = kind.split(';').next().unwrap_or_default().trim();
            of_part(one).is_none_or(|accepted| !kind.is_empty() && accepted.contains(kind))
        }),
        HeadPart::Header(name) if name == "accept-language" => observations.iter().all(|one| {
            let language = answer_header(one, "content-language");
            of_part(one).is_none_or(|asked| !language.is_empty() && asked.starts_with(&language))
        }),
        HeadPart::Cookie(_) => observations.iter().any(|one| of_part(one).is_none() && is_denial(status(one))),
        HeadPart::Header(name) if name == "authorization" => {
            observations.iter().any(|one| of_part(one).is_none() && is_denial(status(one)))
        }
        HeadPart::Header(_) => false,
    };
    is_explained || came_twice(parts, observations)
}

/// Returns true if two combinations of values or more came twice, and those that came once got no
/// answer of their own.
fn came_twice(parts: &[&HeadPart], observations: &[&Observation]) -> bool {
    let mut counts: BTreeMap<Vec<Option<String>>, (usize, usize)> = BTreeMap::new();
    for observation in observations {
        let values = parts.iter().map(|part| part.value(observation)).collect();
        counts.entry(values).or_insert((0, observation.answer)).0 += 1;
    }
    let repeated: BTreeSet<usize> =
        counts.values().filter(|(count, _)| *count > 1).map(|(_, answer)| *answer).collect();
    repeated.len() > 1 && counts.values().all(|(_, answer)| repeated.contains(answer))
}

/// Returns true if a status asks for credentials, or sends a client to where it gives them.
fn is_denial(status: u16) -> bool {
    matches!(status, 401 | 403 | 302 | 303 | 307)
}

fn is_named_by_vary(group: &CallGroup, part: &HeadPart) -> bool {
    let name = match part {
        HeadPart::Header(name) => name.as_str(),
        HeadPart::Cookie(_) => "cookie",
    };
    let mut headers = group.answers.iter().flat_map(|seen| &seen.response.headers);
    headers.any(|(known, value)| {
        known.eq_ignore_ascii_case("vary") && value.split(',').any(|named| named.trim().eq_ignore_ascii_case(name))
    })
}

fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim().split_once('='))
}

/// Returns a value without the marks of its secrets, which differ from recording to recording.
fn masked(value: &str) -> String {
    if is_redacted(value) { split_at_redactions(value).join("*") } else { value.to_owned() }
}

/// Returns `content-type` as `Content-Type`.
pub(super) fn title_case(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        first.to_ascii_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}

/// Value of a secret that a stub asks for by its presence.
const SECRET: &str = "~secret~";

/// Headers that differ from call to call and mean nothing to the answer.
const NOISE: &[&str] = &[
    "accept-encoding",
    "baggage",
    "connection",
    "content-length",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "via",
    "x-amzn-trace-id",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-correlation-id",
    "x-forwarded-for",
    "x-request-id",
];

/// Headers on which answers often depend, the most telling first.
const TELLING: &[&str] = &[
    "accept",
    "accept-language",
    "range",
    "if-none-match",
    "if-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "authorization",
    "content-type",
    "soapaction",
    "prefer",
    "origin",
];

const PRECONDITIONS: &[&str] =
    &["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// Parts that are tried two at a time.
const MAX_PAIRED: usize = 8;
