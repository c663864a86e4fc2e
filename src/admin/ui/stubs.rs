//! The stubs as the dashboard lists them, and the check of one that is being written.

use std::sync::Arc;

use axum::extract::{Extension, Query};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::mappings;
use crate::admin::{AdminResponse, json_answer};
use crate::live::ServiceState;
use crate::pacing;
use standin_stub::defect::Defect;
use standin_stub::{Stub, StubOrigin};

/// The query of a list of stubs: its part.
#[derive(Debug, Deserialize)]
pub(in crate::admin) struct StubQuery {
    limit: Option<usize>,
    offset: Option<usize>,
}

/// Lists stubs in the order in which they are tried.
pub(in crate::admin) async fn list(
    Extension(live): Extension<Arc<ServiceState>>,
    Query(query): Query<StubQuery>,
) -> AdminResponse {
    let catalog = live.catalog();
    let stubs = catalog.stubs();
    let limit = query.limit.unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
    let part = stubs.iter().skip(query.offset.unwrap_or(0)).take(limit);
    let listed: Vec<Value> = part.map(|stub| summary(&live, stub)).collect();
    json_answer(StatusCode::OK, &json!({"stubs": listed, "total": stubs.len()}))
}

fn summary(live: &ServiceState, stub: &Stub) -> Value {
    let document = stub.json();
    let request = &document["request"];
    let url = URL_KEYS.iter().find_map(|key| Some((*key, request.get(key)?.as_str()?)));
    let folder = live.folders().get(pacing::folder_of(stub, live.folders().len()));
    let place = match &stub.origin {
        StubOrigin::Api => Value::Null,
        StubOrigin::File { path, line, shared, is_edited } => {
            let below = folder.and_then(|folder| path.strip_prefix(folder.mappings()).ok());
            json!({
                "service": folder.map(|folder| folder.name.as_str()),
                "file": below.unwrap_or(path).display().to_string(),
                "line": line,
                "isShared": shared,
                "isEdited": is_edited,
            })
        }
    };
    let reply = stub.response.reply();
    let scenario = stub.scenario.as_ref();
    json!({
        "id": stub.id,
        "name": stub.name,
        "method": request.get("method").and_then(Value::as_str).unwrap_or("ANY"),
        "url": url.map(|(_, url)| url),
        "urlKind": url.map(|(key, _)| key),
        "priority": stub.rank.priority,
        "place": place,
        "calls": stub.hits.total(),
        "status": reply.status.as_u16(),
        "isFault": reply.ending.is_some(),
        "proxyBaseUrl": document["response"].get("proxyBaseUrl"),
        "scenario": scenario.map(|step| json!({"name": step.name, "required": step.required, "next": step.next})),
        "isPersistent": stub.persistent,
    })
}

/// Reads a stub without adding it, and lists its errors and warnings with their places.
pub(in crate::admin) async fn check(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let defects: Vec<Value> = mappings::defects(&body, &live).iter().map(defect_json).collect();
    json_answer(StatusCode::OK, &json!({ "defects": defects }))
}

fn defect_json(defect: &Defect) -> Value {
    let end = defect.place.as_ref().map(standin_stub::defect::SourcePlace::end);
    json!({
        "severity": if defect.is_error() { "error" } else { "warning" },
        "pointer": defect.pointer,
        "message": defect.message,
        "help": defect.help,
        "line": defect.place.as_ref().map(standin_stub::defect::SourcePlace::line),
        "column": defect.place.as_ref().map(standin_stub::defect::SourcePlace::column),
        "endLine": end.map(|(line, _)| line),
        "endColumn": end.map(|(_, column)| column),
    })
}

/// Members of a request pattern that name its URL.
const URL_KEYS: [&str; 5] = ["url", "urlPath", "urlPathTemplate", "urlPattern", "urlPathPattern"];

/// Maximum number of stubs in a list.
const MAX_LIMIT: usize = 500;
