//! `/__admin/files`: the bodies in `__files`, read, written and removed while running.
//!
//! When an answer leaves, stubs that name the file answer with what it is now.

use std::fs;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hashbrown::HashSet;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Answer, empty, json_answer, off_thread, text};
use crate::live::Live;
use crate::stub::files::Files;

/// The names of all files.
pub(super) async fn list(Extension(live): Extension<Arc<Live>>) -> Answer {
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

pub(super) async fn read(Extension(live): Extension<Arc<Live>>, Path(name): Path<String>) -> Answer {
    off_thread(move || {
        let found = files(&live).and_then(|files| files.find(&name)).and_then(|path| fs::read(path).ok());
        found.map_or_else(|| empty(StatusCode::NOT_FOUND), |bytes| Response::new(Body::from(bytes)))
    })
    .await
}

/// Writes a file, and answers with what was written, in base64.
pub(super) async fn write(Extension(live): Extension<Arc<Live>>, Path(name): Path<String>, body: Bytes) -> Answer {
    off_thread(move || {
        let Some(path) = files(&live).and_then(|files| files.find_new(&name)) else {
            return empty(StatusCode::NOT_FOUND);
        };
        if let Err(error) = put(&path, &body) {
            let why = format!("`{name}` cannot be written to `__files`: {error}\n");
            return text(StatusCode::INTERNAL_SERVER_ERROR, why);
        }
        if let Some(first) = name.trim_start_matches('/').split('/').next() {
            let mut names = HashSet::clone(&live.file_names());
            names.insert(first.to_owned());
            live.set_file_names(names);
        }
        live.edit().file_changed(&path);
        json_answer(StatusCode::OK, &json!(STANDARD.encode(&body)))
    })
    .await
}

pub(super) async fn delete(Extension(live): Extension<Arc<Live>>, Path(name): Path<String>) -> Answer {
    off_thread(move || {
        if let Some(path) = files(&live).and_then(|files| files.find(&name))
            && fs::remove_file(&path).is_ok()
        {
            live.edit().file_changed(&path);
        }
        empty(StatusCode::OK)
    })
    .await
}

fn files(live: &Live) -> Option<Files> {
    live.home().map(super::super::stub::load::Service::files)
}

/// Written beside and moved there, so that no call is answered with half of it.
fn put(path: &FilePath, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.part"));
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
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
