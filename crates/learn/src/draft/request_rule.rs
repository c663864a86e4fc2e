//! Request patterns of drafted stubs, which the recorded calls meet: method, URL, query and body,
//! but no headers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};

use super::body_rule::BodyRule;
use super::field_rules::FieldRules;
use super::report::LeftOut;
use super::request_fields::{Field, FieldPlace, leaves, xml_values};
use standin_stub::call::{Call, Peers, Scheme};
use standin_tape::exchange::ExchangeRequest;
use standin_tape::is_redacted;

/// The rule that a request must meet.
#[derive(Clone, Debug)]
pub(super) struct RequestRule {
    pub(super) method: String,
    /// The path, `{redacted}` for each segment that held a secret.
    pub(super) path: String,
    /// True if the path held a secret.
    pub(super) has_secret_path: bool,
    /// Path and query where they are asked for as they stand.
    exact: Option<String>,
    pub(super) query: FieldRules,
    pub(super) body: BodyRule,
    /// True if the rule matches less of the body than was recorded.
    pub(super) is_loose: bool,
    /// True if the lists of a JSON body match in any order, and XML matches in any layout.
    pub(super) in_any_order: bool,
    /// Fields of which any value matches, because theirs are for one call only.
    pub(super) masked: Vec<FieldPlace>,
}

impl RequestRule {
    /// Returns the rule for a recorded call.
    pub(super) fn of(request: &ExchangeRequest, body: Bytes) -> Result<Self, LeftOut> {
        let call = call(request, body).ok_or(LeftOut::Strange)?;
        // WireMock knows methods in upper case only
        if call.method == Method::CONNECT || request.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(LeftOut::Strange);
        }
        let has_secret_path = is_redacted(call.path());
        let says_nothing = call.path().split('/').all(|segment| segment.is_empty() || is_redacted(segment));
        if has_secret_path && (says_nothing || call.path().contains(['{', '}', '*'])) {
            return Err(LeftOut::Strange);
        }
        let path = if has_secret_path { without_secrets(call.path()) } else { call.path().to_owned() };
        let is_secret = is_redacted(call.url());
        let torn =
            call.query().iter().any(|(name, value)| name.is_empty() || (name.clone() + value).contains('\u{fffd}'));
        // a query that cannot be taken apart is compared as it stands
        let as_it_stands = !is_secret && (call.query().is_empty() || torn || FieldRules::have_twins(call.query()));
        let (body, is_loose) = BodyRule::of(&call);
        Ok(Self {
            method: request.method.clone(),
            path,
            has_secret_path,
            exact: as_it_stands.then(|| call.url().to_owned()),
            query: if as_it_stands { FieldRules::default() } else { FieldRules::of(call.query()) },
            body,
            is_loose,
            in_any_order: true,
            masked: Vec::new(),
        })
    }

    /// Returns the single values that the stub asks a request for.
    pub(super) fn fields(&self) -> Vec<Field> {
        let named = |place: fn(String) -> FieldPlace| {
            move |(name, value): (&str, &str)| Field {
                place: place(name.to_owned()),
                name: name.to_owned(),
                value: value.to_owned(),
            }
        };
        let mut fields: Vec<Field> = self.query.single_values().map(named(FieldPlace::Query)).collect();
        match &self.body {
            BodyRule::Form(form) => fields.extend(form.single_values().map(named(FieldPlace::Form))),
            BodyRule::Json(document) => leaves(document, String::new(), &mut fields),
            BodyRule::Xml(text) => {
                fields.extend(xml_values(text).into_iter().enumerate().map(|(place, value)| Field {
                    place: FieldPlace::Xml(place),
                    name: value.local_name().to_owned(),
                    value: text[value.at].to_owned(),
                }));
            }
            BodyRule::Nothing | BodyRule::Binary(_) | BodyRule::Text(_) | BodyRule::TextAround(_) => {}
        }
        fields
    }

    /// Lets any value match in these fields.
    pub(super) fn mask(&mut self, places: &[FieldPlace]) {
        for place in places {
            if let FieldPlace::Query(name) = place {
                self.query.mask(name);
            }
        }
        self.body.mask(places);
        self.masked.extend_from_slice(places);
    }

    /// Returns a text that is equal for all calls that the stub cannot tell apart.
    pub(super) fn key(&self, in_any_order: bool) -> String {
        format!("{}\n{}", Value::Object(self.request(None)), self.body.key(in_any_order))
    }

    /// Returns a text for the id of the stub: the same in every run and on every machine.
    pub(super) fn identity(&self) -> String {
        let mut body = self.body.json(true);
        body.sort_all_objects();
        format!("{}\n{body}", Value::Object(self.request(None)))
    }

    /// Returns how specific the rule is. A call that meets a more specific rule may also meet this
    /// one, never the other way round.
    pub(super) fn weight(&self) -> (u64, usize) {
        let query = if self.exact.as_ref().is_some_and(|url| url.contains('?')) {
            EXACT_QUERY_WEIGHT
        } else {
            self.query.weight()
        };
        (query + self.body.weight(), self.body.text_around())
    }

    /// Returns the call in short, for people.
    pub(super) fn label(&self) -> String {
        let url = self.exact.as_deref().unwrap_or(&self.path);
        format!("{} {url}", self.method)
    }

    /// Returns the request pattern of the stub.
    pub(super) fn json(&self) -> Value {
        let mut request = self.request(None);
        let body = self.body.json(self.in_any_order);
        if !body.is_null() {
            request.insert("bodyPatterns".to_owned(), json!([body]));
        }
        request.into()
    }

    /// Returns the request pattern for any path of a template.
    pub(super) fn templated(&self, template: &str) -> Map<String, Value> {
        self.request(Some(template))
    }

    /// Returns the request pattern without a body pattern.
    fn request(&self, template: Option<&str>) -> Map<String, Value> {
        let (key, url) = match (template, &self.exact) {
            (Some(template), _) => ("urlPathTemplate", template),
            (None, Some(url)) => ("url", url.as_str()),
            (None, None) if self.has_secret_path => ("urlPathTemplate", self.path.as_str()),
            (None, None) => ("urlPath", self.path.as_str()),
        };
        let mut request = Map::new();
        request.insert("method".to_owned(), self.method.clone().into());
        request.insert(key.to_owned(), url.into());
        if !self.query.is_empty() {
            request.insert("queryParameters".to_owned(), self.query.json());
        }
        if let BodyRule::Form(fields) = &self.body
            && !fields.is_empty()
        {
            request.insert("formParameters".to_owned(), fields.json());
        }
        request
    }
}

