//! Messages of failed verifications: the expected requests, those that came instead, and their
//! differences.

use std::fmt::Write as _;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::difference::differences;
use super::text::{one_line, truncate};
use super::times::Times;
use crate::live::ServiceState;
use crate::live::journal::{JournalEntry, JournalSnapshot, MatchOutcome};
use standin_stub::Stub;
use standin_stub::matcher::RequestPattern;
use standin_stub::matcher::near_miss::{
    ClauseResult, ComparedStub, MAX_NEAR_MISSES, ScenarioRequirement, SearchBudget, diagnose, find_nearest_calls,
    find_nearest_patterns,
};

/// Places in the test at which stubs were made.
pub(super) type StubLocations = HashMap<Uuid, &'static Location<'static>>;

/// Server and stubs that a message describes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportContext<'a> {
    pub(super) live: &'a ServiceState,
    pub(super) lines: &'a StubLocations,
    /// Base URL of the mock.
    pub(super) base: &'a str,
}

/// Request that was expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectation<'a> {
    pub(super) pattern: &'a RequestPattern,
    /// Pattern in the stub format.
    pub(super) request: &'a Map<String, Value>,
    /// Stubs that should have answered, if any in particular; all made at one line.
    pub(super) stubs: &'a [Uuid],
}

impl ReportContext<'_> {
    /// Returns the message for a wrong count, with the requests that came instead.
    pub(super) fn miscount_message(
        &self,
        wanted: &Expectation<'_>,
        expected: Times,
        count: u64,
        snapshot: &Arc<JournalSnapshot>,
    ) -> String {
        let came = if count == 0 { "none came".to_owned() } else { format!("{count} came") };
        let mut text = format!("expected {expected} of {}, {came}", label(wanted.request));
        if let Some(line) = wanted.stubs.first().and_then(|id| self.lines.get(id)) {
            let _ = write!(text, "\n  stub made at {line}");
        }
        let is_wanted = |record: &JournalEntry| match wanted.stubs {
            [] => wanted.pattern.matches(&record.call, &standin_stub::matcher::MatchStats::default()),
            stubs => record.stub_id().is_some_and(|id| stubs.contains(&id)),
        };
        let (counted, others): (Vec<_>, Vec<_>) = snapshot.entries().partition(is_wanted);
        if !counted.is_empty() {
            let _ = write!(text, "\n\nwhat came of it:");
            push_all(&mut text, &counted, |_| Vec::new());
        }
        if expected.are_exceeded_by(count) {
            return text;
        }
        if others.is_empty() {
            if counted.is_empty() {
                let _ = write!(text, "\n\nno call came at all: is {} the address that is called?", self.base);
            }
            return text;
        }
        let calls = others.iter().map(|record| (record, &record.call));
        let near = find_nearest_calls(
            calls,
            wanted.pattern,
            MAX_NEAR_MISSES,
            SearchBudget::until(Instant::now() + SEARCH_TIMEOUT),
        );
        let _ = write!(text, "\n\nwhat came instead, nearest first:");
        let target =
            ComparedStub { name: None, pattern: wanted.pattern, request: Some(wanted.request), scenario: None };
        for near in &near.found {
            push(&mut text, near.item, &self.what_differs(&target, near.item));
        }
        push_rest(&mut text, others.len() - near.found.len());
        text
    }

    /// Returns the message for `count` unmatched requests, each with its nearest stub.
    pub(super) fn unmatched_message(&self, count: u64, snapshot: &Arc<JournalSnapshot>) -> String {
        let missed: Vec<_> = snapshot.entries().filter(|record| !record.was_matched()).collect();
        let mut text = format!("{} came that no stub answers", standin_text::counted(count, "call"));
        let until = Instant::now() + SEARCH_TIMEOUT;
        push_all(&mut text, &missed, |record| self.nearest_stub(record, until));
        let lost = count.saturating_sub(missed.len() as u64);
        if lost > 0 {
            let _ = write!(
                text,
                "\n  {lost} of them are no longer in the journal; raise `Config::journal_bytes` to see them"
            );
        }
        text
    }

    fn nearest_stub(&self, record: &JournalEntry, until: Instant) -> Vec<String> {
        let catalog = self.live.catalog();
        let stubs = catalog.stubs();
        let candidates = stubs.iter().map(|stub| (*stub, &*stub.pattern));
        let near = find_nearest_patterns(candidates, &record.call, 1, SearchBudget::until(until));
        let Some(near) = near.found.first() else {
            return vec!["there is no stub; add one with `server.stub(…)`".to_owned()];
        };
        let stub = near.item;
        let document = stub.json();
        let request = document.get("request").and_then(Value::as_object);
        let state = stub.scenario.as_ref().map(|scenario| self.live.scenarios().state(&scenario.name));
        let scenario = stub.scenario.as_ref().zip(state.as_deref()).and_then(|(scenario, state)| {
            Some(ScenarioRequirement { name: &scenario.name, required: scenario.required.as_deref()?, state })
        });
        let target = ComparedStub { name: stub.name.as_deref(), pattern: &stub.pattern, request, scenario };
        let mut lines = vec![format!("nearest stub: {}", self.stub_label(stub))];
        lines.extend(unmatched_clauses(&target, record).into_iter().map(|line| format!("  {line}")));
        lines
    }

    /// Returns the differences of a request from the expectation.
    fn what_differs(&self, target: &ComparedStub<'_>, record: &JournalEntry) -> Vec<String> {
        let lines = unmatched_clauses(target, record);
        if !lines.is_empty() {
            return lines;
        }
        match &record.outcome {
            MatchOutcome::Matched(_, Some(stub)) => {
                vec![format!("matches, but was answered by {}", self.stub_label(stub))]
            }
            MatchOutcome::Matched(..) => vec!["matches, but was answered by another stub".to_owned()],
            MatchOutcome::Unmatched => {
                vec!["matches, but came before the stub was there, or its scenario was in another state".to_owned()]
            }
        }
    }

    fn stub_label(&self, stub: &Stub) -> String {
        let document = stub.json();
        let asked = document.get("request").and_then(Value::as_object).map(label).unwrap_or_default();
        let name = stub.name.as_ref().map(|name| format!("`{name}`, ")).unwrap_or_default();
        match self.lines.get(&stub.id) {
            Some(line) => format!("{name}{asked} ({line})"),
            None => format!("{name}{asked} ({})", stub.label()),
        }
    }
}

