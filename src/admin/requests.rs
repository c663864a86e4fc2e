//! `/__admin/requests`: which calls came, and whether those that should have come did.
//!
//! Whatever looks through the journal does so off the control plane's thread, on a snapshot.

use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Extension, Path, Query};
use http::StatusCode;
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::effort::{self, ScanBudget, ScanMeta};
use super::mappings::{parse_id, rule_of_metadata};
use super::page::{LazySequence, streamed};
use super::{AdminResponse, ErrorResponse, empty, json_answer, logged, off_thread, problem, refusal};
use crate::live::ServiceState;
use crate::live::journal::{JournalEntry, JournalSnapshot, MatchOutcome};
use standin_stub::format::{self, Reader};
use standin_stub::matcher::{MatchInput, MatchStats, RequestPattern, ValueMatcher};
use standin_stub::memory::MemoryShare;

/// What of the journal is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JournalQuery {
    limit: Option<usize>,
    since: Option<String>,
    unmatched: Option<bool>,
    matching_stub: Option<String>,
}

/// A list of calls as WireMock answers it.
#[derive(Serialize)]
#[serde(bound = "I: Iterator<Item = Value>")]
struct RequestListing<I: Iterator<Item = Value>> {
    requests: LazySequence<I>,
    #[serde(skip_serializing_if = "ScanMeta::is_none")]
    meta: ScanMeta,
    #[serde(rename = "requestJournalDisabled")]
    off: bool,
}

pub(super) async fn list(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(selection): Query<JournalQuery>,
) -> AdminResponse {
    let since = match selection.since.as_deref().map(moment).transpose() {
        Ok(since) => since,
        Err(refused) => return *refused,
    };
    let stub = match selection.matching_stub.as_deref().map(parse_id).transpose() {
        Ok(stub) => stub,
        Err(refused) => return *refused,
    };
    let unmatched = selection.unmatched.unwrap_or(false);
    let selected = move |record: &JournalEntry| {
        !(unmatched && record.was_matched()) && stub.is_none_or(|stub| record.stub_id() == Some(stub))
    };
    streamed(memory, move || {
        let snapshot = live.journal().snapshot();
        let total = match (unmatched, stub) {
            (false, None) => snapshot.len(),
            _ => snapshot.records().filter(selected).count(),
        };
        let newest_first = snapshot.records().rev().filter(selected);
        let shown = newest_first
            .filter(move |record| since.is_none_or(|since| record.at >= since))
            .take(selection.limit.unwrap_or(usize::MAX))
            .map(|record| logged::event(&record));
        let meta = ScanMeta::new(Some(meta(&snapshot, json!({ "total": total }))), Rc::default());
        RequestListing { requests: LazySequence::new(shown), meta, off: !live.journal().is_on() }
    })
}

pub(super) async fn unmatched(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
) -> AdminResponse {
    streamed(memory, move || {
        let snapshot = live.journal().snapshot();
        let missed = snapshot.records().rev().filter(|record| !record.was_matched());
        let requests = LazySequence::new(missed.map(|record| logged::request(&record)));
        let meta = ScanMeta::new(evicted_meta(&snapshot), Rc::default());
        RequestListing { requests, meta, off: !live.journal().is_on() }
    })
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    off_thread(move || match live.journal().snapshot().by_id(id) {
        Some(record) => json_answer(StatusCode::OK, &logged::event(&record)),
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
        let effort = ScanBudget::new(effort::MATCHING, snapshot.len());
        let count = snapshot.count(&pattern, || effort.goes_on());
        let mut answer = json!({"count": count, "requestJournalDisabled": false});
        let meta = ScanMeta::new(evicted_meta(&snapshot), effort.progress());
        if !meta.is_none()
            && let Value::Object(members) = &mut answer
        {
            members.insert("truncated".to_owned(), true.into());
            members.insert("meta".to_owned(), meta.value());
        }
        json_answer(StatusCode::OK, &answer)
    })
    .await
}

