//! The door of the control plane: who may call, and which pages of a browser.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::{ControlPlane, empty, text};
use standin_stub::call::Peers;

/// Lets a call through, or says how it may be made. A page that may call is told so (CORS).
pub(super) async fn check(State(control): State<Arc<ControlPlane>>, request: Request, next: Next) -> Response<Body> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asks = preflight(request.method(), request.headers());
    let refused = match request.extensions().get::<Peers>() {
        // a browser asks without the token that it will send then
        Some(_) if asks.is_some() && control.access.token.is_some() => None,
        Some(peers) => control.access.refuses(peers, &request),
        None => None,
    };
    if let Some(refusal) = refused {
        return text(refusal.status, refusal.text);
    }
    let mut response = match asks {
        Some((method, headers)) => allowing(method, headers),
        None => next.run(request).await,
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    response
}

/// What a browser asks to send, before it sends it.
fn preflight(method: &Method, headers: &HeaderMap) -> Option<(HeaderValue, Option<HeaderValue>)> {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| *method == Method::OPTIONS)?;
    Some((asked.clone(), headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned()))
}

fn allowing(method: HeaderValue, headers: Option<HeaderValue>) -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    if let Some(headers) = headers {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    response.headers_mut().insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
