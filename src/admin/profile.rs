//! `/__admin/standin/profile`: shows the active profile and its stations, and activates another.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Extension;
use http::StatusCode;
use serde_json::{Value as Json, json};

use super::{AdminResponse, json_answer, problem, refusal};
use crate::live::ServiceState;
use crate::pacing::{ServiceView, StationView, TimelineView};
use standin_stub::defect::nearest;
use standin_stub::delay::units;
use standin_stub::source::{Reader, Value};

pub(super) async fn show(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    json_answer(StatusCode::OK, &json(&live))
}

/// Activates the profile in the body, or none. Requests in flight keep their profile, and queues
/// stay as they are.
pub(super) async fn switch(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let Some(tree) = reader.parse(&body) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let name = match tree.get("profile").map(|node| &node.value) {
        Some(Value::String(name)) => Some(&**name),
        Some(Value::Null) => None,
        _ => {
            reader.error(&tree, "the profile is missing", "write `{\"profile\": \"…\"}`, or null for none");
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
        }
    };
    if let Err(unknown) = live.pacing().activate(name) {
        let name = name.unwrap_or_default();
        let known: Vec<&str> = unknown.available.iter().map(String::as_str).collect();
        let help = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there are none; put one into `profiles/`".to_owned(),
            None => format!("there are: {}", known.join(", ")),
        };
        let detail = format!("there is no profile `{name}`; {help}");
        let (status, title) = (StatusCode::UNPROCESSABLE_ENTITY, "No such profile");
        return problem(status, 10, title, Some("/profile"), Some(&detail));
    }
    json_answer(StatusCode::OK, &json(&live))
}

/// Returns the active profile, its stations, timelines and what-if factors.
pub(super) fn json(live: &ServiceState) -> Json {
    let pacing = live.pacing();
    json!({
        "profile": pacing.active().map(|active| active.name.clone()),
        "available": pacing.profile_names(),
        "whatIf": pacing.what_if().map(|what_if| json!({
            "latency": what_if.scale.latency,
            "capacity": what_if.scale.capacity,
            "endsInSeconds": what_if.until.saturating_duration_since(Instant::now()).as_secs_f64(),
        })),
        "timelines": pacing.timelines().iter().map(|view| timeline(view, live)).collect::<Vec<_>>(),
        "services": pacing.services().iter().map(service).collect::<Vec<_>>(),
    })
}

fn timeline(view: &TimelineView, live: &ServiceState) -> Json {
    json!({
        "folder": live.folders()[view.folder].name,
        "step": view.step,
        "steps": view.steps,
        "at": units::duration(view.at),
        "profile": view.profile,
        "scale": {"latency": view.scale.latency, "capacity": view.scale.capacity},
        "activeSeconds": view.after.as_secs_f64(),
        "nextInSeconds": view.next.map(|next| next.as_secs_f64()),
    })
}

fn service(view: &ServiceView) -> Json {
    json!({
        "name": view.name,
        "workers": view.main.workers,
        "cores": view.main.cores,
        "stalled": view.stalled,
        "inFlight": view.main.in_flight,
        "waiting": view.main.waiting,
        "front": view.front.as_ref().map(front),
        "paced": view.paced,
        "unpaced": view.unpaced,
        "overflowed": view.main.overflowed,
        "abandoned": view.abandoned,
        "limited": view.limited,
        "beyondValid": view.beyond,
        "valid": {
            "utilization": view.valid.utilization,
            "inFlight": view.valid.in_flight,
            "perSecond": view.valid.per_second,
        },
    })
}

fn front(view: &StationView) -> Json {
    json!({
        "workers": view.workers,
        "cores": view.cores,
        "inFlight": view.in_flight,
        "waiting": view.waiting,
        "overflowed": view.overflowed,
    })
}
