//! Reloading of stub files: its status, and requests for it.

use std::sync::Arc;

use axum::extract::Extension;
use http::StatusCode;

use super::{AdminResponse, ControlPlane, empty, json_answer, off_thread, refusal, text};
use crate::live::ServiceState;

pub(super) async fn show(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    json_answer(StatusCode::OK, &control.reload.status().json())
}

/// Reloads changed files. Stubs from the API stay.
pub(super) async fn reload(Extension(control): Extension<Arc<ControlPlane>>) -> AdminResponse {
    let Some(status) = control.reload.reload_now().await else { return shutting_down() };
    let code = if status.has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    json_answer(code, &status.json())
}

/// Replaces all stubs by those of the files. A file that has errors keeps its last good stubs.
pub(super) async fn reset(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
) -> AdminResponse {
    let Some(status) = control.reload.reset(&live).await else { return shutting_down() };
    if status.has_panicked {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, &status.defects);
    }
    live.journal().reset();
    live.messaging().journal().clear();
    off_thread(move || {
        live.load_message_stubs();
        empty(StatusCode::OK)
    })
    .await
}

fn shutting_down() -> AdminResponse {
    text(StatusCode::SERVICE_UNAVAILABLE, "standin is shutting down\n")
}
