//! Health, version, shutdown and audit of the server.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Map, json};

use super::access::PublicProbe;
use super::{ControlPlane, json_answer, text};
use crate::audit::{Audit, AuditSnapshot};
use crate::listen::Connections;
use crate::panics::Part;
use crate::request_log::RequestLog;
use crate::spans::SpanCounts;
use crate::webhooks::WebhookCounts;
use standin_stub::memory::MemoryBudget;

/// Sources of the server's statistics.
#[derive(Debug)]
pub struct ServerStats {
    /// Audit of each worker.
    pub audits: Vec<Arc<Audit>>,
    pub connections: Arc<Connections>,
    /// Connections of the listener for the admin API alone.
    pub admin_connections: Arc<Connections>,
    /// The log of requests, if there is one.
    pub request_log: Option<RequestLog>,
    /// Numbers of spans, if calls have spans.
    pub spans: Option<Arc<SpanCounts>>,
    /// Memory budget of all requests.
    pub memory: Arc<MemoryBudget>,
    /// Numbers of webhooks by their state.
    pub webhooks: Arc<WebhookCounts>,
}

pub(super) async fn health(
    Extension(control): Extension<Arc<ControlPlane>>,
    probe: Option<Extension<PublicProbe>>,
) -> Response<Body> {
    if probe.is_some() {
        // what went wrong inside is for those who may call the admin API
        return json_answer(StatusCode::OK, &json!({"status": "healthy", "message": "standin is up"}));
    }
    let mut message = "standin is up".to_owned();
    let mut panics = Map::new();
    for part in Part::ALL {
        let count = control.panics.count(part);
        if count > 0 {
            panics.insert(part.name().to_owned(), count.into());
        }
    }
    if let Some((part, panic)) = control.panics.last() {
        let _ = write!(message, "; it continued after a panic, the last in `{}`: {panic}", part.name());
    }
    json_answer(
        StatusCode::OK,
        &json!({
            "status": "healthy",
            "message": message,
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeInSeconds": control.started.elapsed().as_secs(),
            "timestamp": jiff::Timestamp::now().to_string(),
            "panics": panics,
        }),
    )
}

pub(super) async fn version(headers: HeaderMap) -> Response<Body> {
    let version = env!("CARGO_PKG_VERSION");
    match headers.get(header::ACCEPT) {
        Some(accepted) if accepted == "text/plain" => text(StatusCode::OK, version),
        _ => json_answer(StatusCode::OK, &json!({ "version": version })),
    }
}

/// Responds, then shuts down as on SIGTERM.
pub(super) async fn shutdown(Extension(control): Extension<Arc<ControlPlane>>) -> Response<Body> {
    // an error means that the shutdown has begun already
    let _ = control.shutdown.try_send(());
    text(StatusCode::OK, "")
}

pub(super) async fn audit(Extension(control): Extension<Arc<ControlPlane>>) -> Response<Body> {
    let snapshot = AuditSnapshot::of(&control.stats.audits);
    json_answer(StatusCode::OK, &serde_json::to_value(snapshot).expect("a snapshot is plain data"))
}
