//! How the server fares: health, version, metrics, audit.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::Extension;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::json;

use super::{Control, json_answer, text};
use crate::listen::Connections;
use crate::live::Live;
use crate::pace::audit::{Audit, Snapshot};

/// What tells how the server fares.
#[derive(Debug)]
pub struct Vitals {
    /// Each worker's audit.
    pub audits: Vec<Arc<Audit>>,
    /// The connections by worker.
    pub connections: Arc<Connections>,
}

pub(super) async fn health(Extension(control): Extension<Arc<Control>>) -> Response<Body> {
    json_answer(
        StatusCode::OK,
        &json!({
            "status": "healthy",
            "message": "standin is up",
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeInSeconds": control.started.elapsed().as_secs(),
            "timestamp": httpdate::fmt_http_date(SystemTime::now()),
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

pub(super) async fn audit(Extension(control): Extension<Arc<Control>>) -> Response<Body> {
    let snapshot = Snapshot::of(&control.vitals.audits);
    json_answer(StatusCode::OK, &serde_json::to_value(snapshot).expect("a snapshot is plain data"))
}

/// Prometheus's text format. Times are in seconds.
pub(super) async fn metrics(
    Extension(control): Extension<Arc<Control>>,
    Extension(live): Extension<Arc<Live>>,
) -> Response<Body> {
    let mut page = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, String)]| {
        let _ = writeln!(page, "# HELP standin_{name} {help}\n# TYPE standin_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(page, "standin_{name}{labels} {value}");
        }
    };
    let counts = live.counts();
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Relaxed).to_string();
    metric(
        "calls_total",
        "counter",
        "Calls answered, by whether a stub matched.",
        &[("{matched=\"true\"}", count(&counts.matched)), ("{matched=\"false\"}", count(&counts.missed))],
    );
    metric("stubs", "gauge", "Stubs in force.", &[("", live.catalog().len().to_string())]);
    let reload = control.reload.status();
    metric(
        "reloads_total",
        "counter",
        "Times that changed stub files were read, by whether they were good.",
        &[("{result=\"ok\"}", reload.successes.to_string()), ("{result=\"failed\"}", reload.failures.to_string())],
    );
    let loaded = reload.loaded_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    metric(
        "reload_last_success_timestamp_seconds",
        "gauge",
        "When the stub files in force were read.",
        &[("", format!("{:.3}", loaded.as_secs_f64()))],
    );
    metric(
        "reload_failed",
        "gauge",
        "1 while the stub files on disk are worse than what is served.",
        &[("", u8::from(reload.failed).to_string())],
    );
    metric(
        "limited_total",
        "counter",
        "Calls and connections that met a limit.",
        &[
            ("{limit=\"body\"}", count(&counts.body_too_large)),
            ("{limit=\"head\"}", count(&counts.head_too_large)),
            ("{limit=\"connections\"}", control.vitals.connections.refused().to_string()),
            ("{limit=\"read_timeout\"}", count(&counts.read_timeout)),
            ("{limit=\"regex_backtracking\"}", count(&counts.regex_gave_up)),
        ],
    );
    let open: Vec<(String, String)> = control
        .vitals
        .connections
        .open()
        .iter()
        .enumerate()
        .map(|(worker, open)| (format!("{{worker=\"{worker}\"}}"), open.to_string()))
        .collect();
    let open: Vec<(&str, String)> = open.iter().map(|(labels, open)| (labels.as_str(), open.clone())).collect();
    metric("connections_open", "gauge", "Open connections, by worker.", &open);
    metric(
        "connections_total",
        "counter",
        "Connections accepted.",
        &[("", control.vitals.connections.accepted().to_string())],
    );
    page.push_str(&Snapshot::of(&control.vitals.audits).prometheus());
    text(StatusCode::OK, page)
}
