//! Bodies of admin requests and responses: read within limits, and counted in the memory budget.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::StatusCode;
use http_body_util::BodyExt as _;

use super::{AdminResponse, ControlPlane, text};
use crate::listen::body::{self, Bounds, Unread};
use standin_stub::memory::{MemoryExhausted, MemoryShare, UNCOUNTED_BODY_BYTES};

/// Reads the body of a request, and counts the body of its response until it is sent.
pub(super) async fn limit_bodies(
    State(control): State<Arc<ControlPlane>>,
    request: Request,
    next: Next,
) -> AdminResponse {
    let Some(memory) = request.extensions().get::<Arc<MemoryShare>>().cloned() else {
        return next.run(request).await;
    };
    let (parts, body) = request.into_parts();
    let bounds = Bounds {
        length: control.max_body_bytes,
        time: control.read_timeout,
        memory: &memory,
        uncounted: UNCOUNTED_BODY_BYTES,
    };
    let body = match body {
        body if body.is_end_stream() => Body::empty(),
        body => match body::read(body, bounds).await {
            Ok(bytes) => Body::from(bytes),
            Err(unread) => return refusal(unread, &control),
        },
    };
    let (parts, body) = next.run(Request::from_parts(parts, body)).await.into_parts();
    if body.size_hint().exact().is_none() {
        // a streamed response counts its pieces itself
        return AdminResponse::from_parts(parts, body);
    }
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, format!("the response is incomplete: {error}\n")),
    };
    match memory.hold(bytes) {
        Ok(bytes) => AdminResponse::from_parts(parts, Body::from(bytes)),
        Err(why) => exhausted(why),
    }
}

fn refusal(unread: Unread, control: &ControlPlane) -> AdminResponse {
    match unread {
        Unread::Broken(why) => text(StatusCode::BAD_REQUEST, format!("the body is incomplete: {why}\n")),
        Unread::Memory(why) => exhausted(why),
        Unread::TooLong => {
            let why = format!("the body is longer than {} bytes; raise --max-admin-body\n", control.max_body_bytes);
            text(StatusCode::PAYLOAD_TOO_LARGE, why)
        }
        Unread::TooSlow => {
            let why = format!("the body did not come within {:?}; raise --read-timeout\n", control.read_timeout);
            text(StatusCode::REQUEST_TIMEOUT, why)
        }
    }
}

fn exhausted(why: MemoryExhausted) -> AdminResponse {
    text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"))
}
