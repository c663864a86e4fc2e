//! The `__files` folder: body files of stubs, and static files for unmatched GET requests.

use std::path::PathBuf;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;

pub use crate::render::files::{FilesFolder, Templating};
use crate::reply::{Body, Reply};

/// Size in bytes up to which a body file is loaded with its stub. Larger files are read for each
/// request.
pub const BLOCKING_READ_LIMIT: u64 = 1 << 20;

/// Index files of a folder, in the order in which they are tried.
const INDEX_FILES: [&str; 4] = ["index.json", "index.html", "index.xml", "index.txt"];

/// Returns the static file at a request path, if there is one. As in WireMock, the content type
/// follows from the file extension, and is JSON if that is unknown.
pub fn static_file(files: &FilesFolder, path: &str) -> Option<Reply> {
    let name = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    let path = find(files, &name)?;
    let modified = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
    let mut headers = HeaderMap::with_capacity(2);
    let content_type = mime_guess::from_path(&path).first_raw().unwrap_or("application/json");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let modified = HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok()?;
    headers.insert(header::LAST_MODIFIED, modified);
    Some(Reply {
        status: StatusCode::OK,
        reason: None,
        headers,
        body: Body::File(path),
        dribble: None,
        ending: None,
        proxy: None,
    })
}

fn find(files: &FilesFolder, name: &str) -> Option<PathBuf> {
    let inside = name.trim_matches('/');
    let path = if inside.is_empty() { files.root.clone() } else { files.find_shown(inside)? };
    if path.is_file() {
        return (!name.ends_with('/')).then_some(path);
    }
    if !path.is_dir() {
        return None;
    }
    INDEX_FILES.iter().filter_map(|file| files.find(&format!("{inside}/{file}"))).find(|path| path.is_file())
}
