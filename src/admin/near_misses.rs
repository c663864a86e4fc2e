//! `/__admin/near-misses`: which stubs came nearest to a call, and which calls to a pattern.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Extension;
use http::StatusCode;
use serde_json::Value;

use super::{Answer, json_answer, logged, off_thread, refusal, requests};
use crate::call::Call;
use crate::live::Live;
use crate::matcher::near_miss::{self, Budget, LIMIT, Subject, near_misses_json};
use crate::stub::format::Reader;

/// The nearest stubs of every call that no stub answered, the newest call first.
pub(super) async fn unmatched(Extension(live): Extension<Arc<Live>>) -> Answer {
    off_thread(move || {
        let end = Instant::now() + LONGEST;
        let snapshot = live.journal().snapshot();
        let missed = snapshot.records().rev().filter(|record| !record.was_matched());
        let misses = missed
            .take_while(|_| Instant::now() < end)
            .flat_map(|record| nearest_stubs(&live, &record.call, &logged::request(&record), end));
        json_answer(StatusCode::OK, &near_misses_json(misses))
    })
    .await
}

/// The nearest stubs of a call that is given as the journal shows one.
pub(super) async fn to_request(Extension(live): Extension<Arc<Live>>, body: String) -> Answer {
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let Some(tree) = reader.parse(&body) else {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
        };
        let request = tree.to_json();
        let call = match &request {
            Value::Object(members) => near_miss::call_of(members, body.len().max(1 << 20)),
            _ => {
                reader.error(&tree, "a request is an object", "write `{\"method\": \"GET\", \"url\": \"/…\"}`");
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
            }
        };
        match call {
            Ok(call) => {
                let misses = nearest_stubs(&live, &call, &request, Instant::now() + LONGEST);
                json_answer(StatusCode::OK, &near_misses_json(misses))
            }
            Err(wrong) => {
                reader.error(&tree, wrong.what, wrong.mend);
                refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects())
            }
        }
    })
    .await
}

/// The journalled calls nearest to a request pattern, those that match it among them.
pub(super) async fn to_pattern(Extension(live): Extension<Arc<Live>>, body: String) -> Answer {
    let pattern = match requests::pattern(&body) {
        Ok(pattern) => pattern,
        Err(refused) => return *refused,
    };
    off_thread(move || {
        let mut reader = Reader::of_api(&body);
        let echo = reader.parse(&body).map_or(Value::Null, |tree| tree.to_json());
        let snapshot = live.journal().snapshot();
        let records: Vec<_> = snapshot.records().collect();
        let candidates = records.iter().map(|record| (record, &record.call));
        let nearest = near_miss::nearest_calls(candidates, &pattern, LIMIT, Budget::until(Instant::now() + LONGEST));
        let misses = nearest
            .found
            .into_iter()
            .map(|near| (logged::request(near.item), Subject::Pattern(echo.clone()), near.distance));
        json_answer(StatusCode::OK, &near_misses_json(misses))
    })
    .await
}

fn nearest_stubs(live: &Live, call: &Call, request: &Value, end: Instant) -> Vec<(Value, Subject, f64)> {
    let catalog = live.catalog();
    let candidates = catalog.stubs().into_iter().map(|stub| (stub, &*stub.pattern));
    near_miss::nearest(candidates, call, LIMIT, Budget::until(end))
        .found
        .into_iter()
        .map(|near| {
            let scenario = near.item.scenario.as_ref().filter(|part| part.required.is_some());
            let state = scenario.map(|part| live.scenarios().state(&part.name));
            (request.clone(), Subject::Stub(near.item.json(), state), near.distance)
        })
        .collect()
}

/// No answer takes longer; what was found until then is told.
const LONGEST: Duration = Duration::from_secs(5);
