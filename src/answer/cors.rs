//! Cross-origin resource sharing (CORS) for stubs: preflight requests are answered, and responses
//! allow every web page, as with WireMock's `--enable-stub-cors`.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;

use super::{Answer, Answerer, Answering};
use crate::admin;
use crate::listen::connection::Connection;
use standin_stub::reply::Reply;

/// Methods that a preflight request may ask for.
const METHODS: &str = "OPTIONS,GET,POST,PUT,PATCH,DELETE";

/// Time for which a browser may keep the response to a preflight request.
const MAX_AGE_SECONDS: u16 = 1800;

impl Answerer {
    /// Answers a request with CORS headers. A preflight request reaches no stub and is not in the
    /// journal.
    pub(super) fn answer_with_cors(
        self: Arc<Self>,
        slot: &mut Option<Request<Incoming>>,
        connection: Arc<Connection>,
    ) -> Answering {
        let Some(request) = slot.as_ref().filter(|request| !admin::is_admin_path(request.uri().path())) else {
            return self.answer_request(slot, connection);
        };
        let added = response_headers(request.headers());
        if let Some(headers) = preflight(request, &added) {
            let mut reply = Reply::text(StatusCode::OK, "");
            reply.headers = headers;
            return self.finish(reply, Method::OPTIONS, &connection.memory);
        }
        match self.answer_request(slot, connection) {
            Answering::Now(answer) => Answering::Now(with_headers(answer, &added)),
            Answering::Later(answer) => Answering::Later(Box::pin(async move { with_headers(answer.await, &added) })),
        }
    }
}

/// Returns the headers that every response to a request gets.
fn response_headers(request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = request.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    headers
}

/// Returns the headers of the response to a preflight request, which allow nothing for an unknown
/// method; `None` if the request is another one. `common` are the headers of all responses.
fn preflight(request: &Request<Incoming>, common: &HeaderMap) -> Option<HeaderMap> {
    let headers = request.headers();
    let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    if request.method() != Method::OPTIONS || !headers.contains_key(ORIGIN) {
        return None;
    }
    if !METHODS.split(',').any(|known| method == known) {
        return Some(HeaderMap::from_iter([(VARY, HeaderValue::from_static("Origin"))]));
    }
    let mut allowed = common.clone();
    allowed.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_SECONDS));
    allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok()).unwrap_or_default();
    let names: Vec<&str> = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let names = HeaderValue::from_str(&names.join(",")).unwrap_or(HeaderValue::from_static(""));
    allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
    Some(allowed)
}

/// Adds headers to a response before those of the same name that the stub sets.
fn with_headers(answer: Answer, added: &HeaderMap) -> Answer {
    answer.map(|mut response| {
        let own = response.headers_mut();
        for (name, value) in added {
            let values: Vec<HeaderValue> = own.get_all(name).iter().cloned().collect();
            own.insert(HeaderName::clone(name), value.clone());
            for value in values {
                own.append(HeaderName::clone(name), value);
            }
        }
        response
    })
}
