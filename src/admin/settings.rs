//! Global settings: delays for all stubs that do not say otherwise.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use http::{Response, StatusCode};
use serde_json::json;

use super::{empty, json_answer, refusal};
use crate::live::{Live, Settings};
use crate::stub::format::{self, Reader};

pub(super) async fn show(Extension(live): Extension<Arc<Live>>) -> Response<Body> {
    json_answer(StatusCode::OK, &json!({ "settings": live.settings().document }))
}

/// Replaces them all; they may be wrapped in `settings`.
pub(super) async fn set(Extension(live): Extension<Arc<Live>>, body: String) -> Response<Body> {
    let mut reader = Reader::of_api(&body);
    let read = reader.parse(&body).map(|tree| format::delays(tree.get("settings").unwrap_or(&tree), &mut reader));
    match read {
        Some((delays, document)) if !reader.failed() => {
            live.set_settings(Settings { delays, document });
            empty(StatusCode::OK)
        }
        _ => refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()),
    }
}
