//! Calls that other tools recorded or wrote down, as exchanges that `draft` takes.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use standin_learn::draft::{Drafter, StubDraft};
use standin_tape::exchange::{BodyRef, Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::{PlainMessage, RedactedMessage, RedactionRules, Redactor, to_hex};

/// A call with its answer, as a file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCall {
    /// Method of the request.
    pub method: String,
    /// Host and port, in lower case; empty if the file does not tell.
    pub host: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers of the request.
    pub request_headers: Vec<(String, String)>,
    /// Body of the request.
    pub request_body: Vec<u8>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub response_headers: Vec<(String, String)>,
    /// Body of the answer, without content coding.
    pub response_body: Vec<u8>,
}

/// Calls of a file, and how many were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCalls {
    /// The calls, in the order of the file.
    pub calls: Vec<SourceCall>,
    /// Reasons for which entries were left out, each with their number and the first of them.
    pub left_out: Vec<(String, u64, String)>,
}

/// Bodies by their SHA-256.
pub type SourceBodies = HashMap<String, Bytes>;

impl SourceCalls {
    /// Returns the hosts with their numbers of calls, the most called first.
    pub fn hosts(&self) -> Vec<(&str, usize)> {
        let mut hosts: Vec<(&str, usize)> = Vec::new();
        for call in &self.calls {
            match hosts.iter_mut().find(|(host, _)| *host == call.host) {
                Some((_, count)) => *count += 1,
                None => hosts.push((&call.host, 1)),
            }
        }
        hosts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        hosts
    }

    /// Drafts stubs of the calls, at most `max_stubs` for an operation. Secrets are replaced as
    /// the recorder replaces them. `file` is the name of the file.
    pub fn draft(&self, file: &str, max_stubs: usize) -> (StubDraft, SourceBodies) {
        let mut redactor = Redactor::new(RedactionRules::default());
        let mut bodies = SourceBodies::new();
        let numbered = (1..).zip(&self.calls);
        let exchanges: Vec<Exchange> =
            numbered.map(|(number, call)| exchange(call, number, &mut redactor, &mut bodies)).collect();
        let draft = {
            let mut drafter = Drafter::new(|hash| bodies.get(hash).cloned(), max_stubs);
            let host = self.calls.first().map(|call| call.host.as_str()).unwrap_or_default();
            drafter.begin(file, host, 0);
            for exchange in &exchanges {
                drafter.add(exchange);
            }
            drafter.finish()
        };
        (draft, bodies)
    }

    pub(crate) fn leave_out(&mut self, why: &str, what: &str) {
        match self.left_out.iter_mut().find(|(known, _, _)| known == why) {
            Some((_, count, _)) => *count += 1,
            None => self.left_out.push((why.to_owned(), 1, what.to_owned())),
        }
    }
}

fn exchange(call: &SourceCall, number: u64, redactor: &mut Redactor, bodies: &mut SourceBodies) -> Exchange {
    let request_names = lower_case(&call.request_headers);
    let response_names = lower_case(&call.response_headers);
    let messages = vec![
        plain(&request_names, &call.request_headers, &call.request_body),
        plain(&response_names, &call.response_headers, &call.response_body),
    ];
    let (url, redacted) = redactor.redact(&call.target, messages);
    let mut redacted = redacted.into_iter();
    let (request, response) = (redacted.next().unwrap_or_default(), redacted.next().unwrap_or_default());
    let request = ExchangeRequest {
        method: call.method.clone(),
        url,
        body: body_ref(&request, &call.request_body, bodies),
        headers: request.headers,
    };
    let body = body_ref(&response, &call.response_body, bodies);
    let response = ExchangeResponse { status: call.status, reason: None, headers: response.headers, body };
    Exchange {
        number,
        operation: None,
        request,
        response: Some(response),
        failure: None,
        times: ExchangeTimes::default(),
        in_flight: 1,
        reused: false,
    }
}

pub(crate) fn lower_case(headers: &[(String, String)]) -> Vec<String> {
    headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
}

pub(crate) fn plain<'m>(names: &'m [String], headers: &'m [(String, String)], body: &'m [u8]) -> PlainMessage<'m> {
    let values = headers.iter().map(|(_, value)| Cow::Borrowed(value.as_str()));
    PlainMessage { headers: names.iter().map(String::as_str).zip(values).collect(), body }
}

fn body_ref(redacted: &RedactedMessage<'_>, plain: &[u8], bodies: &mut SourceBodies) -> Option<BodyRef> {
    if plain.is_empty() {
        return None;
    }
    let kept = redacted.body.as_ref().map(|body| {
        let hash = to_hex(digest(&SHA256, body).as_ref());
        bodies.entry(hash.clone()).or_insert_with(|| Bytes::copy_from_slice(body));
        hash
    });
    Some(BodyRef { sha256: kept, size: plain.len() as u64 })
}

/// Returns host and target of an absolute URL; `None` if it is not of `http` or `https`.
pub(crate) fn split_url(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let target = target.split('#').next().unwrap_or_default();
    Some((host, if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }))
}
