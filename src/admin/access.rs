//! Access rules of the admin API: loopback peers on loopback listeners, or any peer with the token.
//!
//! A browser is not a loopback peer even when it runs on this host: a page of another site could
//! send a request for its user (cross-site request forgery), or reach this host by a name of its
//! own (DNS rebinding). So the token is also needed for a foreign `Origin`, an unknown host name, a
//! request that the browser calls cross-site, and a body with a content type that any page may
//! send.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use base64::Engine as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::ui::is_public_asset;
use super::{ControlPlane, empty, text};
use crate::listen::host::{authorities, split_authority};
use standin_stub::call::{Peers, Scheme};

/// The rules by which the admin API accepts requests.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    /// Bearer token; `None` if no token is accepted.
    pub token: Option<String>,
    /// True if every request is accepted.
    pub open: bool,
    /// Names of this host that a browser may use.
    pub hosts: Vec<String>,
    /// Credentials, as `user:password`, that every request without the token needs; `None` if none
    /// are.
    pub basic_auth: Option<String>,
    /// True if requests over plain HTTP are refused.
    pub requires_https: bool,
}

/// Marks a request for the health by a peer that may ask for nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicProbe;

/// The refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AccessRefusal {
    /// Status: 401 without credentials, 403, or 415 for a content type that is not accepted.
    status: StatusCode,
    /// Body of the response: the cause, and how to send the request.
    text: String,
}

impl AccessRules {
    /// Returns the refusal of a request that is not accepted.
    fn refusal_of<B: http_body::Body>(&self, peers: &Peers, request: &Request<B>) -> Option<AccessRefusal> {
        let (method, headers) = (request.method(), request.headers());
        if self.requires_https && peers.scheme != Scheme::Https {
            let text = "the admin API answers over https alone, as --admin-api-require-https asks\n".to_owned();
            return Some(AccessRefusal { status: StatusCode::FORBIDDEN, text });
        }
        if let Some(credentials) = &self.basic_auth {
            let is_known = self.has_token(headers) || has_credentials(headers, credentials);
            let text = "send the credentials of --admin-api-basic-auth\n".to_owned();
            return (!is_known).then_some(AccessRefusal { status: StatusCode::UNAUTHORIZED, text });
        }
        if self.open || self.has_token(headers) {
            return None;
        }
        let forbidden = remote_peer(peers).or_else(|| self.foreign_name(request.uri(), headers));
        let forbidden = forbidden.or_else(|| self.foreign_page(method, headers));
        if let Some(why) = forbidden {
            return Some(AccessRefusal { status: StatusCode::FORBIDDEN, text: format!("{why}; {HELP}\n") });
        }
        if *method != Method::POST || request.body().is_end_stream() {
            return None;
        }
        cross_site_body(headers).map(|why| AccessRefusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            text: format!("{why}, or {HELP}\n"),
        })
    }

    /// Returns the reason if the request names an unknown host: each name has to be an address or a
    /// known name.
    fn foreign_name(&self, target: &Uri, headers: &HeaderMap) -> Option<String> {
        let is_known = |host: &str| {
            split_authority(host).is_some_and(|(name, _)| name.parse::<IpAddr>().is_ok() || self.is_this_host(host))
        };
        let host = authorities(target, headers).find(|host| !is_known(host))?;
        let name = split_authority(host).map_or(host, |(name, _)| name);
        Some(format!("`{host}` is not a known name of this host; add --admin-host {name}"))
    }

    /// Returns the reason if the request comes from a page of another site.
    fn foreign_page(&self, method: &Method, headers: &HeaderMap) -> Option<String> {
        let mut origins = headers.get_all(header::ORIGIN).iter().map(|value| value.to_str().unwrap_or("?")).peekable();
        let is_from_page = origins.peek().is_some();
        let foreign = origins.find(|origin| {
            let host = origin.split_once("://").map_or(*origin, |(_, host)| host);
            !self.is_this_host(host)
        });
        if let Some(origin) = foreign {
            return Some(format!("the admin API does not answer pages of `{origin}`"));
        }
        let site = headers.get("sec-fetch-site").filter(|_| !is_from_page && !method.is_safe())?;
        let is_foreign = !matches!(site.as_bytes(), b"same-origin" | b"none");
        is_foreign.then(|| "the admin API does not let pages of other sites change anything".to_owned())
    }

    /// Returns true if a request asks for the page on which a person types the token.
    fn can_sign_in<B>(&self, request: &Request<B>) -> bool {
        let is_https = request.extensions().get::<Peers>().is_some_and(|peers| peers.scheme == Scheme::Https);
        let asks_for_token = self.token.is_some() && self.basic_auth.is_none();
        asks_for_token && (is_https || !self.requires_https) && is_public_asset(request)
    }

    /// Returns true if requests can prove that they may call the admin API.
    fn has_secret(&self) -> bool {
        self.token.is_some() || self.basic_auth.is_some()
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match (&self.token, sent) {
            (Some(token), Some(sent)) => equals_in_constant_time(token.as_bytes(), sent.trim().as_bytes()),
            _ => false,
        }
    }

    /// Returns true if a host, with or without a port, is this one.
    fn is_this_host(&self, host: &str) -> bool {
        let Some((name, _)) = split_authority(host) else { return false };
        name.eq_ignore_ascii_case("localhost")
            || name.parse().is_ok_and(is_loopback)
            // a name may have been given with a port
            || self.hosts.iter().any(|known| split_authority(known).map_or(&**known, |(known, _)| known).eq_ignore_ascii_case(name))
    }
}

