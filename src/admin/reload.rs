//! Reading stub files again: how it fares, and asking for it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use http::{Response, StatusCode};

use super::{Control, empty, json_answer, refusal, text};
use crate::live::Live;

pub(super) async fn show(Extension(control): Extension<Arc<Control>>) -> Response<Body> {
    json_answer(StatusCode::OK, &control.reload.status().json())
}

/// Reads what has changed, and keeps what came through the API.
pub(super) async fn again(Extension(control): Extension<Arc<Control>>) -> Response<Body> {
    let Some(status) = control.reload.again().await else { return going_down() };
    let code = if status.failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    json_answer(code, &status.json())
}

/// The files in place of all stubs. With defects the last good stubs stay, and the answer says what is wrong.
pub(super) async fn reset(
    Extension(control): Extension<Arc<Control>>,
    Extension(live): Extension<Arc<Live>>,
) -> Response<Body> {
    let Some(status) = control.reload.reset(&live).await else { return going_down() };
    if status.failed {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, &status.defects);
    }
    empty(StatusCode::OK)
}

fn going_down() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "standin is shutting down\n")
}
