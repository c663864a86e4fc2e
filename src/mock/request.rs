//! Request patterns of stubs and verifications.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::matcher::{Matcher, anything};
use super::test_failure::{TestFailure, fail};

/// Pattern of a request, created by [`get`], [`post`] and the like.
///
/// ```
/// # use standin::mock::{absent, contains, get, json, partial_json, post, request};
/// get("/users/7");                                   // this path, whatever the query
/// get("/users?page=2");                              // this path and query, to the letter
/// get("/users/{id}").path("id", "7");              // a template
/// get("/users").query("page", "2").header("Accept", contains("json")).cookie("trace", absent());
/// post("/orders").body(partial_json(json!({"sku": "A-100"})));
/// request("PURGE", "/cache").basic_auth("admin", "secret");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a request does nothing until it has a reply and is given to a mock"]
pub struct Request(pub(super) Map<String, Value>);

/// Pattern of a URL: a path such as `/users/7`, a template such as `/users/{id}`, a path with its
/// query such as `/users?page=2`, or a matcher: [`matching`](super::matching) for the path,
/// [`contains`](super::contains) and [`equal_to`](super::equal_to) for path and query, [`anything`]
/// for any URL.
#[derive(Clone, Debug)]
pub struct Url(UrlSpec);

#[derive(Clone, Debug)]
enum UrlSpec {
    Text(String),
    Matcher(Matcher),
}

/// Returns a pattern for any method. Panics if the URL can match no request.
#[track_caller]
pub fn any(url: impl Into<Url>) -> Request {
    request("ANY", url)
}

/// Returns a pattern for a method. Panics if the URL can match no request.
#[track_caller]
pub fn request(method: impl AsRef<str>, url: impl Into<Url>) -> Request {
    let mut asked = Map::new();
    asked.insert("method".to_owned(), method.as_ref().to_ascii_uppercase().into());
    match url.into().into_field() {
        Ok(Some((key, text))) => drop(asked.insert(key.to_owned(), text.into())),
        Ok(None) => {}
        Err(what) => panic!("{what}"),
    }
    Request(asked)
}

macro_rules! methods {
    ($($name:ident $method:literal),*) => { $(
        #[doc = concat!("A ", $method, ".")]
        #[track_caller]
        pub fn $name(url: impl Into<Url>) -> Request {
            request($method, url)
        }
    )* };
}

methods!(get "GET", post "POST", put "PUT", patch "PATCH", delete "DELETE", head "HEAD", options "OPTIONS");

impl Request {
    /// Requires a header. One of several values must match.
    pub fn header(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("headers", name, value.into())
    }

    /// Requires a query parameter, decoded.
    pub fn query(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("queryParameters", name, value.into())
    }

    /// Requires a form parameter, decoded.
    pub fn form(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("formParameters", name, value.into())
    }

    /// Requires a cookie with a matching value.
    pub fn cookie(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("cookies", name, value.into())
    }

    /// Requires a variable of a URL template: `get("/users/{id}").path("id", "7")`.
    pub fn path(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("pathParameters", name, value.into())
    }

    /// Requires a body. Several matchers must all match.
    pub fn body(mut self, body: impl Into<Matcher>) -> Self {
        if let Value::Array(patterns) = self.0.entry("bodyPatterns").or_insert_with(|| json!([])) {
            patterns.push(Value::Object(body.into().0));
        }
        self
    }

    /// Requires credentials of basic authentication.
    pub fn basic_auth(mut self, username: &str, password: &str) -> Self {
        self.0.insert("basicAuthCredentials".to_owned(), json!({"username": username, "password": password}));
        self
    }

    /// Requires a host that matches.
    pub fn host(mut self, host: impl Into<Matcher>) -> Self {
        self.0.insert("host".to_owned(), Value::Object(host.into().0));
        self
    }

    /// Adds a matcher; two of one name must both match.
    fn field(mut self, key: &str, name: &str, matcher: Matcher) -> Self {
        if let Value::Object(fields) = self.0.entry(key).or_insert_with(|| json!({})) {
            let both = match fields.remove(name) {
                Some(Value::Object(known)) => Matcher(known).and(matcher),
                _ => matcher,
            };
            fields.insert(name.to_owned(), Value::Object(both.0));
        }
        self
    }