/// The calls that a pattern matches, oldest first.
pub(super) async fn find(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    body: String,
) -> AdminResponse {
    let pattern = match pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    streamed(memory, move || {
        let snapshot = live.journal().snapshot();
        let effort = ScanBudget::new(effort::MATCHING, snapshot.len());
        let meta = ScanMeta::new(evicted_meta(&snapshot), effort.progress());
        let found = snapshot.matching(pattern, move || effort.goes_on());
        let requests = LazySequence::new(found.map(|record| logged::request(&record)));
        RequestListing { requests, meta, off: !live.journal().is_on() }
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
            let find = |snapshot: &Arc<JournalSnapshot>, effort: &ScanBudget| {
                snapshot.matching(pattern, || effort.goes_on()).collect()
            };
            off_thread(move || forget(&live, find)).await
        }
        Err(refused) => *refused,
    }
}

/// Forgets the calls that stubs with this metadata answered.
pub(super) async fn remove_by_metadata(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    match rule_of_metadata(&body) {
        Ok(rule) => {
            let find = move |snapshot: &Arc<JournalSnapshot>, effort: &ScanBudget| {
                let examined = snapshot.records().take_while(|_| effort.goes_on());
                examined.filter(|record| has_metadata(&rule, record)).collect()
            };
            off_thread(move || forget(&live, find)).await
        }
        Err(refused) => *refused,
    }
}

/// Forgets the calls that `find` picks, and answers which they were. None are forgotten if finding
/// them takes too long.
fn forget(
    live: &ServiceState,
    find: impl FnOnce(&Arc<JournalSnapshot>, &ScanBudget) -> Vec<JournalEntry>,
) -> AdminResponse {
    let snapshot = live.journal().snapshot();
    let effort = ScanBudget::new(effort::MATCHING, snapshot.len());
    let going = find(&snapshot, &effort);
    if !effort.progress().is_complete() {
        return effort::refusal("calls");
    }
    live.journal().remove(going.iter().map(|record| record.ordinal));
    let events: Vec<Value> = going.iter().map(logged::event).collect();
    json_answer(StatusCode::OK, &json!({ "serveEvents": events }))
}

fn has_metadata(rule: &ValueMatcher, record: &JournalEntry) -> bool {
    let MatchOutcome::Matched(_, Some(stub)) = &record.outcome else { return false };
    let document = stub.json();
    document.get("metadata").is_some_and(|metadata| rule.matches(MatchInput::Json(metadata), &MatchStats::default()))
}

/// Reads the request pattern that is the whole body.
pub(super) fn pattern(body: &str) -> Result<RequestPattern, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let read = reader.parse(body).map(|tree| format::request_pattern(&tree, &mut reader));
    match read {
        Some(pattern) if !reader.has_errors() => Ok(pattern),
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}

/// `meta` with what was evicted, if anything was.
fn meta(snapshot: &JournalSnapshot, mut meta: Value) -> Value {
    if let (Some(Value::Object(evicted)), Value::Object(members)) = (evicted_meta(snapshot), &mut meta) {
        members.extend(evicted);
    }
    meta
}

fn evicted_meta(snapshot: &JournalSnapshot) -> Option<Value> {
    if snapshot.evicted == 0 && snapshot.without_body == 0 {
        return None;
    }
    let oldest = snapshot.oldest().map(logged::date);
    Some(json!({"evicted": snapshot.evicted, "oldest": oldest, "bodiesOmitted": snapshot.without_body}))
}

/// A moment in one of ISO 8601's forms, in UTC where it does not say.
fn moment(text: &str) -> Result<SystemTime, ErrorResponse> {
    let utc = |moment: DateTime| moment.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let read: Result<Timestamp, jiff::Error> = text
        .parse()
        .or_else(|_| text.parse::<DateTime>().and_then(utc))
        .or_else(|_| text.parse::<Date>().and_then(|date| utc(date.at(0, 0, 0, 0))));
    read.map(SystemTime::from).map_err(|_| {
        let title = format!("{text} is not a valid ISO8601 date");
        let cure = "write one such as 2026-11-02T10:00:00Z";
        Box::new(problem(StatusCode::BAD_REQUEST, 10, &title, Some("since"), Some(cure)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        let expected = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_577_836_800);
        for text in ["2020-01-01T00:00:00Z", "2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00", "2020-01-01"] {
            assert_eq!(moment(text).expect(text), expected, "{text}");
        }
        assert!(moment("junk").is_err());
    }
}
