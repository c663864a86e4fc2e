//! `/__admin/ui/reports`: the reports of `fit` and `gap` that are kept in `reports/` of the stub
//! folders.

use std::fs;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::admin::request_json::unix_millis;
use crate::admin::{AdminResponse, json_answer, off_thread, text};
use crate::live::ServiceState;
use standin_files::regular_file;

/// Lists the reports of all stub folders, the newest first.
pub(in crate::admin) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    off_thread(move || {
        let mut reports: Vec<(i64, Value)> = Vec::new();
        for (index, folder) in live.folders().iter().enumerate() {
            let Ok(entries) = fs::read_dir(folder.root.join(FOLDER)) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let Ok(metadata) = entry.metadata() else { continue };
                if content_type(&name).is_none() || !metadata.is_file() {
                    continue;
                }
                let at = metadata.modified().map_or(0, |at| unix_millis(at) as i64);
                let report =
                    json!({"folder": index, "service": folder.name, "name": name, "bytes": metadata.len(), "at": at});
                reports.push((at, report));
            }
        }
        reports.sort_by_key(|(at, _)| -at);
        reports.truncate(MAX_REPORTS);
        let reports: Vec<Value> = reports.into_iter().map(|(_, report)| report).collect();
        json_answer(StatusCode::OK, &json!({ "reports": reports }))
    })
    .await
}

/// Shows a report. A browser that opens a page runs nothing of it, and loads nothing for it.
pub(in crate::admin) async fn show(
    Extension(live): Extension<Arc<ServiceState>>,
    Path((index, name)): Path<(usize, String)>,
) -> AdminResponse {
    off_thread(move || {
        let missing = || text(StatusCode::NOT_FOUND, "there is no such report\n");
        let is_plain = !name.contains(['/', '\\']) && !name.starts_with('.');
        let (Some(folder), Some(kind), true) = (live.folders().get(index), content_type(&name), is_plain) else {
            return missing();
        };
        let Ok(bytes) = regular_file::read(&folder.root.join(FOLDER).join(&name), MAX_BYTES) else {
            return missing();
        };
        let mut response = Response::new(Body::from(bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
    .await
}

/// Returns the content type of a report; `None` for files that are none.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "txt" => Some("text/plain;charset=UTF-8"),
        "html" => Some("text/html;charset=UTF-8"),
        _ => None,
    }
}

/// Folder of the reports, in a stub folder.
const FOLDER: &str = "reports";

/// Number of reports that are listed.
const MAX_REPORTS: usize = 200;

/// Maximum length of a report that is shown.
const MAX_BYTES: u64 = 16 << 20;

/// Content-Security-Policy of reports: they have their styles and pictures in themselves.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";
