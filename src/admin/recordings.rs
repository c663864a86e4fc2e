//! `/__admin/recordings`: standin records with a command of its own, so nothing is ever being recorded here.

use http::StatusCode;
use serde_json::json;

use super::{AdminResponse, json_answer, problem};

pub(super) async fn status() -> AdminResponse {
    json_answer(StatusCode::OK, &json!({"status": "NeverStarted"}))
}

pub(super) async fn stop() -> AdminResponse {
    problem(StatusCode::BAD_REQUEST, 30, "Not currently recording.", None, None)
}
