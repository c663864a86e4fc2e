//! Preparation of calls before a replay: bodies, replacements of redacted parts, and headers of the
//! new connection.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;

use super::{Plan, ReplayTarget};
use standin_stub::call::header_text;
use standin_tape::exchange::{BodyRef, Exchange, ExchangeRequest};
use standin_tape::{LoadedTape, TapeBodies, TapeSource, is_redacted};

/// Requests of a plan for one target.
#[derive(Clone, Debug, Default)]
pub struct PreparedCalls {
    calls: HashMap<usize, PreparedCall>,
    /// Calls with redacted parts in the body, which are sent as on the tape.
    pub redacted_bodies: u64,
}

/// Values that replace redacted parts.
#[derive(Clone, Debug, Default)]
pub struct Replacements {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, String)>,
}

/// Reasons that calls of a tape cannot be sent, each with help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingParts {
    /// Messages with help, sorted.
    pub messages: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct PreparedCall {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Replacements {
    /// Adds a header, as `Name: value`. It replaces a redacted header of that name; one that is
    /// redacted nowhere is added to every call.
    pub fn header(&mut self, text: &str) -> Result<(), String> {
        let wrong = || format!("`{text}` is no header; write it as in 'Authorization: Bearer …'");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let name = name.trim().parse().map_err(|_| wrong())?;
        let mut value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(())
    }

    /// Adds a query parameter, as `name=value`, that replaces a redacted one.
    pub fn query(&mut self, text: &str) -> Result<(), String> {
        let parameter =
            text.split_once('=').ok_or_else(|| format!("`{text}` is no query parameter; write name=value"))?;
        self.query.push((parameter.0.to_owned(), parameter.1.to_owned()));
        Ok(())
    }

    fn header_named(&self, name: &HeaderName) -> Option<HeaderValue> {
        let given = self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        given.or_else(|| environment("STANDIN_HEADER_", name.as_str())?.parse().ok())
    }

    fn query_named(&self, name: &str) -> Option<String> {
        let given = self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        given.or_else(|| environment("STANDIN_QUERY_", name))
    }
}

impl PreparedCalls {
    /// Prepares the calls of a plan. `tape` is the path of the recording, with its bodies beside
    /// it. With `keeps_redacted`, redacted parts without a replacement are sent as on the tape;
    /// otherwise they are missing parts.
    pub fn new(
        recording: &LoadedTape,
        tape: &Path,
        plan: &Plan,
        target: &ReplayTarget,
        replacements: &Replacements,
        keeps_redacted: bool,
    ) -> Result<Self, MissingParts> {
        let mut preparation = Preparation::new(tape, target, replacements, keeps_redacted);
        let mut prepared = Self::default();
        for due in &plan.calls {
            if !keeps_redacted && let Some(source) = &recording.head.source {
                preparation.missing.add_of_source(source, &recording.exchanges[due.call].request);
            }
            let Some(call) = preparation.prepare(&recording.exchanges[due.call]) else { continue };
            prepared.redacted_bodies += u64::from(is_redacted(&String::from_utf8_lossy(&call.body)));
            prepared.calls.insert(due.call, call);
        }
        let Preparation { replaced, missing, .. } = preparation;
        for (name, value) in replacements.headers.iter().filter(|(name, _)| !replaced.contains(name.as_str())) {
            for call in prepared.calls.values_mut() {
                call.headers.insert(name.clone(), value.clone());
            }
        }
        if missing.messages.is_empty() { Ok(prepared) } else { Err(missing) }
    }

    /// Returns the request of a call; `None` if the plan does not have it.
    pub(super) fn request(&self, call: usize) -> Option<Request<Full<Bytes>>> {
        let call = self.calls.get(&call)?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = call.headers.clone();
        Some(request)
    }
}

/// State of a preparation.
struct Preparation<'a> {
    tape: &'a Path,
    target: &'a ReplayTarget,
    replacements: &'a Replacements,
    /// True if redacted parts without a replacement are sent as on the tape.
    keeps_redacted: bool,
    bodies: TapeBodies,
    /// Bodies that were read already, by their hashes.
    read: HashMap<String, Bytes>,
    /// Names of the headers that were replaced.
    replaced: BTreeSet<String>,
    missing: MissingParts,
}

impl<'a> Preparation<'a> {
    fn new(tape: &'a Path, target: &'a ReplayTarget, replacements: &'a Replacements, keeps_redacted: bool) -> Self {
        let mut missing = MissingParts::default();
        let bodies = TapeBodies::of([tape]).unwrap_or_else(|error| {
            missing.add(format!("the bodies of `{}` cannot be read: {error}", tape.display()));
            TapeBodies::default()
        });
        let (read, replaced) = (HashMap::new(), BTreeSet::new());
        Self { tape, target, replacements, keeps_redacted, bodies, read, replaced, missing }
    }

