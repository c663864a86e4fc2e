//! The control plane: WireMock's API below `/__admin`, and standin's own below `/__admin/standin`.
//!
//! It runs on a thread of its own. A worker that reads an admin request sends it there and relays
//! the response, so that no admin request delays other requests.

mod access;
mod admin_request;
mod bodies;
mod channels;
mod docs;
mod files;
mod mappings;
mod message_mappings;
mod messages;
mod metrics;
mod near_misses;
mod persistence;
mod profile;
mod recordings;
mod reload;
mod request_json;
mod requests;
mod route;
mod routes;
mod scan_budget;
mod scenarios;
mod settings;
mod streaming_json;
mod system;
mod ui;
mod what_if;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::routing::get;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, mpsc};
use tower::ServiceExt as _;

pub use self::access::AccessRules;
pub use self::admin_request::{AdminRequest, MAX_WAITING, forward_request, is_admin_path, refused};
pub use self::recordings::Recording;
use self::route::RouteList;
pub use self::system::ServerStats;
pub use self::ui::EventStreams;
use crate::live::ServiceState;
use crate::panics::{self, Panics, Part};
use crate::record::Recorder;
use crate::reload::Reload;
use crate::send::Outgoing;
use crate::shutdown::DrainGuard;
use standin_stub::defect::Defect;
use standin_stub::reply::panic_text;

type AdminResponse = Response<Body>;

/// The response to a request that is refused; boxed to keep results small.
type ErrorResponse = Box<AdminResponse>;

/// The state that all handlers share.
#[derive(Debug)]
pub struct ControlPlane {
    pub access: AccessRules,
    /// State of each served set of stubs.
    pub services: Vec<Arc<ServiceState>>,
    /// Statistics of the server.
    pub stats: ServerStats,
    /// Handle of the thread that reloads stub files.
    pub reload: Reload,
    /// Panic counters of the server.
    pub panics: Arc<Panics>,
    /// Recording of each of `services` that was started through the API.
    pub recordings: Vec<Recording>,
    /// Recorder, if requests are recorded.
    pub recorder: Option<Arc<Recorder>>,
    /// Streams of events to dashboards.
    pub event_streams: EventStreams,
    /// Signal that the shutdown has begun.
    pub ending: DrainGuard,
    /// Start of the server.
    pub started: Instant,
    /// True if files that standin did not write may be deleted.
    pub allows_disk_delete: bool,
    /// Maximum bytes of a request body.
    pub max_body_bytes: usize,
    /// Maximum time for reading a request body.
    pub read_timeout: Duration,
    /// Channel for the request to shut down.
    pub shutdown: mpsc::Sender<()>,
}

/// Handles admin requests until no worker is left. A panic fails only one request.
pub async fn serve(requests: &Mutex<mpsc::Receiver<AdminRequest>>, control: &Arc<ControlPlane>) {
    let router = router(Arc::clone(control));
    let mut requests = requests.lock().await;
    while let Some(AdminRequest { request, peers, memory, service, response: sender }) = requests.recv().await {
        panics::planted("control-thread");
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peers);
        request.extensions_mut().insert(memory);
        request.extensions_mut().insert(service);
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
            // an error means that the client has disconnected
            let _ = sender.send(response.map(Outgoing::stream));
        });
    }
}

fn router(control: Arc<ControlPlane>) -> Router {
    let admin = routes::all().into_iter().fold(Router::new(), |router, route| {
        // the index has a route with and without the slash at its end
        let path = if route.path == "/" { "/__admin/".to_owned() } else { format!("/__admin{}", route.path) };
        router.route(&path, route.handler)
    });
    admin
        .route("/__admin", get(docs::to_index))
        .route("/__admin/ui/", get(ui::to_page))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), bodies::limit_bodies))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), access::check))
        .layer(Extension(control))
        .layer(Extension(RouteList(routes::all)))
}

/// Answers an unknown path or method with 404, as WireMock does, and names the nearest path.
async fn unknown(method: Method, uri: Uri) -> AdminResponse {
    text(StatusCode::NOT_FOUND, routes::explain_unknown(&method, uri.path()))
}

/// Runs `work` on the pool for blocking tasks.
async fn off_thread(work: impl FnOnce() -> AdminResponse + Send + 'static) -> AdminResponse {
    // a panic resumes in the task that waits, where it is contained
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

/// Returns WireMock's error response: each defect with its position and help.
fn refusal(status: StatusCode, defects: &[Defect]) -> AdminResponse {
    let errors: Vec<Value> = defects
        .iter()
        .filter(|defect| defect.is_error())
        .map(|defect| {
            // text that does not parse has no place in a document
            let source = if defect.pointer.is_empty() { json!({}) } else { json!({"pointer": defect.pointer}) };
            json!({
                "code": defect.code,
                "source": source,
                "title": "Error parsing JSON",
                "detail": defect.summary(),
            })
        })
        .collect();
    json_answer(status, &json!({ "errors": errors }))
}

/// Returns WireMock's error response for one error.
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
