//! Static files: replies to unmatched GET requests from the folder `__files`, as Jetty gives them.

mod media_types;
mod ranges;

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
    RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use crate::files::{BLOCKING_READ_LIMIT, FilesFolder};
use crate::reply::{Body, Reply};

/// Index files of a folder, in the order in which they are tried.
const INDEX_FILES: [&str; 4] = ["index.json", "index.html", "index.xml", "index.txt"];

/// Returns the static file at a request path, if there is one, as the headers of the request ask
/// for it: whole, in part, or only if it has changed.
pub fn static_file(files: &FilesFolder, path: &str, request: &HeaderMap) -> Option<Reply> {
    let name = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    let (path, is_index) = find(files, &name)?;
    let metadata = path.metadata().ok()?;
    let modified = metadata.modified().ok()?;
    let media_type = media_types::of_file(&path, is_index);
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    match condition(request, modified) {
        Some(StatusCode::NOT_MODIFIED) => {
            return Some(reply(StatusCode::NOT_MODIFIED, headers, Body::Bytes(Bytes::new())));
        }
        Some(status) => return Some(Reply::text(status, "the file has changed since\n")),
        None => {}
    }
    headers.insert(LAST_MODIFIED, HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok()?);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let length = metadata.len();
    if !request.contains_key(RANGE) {
        return Some(reply(StatusCode::OK, headers, Body::File(path)));
    }
    let asked: Vec<&str> = request.get_all(RANGE).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges = ranges::satisfiable(&asked, length);
    match &*ranges {
        [] => {
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(&format!("bytes */{length}")).ok()?);
            Some(reply(StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::Bytes(Bytes::new())))
        }
        [range] => {
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(&content_range(range, length)).ok()?);
            Some(reply(StatusCode::PARTIAL_CONTENT, headers, Body::FilePart(path, range.clone())))
        }
        _ if ranges.iter().map(|range| range.end - range.start).sum::<u64>() > BLOCKING_READ_LIMIT => {
            // a server may ignore ranges, and this body is made in memory
            Some(reply(StatusCode::OK, headers, Body::File(path)))
        }
        _ => {
            let boundary = format!("standin{:016x}", rand::random::<u64>());
            let body = ranges::multipart(&path, &ranges, length, media_type, &boundary).ok()?;
            let content_type = format!("multipart/byteranges; boundary={boundary}");
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(&content_type).ok()?);
            Some(reply(StatusCode::PARTIAL_CONTENT, headers, Body::Bytes(body.into())))
        }
    }
}

fn reply(status: StatusCode, headers: HeaderMap, body: Body) -> Reply {
    Reply { headers, body, ..Reply::empty(status) }
}

/// Returns the status of a reply without the file, if a condition of the request is not met. Files
/// have no entity tags.
fn condition(request: &HeaderMap, modified: SystemTime) -> Option<StatusCode> {
    let date = |name: HeaderName| httpdate::parse_http_date(request.get(name)?.to_str().ok()?).ok();
    // HTTP dates have seconds
    let is_later_than = |date: SystemTime| modified >= date + Duration::from_secs(1);
    if !request.contains_key(IF_NONE_MATCH) && date(IF_MODIFIED_SINCE).is_some_and(|since| !is_later_than(since)) {
        return Some(StatusCode::NOT_MODIFIED);
    }
    date(IF_UNMODIFIED_SINCE).is_some_and(is_later_than).then_some(StatusCode::PRECONDITION_FAILED)
}

fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end - 1)
}

/// Returns the file of a path, and whether it is the index of the folder there.
fn find(files: &FilesFolder, name: &str) -> Option<(PathBuf, bool)> {
    let inside = name.trim_matches('/');
    let path = if inside.is_empty() { files.root.clone() } else { files.find_shown(inside)? };
    if path.is_file() {
        return (!name.ends_with('/')).then_some((path, false));
    }
    if !path.is_dir() {
        return None;
    }
    let index =
        INDEX_FILES.iter().filter_map(|file| files.find(&format!("{inside}/{file}"))).find(|path| path.is_file());
    index.map(|path| (path, true))
}