    /// Returns the request of an exchange; `None` if its method cannot be sent.
    fn prepare(&mut self, exchange: &Exchange) -> Option<PreparedCall> {
        let request = &exchange.request;
        let Ok(method) = request.method.parse() else {
            self.missing.add(format!("`{}` is no method that can be sent; fix the tape", request.method));
            return None;
        };
        let mut headers = self.headers(exchange);
        self.replace_headers(&mut headers);
        let uri = self.uri(&request.url);
        Some(PreparedCall { method, uri, headers, body: self.body(exchange) })
    }

    /// Returns the headers of an exchange that belong on the new connection.
    fn headers(&mut self, exchange: &Exchange) -> HeaderMap {
        let host = self.target.connector.target().host_header();
        let mut headers = HeaderMap::from_iter([(header::HOST, host)]);
        for (name, value) in &exchange.request.headers {
            let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes())) else {
                self.missing.add(format!("the header `{name}` of a call cannot be sent; fix the tape"));
                continue;
            };
            if !CONNECTION_HEADERS.contains(&name.as_str()) {
                headers.append(name, value);
            }
        }
        headers
    }

    fn replace_headers(&mut self, headers: &mut HeaderMap) {
        for (name, value) in headers {
            if !is_redacted(&header_text(value)) {
                continue;
            }
            match self.replacements.header_named(name) {
                Some(given) => {
                    *value = given;
                    self.replaced.insert(name.as_str().to_owned());
                }
                None if self.keeps_redacted => {}
                None => self.missing.add(format!(
                    "the tape's `{name}` is redacted; give it by --header '{name}: …' or {}",
                    variable("STANDIN_HEADER_", name.as_str())
                )),
            }
        }
    }

    fn uri(&mut self, url: &str) -> Uri {
        let url = if is_redacted(url) { self.replace_query(url) } else { url.to_owned() };
        self.target.connector.target().with_path_prefix(&url).parse().unwrap_or_else(|error| {
            self.missing.add(format!("`{url}` is no url ({error}); fix the tape"));
            Uri::default()
        })
    }

    /// Returns a URL with its redacted query parameters replaced.
    fn replace_query(&mut self, url: &str) -> String {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        if is_redacted(path) && !self.keeps_redacted {
            self.missing
                .add(format!("the path `{path}` is redacted, and cannot be sent; leave its calls out of the tape"));
        }
        let mut parts = Vec::new();
        for part in query.split('&') {
            let name = part.split('=').next().unwrap_or_default();
            match self.replacements.query_named(name).filter(|_| is_redacted(part)) {
                Some(value) => parts.push(format!("{name}={value}")),
                None => {
                    if is_redacted(part) && !self.keeps_redacted {
                        self.missing.add(format!(
                            "the tape's query parameter `{name}` is redacted; give it by --query '{name}=…' or {}",
                            variable("STANDIN_QUERY_", name)
                        ));
                    }
                    parts.push(part.to_owned());
                }
            }
        }
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
    }

    /// Returns the request body of an exchange. Each body is read once.
    fn body(&mut self, exchange: &Exchange) -> Bytes {
        let Some(BodyRef { sha256, size }) = &exchange.request.body else { return Bytes::new() };
        let Some(hash) = sha256 else {
            if *size > 0 {
                let method = &exchange.request.method;
                self.missing
                    .add(format!("the tape has no bodies; record with bodies, or leave {method} out by --methods"));
            }
            return Bytes::new();
        };
        if let Some(body) = self.read.get(hash) {
            return body.clone();
        }
        let Some(body) = self.bodies.get(hash).map(Bytes::from) else {
            self.missing.add(format!("the body `{hash}` is not beside `{}`; put it there", self.tape.display()));
            return Bytes::new();
        };
        self.read.insert(hash.clone(), body.clone());
        body
    }
}

impl MissingParts {
    /// Adds what the source of a tape lacks of a request; logs and spans have no headers.
    fn add_of_source(&mut self, source: &TapeSource, request: &ExchangeRequest) {
        let (url, method) = (&request.url, &request.method);
        if source.path_templates && url.contains('{') {
            self.add(format!("`{url}` is a path template, as the spans have no paths, and cannot be sent"));
        } else if BODY_METHODS.contains(&method.as_str()) && request.headers.is_empty() && request.body.is_none() {
            self.add(format!("the tape's {} has no bodies; leave {method} out by --methods", source.kind));
        }
    }

    fn add(&mut self, message: String) {
        self.messages.insert(message);
    }
}

