//! `/__admin/requests`: lists, counts and removes the requests of the journal.
//!
//! Scans of the journal run on the pool for blocking tasks, on a snapshot.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Extension, Path, Query};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mappings::{matches_metadata, metadata_matcher, parse_id};
use super::scan_budget::{self, ScanBudget, ScanMeta};
use super::streaming_json::{LazySequence, stream_json};
use super::{AdminResponse, ErrorResponse, empty, json_answer, off_thread, problem, refusal, request_json};
use crate::live::ServiceState;
use crate::live::journal::{JournalEntry, JournalSnapshot, MatchOutcome};
use standin_stub::format::{self, Reader};
use standin_stub::matcher::near_miss::{self, MAX_NEAR_MISSES, SearchBudget};
use standin_stub::matcher::{RequestPattern, ValueMatcher};
use standin_stub::memory::MemoryShare;

/// The query of a list of requests.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JournalQuery {
    limit: Option<usize>,
    since: Option<String>,
    unmatched: Option<bool>,
    matching_stub: Option<String>,
}

/// A list of requests as WireMock's JSON.
#[derive(Serialize)]
#[serde(bound = "I: Iterator<Item = Value>")]
struct RequestListing<I: Iterator<Item = Value>> {
    requests: LazySequence<I>,
    #[serde(skip_serializing_if = "ScanMeta::is_empty")]
    meta: ScanMeta,
    #[serde(rename = "requestJournalDisabled")]
    is_disabled: bool,
}

pub(super) async fn list(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(selection): Query<JournalQuery>,
) -> AdminResponse {
    let since = match selection.since.as_deref().map(parse_time).transpose() {
        Ok(since) => since,
        Err(refused) => return *refused,
    };
    let stub: Option<Uuid> = match selection.matching_stub.as_deref().map(str::parse).transpose() {
        Ok(stub) => stub,
        Err(_) => {
            let text = selection.matching_stub.unwrap_or_default();
            let title = format!("Query parameter matchingStub value '{text}' is not a valid UUID");
            return problem(StatusCode::BAD_REQUEST, 15, &title, None, Some("write the `id` of a stub"));
        }
    };
    let unmatched = selection.unmatched.unwrap_or(false);
    let selected = move |record: &JournalEntry| {
        !(unmatched && record.was_matched()) && stub.is_none_or(|stub| record.stub_id() == Some(stub))
    };
    stream_json(memory, move || {
        let snapshot = live.journal().snapshot();
        let total = match (unmatched, stub) {
            (false, None) => snapshot.len(),
            _ => snapshot.entries().filter(selected).count(),
        };
        let (shown_live, pages) = (Arc::clone(&live), ScanBudget::new(MAX_TIME_OF_PAGES, snapshot.len()));
        let newest_first = snapshot.entries().rev().filter(selected);
        let shown = newest_first
            .filter(move |record| since.is_none_or(|since| record.at >= since))
            .take(selection.limit.unwrap_or(usize::MAX))
            .map(move |record| request_json::serve_event(&record, |record| miss_page(&shown_live, record, &pages)));
        let meta = ScanMeta::new(Some(with_evictions(&snapshot, json!({ "total": total }))), Rc::default());
        RequestListing { requests: LazySequence::new(shown), meta, is_disabled: !live.journal().is_on() }
    })
}

pub(super) async fn unmatched(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
) -> AdminResponse {
    stream_json(memory, move || {
        let snapshot = live.journal().snapshot();
        let missed = snapshot.entries().rev().filter(|record| !record.was_matched());
        let requests = LazySequence::new(missed.map(|record| request_json::logged_request(&record)));
        let meta = ScanMeta::new(evicted_meta(&snapshot), Rc::default());
        RequestListing { requests, meta, is_disabled: !live.journal().is_on() }
    })
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    off_thread(move || match live.journal().snapshot().by_id(id) {
        Some(record) => {
            let pages = ScanBudget::new(MAX_TIME_OF_PAGES, 1);
            let event = request_json::serve_event(&record, |record| miss_page(&live, record, &pages));
            json_answer(StatusCode::OK, &event)
        }
        None => empty(StatusCode::NOT_FOUND),
    })
    .await
}

pub(super) async fn count(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let pattern = match pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        if !live.journal().is_on() {
            return json_answer(StatusCode::OK, &json!({"count": -1, "requestJournalDisabled": true}));
        }
        let snapshot = live.journal().snapshot();
        let budget = ScanBudget::new(scan_budget::MATCH_CPU_TIME, snapshot.len());
        let count = snapshot.count(&pattern, || budget.admits_next());
        let mut answer = json!({"count": count, "requestJournalDisabled": false});
        let meta = ScanMeta::new(evicted_meta(&snapshot), budget.progress());
        if !meta.is_empty()
            && let Value::Object(members) = &mut answer
        {
            members.insert("truncated".to_owned(), true.into());
            members.insert("meta".to_owned(), meta.value());
        }
        json_answer(StatusCode::OK, &answer)
    })
    .await
}

/// Lists the requests that a pattern matches, oldest first.
pub(super) async fn find(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    body: String,
) -> AdminResponse {
    let pattern = match pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    stream_json(memory, move || {
        let snapshot = live.journal().snapshot();
        let budget = ScanBudget::new(scan_budget::MATCH_CPU_TIME, snapshot.len());
        let meta = ScanMeta::new(evicted_meta(&snapshot), budget.progress());
        let found = snapshot.matching(pattern, move || budget.admits_next());
        let requests = LazySequence::new(found.map(|record| request_json::logged_request(&record)));
        RequestListing { requests, meta, is_disabled: !live.journal().is_on() }
    })
}

