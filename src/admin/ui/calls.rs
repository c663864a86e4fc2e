//! The calls of the journal as the dashboard lists them, and one of them whole.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Path, Query};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::mappings::parse_id;
use crate::admin::request_json::{serve_event, unix_millis};
use crate::admin::scan_budget::ScanBudget;
use crate::admin::{AdminResponse, ControlPlane, empty, json_answer, off_thread};
use crate::live::ServiceState;
use crate::live::journal::{JournalEntry, MatchOutcome};
use crate::pacing::RequestTimes;
use standin_stub::matcher::near_miss::{self, MAX_NEAR_MISSES, SearchBudget};

/// The query of a list of calls.
#[derive(Debug, Default, Deserialize)]
pub(in crate::admin) struct CallQuery {
    limit: Option<usize>,
    /// Only calls before that of this ordinal.
    before: Option<u64>,
    method: Option<String>,
    /// Text that the URL contains, in any case.
    url: Option<String>,
    outcome: Option<Outcome>,
    /// Only calls that this stub answered.
    stub: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Answered,
    Missed,
    Beyond,
}

/// Lists the calls that the query selects, newest first.
pub(in crate::admin) async fn list(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
    Query(query): Query<CallQuery>,
) -> AdminResponse {
    let stub = match query.stub.as_deref().map(parse_id).transpose() {
        Ok(stub) => stub,
        Err(refused) => return *refused,
    };
    let has_recorder = control.recorder.is_some();
    off_thread(move || {
        let snapshot = live.journal().snapshot();
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
        let budget = ScanBudget::new(SEARCH_CPU_TIME, snapshot.len());
        let url = query.url.as_ref().map(|text| text.to_lowercase());
        let is_out_of_time = Cell::new(false);
        let searched = snapshot.entries().rev().take_while(|_| {
            is_out_of_time.set(!budget.admits_next());
            !is_out_of_time.get()
        });
        // one more than is shown tells whether there are others
        let mut found: Vec<Value> = searched
            .filter(|entry| query.selects(entry, url.as_deref(), stub))
            .take(limit + 1)
            .map(|entry| summary(&entry, has_recorder))
            .collect();
        let has_more = found.len() > limit;
        found.truncate(limit);
        let is_complete = !is_out_of_time.get();
        json_answer(StatusCode::OK, &json!({"calls": found, "hasMore": has_more, "isComplete": is_complete}))
    })
    .await
}

impl CallQuery {
    /// Returns true if the query selects a call. `url` is the text in lower case.
    fn selects(&self, entry: &JournalEntry, url: Option<&str>, stub: Option<Uuid>) -> bool {
        self.before.is_none_or(|end| entry.ordinal < end)
            && self.method.as_ref().is_none_or(|method| entry.call.method.as_str().eq_ignore_ascii_case(method))
            && url.is_none_or(|text| entry.call.url().to_lowercase().contains(text))
            && stub.is_none_or(|stub| entry.stub_id() == Some(stub))
            && match self.outcome {
                None => true,
                Some(Outcome::Answered) => entry.was_matched(),
                Some(Outcome::Missed) => !entry.was_matched(),
                Some(Outcome::Beyond) => entry.is_beyond_valid,
            }
    }
}

/// Returns a call as a row of a list. With a recorder, the answer to a call without a stub is not
/// known.
pub(super) fn summary(entry: &JournalEntry, has_recorder: bool) -> Value {
    let (status, stub) = match &entry.outcome {
        MatchOutcome::Unmatched => ((!has_recorder).then_some(404), Value::Null),
        MatchOutcome::Matched(id, stub) => {
            let reply = stub.as_ref().map(|stub| stub.response.reply());
            let is_broken = reply.is_some_and(|reply| reply.ending.is_some());
            let answer = entry.answer.as_ref().map(|answer| answer.status);
            let status = answer.or_else(|| reply.map(|reply| reply.status)).filter(|_| !is_broken);
            let name = stub.as_ref().and_then(|stub| stub.name.clone());
            let is_proxied = reply.is_some_and(|reply| reply.proxy.is_some());
            (status.map(|status| status.as_u16()), json!({"id": id, "name": name, "isProxy": is_proxied}))
        }
    };
    let url = entry.call.url();
    let service_time = entry.answer.as_ref().map(|answer| answer.process_time).filter(|time| !time.is_zero());
    json!({
        "id": entry.id,
        "ordinal": entry.ordinal,
        "at": unix_millis(entry.at),
        "method": entry.call.method.as_str(),
        "url": url.chars().take(MAX_URL_CHARS).collect::<String>(),
        "status": status,
        "wasMatched": entry.was_matched(),
        "stub": stub,
        "intendedMs": entry.delay.map(|delay| delay.as_secs_f64() * 1e3),
        "serviceMs": service_time.map(|time| time.as_secs_f64() * 1e3),
        "isBeyondValid": entry.is_beyond_valid,
    })
}

/// Shows a call with its response, and the result of each clause of its stub; without a stub, of
/// the nearest stubs.
pub(in crate::admin) async fn show(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
    Path(id): Path<String>,
) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        let Some(entry) = live.journal().snapshot().by_id(id) else { return empty(StatusCode::NOT_FOUND) };
        let mut answer = json!({
            "call": summary(&entry, control.recorder.is_some()),
            "event": serve_event(&entry, |_| None),
            "times": entry.times.as_ref().map(|times| times_json(&times.get())),
        });
        match &entry.outcome {
            MatchOutcome::Matched(_, Some(stub)) => answer["clauses"] = live.clauses_json(stub, &entry.call),
            MatchOutcome::Matched(_, None) => {}
            MatchOutcome::Unmatched => {
                let catalog = live.catalog();
                let candidates = catalog.stubs().into_iter().map(|stub| (stub, &*stub.pattern));
                let budget = SearchBudget::until(Instant::now() + NEAR_MISS_TIME);
                let nearest = near_miss::find_nearest_patterns(candidates, &entry.call, MAX_NEAR_MISSES, budget);
                answer["nearMisses"] = live.nearest_stubs_json(&entry.call, &nearest);
            }
        }
        json_answer(StatusCode::OK, &answer)
    })
    .await
}

/// Returns the parts of a time in microseconds.
fn times_json(times: &RequestTimes<'_>) -> Value {
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    json!({
        "service": times.service,
        "operation": times.operation,
        "outside": micros(times.outside),
        "rate-waiting": micros(times.rate_waiting),
        "front-waiting": micros(times.front_waiting),
        "front": micros(times.front),
        "waiting": micros(times.waiting),
        "demand": micros(times.demand),
    })
}

/// Default and maximum number of calls in a list.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// CPU time of a search in the journal.
const SEARCH_CPU_TIME: Duration = Duration::from_secs(2);

/// Maximum time of a search for the nearest stubs.
const NEAR_MISS_TIME: Duration = Duration::from_secs(1);

/// Number of characters of a URL in a list.
const MAX_URL_CHARS: usize = 300;
