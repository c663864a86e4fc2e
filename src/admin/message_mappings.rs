//! `/__admin/message-mappings`: the message stubs.

use std::sync::Arc;

use axum::extract::{Extension, Path};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::mappings::{files, parse_id};
use super::{AdminResponse, ErrorResponse, empty, json_answer, refusal};
use crate::live::ServiceState;
use standin_stub::format::Reader;
use standin_stub::message::{MessageStub, message_stub};

pub(super) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    let stubs: Vec<Value> = live.messaging().stubs().iter().map(|stub| stub.document.clone()).collect();
    json_answer(StatusCode::OK, &json!({"messageMappings": stubs, "meta": {"total": stubs.len()}}))
}

/// Creates a stub, or replaces the one with its id.
pub(super) async fn create(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    stored(&live, &body, None, StatusCode::CREATED).unwrap_or_else(|refused| *refused)
}

/// Removes the stubs of the API; those of files stay.
pub(super) async fn clear(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.messaging().edit_stubs(|stubs| stubs.retain(|stub| stub.is_of_file));
    json_answer(StatusCode::OK, &json!({}))
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let shown = |id| match find(&live, id) {
        Some(stub) => json_answer(StatusCode::OK, &stub.document),
        None => empty(StatusCode::NOT_FOUND),
    };
    parse_id(&id).map_or_else(|refused| *refused, shown)
}

/// Replaces the stub of this id by the one in the body, which keeps the id.
pub(super) async fn change(
    Path(id): Path<String>,
    Extension(live): Extension<Arc<ServiceState>>,
    body: String,
) -> AdminResponse {
    let changed = parse_id(&id).and_then(|id| match find(&live, id) {
        Some(_) => stored(&live, &body, Some(id), StatusCode::OK),
        None => Ok(empty(StatusCode::NOT_FOUND)),
    });
    changed.unwrap_or_else(|refused| *refused)
}

pub(super) async fn delete(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let removed = |id| {
        live.messaging().edit_stubs(|stubs| stubs.retain(|stub| stub.id != id));
        json_answer(StatusCode::OK, &json!({}))
    };
    parse_id(&id).map_or_else(|refused| *refused, removed)
}

/// Reads a stub and adds it; the answer has the stub as it is echoed.
fn stored(
    live: &ServiceState,
    body: &str,
    id: Option<Uuid>,
    status: StatusCode,
) -> Result<AdminResponse, ErrorResponse> {
    let stub = read(body, id, live)?;
    live.messaging().put(&stub);
    Ok(json_answer(status, &stub.document))
}

fn find(live: &ServiceState, id: Uuid) -> Option<Arc<MessageStub>> {
    live.messaging().stubs().iter().find(|stub| stub.id == id).cloned()
}

/// Reads a stub. `id` takes the place of the stated one.
fn read(body: &str, id: Option<Uuid>, live: &ServiceState) -> Result<Arc<MessageStub>, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let stub = reader.parse(body).and_then(|tree| message_stub(&tree, &files(live), &mut reader));
    match stub {
        Some(mut stub) if !reader.has_errors() => {
            if let Some(id) = id {
                stub.id = id;
                stub.document["id"] = id.to_string().into();
            }
            Ok(Arc::new(stub))
        }
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}