pub(super) async fn reset(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.journal().reset();
    json_answer(StatusCode::OK, &json!({}))
}

pub(super) async fn delete(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        let found = live.journal().snapshot().by_id(id);
        live.journal().remove(found.map(|record| record.ordinal));
        json_answer(StatusCode::OK, &json!({}))
    })
    .await
}

pub(super) async fn remove(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    match pattern(&body) {
        Ok(pattern) => {
            let find = |snapshot: &Arc<JournalSnapshot>, budget: &ScanBudget| {
                snapshot.matching(pattern, || budget.admits_next()).collect()
            };
            off_thread(move || remove_found(&live, find)).await
        }
        Err(refused) => *refused,
    }
}

/// Removes the requests that stubs with matching metadata answered.
pub(super) async fn remove_by_metadata(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    match metadata_matcher(&body) {
        Ok(rule) => {
            let find = move |snapshot: &Arc<JournalSnapshot>, budget: &ScanBudget| {
                let examined = snapshot.entries().take_while(|_| budget.admits_next());
                examined.filter(|record| has_metadata(&rule, record)).collect()
            };
            off_thread(move || remove_found(&live, find)).await
        }
        Err(refused) => *refused,
    }
}

/// Removes the requests that `find` returns, and lists them. None is removed if the CPU time is
/// used up.
fn remove_found(
    live: &ServiceState,
    find: impl FnOnce(&Arc<JournalSnapshot>, &ScanBudget) -> Vec<JournalEntry>,
) -> AdminResponse {
    let snapshot = live.journal().snapshot();
    let budget = ScanBudget::new(scan_budget::MATCH_CPU_TIME, snapshot.len());
    let found = find(&snapshot, &budget);
    if !budget.progress().is_complete() {
        return scan_budget::incomplete_scan("requests");
    }
    live.journal().remove(found.iter().map(|record| record.ordinal));
    let newest_first = found.iter().rev();
    let events: Vec<Value> = newest_first.map(|record| request_json::serve_event(record, |_| None)).collect();
    json_answer(StatusCode::OK, &json!({ "serveEvents": events }))
}

/// Returns the page that explains an unmatched request by the stubs of now; `None` if the time for
/// pages is used up.
fn miss_page(live: &ServiceState, record: &JournalEntry, budget: &ScanBudget) -> Option<String> {
    if !budget.admits_next() {
        return None;
    }
    let catalog = live.catalog();
    if catalog.is_empty() {
        return Some("No response could be served as there are no stub mappings in this standin.\n".to_owned());
    }
    let candidates = catalog.stubs().into_iter().map(|stub| (stub, &*stub.pattern));
    let search = SearchBudget::until(Instant::now() + MAX_TIME_OF_PAGES);
    let nearest = near_miss::find_nearest_patterns(candidates, &record.call, MAX_NEAR_MISSES, search);
    Some(live.near_miss_page(&record.call, &nearest))
}

/// Maximum time for the pages of all unmatched requests in one response.
const MAX_TIME_OF_PAGES: Duration = Duration::from_millis(200);

fn has_metadata(rule: &ValueMatcher, record: &JournalEntry) -> bool {
    let MatchOutcome::Matched(_, Some(stub)) = &record.outcome else { return false };
    let document = stub.json();
    document.get("metadata").is_some() && matches_metadata(rule, &document)
}

/// Parses the body as a request pattern.
pub(super) fn pattern(body: &str) -> Result<RequestPattern, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let read = reader.parse(body).map(|tree| format::request_pattern(&tree, &mut reader));
    match read {
        Some(pattern) if !reader.has_errors() => Ok(pattern),
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}

/// Adds the number of evicted requests to `meta`.
fn with_evictions(snapshot: &JournalSnapshot, mut meta: Value) -> Value {
    if let (Some(Value::Object(evicted)), Value::Object(members)) = (evicted_meta(snapshot), &mut meta) {
        members.extend(evicted);
    }
    meta
}

fn evicted_meta(snapshot: &JournalSnapshot) -> Option<Value> {
    if snapshot.evicted == 0 && snapshot.omitted_bodies == 0 {
        return None;
    }
    let oldest = snapshot.oldest().map(request_json::iso_date);
    Some(json!({"evicted": snapshot.evicted, "oldest": oldest, "bodiesOmitted": snapshot.omitted_bodies}))
}

/// Parses a time in ISO 8601 with an offset from UTC, as WireMock asks for.
fn parse_time(text: &str) -> Result<SystemTime, ErrorResponse> {
    let read: Result<Timestamp, jiff::Error> = text.parse();
    read.map(SystemTime::from).map_err(|_| {
        let title = format!("{text} is not a valid ISO8601 date");
        let help = "write one such as 2026-11-02T10:00:00Z";
        Box::new(problem(StatusCode::BAD_REQUEST, 10, &title, Some("since"), Some(help)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed_in_all_their_forms() {
        let expected = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_577_836_800);
        for text in ["2020-01-01T00:00:00Z", "2020-01-01T02:00:00+02:00", "2020-01-01T00:00Z"] {
            assert_eq!(parse_time(text).expect(text), expected, "{text}");
        }
        for text in ["junk", "2020-01-01T00:00:00", "2020-01-01", "2020"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