impl fmt::Display for MissingParts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<&str> = self.messages.iter().map(String::as_str).take(MAX_LISTED).collect();
        out.write_str(&messages.join("\n"))?;
        if self.messages.len() > MAX_LISTED {
            write!(out, "\nand {} more", self.messages.len() - MAX_LISTED)?;
        }
        Ok(())
    }
}

impl std::error::Error for MissingParts {}
const BODY_METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];

/// Returns the names of headers and query parameters with redacted values: their replacements are
/// secret too.
pub fn redacted_names(recording: &LoadedTape) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for request in recording.exchanges.iter().map(|exchange| &exchange.request) {
        let headers = request.headers.iter().filter(|(_, value)| is_redacted(value));
        names.extend(headers.map(|(name, _)| name.to_ascii_lowercase()));
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        let parts = query.split('&').filter(|part| is_redacted(part));
        names.extend(parts.filter_map(|part| Some(part.split_once('=')?.0.to_owned())));
    }
    names
}

/// Returns the name of the environment variable with a replacement.
fn variable(prefix: &str, name: &str) -> String {
    let upper = name.to_uppercase();
    let plain = upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    plain.fold(prefix.to_owned(), |text, c| text + &c.to_string())
}

fn environment(prefix: &str, name: &str) -> Option<String> {
    std::env::var(variable(prefix, name)).ok()
}

/// Maximum number of messages that are listed.
const MAX_LISTED: usize = 10;

/// Headers of the recorded connection, or that the new connection sets.
const CONNECTION_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Pace;
    use crate::upstream::TrustAnchors;
    use standin_tape::exchange::{ExchangeRequest, ExchangeTimes};

    fn recording(url: &str, headers: &[(&str, &str)], body: Option<BodyRef>) -> LoadedTape {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let exchange = Exchange {
            number: 1,
            operation: None,
            request: ExchangeRequest { method: "POST".to_owned(), url: url.to_owned(), headers, body },
            response: None,
            failure: None,
            times: ExchangeTimes { sent: Some(0), ..ExchangeTimes::default() },
            in_flight: 1,
            reused: true,
        };
        LoadedTape { exchanges: vec![exchange], ..LoadedTape::default() }
    }

    fn prepare(recording: &LoadedTape, replacements: &Replacements) -> Result<PreparedCalls, MissingParts> {
        let plan = Plan::new(recording, Pace::Recorded { speed: 1.0 }, |_| true);
        let target = ReplayTarget::parse("http://host:80", &TrustAnchors::System).unwrap();
        PreparedCalls::new(recording, Path::new("/nowhere"), &plan, &target, replacements, false)
    }

    #[test]
    fn redacted_parts_are_asked_for_and_replaced() {
        let tape = recording(
            "/a?key=~redacted:0123abcd~&b=1",
            &[("Authorization", "~redacted:0123abcd~"), ("X-A", "1")],
            None,
        );
        let missing = prepare(&tape, &Replacements::default()).unwrap_err().to_string();
        for told in ["--header 'authorization: …'", "STANDIN_HEADER_AUTHORIZATION", "--query 'key=…'"] {
            assert!(missing.contains(told), "{missing}");
        }
        let mut given = Replacements::default();
        given.header("authorization: Bearer x").unwrap();
        given.header("X-Extra: y").unwrap();
        given.query("key=secret").unwrap();
        let request = prepare(&tape, &given).unwrap().request(0).unwrap();
        assert_eq!(request.uri(), "/a?key=secret&b=1");
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!([header("authorization"), header("x-extra"), header("x-a")], ["Bearer x", "y", "1"]);
        assert!(given.header("nonsense").is_err());
    }

    #[test]
    fn headers_of_the_old_connection_go() {
        let tape = recording(
            "/",
            &[("Host", "old"), ("Connection", "close"), ("Content-Length", "9"), ("A", "1"), ("A", "2")],
            None,
        );
        let request = prepare(&tape, &Replacements::default()).unwrap().request(0).unwrap();
        assert_eq!(request.headers()["host"], "host:80");
        assert_eq!(request.headers().get_all("a").iter().count(), 2);
        assert_eq!(request.headers().len(), 3);
    }

    #[test]
    fn bodies_that_are_not_there_are_told() {
        let body = |sha256: Option<&str>| Some(BodyRef { sha256: sha256.map(str::to_owned), size: 3 });
        let none = prepare(&recording("/", &[], body(None)), &Replacements::default()).unwrap_err();
        assert!(none.to_string().contains("--methods"), "{none}");
        let lost = prepare(&recording("/", &[], body(Some("abc"))), &Replacements::default()).unwrap_err();
        assert!(lost.to_string().contains("abc"), "{lost}");
        let outside = prepare(&recording("/", &[], body(Some("../../etc/passwd"))), &Replacements::default());
        assert!(outside.is_err());
    }
}