/// Returns a request pattern in a line: `GET /users/7 with headers, bodyPatterns`.
pub(super) fn label(request: &Map<String, Value>) -> String {
    let text = |key: &str| request.get(key).and_then(Value::as_str);
    let method = text("method").unwrap_or("ANY");
    let url = URL_FIELDS.iter().find_map(|key| text(key)).unwrap_or("(any url)");
    let mut label = format!("{method} {}", truncate(&one_line(url), MAX_SHOWN_CHARS));
    let mut asked = Vec::new();
    for (key, value) in request.iter().filter(|(key, _)| *key != "method" && !URL_FIELDS.contains(&key.as_str())) {
        match (NAMED_FIELDS.iter().find(|(known, _)| known == key), value) {
            (Some((_, word)), Value::Object(fields)) => {
                asked.extend(fields.keys().map(|name| format!("{word} `{}`", one_line(name))));
            }
            _ if key == "bodyPatterns" => asked.push("a body".to_owned()),
            _ => asked.push(one_line(key)),
        }
    }
    if !asked.is_empty() {
        let _ = write!(label, " with {}", asked.join(", "));
    }
    label
}

/// Returns a line for each clause that does not match.
fn unmatched_clauses(target: &ComparedStub<'_>, record: &JournalEntry) -> Vec<String> {
    let failed = diagnose(target, &record.call).into_iter().filter(|finding| !finding.matches);
    failed.flat_map(|finding| describe_clause(&finding, record)).collect()
}

fn describe_clause(finding: &ClauseResult, record: &JournalEntry) -> Vec<String> {
    let what = match &finding.name {
        Some(name) => format!("{} `{}`", finding.clause, one_line(name)),
        None => finding.clause.to_owned(),
    };
    if finding.operator == "equalToJson"
        && let (Ok(expected), Some(actual)) = (serde_json::from_str(&finding.expected), record.call.json())
    {
        let found = differences(&expected, &actual.to_value(), MAX_LISTED);
        if !found.is_empty() {
            return found.into_iter().map(|line| format!("{what} {line}")).collect();
        }
    }
    let operator = match finding.operator {
        "" | "equalTo" | "equalToJson" | "url" | "urlPath" => "",
        other => &format!("{other} "),
    };
    let came = match finding.actual.as_slice() {
        [] => "none came".to_owned(),
        values => {
            let values: Vec<_> =
                values.iter().map(|value| format!("`{}`", truncate(&one_line(value), MAX_SHOWN_CHARS))).collect();
            format!("{} came", values.join(", "))
        }
    };
    vec![format!("{what}: {operator}`{}` expected, {came}", truncate(&one_line(&finding.expected), MAX_SHOWN_CHARS))]
}

fn push_all(text: &mut String, records: &[JournalEntry], note: impl Fn(&JournalEntry) -> Vec<String>) {
    for record in records.iter().take(MAX_LISTED) {
        push(text, record, &note(record));
    }
    push_rest(text, records.len().saturating_sub(MAX_LISTED));
}

fn push(text: &mut String, record: &JournalEntry, notes: &[String]) {
    let call = &record.call;
    let _ = write!(text, "\n  {} {}", call.method, truncate(&one_line(call.url()), MAX_SHOWN_CHARS));
    for note in notes {
        let _ = write!(text, "\n    {note}");
    }
}

fn push_rest(text: &mut String, rest: usize) {
    if rest > 0 {
        let _ = write!(text, "\n  … and {rest} more");
    }
}

const URL_FIELDS: &[&str] = &["url", "urlPath", "urlPathPattern", "urlPathTemplate", "urlPattern"];

/// Fields of named values, with their names in messages.
const NAMED_FIELDS: &[(&str, &str)] = &[
    ("cookies", "cookie"),
    ("formParameters", "form parameter"),
    ("headers", "header"),
    ("pathParameters", "path parameter"),
    ("queryParameters", "query parameter"),
];

/// Maximum number of characters of a value in a message.
const MAX_SHOWN_CHARS: usize = 200;

/// Maximum number of requests, or of differences of a body, that are listed.
const MAX_LISTED: usize = 5;

/// Time budget of the search for near misses.
const SEARCH_TIMEOUT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_say_what_is_asked_in_a_line() {
        let request = json!({"method": "POST", "urlPath": "/a", "headers": {"Accept": {}}, "bodyPatterns": [{}]});
        assert_eq!(label(request.as_object().expect("an object")), "POST /a with header `Accept`, a body");
        assert_eq!(label(&Map::new()), "ANY (any url)");
    }

    #[test]
    fn values_cannot_steer_a_terminal() {
        assert_eq!(one_line("a\r\n b\u{1b}[2J\u{202e}"), r"a b\u{1b}[2J\u{202e}");
        assert_eq!(truncate("äöü", 2), "äö…");
    }
}