/// Returns a recorded call as it would arrive again; `None` if no server would accept it.
pub(super) fn call(request: &ExchangeRequest, body: Bytes) -> Option<Call> {
    let method = Method::from_bytes(request.method.as_bytes()).ok()?;
    let mut parts = http::Request::builder().method(method).uri(request.url.as_str()).body(()).ok()?.into_parts().0;
    // `*` of OPTIONS is no path
    parts.uri.path_and_query().filter(|url| url.as_str().starts_with('/'))?;
    for (name, value) in &request.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            parts.headers.append(name, value);
        }
    }
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let peers = Peers { scheme: Scheme::Http, remote: nobody, local: nobody };
    Some(Call::new(parts, body, peers, Instant::now(), MAX_UNPACKED_BYTES))
}

/// Returns the path with a variable for each segment that held a secret.
fn without_secrets(path: &str) -> String {
    let mut secrets = 0;
    let segments = path.split('/').map(|segment| {
        if !is_redacted(segment) {
            return segment.to_owned();
        }
        secrets += 1;
        if secrets == 1 { format!("{SECRET_VARIABLE}}}") } else { format!("{SECRET_VARIABLE}{secrets}}}") }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The beginning of the name of a path variable for a secret.
const SECRET_VARIABLE: &str = "{redacted";

/// The weight of a query that is matched as it stands.
const EXACT_QUERY_WEIGHT: u64 = 1 << 32;

/// The maximum size of an unpacked gzip body, in bytes.
const MAX_UNPACKED_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use standin_tape::redaction_marker;

    fn rule(method: &str, url: &str) -> Result<Value, LeftOut> {
        let request =
            ExchangeRequest { method: method.to_owned(), url: url.to_owned(), headers: Vec::new(), body: None };
        RequestRule::of(&request, Bytes::new()).map(|rule| rule.json())
    }

    #[test]
    fn urls_are_asked_for_as_they_were_and_queries_in_any_order() {
        assert_eq!(rule("GET", "/a%20b?"), Ok(json!({"method": "GET", "url": "/a%20b"})));
        assert_eq!(rule("GET", "http://host:1/a"), Ok(json!({"method": "GET", "url": "/a"})));
        assert_eq!(
            rule("GET", "/a?y=2%203&wsdl"),
            Ok(json!({"method": "GET", "urlPath": "/a",
                "queryParameters": {"wsdl": {"equalTo": ""}, "y": {"equalTo": "2 3"}}}))
        );
        assert_eq!(rule("GET", "/a?x=%ff"), Ok(json!({"method": "GET", "url": "/a?x=%ff"})));
        // a value that comes twice could be taken for another
        assert_eq!(rule("GET", "/a?x=1&x=1"), Ok(json!({"method": "GET", "url": "/a?x=1&x=1"})));
        for (method, url) in [("OPTIONS", "*"), ("CONNECT", "host:443"), ("get", "/"), ("GET", "/a b"), ("G T", "/")] {
            assert_eq!(rule(method, url), Err(LeftOut::Strange), "{method} {url}");
        }
    }

    #[test]
    fn secrets_in_urls_are_asked_for_by_their_presence() {
        let secret = redaction_marker(1);
        assert_eq!(
            rule("GET", &format!("/reset/{secret}/x-{secret}?key={secret}")),
            Ok(json!({"method": "GET", "urlPathTemplate": "/reset/{redacted}/{redacted2}",
                "queryParameters": {"key": {"matches": ".*"}}}))
        );
        // any path of that depth would do
        assert_eq!(rule("GET", &format!("/{secret}/{secret}")), Err(LeftOut::Strange));
    }
}
