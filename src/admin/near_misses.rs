//! `/__admin/near-misses`: the stubs nearest to a request, and the requests nearest to a pattern.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Query};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::scan_budget::{self, ScanBudget, ScanMeta};
use super::streaming_json::{LazySequence, stream_json};
use super::{AdminResponse, json_answer, off_thread, refusal, request_json, requests};
use crate::live::ServiceState;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::format::Reader;
use standin_stub::matcher::near_miss::{
    self, MAX_NEAR_MISSES, NearMiss, NearMissSubject, NearestMatches, SearchBudget, near_miss_json, near_misses_json,
};
use standin_stub::memory::MemoryShare;

/// The query of near misses: the number of requests.
#[derive(Debug, Deserialize)]
pub(super) struct NearMissQuery {
    limit: Option<usize>,
}

/// Near misses as WireMock's JSON.
#[derive(Serialize)]
#[serde(bound = "I: Iterator<Item = Value>")]
struct NearMisses<I: Iterator<Item = Value>> {
    #[serde(rename = "nearMisses")]
    near_misses: LazySequence<I>,
    #[serde(skip_serializing_if = "ScanMeta::is_empty")]
    meta: ScanMeta,
}

/// Lists the nearest stubs of the newest unmatched requests, the newest request first.
pub(super) async fn unmatched(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(newest): Query<NearMissQuery>,
) -> AdminResponse {
    let limit = newest.limit.unwrap_or(DEFAULT_LIMIT);
    stream_json(memory, move || {
        let snapshot = live.journal().snapshot();
        let of = snapshot.entries().filter(|record| !record.was_matched()).count();
        let budget = ScanBudget::new(scan_budget::NEAR_MISS_CPU_TIME, of);
        let meta = ScanMeta::new(None, budget.progress());
        let missed = snapshot.entries().rev().filter(|record| !record.was_matched()).take(limit);
        let near_misses = missed.take_while(move |_| budget.admits_next()).flat_map(move |record| {
            let request = request_json::logged_request(&record);
            let nearest = nearest_stubs(&live, &record.call, &request, Instant::now() + MAX_TIME_PER_REQUEST);
            nearest.into_iter().map(|(request, subject, distance)| near_miss_json(request, subject, distance))
        });
        NearMisses { near_misses: LazySequence::new(near_misses), meta }
    })
}

/// Lists the nearest stubs of a request, which the body gives as the journal shows it.
pub(super) async fn to_request(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let Some(tree) = reader.parse(&body) else {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
        };
        let mut request = tree.to_json();
        let call = match &request {
            Value::Object(members) => near_miss::parse_logged_request(members, body.len().max(1 << 20)),
            _ => {
                reader.error(&tree, "a request is an object", "write `{\"method\": \"GET\", \"url\": \"/…\"}`");
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
            }
        };
        match call {
            Ok(call) => {
                request_json::complete(&mut request, &call);
                let catalog = live.catalog();
                let nearest = nearest(catalog.stubs(), &call, Instant::now() + MAX_TIME);
                let misses = nearest.found.iter().map(|near| near_miss(near, &request));
                response(near_misses_json(misses), nearest.examined, nearest.of)
            }
            Err(wrong) => {
                reader.error(&tree, wrong.message, wrong.help);
                refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects())
            }
        }
    })
    .await
}

/// Lists the requests of the journal nearest to a request pattern, including those that match it.
pub(super) async fn to_pattern(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let pattern = match requests::pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let echo = reader.parse(&body).map_or(Value::Null, |tree| tree.to_json());
        let snapshot = live.journal().snapshot();
        let budget = SearchBudget::until(Instant::now() + MAX_TIME);
        let nearest = near_miss::find_nearest_by(
            snapshot.entries().rev(),
            |record| &record.call,
            &pattern,
            MAX_NEAR_MISSES,
            budget,
        );
        let misses = nearest.found.iter().map(|near| {
            (request_json::logged_request(&near.item), NearMissSubject::Pattern(echo.clone()), near.distance)
        });
        response(near_misses_json(misses), nearest.examined, nearest.of)
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
    nearest(catalog.stubs(), call, end).found.iter().map(|near| near_miss(near, request)).collect()
}

fn nearest<'s>(stubs: Vec<&'s Arc<Stub>>, call: &Call, end: Instant) -> NearestMatches<&'s Arc<Stub>> {
    let candidates = stubs.into_iter().map(|stub| (stub, &*stub.pattern));
    near_miss::find_nearest_patterns(candidates, call, MAX_NEAR_MISSES, SearchBudget::until(end))
}

fn near_miss(near: &NearMiss<&Arc<Stub>>, request: &Value) -> (Value, NearMissSubject, f64) {
    (request.clone(), NearMissSubject::Stub(near.item.json()), near.distance)
}

/// Returns the response, with the number of examined candidates if not all were examined.
fn response(mut answer: Value, examined: usize, of: usize) -> AdminResponse {
    if examined < of
        && let Value::Object(members) = &mut answer
    {
        members.insert("meta".to_owned(), json!({"examined": examined, "of": of}));
    }
    json_answer(StatusCode::OK, &answer)
}

/// Maximum time for the candidates of one request.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Maximum time for each of many requests.
const MAX_TIME_PER_REQUEST: Duration = Duration::from_millis(50);

/// Default number of requests.
const DEFAULT_LIMIT: usize = 1_000;
