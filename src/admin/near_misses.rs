//! `/__admin/near-misses`: which stubs came nearest to a call, and which calls to a pattern.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Query};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::effort::{self, ScanBudget, ScanMeta};
use super::page::{LazySequence, streamed};
use super::{AdminResponse, json_answer, logged, off_thread, refusal, requests};
use crate::live::ServiceState;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::format::Reader;
use standin_stub::matcher::near_miss::{
    self, MAX_NEAR_MISSES, NearMiss, NearMissSubject, NearestMatches, SearchBudget, near_miss_json, near_misses_json,
};
use standin_stub::memory::MemoryShare;

/// How many calls are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct NearMissQuery {
    limit: Option<usize>,
}

/// Near misses as WireMock answers them.
#[derive(Serialize)]
#[serde(bound = "I: Iterator<Item = Value>")]
struct NearMisses<I: Iterator<Item = Value>> {
    #[serde(rename = "nearMisses")]
    near_misses: LazySequence<I>,
    #[serde(skip_serializing_if = "ScanMeta::is_none")]
    meta: ScanMeta,
}

/// The nearest stubs of the newest calls that no stub answered, the newest call first.
pub(super) async fn unmatched(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(newest): Query<NearMissQuery>,
) -> AdminResponse {
    let limit = newest.limit.unwrap_or(MOST_CALLS);
    streamed(memory, move || {
        let snapshot = live.journal().snapshot();
        let of = snapshot.records().filter(|record| !record.was_matched()).count();
        let effort = ScanBudget::new(effort::NEAREST, of);
        let meta = ScanMeta::new(None, effort.progress());
        let missed = snapshot.records().rev().filter(|record| !record.was_matched()).take(limit);
        let near_misses = missed.take_while(move |_| effort.goes_on()).flat_map(move |record| {
            let nearest = nearest_stubs(&live, &record.call, &logged::request(&record), Instant::now() + A_CALL);
            nearest.into_iter().map(|(request, subject, distance)| near_miss_json(request, subject, distance))
        });
        NearMisses { near_misses: LazySequence::new(near_misses), meta }
    })
}

/// The nearest stubs of a call that is given as the journal shows one.
pub(super) async fn to_request(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let Some(tree) = reader.parse(&body) else {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
        };
        let request = tree.to_json();
        let call = match &request {
            Value::Object(members) => near_miss::parse_logged_request(members, body.len().max(1 << 20)),
            _ => {
                reader.error(&tree, "a request is an object", "write `{\"method\": \"GET\", \"url\": \"/…\"}`");
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
            }
        };
        match call {
            Ok(call) => {
                let catalog = live.catalog();
                let nearest = nearest(catalog.stubs(), &call, Instant::now() + LONGEST);
                let misses = nearest.found.iter().map(|near| near_miss(&live, near, &request));
                told(near_misses_json(misses), nearest.examined, nearest.of)
            }
            Err(wrong) => {
                reader.error(&tree, wrong.message, wrong.help);
                refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects())
            }
        }
    })
    .await
}

/// The journalled calls nearest to a request pattern, those that match it among them.
pub(super) async fn to_pattern(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let pattern = match requests::pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let echo = reader.parse(&body).map_or(Value::Null, |tree| tree.to_json());
        let snapshot = live.journal().snapshot();
        let budget = SearchBudget::until(Instant::now() + LONGEST);
        let nearest =
            near_miss::find_nearest_by(snapshot.records(), |record| &record.call, &pattern, MAX_NEAR_MISSES, budget);
        let misses = nearest
            .found
            .iter()
            .map(|near| (logged::request(&near.item), NearMissSubject::Pattern(echo.clone()), near.distance));
        told(near_misses_json(misses), nearest.examined, nearest.of)
    })
    .await
}

fn nearest_stubs(
    live: &ServiceState,
    call: &Call,
    request: &Value,
    end: Instant,
) -> Vec<(Value, NearMissSubject, f64)> {
    let catalog = live.catalog();
    nearest(catalog.stubs(), call, end).found.iter().map(|near| near_miss(live, near, request)).collect()
}

fn nearest<'s>(stubs: Vec<&'s Arc<Stub>>, call: &Call, end: Instant) -> NearestMatches<&'s Arc<Stub>> {
    let candidates = stubs.into_iter().map(|stub| (stub, &*stub.pattern));
    near_miss::find_nearest_patterns(candidates, call, MAX_NEAR_MISSES, SearchBudget::until(end))
}

fn near_miss(live: &ServiceState, near: &NearMiss<&Arc<Stub>>, request: &Value) -> (Value, NearMissSubject, f64) {
    let scenario = near.item.scenario.as_ref().filter(|part| part.required.is_some());
    let state = scenario.map(|part| live.scenarios().state(&part.name));
    (request.clone(), NearMissSubject::Stub(near.item.json(), state), near.distance)
}

/// The answer, which says how many candidates were examined if not all were.
fn told(mut answer: Value, examined: usize, of: usize) -> AdminResponse {
    if examined < of
        && let Value::Object(members) = &mut answer
    {
        members.insert("meta".to_owned(), json!({"examined": examined, "of": of}));
    }
    json_answer(StatusCode::OK, &answer)
}

/// Candidates of one question are examined no longer.
const LONGEST: Duration = Duration::from_secs(2);

/// Stubs are examined no longer for each of many calls.
const A_CALL: Duration = Duration::from_millis(50);

/// Calls that are looked at, unless the question says how many.
const MOST_CALLS: usize = 1_000;
