//! `/__admin/files`: reads, writes and removes the body files in `__files`.
//!
//! When a response is sent, the stubs that refer to the file already answer with the new content.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashSet;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{AdminResponse, empty, json_answer, off_thread, text};
use crate::live::ServiceState;
use standin_files::regular_file::{self, MAX_BYTES};
use standin_stub::files::FilesFolder;

/// Lists the names of all files.
pub(super) async fn list(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    off_thread(move || {
        let mut names = Vec::new();
        if let Some(files) = files(&live) {
            collect(&files.root, "", &mut names);
        }
        names.sort();
        json_answer(StatusCode::OK, &Value::from(names))
    })
    .await
}

pub(super) async fn read(Extension(live): Extension<Arc<ServiceState>>, Path(name): Path<String>) -> AdminResponse {
    off_thread(move || {
        let Some(path) = files(&live).and_then(|files| files.find(&name)) else { return empty(StatusCode::NOT_FOUND) };
        match regular_file::read(&path, MAX_BYTES) {
            Ok(bytes) => Response::new(Body::from(bytes)),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                let why =
                    format!("`{name}` is too long for this: more than {MAX_BYTES} bytes; get it by its path instead\n");
                text(StatusCode::PAYLOAD_TOO_LARGE, why)
            }
            Err(_) => empty(StatusCode::NOT_FOUND),
        }
    })
    .await
}

/// Writes a file, and returns its content in base64.
pub(super) async fn write(
    Extension(live): Extension<Arc<ServiceState>>,
    Path(name): Path<String>,
    body: Bytes,
) -> AdminResponse {
    off_thread(move || {
        let Some(path) = files(&live).and_then(|files| files.find_new(&name)) else {
            return empty(StatusCode::NOT_FOUND);
        };
        if let Err(error) = put(&path, &body) {
            let why = format!("`{name}` cannot be written to `__files`: {error}\n");
            return text(status(&error), why);
        }
        if let Some(first) = name.trim_start_matches('/').split('/').next() {
            let mut names = HashSet::clone(&live.file_names());
            names.insert(first.to_owned());
            live.set_file_names(names);
        }
        live.edit().reload_file(&path);
        json_answer(StatusCode::OK, &json!(STANDARD.encode(&body)))
    })
    .await
}

pub(super) async fn delete(Extension(live): Extension<Arc<ServiceState>>, Path(name): Path<String>) -> AdminResponse {
    off_thread(move || {
        if let Some(path) = files(&live).and_then(|files| files.find(&name))
            && fs::remove_file(&path).is_ok()
        {
            live.edit().reload_file(&path);
        }
        empty(StatusCode::OK)
    })
    .await
}

fn files(live: &ServiceState) -> Option<FilesFolder> {
    live.default_folder().map(standin_stub::stub_folder::StubFolder::files)
}

fn put(path: &FilePath, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
    regular_file::replace(path, bytes)
}

/// Returns the status of a failed write: 400 for the name, 507 for a full disk, else 500.
fn status(error: &io::Error) -> StatusCode {
    match error.kind() {
        ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::AlreadyExists => StatusCode::BAD_REQUEST,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn collect(folder: &FilePath, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), &format!("{name}/"), names),
            _ if entry.path().is_file() => names.push(name),
            _ => {}
        }
    }
}