/// Returns true if a request has these credentials of HTTP Basic authentication.
fn has_credentials(headers: &HeaderMap, credentials: &str) -> bool {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok())
        .is_some_and(|sent| equals_in_constant_time(credentials.as_bytes(), &sent))
}

/// Returns the reason if a peer is not on this host.
fn remote_peer(peers: &Peers) -> Option<String> {
    let is_near = is_loopback(peers.local.ip()) && is_loopback(peers.remote.ip());
    (!is_near).then(|| "the admin API answers on loopback only".to_owned())
}

/// Returns the reason if a POST with a body may come from a page of any site.
///
/// A browser sends a CORS preflight unless the body has one of three content types. A body without
/// a content type is accepted, because WireMock's clients send such; a browser adds an `Origin`.
fn cross_site_body(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let simple = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
    simple.contains(&essence.as_str()).then(|| {
        format!(
            "a body with the Content-Type `{content_type}` may come from any web page; send `Content-Type: \
             application/json`"
        )
    })
}

/// Advice how to send a request that was refused.
const HELP: &str = "send `Authorization: Bearer …` with the token of --admin-token, or start standin with --admin-open";

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Compares two tokens of equal length in constant time.
fn equals_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

/// Refuses a request that the access rules do not accept, and adds the CORS headers for accepted
/// pages.
pub(super) async fn check(
    State(control): State<Arc<ControlPlane>>,
    mut request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = preflight_of(request.method(), request.headers());
    let refused = match request.extensions().get::<Peers>() {
        // a preflight comes without the token of the request that follows
        Some(_) if preflight.is_some() && control.access.has_secret() => None,
        Some(peers) => control.access.refusal_of(peers, &request),
        None => None,
    };
    match refused {
        Some(_) if is_probe(&request) => drop(request.extensions_mut().insert(PublicProbe)),
        Some(_) if control.access.can_sign_in(&request) => {}
        Some(refusal) => {
            let mut response = text(refusal.status, refusal.text);
            if refusal.status == StatusCode::UNAUTHORIZED {
                let realm = HeaderValue::from_static("Basic realm=\"admin API\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
            }
            return response;
        }
        None => {}
    }
    let mut response = match preflight {
        Some((method, headers)) => preflight_response(method, headers),
        None => next.run(request).await,
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    response
}

/// Returns true if a request asks for the health only, which every peer may: probes of containers
/// come from other hosts, and by other names.
fn is_probe<B>(request: &Request<B>) -> bool {
    let path = request.uri().path().strip_prefix("/__admin/health");
    request.method().is_safe() && path.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the method and headers that a CORS preflight asks for.
fn preflight_of(method: &Method, headers: &HeaderMap) -> Option<(HeaderValue, Option<HeaderValue>)> {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| *method == Method::OPTIONS)?;
    Some((asked.clone(), headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned()))
}

fn preflight_response(method: HeaderValue, headers: Option<HeaderValue>) -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    if let Some(headers) = headers {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    response.headers_mut().insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn peers(remote: &str, local: &str) -> Peers {
        Peers { scheme: Scheme::Http, remote: remote.parse().expect("address"), local: local.parse().expect("address") }
    }

    fn request(method: &Method, target: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method).uri(target);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Full::from(body)).expect("a request")
    }

    #[test]
    fn only_this_host_is_accepted_without_a_token() {
        let near = peers("127.0.0.1:5000", "127.0.0.1:8080");
        let far = peers("203.0.113.9:5000", "0.0.0.0:8080");
        let access = AccessRules {
            token: Some("t0ken".to_owned()),
            hosts: vec!["standin.test".to_owned(), "other.test:9".to_owned()],
            ..AccessRules::default()
        };
        for (peers, sent, allowed) in [
            (&near, &[][..], true),
            (&near, &[("host", "127.0.0.1:8080")], true),
            (&near, &[("host", "[::1]:8080")], true),
            (&near, &[("host", "localhost")], true),
            (&near, &[("host", "standin.test:8080")], true),
            (&near, &[("host", "other.test:8080")], true),
            (&near, &[("host", "rebound.example")], false),
            (&near, &[("host", "[::1].rebound.example")], false),
            (&near, &[("host", "localhost"), ("host", "rebound.example")], false),
            (&near, &[("host", "rebound.example"), ("host", "localhost")], false),
            (&near, &[("host", "localhost@rebound.example")], false),
            (&near, &[("host", "LOCALHOST")], true),
            (&near, &[("origin", "http://[::1].rebound.example")], false),
            (&near, &[("origin", "http://localhost"), ("origin", "http://rebound.example")], false),
            (&near, &[("origin", "http://localhost:3000")], true),
            (&near, &[("origin", "http://203.0.113.5")], false),
            (&near, &[("origin", "null")], false),
            (&far, &[], false),
            (&far, &[("authorization", "Bearer t0ken")], true),
            (&far, &[("authorization", "Bearer t0keN")], false),
            (&near, &[("origin", "https://evil.example"), ("authorization", "Bearer t0ken")], true),
        ] {
            let refusal = access.refusal_of(peers, &request(&Method::GET, "/__admin", sent, ""));
            assert_eq!(refusal.is_none(), allowed, "{peers:?} {sent:?}");
        }
        let open = AccessRules { open: true, ..AccessRules::default() };
        assert!(open.refusal_of(&far, &request(&Method::POST, "/__admin", &[], "{}")).is_none());
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let near = peers("127.0.0.1:5000", "127.0.0.1:8080");
        let access = AccessRules { token: Some("t0ken".to_owned()), ..AccessRules::default() };
        let json = ("content-type", "application/json; charset=utf-8");
        let forbidden = Some(StatusCode::FORBIDDEN);
        let unsupported = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for (method, target, sent, body, expected) in [
            (Method::POST, "/__admin/mappings", &[json][..], "{}", None),
            (Method::POST, "/__admin/reset", &[], "", None),
            (Method::POST, "/__admin/reset", &[("content-type", "text/plain")], "", None),
            (Method::POST, "/__admin/mappings", &[("content-type", "text/plain")], "{}", unsupported),
            (Method::POST, "/__admin/mappings", &[("content-type", "TEXT/PLAIN; a=b")], "{}", unsupported),
            (Method::POST, "/__admin/mappings", &[("content-type", "multipart/form-data")], "{}", unsupported),
            (
                Method::POST,
                "/__admin/mappings",
                &[("content-type", "application/x-www-form-urlencoded")],
                "{}",
                unsupported,
            ),
            (Method::POST, "/__admin/mappings", &[], "{}", None),
            (Method::PUT, "/__admin/files/a", &[("content-type", "text/plain")], "{}", None),
            (Method::POST, "/__admin/reset", &[("sec-fetch-site", "cross-site")], "", forbidden),
            (Method::POST, "/__admin/reset", &[("sec-fetch-site", "same-site")], "", forbidden),
            (Method::POST, "/__admin/reset", &[("sec-fetch-site", "same-origin")], "", None),
            (
                Method::POST,
                "/__admin/reset",
                &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:3000")],
                "",
                None,
            ),
            (Method::GET, "/__admin/mappings", &[("sec-fetch-site", "cross-site")], "", None),
            (Method::GET, "http://rebound.example/__admin/mappings", &[("host", "localhost")], "", forbidden),
            (Method::GET, "http://localhost:80/__admin/mappings", &[("host", "localhost")], "", None),
            (
                Method::POST,
                "http://rebound.example/__admin/mappings",
                &[("content-type", "text/plain"), ("authorization", "Bearer t0ken")],
                "{}",
                None,
            ),
        ] {
            let refusal = access.refusal_of(&near, &request(&method, target, sent, body));
            assert_eq!(refusal.map(|refusal| refusal.status), expected, "{method} {target} {sent:?}");
        }
    }
}
