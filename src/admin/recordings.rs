//! `/__admin/recordings`: reports that no recording runs, because standin records with a command.

use http::StatusCode;
use serde_json::json;

use super::{AdminResponse, json_answer, problem};

pub(super) async fn status() -> AdminResponse {
    json_answer(StatusCode::OK, &json!({"status": "NeverStarted"}))
}

pub(super) async fn stop() -> AdminResponse {
    problem(StatusCode::BAD_REQUEST, 30, "Not currently recording.", None, None)
}
