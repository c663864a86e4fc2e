//! The files of the dashboard, which are part of the binary.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::Body;
use axum::extract::Path;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use crate::admin::{AdminResponse, empty, text};

/// A file of the dashboard.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Lists files of the folder `assets`.
macro_rules! assets {
    ($($name:literal),+ $(,)?) => {
        &[$(Asset { name: $name, content_type: content_type($name), bytes: include_bytes!(concat!("assets/", $name)) }),+]
    };
}

const ASSETS: &[Asset] = assets![
    "api.js",
    "app.js",
    "base.css",
    "call-detail.js",
    "call-list.js",
    "chart.js",
    "dom.js",
    "editor.js",
    "event-stream.js",
    "figures.css",
    "format.js",
    "forms.css",
    "icon.svg",
    "latency-chart.js",
    "lists.css",
    "live-data.js",
    "operating-point.js",
    "overview.js",
    "performance.js",
    "record.js",
    "reports.js",
    "requests.js",
    "sign-in.js",
    "station.js",
    "stub-detail.js",
    "stub-draft.js",
    "stub-tree.js",
    "stubs.js",
    "time-bar.js",
    "try-it.js",
    "virtual-list.js",
    "what-if.js",
];

const PAGE: Asset =
    Asset { name: "index.html", content_type: "text/html;charset=UTF-8", bytes: include_bytes!("assets/index.html") };

const fn content_type(name: &str) -> &'static str {
    let bytes = name.as_bytes();
    match bytes[bytes.len() - 1] {
        b'g' => "image/svg+xml",
        b'l' => "text/html;charset=UTF-8",
        _ => match bytes[bytes.len() - 2] {
            b's' => "text/css;charset=UTF-8",
            _ => "text/javascript;charset=UTF-8",
        },
    }
}

/// Answers with the page of the dashboard.
pub(in crate::admin) async fn page(headers: HeaderMap) -> AdminResponse {
    respond(&PAGE, &headers)
}

/// Redirects `/__admin/ui/` to the page, whose links are relative.
pub(in crate::admin) async fn to_page() -> AdminResponse {
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("../ui"));
    response
}

/// Shows a script, the style sheet or the icon.
pub(in crate::admin) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> AdminResponse {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => respond(asset, &headers),
        None => text(StatusCode::NOT_FOUND, "the dashboard has no such file\n"),
    }
}

/// Returns true if a request asks for a file of the dashboard: these contain nothing of the server
/// that serves them, and the page asks for the token that all else needs.
pub(in crate::admin) fn is_public_asset<B>(request: &Request<B>) -> bool {
    let path = request.uri().path().strip_prefix("/__admin/ui");
    request.method().is_safe()
        && path.is_some_and(|rest| rest.is_empty() || rest == "/" || rest.starts_with("/assets/"))
}

fn respond(asset: &Asset, headers: &HeaderMap) -> AdminResponse {
    let tag = entity_tag(asset.bytes);
    let sent = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = sent.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known { empty(StatusCode::NOT_MODIFIED) } else { Response::new(Body::from(asset.bytes)) };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
    // the file of another version of standin has the same address
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn entity_tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Content-Security-Policy: nothing is loaded from elsewhere, nothing is inline, and no other page
/// shows this one in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
