//! Reading stub files again: how it fares, and asking for it.

use std::sync::Arc;

use axum::extract::Extension;
use http::StatusCode;

use super::{AdminResponse, ControlPlane, empty, json_answer, refusal, text};
use crate::live::ServiceState;

pub(super) async fn show(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    json_answer(StatusCode::OK, &control.reload.status().json())
}

/// Reads what has changed, and keeps what came through the API.
pub(super) async fn again(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    let Some(status) = control.reload.reload_now().await else { return going_down() };
    let code = if status.has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    json_answer(code, &status.json())
}

/// The files in place of all stubs. With defects the last good stubs stay, and the answer says what is wrong.
pub(super) async fn reset(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
) -> AdminResponse {
    let Some(status) = control.reload.reset(&live).await else { return going_down() };
    if status.has_failed {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, &status.defects);
    }
    live.journal().reset();
    empty(StatusCode::OK)
}

fn going_down() -> AdminResponse {
    text(StatusCode::SERVICE_UNAVAILABLE, "standin is shutting down\n")
}
