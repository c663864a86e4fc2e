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
    match read(&body, None, &live) {
        Ok(stub) => {
            live.messaging().put(&stub);
            json_answer(StatusCode::CREATED, &stub.document)
        }
        Err(refused) => *refused,
    }
}

/// Removes the stubs of the API; those of files stay.
pub(super) async fn clear(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    live.messaging().edit_stubs(|stubs| stubs.retain(|stub| stub.is_of_file));
    json_answer(StatusCode::OK, &json!({}))
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    match find(&live, id) {
        Some(stub) => json_answer(StatusCode::OK, &stub.document),
        None => empty(StatusCode::NOT_FOUND),
    }
}

pub(super) async fn replace(
    Extension(live): Extension<Arc<ServiceState>>,
    Path(id): Path<String>,
    body: String,
) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    if find(&live, id).is_none() {
        return empty(StatusCode::NOT_FOUND);
    }
    match read(&body, Some(id), &live) {
        Ok(stub) => {
            live.messaging().put(&stub);
            json_answer(StatusCode::OK, &stub.document)
        }
        Err(refused) => *refused,
    }
}

pub(super) async fn delete(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    match parse_id(&id) {
        Ok(id) => {
            live.messaging().edit_stubs(|stubs| stubs.retain(|stub| stub.id != id));
            json_answer(StatusCode::OK, &json!({}))
        }
        Err(refused) => *refused,
    }
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
