//! `/__admin/standin/what-if`: factors of latency and capacity on top of the active profile, for a
//! limited time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Extension;
use http::StatusCode;
use standin_model::profile::ScaleFactors;

use super::{AdminResponse, json_answer, problem, profile, refusal};
use crate::live::ServiceState;
use crate::pacing::WhatIf;
use standin_stub::source::{Node, Reader};

/// Sets the factors in the body, which end by themselves.
pub(super) async fn set(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let factors = reader.parse(&body).map(|tree| read(&tree, &mut reader));
    let Some((scale, time)) = factors.filter(|_| !reader.has_errors()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    put(&live, Some(WhatIf { scale, until: Instant::now() + time }))
}

/// Removes the factors: the profile is served as it is.
pub(super) async fn end(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    put(&live, None)
}

fn put(live: &ServiceState, what_if: Option<WhatIf>) -> AdminResponse {
    if !live.pacing().set_what_if(what_if) {
        let help = "activate a profile first: PUT /__admin/standin/profile";
        return problem(StatusCode::CONFLICT, 10, "No profile is active", None, Some(help));
    }
    json_answer(StatusCode::OK, &profile::json(live))
}

/// Reads the factors, and the time for which they are in force. Defects are left to the reader.
fn read(tree: &Node, reader: &mut Reader) -> (ScaleFactors, Duration) {
    for member in tree.members() {
        if !matches!(&*member.key, "latency" | "capacity" | "seconds") {
            let message = format!("`{}` is not known here", member.key);
            reader.error_at(&member.value, &member.key, message, "use `latency`, `capacity` and `seconds`");
        }
    }
    let factor = (MIN_FACTOR, 1.0 / MIN_FACTOR);
    let latency = number(tree, "latency", factor, Some(1.0), reader);
    let capacity = number(tree, "capacity", factor, Some(1.0), reader);
    let seconds = number(tree, "seconds", (MIN_SECONDS, MAX_SECONDS), None, reader);
    (ScaleFactors { latency, capacity }, Duration::from_secs_f64(seconds))
}

fn number(tree: &Node, key: &str, (min, max): (f64, f64), default: Option<f64>, reader: &mut Reader) -> f64 {
    let node = tree.get(key);
    let given = node.map(|node| node.to_json().as_f64());
    match (given, default) {
        (Some(Some(value)), _) if (min..=max).contains(&value) => return value,
        (None, Some(default)) => return default,
        _ => {}
    }
    let message = format!("`{key}` is missing or out of its range");
    reader.error_at(node.unwrap_or(tree), key, message, format!("use a number from {min} to {max}"));
    min
}

/// Least factor; its inverse is the largest. The same bounds hold for `scale` in profiles.
const MIN_FACTOR: f64 = 0.001;

/// Shortest and longest time for which factors are in force, in seconds.
const MIN_SECONDS: f64 = 0.1;
const MAX_SECONDS: f64 = 3600.0;
