//! The door of the control plane.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::{Response, StatusCode};

use super::{Control, text};
use crate::call::Peers;

/// Lets a call through, or says how it may be made.
pub(super) async fn check(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response<Body> {
    let refused = match request.extensions().get::<Peers>() {
        Some(peers) => control.access.refuses(peers, request.headers()),
        None => None,
    };
    match refused {
        Some(why) => text(StatusCode::FORBIDDEN, why),
        None => next.run(request).await,
    }
}
