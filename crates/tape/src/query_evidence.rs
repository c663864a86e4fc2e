//! What a tape says of calls that differ by their query alone: how long they took, and what shape
//! their answers had.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use standin_coding::ContentCoding;

use crate::answer_shape::AnswerShape;
use crate::exchange::Exchange;
use crate::operation_name::{GENERATED, encoded};
use crate::path_segments::is_identifier;
use crate::redaction::is_redacted;

/// Calls by their path and the values of their query parameters, with a bounded number of samples.
#[derive(Clone, Debug, Default)]
pub struct QueryEvidence {
    by_call: HashMap<CallSignature, AnswerEvidence>,
}

/// A kind of call: the values that look generated are left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallSignature {
    pub(crate) method: String,
    /// Path in which `{id}` stands for segments that look generated.
    path: String,
    /// Query parameters and their values, in the order of their names.
    pub(crate) query: Vec<(String, String)>,
}

/// Facts of the answers to one kind of call.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerEvidence {
    /// Path of one of the calls, as it was sent.
    pub(crate) path: String,
    /// Times from the request to the last byte, in nanoseconds, of the first calls.
    pub(crate) nanos: Vec<u64>,
    /// Number of successful answers.
    pub(crate) calls: u64,
    /// Shapes of some answers.
    pub(crate) shapes: Vec<AnswerShape>,
    bodies: Vec<RecordedBody>,
}

/// The reference to the body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RecordedBody {
    content_type: Option<String>,
    coding: String,
    sha256: Option<String>,
}

impl QueryEvidence {
    /// Takes in an exchange. Answers that failed say nothing about an operation.
    pub fn add(&mut self, exchange: &Exchange) {
        let Some(response) = exchange.response.as_ref().filter(|_| exchange.failure.is_none()) else { return };
        let times = &exchange.times;
        let nanos = times.sent.zip(times.last_byte.or(times.first_byte)).map(|(sent, end)| end.saturating_sub(sent));
        let Some(evidence) = self.entry(&exchange.request.method, &exchange.request.url, Some(response.status)) else {
            return;
        };
        evidence.add_time(nanos);
        if evidence.bodies.len() < MAX_BODIES {
            let header = |name: &str| {
                let found = response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.trim().to_ascii_lowercase())
            };
            let small = response.body.as_ref().filter(|body| body.size <= MAX_BODY_BYTES);
            let body = RecordedBody {
                content_type: header("content-type"),
                coding: header("content-encoding").unwrap_or_default(),
                sha256: small.and_then(|body| body.sha256.clone()),
            };
            if !evidence.bodies.contains(&body) {
                evidence.bodies.push(body);
            }
        }
    }

    /// Takes in a call of which only the time is known.
    pub fn add_time(&mut self, method: &str, url: &str, status: Option<u16>, nanos: u64) {
        if let Some(evidence) = self.entry(method, url, status) {
            evidence.add_time(Some(nanos));
        }
    }

    /// Reads the bodies whose shapes tell operations apart; `bodies` gives one by its SHA-256.
    pub fn read_shapes(&mut self, bodies: impl Fn(&str) -> Option<Vec<u8>>) {
        for evidence in self.by_call.values_mut() {
            for body in std::mem::take(&mut evidence.bodies) {
                let raw = body.sha256.as_deref().and_then(&bodies);
                let plain = raw.as_deref().and_then(|raw| {
                    ContentCoding::parse(&body.coding)?.decode(raw, MAX_DECODED_BYTES).map(std::borrow::Cow::into_owned)
                });
                evidence.shapes.push(AnswerShape::of(body.content_type.as_deref(), plain.as_deref()));
            }
        }
    }

    /// Takes in the evidence of another tape.
    pub fn merge(&mut self, other: &Self) {
        let mut all: Vec<_> = other.by_call.iter().collect();
        all.sort_by_key(|(signature, _)| *signature);
        for (signature, theirs) in all {
            if self.by_call.len() >= MAX_SIGNATURES && !self.by_call.contains_key(signature) {
                continue;
            }
            let mine = self.by_call.entry(signature.clone()).or_default();
            if mine.path.is_empty() {
                mine.path.clone_from(&theirs.path);
            }
            mine.calls += theirs.calls;
            mine.nanos.extend_from_slice(&theirs.nanos);
            mine.shapes.extend_from_slice(&theirs.shapes);
            mine.bodies.extend_from_slice(&theirs.bodies);
        }
    }

    /// Returns the kinds of calls.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CallSignature, &AnswerEvidence)> {
        self.by_call.iter()
    }

    fn entry(&mut self, method: &str, url: &str, status: Option<u16>) -> Option<&mut AnswerEvidence> {
        if status.is_some_and(|status| !(200..400).contains(&status)) {
            return None;
        }
        let signature = CallSignature::of(method, url);
        if self.by_call.len() >= MAX_SIGNATURES && !self.by_call.contains_key(&signature) {
            return None;
        }
        let evidence = self.by_call.entry(signature).or_default();
        if evidence.path.is_empty() {
            url.split(['?', '#']).next().unwrap_or_default().clone_into(&mut evidence.path);
        }
        evidence.calls += 1;
        Some(evidence)
    }
}

impl AnswerEvidence {
    fn add_time(&mut self, nanos: Option<u64>) {
        if self.nanos.len() < MAX_TIMES {
            self.nanos.extend(nanos);
        }
    }
}

impl CallSignature {
    fn of(method: &str, url: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let general = path.split('/').map(|segment| if is_identifier(segment) { GENERATED } else { segment });
        Self { method: method.to_owned(), path: general.collect::<Vec<_>>().join("/"), query: parameters(url) }
    }
}

/// Returns the query parameters of a URL in the order of their names, each with its first value;
/// `{id}` stands for values that look generated.
pub(crate) fn parameters(url: &str) -> Vec<(String, String)> {
    let query = url.split('#').next().unwrap_or_default().split_once('?').map_or("", |(_, query)| query);
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut all: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(MAX_PARAMETERS)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .map(|(name, value)| if is_name(&value) { (name, value) } else { (name, GENERATED.to_owned()) })
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.dedup_by(|(later, _), (first, _)| later == first);
    all
}

/// Returns the query of a URL with its parameters in the order of their names, and `{id}` for
/// values that look generated. The text is equal for calls that a query cannot tell apart.
pub fn query_kind(url: &str) -> String {
    let pairs = parameters(url).into_iter().map(|(key, value)| format!("{}={}", encoded(&key), encoded(&value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Returns true if a value is a name, such as `list`, or a text of some words.
fn is_name(value: &str) -> bool {
    value.len() <= MAX_NAME_BYTES && !is_identifier(value) && !is_redacted(value) && !value.contains(char::is_control)
}

/// Kinds of calls that are kept; further ones stay in the operation of their path.
const MAX_SIGNATURES: usize = 20_000;
/// Times that are kept of a kind of call.
const MAX_TIMES: usize = 200;
/// Bodies that are read of a kind of call.
const MAX_BODIES: usize = 3;
/// Largest body whose shape is read, in bytes.
const MAX_BODY_BYTES: u64 = 1 << 20;
/// Largest decoded body whose shape is read, in bytes.
const MAX_DECODED_BYTES: usize = 4 << 20;
/// Query parameters of a call that are looked at.
const MAX_PARAMETERS: usize = 32;
/// Longest value that is a name, in bytes.
const MAX_NAME_BYTES: usize = 200;
