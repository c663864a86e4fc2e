//! Persistent stubs on the disk: written when they change, and removed with their stub.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::Value;

use super::text;
use crate::live::ServiceState;
use standin_files::regular_file;
use standin_stub::{Stub, StubOrigin};

/// Writes a stub if it is persistent.
pub(super) fn write_if_persistent(live: &ServiceState, stub: Stub) -> io::Result<Arc<Stub>> {
    if stub.persistent { write(live, stub) } else { Ok(Arc::new(stub)) }
}

/// Writes a stub. A stub from the API becomes persistent.
pub(super) fn make_persistent(live: &ServiceState, stub: &Arc<Stub>) -> io::Result<Arc<Stub>> {
    if stub.origin != StubOrigin::Api {
        return write(live, Stub::clone(stub));
    }
    let mut document = stub.json();
    if let Value::Object(members) = &mut document {
        members.insert("persistent".to_owned(), true.into());
    }
    let saved = Stub { persistent: true, document: document.to_string().into(), ..Stub::clone(stub) };
    write(live, saved)
}

/// Removes the file of a stub that standin wrote, or any file with a single stub if
/// `deletes_any_file`.
///
/// A file with several stubs is never removed.
pub(super) fn delete_file(stub: &Stub, deletes_any_file: bool) {
    let StubOrigin::File { path, shared: false, .. } = &stub.origin else { return };
    if !stub.persistent && !deletes_any_file {
        return;
    }
    if let Err(error) = fs::remove_file(&**path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove the file of a deleted stub");
    }
}

/// Returns the response for a stub that cannot be written.
pub(super) fn write_error(error: &io::Error) -> Response<Body> {
    text(StatusCode::INTERNAL_SERVER_ERROR, format!("the stub cannot be written to `mappings/`: {error}\n"))
}

fn write(live: &ServiceState, mut stub: Stub) -> io::Result<Arc<Stub>> {
    let path = match &stub.origin {
        StubOrigin::File { shared: true, path, .. } => {
            let what = format!("`{}` holds other stubs too; edit the file itself", path.display());
            return Err(io::Error::other(what));
        }
        StubOrigin::File { path, .. } => PathBuf::clone(path),
        StubOrigin::Api => {
            let home = live.default_folder().ok_or_else(|| io::Error::other("standin serves no folder"))?;
            let folder = home.mappings();
            fs::create_dir_all(&folder)?;
            folder.join(file_name(&stub))
        }
    };
    let pretty = serde_json::to_string_pretty(&stub.json()).map_err(io::Error::other)?;
    regular_file::replace(&path, pretty.as_bytes())?;
    stub.origin = StubOrigin::File { path: Arc::new(path), line: 1, shared: false, is_edited: false };
    Ok(Arc::new(stub))
}

/// Returns `name-id.json` or `method-url-id.json`, in lower case, without characters that file
/// systems may refuse.
fn file_name(stub: &Stub) -> String {
    let document = stub.json();
    let request = |key: &str| document.get("request").and_then(|request| request.get(key)).and_then(Value::as_str);
    let stem = match stub.name.as_ref().filter(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None => {
            let keys = ["url", "urlPattern", "urlPath", "urlPathPattern", "urlPathTemplate"];
            let url = keys.iter().find_map(|key| request(key)).unwrap_or("any");
            format!("{}-{url}", request("method").unwrap_or("any"))
        }
    };
    let plain: String = stem
        .to_lowercase()
        .replace(' ', "-")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(150)
        .collect();
    format!("{}-{}.json", plain.trim_start_matches('.'), stub.id)
}