    pub(super) fn document(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

impl Url {
    /// Returns the field of a request pattern and its value; `None` for any URL.
    fn into_field(self) -> Result<Option<(&'static str, String)>, TestFailure> {
        match self.0 {
            UrlSpec::Text(text) => text_field(text).map(Some),
            UrlSpec::Matcher(matcher) => matcher_field(&matcher),
        }
    }
}

fn text_field(text: String) -> Result<(&'static str, String), TestFailure> {
    if !text.starts_with('/') {
        let path = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest.split_once('/').map_or("", |at| at.1));
        return fail(format!("`{text}` matches no call, as urls come without their host; write `/{path}`"));
    }
    let encoded = utf8_percent_encode(&text, ALWAYS_ENCODED).to_string();
    if encoded != text {
        return fail(format!("`{text}` matches no call, as urls come encoded; write `{encoded}`"));
    }
    let key = match text.find(['?', '{']) {
        None => "urlPath",
        Some(at) if text[at..].starts_with('{') => "urlPathTemplate",
        Some(_) => "url",
    };
    Ok((key, text))
}

fn matcher_field(matcher: &Matcher) -> Result<Option<(&'static str, String)>, TestFailure> {
    if *matcher == anything() {
        return Ok(None);
    }
    let mut operators = matcher.0.iter();
    if let (Some((operator, Value::String(text))), None) = (operators.next(), operators.next()) {
        match operator.as_str() {
            "matches" => return Ok(Some(("urlPathPattern", text.clone()))),
            "contains" => return Ok(Some(("urlPattern", format!(".*{}.*", quoted(text))))),
            "equalTo" => return Ok(Some(("url", text.clone()))),
            _ => {}
        }
    }
    let matcher = Value::Object(matcher.0.clone());
    fail(format!(
        "a url cannot be matched by `{matcher}`; use a text, `matching`, `contains`, `equal_to` or `anything`"
    ))
}

/// Returns a Java pattern that matches a text literally.
fn quoted(text: &str) -> String {
    format!(r"\Q{}\E", text.replace(r"\E", r"\E\\E\Q"))
}

impl From<&str> for Url {
    fn from(text: &str) -> Self {
        Self(UrlSpec::Text(text.to_owned()))
    }
}

impl From<String> for Url {
    fn from(text: String) -> Self {
        Self(UrlSpec::Text(text))
    }
}

impl From<&String> for Url {
    fn from(text: &String) -> Self {
        Self(UrlSpec::Text(text.clone()))
    }
}

impl From<Matcher> for Url {
    fn from(matcher: Matcher) -> Self {
        Self(UrlSpec::Matcher(matcher))
    }
}

/// Characters that clients always encode in a URL.
const ALWAYS_ENCODED: &AsciiSet = &CONTROLS.add(b' ');

#[cfg(test)]
mod tests {
    use super::super::matcher::{contains, equal_to, matching};
    use super::*;

    fn document(url: impl Into<Url>) -> Value {
        get(url).document()
    }

    #[test]
    fn urls_are_told_apart_by_their_look() {
        assert_eq!(document("/a"), json!({"method": "GET", "urlPath": "/a"}));
        assert_eq!(document("/a?b={c}"), json!({"method": "GET", "url": "/a?b={c}"}));
        assert_eq!(document("/a/{id}"), json!({"method": "GET", "urlPathTemplate": "/a/{id}"}));
        assert_eq!(document(matching("/a/[0-9]")), json!({"method": "GET", "urlPathPattern": "/a/[0-9]"}));
        assert_eq!(document(contains("a.b")), json!({"method": "GET", "urlPattern": r".*\Qa.b\E.*"}));
        assert_eq!(document(equal_to("/a")), json!({"method": "GET", "url": "/a"}));
        assert_eq!(document(anything()), json!({"method": "GET"}));
    }

    #[test]
    fn urls_that_never_come_are_refused_with_those_that_do() {
        for (wrong, right) in [("a", "`/a`"), ("http://host/a", "`/a`"), ("/a b", "`/a%20b`"), ("/ä", "`/%C3%A4`")] {
            let refused = text_field(wrong.to_owned()).unwrap_err().to_string();
            assert!(refused.contains(right), "{refused}");
        }
        assert!(matcher_field(&super::super::absent()).is_err());
    }

    #[test]
    fn two_matchers_of_one_name_must_both_hold() {
        let asked = get("/").header("A", contains("x")).header("A", contains("y"));
        assert_eq!(asked.document()["headers"]["A"], json!({"and": [{"contains": "x"}, {"contains": "y"}]}));
    }
}
