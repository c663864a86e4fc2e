//! Global settings: delays of all stubs without delays of their own.

use std::sync::Arc;

use axum::extract::Extension;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{AdminResponse, empty, json_answer, refusal};
use crate::live::{GlobalSettings, ServiceState};
use standin_stub::format::{self, Reader};

pub(super) async fn show(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    json_answer(StatusCode::OK, &json!({ "settings": live.settings().document }))
}

/// Replaces the settings; the body may wrap them in `settings`.
pub(super) async fn set(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let read = reader.parse(&body).map(|tree| format::delays(tree.get("settings").unwrap_or(&tree), &mut reader));
    match read {
        Some((delays, document)) if !reader.has_errors() => {
            live.set_settings(GlobalSettings { delays, document });
            empty(StatusCode::OK)
        }
        _ => refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()),
    }
}

/// Changes some members of `extended`; null removes one.
pub(super) async fn extend(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let Some(tree) = reader.parse(&body) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let Value::Object(changes) = tree.get("extended").unwrap_or(&tree).to_json() else {
        reader.error(&tree, "extended settings are an object", "write `{\"extended\": {…}}`");
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let old = live.settings();
    let mut settings = GlobalSettings::clone(&old);
    let extended = settings.document.entry("extended").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = extended {
        for (name, value) in changes {
            if value.is_null() {
                members.remove(&name);
            } else {
                members.insert(name, value);
            }
        }
    }
    live.set_settings(settings);
    json_answer(StatusCode::OK, &json!({}))
}
