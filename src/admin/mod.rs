//! The control plane: WireMock's `/__admin`, and under `/__admin/standin` what only standin has.
//!
//! It runs on a thread of its own. A worker that reads an admin call hands it over and relays the answer, so that
//! nothing done here delays a call.

mod access;
mod mappings;
mod reload;
mod settings;
mod store;
mod system;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{get, post};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

pub use self::system::Vitals;
use crate::defect::Defect;
use crate::live::Access;
use crate::live::handover::Handover;
use crate::reload::Reload;
use crate::send::Outgoing;

/// What the handlers share beside the stubs.
#[derive(Debug)]
pub struct Control {
    /// Who may call.
    pub access: Access,
    /// What tells how the server fares.
    pub vitals: Vitals,
    /// What reads the stub files again.
    pub reload: Reload,
    /// When the server started.
    pub started: Instant,
    /// Whether files that standin did not write may be deleted.
    pub allows_disk_delete: bool,
}

/// Answers what is handed over, until no worker is left.
pub async fn serve(mut calls: mpsc::Receiver<Handover>, control: Arc<Control>) {
    let router = router(control);
    while let Some(Handover { request, peers, live, answer }) = calls.recv().await {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peers);
        request.extensions_mut().insert(live);
        let router = router.clone();
        tokio::spawn(async move {
            let Ok(response) = router.oneshot(request).await;
            // a client that has gone waits for nothing
            let _ = answer.send(response.map(Outgoing::stream));
        });
    }
}

fn router(control: Arc<Control>) -> Router {
    let admin = Router::new()
        .route("/mappings", get(mappings::list).post(mappings::create).delete(mappings::clear))
        .route("/mappings/edit", post(mappings::edit))
        .route("/mappings/find-by-metadata", post(mappings::find_by_metadata))
        .route("/mappings/import", post(mappings::import))
        .route("/mappings/remove", post(mappings::remove))
        .route("/mappings/remove-by-metadata", post(mappings::remove_by_metadata))
        .route("/mappings/reset", post(reload::reset))
        .route("/mappings/save", post(mappings::save))
        .route("/mappings/unmatched", get(mappings::unmatched).delete(mappings::remove_unmatched))
        .route("/mappings/{id}", get(mappings::one).put(mappings::replace).delete(mappings::delete))
        .route("/reset", post(reload::reset))
        .route("/settings", get(settings::show).put(settings::set).post(settings::set))
        .route("/health", get(system::health))
        .route("/version", get(system::version))
        .route("/metrics", get(system::metrics))
        .route("/standin/audit", get(system::audit))
        .route("/standin/reload", get(reload::show).post(reload::again));
    Router::new()
        .nest("/__admin", admin)
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), access::check))
        .layer(Extension(control))
}

/// WireMock answers an unknown path and a wrong method alike.
async fn unknown() -> Response<Body> {
    empty(StatusCode::NOT_FOUND)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    response
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Body> {
    let body = serde_json::to_string_pretty(value).expect("a JSON value is written as JSON");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// WireMock's answer to what it refuses: each thing that is wrong, where it is, and how to mend it.
fn refusal(status: StatusCode, defects: &[Defect]) -> Response<Body> {
    let errors: Vec<Value> = defects
        .iter()
        .filter(|defect| defect.is_error())
        .map(|defect| {
            json!({
                "code": defect.code,
                "source": {"pointer": defect.pointer},
                "title": title(defect.code),
                "detail": match &defect.mend {
                    Some(mend) => format!("{}; {mend}", defect.what),
                    None => defect.what.clone(),
                },
            })
        })
        .collect();
    json_answer(status, &json!({ "errors": errors }))
}

fn title(code: u16) -> &'static str {
    match code {
        109 => "Duplicate stub mapping ID",
        _ => "Error parsing JSON",
    }
}
