//! The control plane: WireMock's `/__admin`, and under `/__admin/standin` what only standin has.
//!
//! It runs on a thread of its own. A worker that reads an admin call hands it over and relays the answer, so that
//! nothing done here delays a call.

mod access;
mod bodies;
mod docs;
mod effort;
mod files;
mod logged;
mod mappings;
mod metrics;
mod near_misses;
mod page;
mod profile;
mod recordings;
mod reload;
mod requests;
mod routes;
mod scenarios;
mod settings;
mod store;
mod system;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::routing::get;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, mpsc};
use tower::ServiceExt as _;

pub use self::system::ServerStats;
use crate::live::handover::AdminRequest;
use crate::live::{AccessRules, ServiceState};
use crate::panics::{self, Panics, Part};
use crate::record::Recorder;
use crate::reload::Reload;
use crate::send::Outgoing;
use standin_stub::defect::Defect;
use standin_stub::reply::panic_text;

type AdminResponse = Response<Body>;

/// A refusal, ready to be sent; boxed, as most calls have none.
type ErrorResponse = Box<AdminResponse>;

/// What the handlers share beside the stubs.
#[derive(Debug)]
pub struct ControlPlane {
    /// Who may call.
    pub access: AccessRules,
    /// What each listener, or group of them, answers with.
    pub lives: Vec<Arc<ServiceState>>,
    /// What tells how the server fares.
    pub vitals: ServerStats,
    /// What reads the stub files again.
    pub reload: Reload,
    /// The panics of the server.
    pub panics: Arc<Panics>,
    /// What records calls, if anything does.
    pub recorder: Option<Arc<Recorder>>,
    /// When the server started.
    pub started: Instant,
    /// Whether files that standin did not write may be deleted.
    pub allows_disk_delete: bool,
    /// Bytes of a body at most.
    pub max_body: usize,
    /// Time for a body to come whole.
    pub read_timeout: Duration,
    /// Told when a client asks for the end.
    pub end: mpsc::Sender<()>,
}

/// Answers what is handed over, until no worker is left. A panic costs one admin call.
pub async fn serve(calls: &Mutex<mpsc::Receiver<AdminRequest>>, control: &Arc<ControlPlane>) {
    let router = router(Arc::clone(control));
    let mut calls = calls.lock().await;
    while let Some(AdminRequest { request, peers, memory, live, answer }) = calls.recv().await {
        panics::planted("control-thread");
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peers);
        request.extensions_mut().insert(memory);
        request.extensions_mut().insert(live);
        let (router, panics) = (router.clone(), Arc::clone(&control.panics));
        tokio::spawn(async move {
            let answering = async {
                panics::planted("control");
                router.oneshot(request).await
            };
            let response = match panics.contain(Part::Control, answering).await {
                Ok(Ok(response)) => response,
                Err(panic) => text(StatusCode::INTERNAL_SERVER_ERROR, panic_text(&panic)),
            };
            // a client that has gone waits for nothing
            let _ = answer.send(response.map(Outgoing::stream));
        });
    }
}

fn router(control: Arc<ControlPlane>) -> Router {
    let admin = routes::all().into_iter().fold(Router::new(), |router, route| {
        // `/` of what is below is asked for with and without its slash
        let path = if route.path == "/" { "/__admin/".to_owned() } else { format!("/__admin{}", route.path) };
        router.route(&path, route.handler)
    });
    admin
        .route("/__admin", get(docs::to_index))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), bodies::count))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), access::check))
        .layer(Extension(control))
}

/// WireMock answers an unknown path and a wrong method alike.
async fn unknown() -> AdminResponse {
    empty(StatusCode::NOT_FOUND)
}

/// What `work` answers, done where it may take its time.
async fn off_thread(work: impl FnOnce() -> AdminResponse + Send + 'static) -> AdminResponse {
    // a panic goes on in the task that waits, where it is contained
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "standin is shutting down\n"),
    })
}

fn empty(status: StatusCode) -> AdminResponse {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn text(status: StatusCode, text: impl Into<Body>) -> AdminResponse {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    response
}

fn json_answer(status: StatusCode, value: &Value) -> AdminResponse {
    let body = serde_json::to_string_pretty(value).expect("a JSON value is written as JSON");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// WireMock's answer to what it refuses: each thing that is wrong, where it is, and how to mend it.
fn refusal(status: StatusCode, defects: &[Defect]) -> AdminResponse {
    let errors: Vec<Value> = defects
        .iter()
        .filter(|defect| defect.is_error())
        .map(|defect| {
            json!({
                "code": defect.code,
                "source": {"pointer": defect.pointer},
                "title": title(defect.code),
                "detail": match &defect.help {
                    Some(help) => format!("{}; {help}", defect.message),
                    None => defect.message.clone(),
                },
            })
        })
        .collect();
    json_answer(status, &json!({ "errors": errors }))
}

/// One thing that is wrong, in WireMock's words where it has them.
fn problem(status: StatusCode, code: u16, title: &str, pointer: Option<&str>, detail: Option<&str>) -> AdminResponse {
    let mut error = Map::new();
    error.insert("code".to_owned(), code.into());
    if let Some(pointer) = pointer {
        error.insert("source".to_owned(), json!({ "pointer": pointer }));
    }
    error.insert("title".to_owned(), title.into());
    if let Some(detail) = detail {
        error.insert("detail".to_owned(), detail.into());
    }
    json_answer(status, &json!({ "errors": [error] }))
}

fn title(code: u16) -> &'static str {
    match code {
        109 => "Duplicate stub mapping ID",
        _ => "Error parsing JSON",
    }
}
