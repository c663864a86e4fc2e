//! What a call must be like, said in the words of a test.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::matcher::{Matcher, anything};
use super::reply::Reply;
use super::stub_builder::StubBuilder;

/// What a call must be like; begun by [`get`], [`post`] and the like.
///
/// ```
/// # use standin::mock::{absent, contains, get, json, partial_json, post, request};
/// get("/users/7");                                             // this path, whatever the query
/// get("/users?page=2");                                        // this path and query, to the letter
/// get("/users/{id}").path("id", "7");                          // a template
/// get("/users").query("page", "2").header("Accept", contains("json")).cookie("trace", absent());
/// post("/orders").body(partial_json(json!({"sku": "A-100"})));
/// request("PURGE", "/cache").basic_auth("admin", "secret");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a request does nothing until it has a reply and is given to a mock"]
pub struct Request(pub(super) Map<String, Value>);

/// Which urls are meant: a path such as `/users/7`, a template such as `/users/{id}`, a path with its query such as
/// `/users?page=2`, or a matcher: [`matching`](super::matching) for the path, [`contains`](super::contains) and
/// [`equal_to`](super::equal_to) for path and query, [`anything`] for any.
#[derive(Clone, Debug)]
pub struct Url(UrlSpec);

#[derive(Clone, Debug)]
enum UrlSpec {
    Text(String),
    Matcher(Matcher),
}

/// A call of any method.
#[track_caller]
pub fn any(url: impl Into<Url>) -> Request {
    request("ANY", url)
}

/// A call of this method.
#[track_caller]
pub fn request(method: impl AsRef<str>, url: impl Into<Url>) -> Request {
    let mut asked = Map::new();
    asked.insert("method".to_owned(), method.as_ref().to_ascii_uppercase().into());
    match url.into().spelt() {
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
    /// With a header like this. A header that is sent several times needs one value like this.
    pub fn header(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("headers", name, value.into())
    }

    /// With a query parameter like this, decoded.
    pub fn query(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("queryParameters", name, value.into())
    }

    /// With a form parameter like this, decoded.
    pub fn form(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("formParameters", name, value.into())
    }

    /// With a cookie like this.
    pub fn cookie(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("cookies", name, value.into())
    }

    /// With a variable of the url's template like this: `get("/users/{id}").path("id", "7")`.
    pub fn path(self, name: &str, value: impl Into<Matcher>) -> Self {
        self.field("pathParameters", name, value.into())
    }

    /// With a body like this. Several must all hold.
    pub fn body(mut self, body: impl Into<Matcher>) -> Self {
        if let Value::Array(patterns) = self.0.entry("bodyPatterns").or_insert_with(|| json!([])) {
            patterns.push(Value::Object(body.into().0));
        }
        self
    }

    /// With these credentials.
    pub fn basic_auth(mut self, username: &str, password: &str) -> Self {
        self.0.insert("basicAuthCredentials".to_owned(), json!({"username": username, "password": password}));
        self
    }

    /// Sent to a host like this.
    pub fn host(mut self, host: impl Into<Matcher>) -> Self {
        self.0.insert("host".to_owned(), Value::Object(host.into().0));
        self
    }

    /// What is answered: a status, a text, JSON, a [`Fault`](super::Fault), or a [`Reply`] with all its parts.
    pub fn reply(self, reply: impl Into<Reply>) -> StubBuilder {
        StubBuilder::new(self, reply.into())
    }

    /// Two matchers of one name must both hold.
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
    /// The field of a request pattern that says it, and its value; none for any url.
    fn spelt(self) -> Result<Option<(&'static str, String)>, String> {
        match self.0 {
            UrlSpec::Text(text) => text_spelt(text).map(Some),
            UrlSpec::Matcher(matcher) => matcher_spelt(&matcher),
        }
    }
}

fn text_spelt(text: String) -> Result<(&'static str, String), String> {
    if !text.starts_with('/') {
        let path = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest.split_once('/').map_or("", |at| at.1));
        return Err(format!("`{text}` matches no call, as urls come without their host; write `/{path}`"));
    }
    let encoded = utf8_percent_encode(&text, UNSENT).to_string();
    if encoded != text {
        return Err(format!("`{text}` matches no call, as urls come encoded; write `{encoded}`"));
    }
    let key = match text.find(['?', '{']) {
        None => "urlPath",
        Some(at) if text[at..].starts_with('{') => "urlPathTemplate",
        Some(_) => "url",
    };
    Ok((key, text))
}

fn matcher_spelt(matcher: &Matcher) -> Result<Option<(&'static str, String)>, String> {
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
    Err(format!("a url cannot be matched by `{matcher}`; use a text, `matching`, `contains`, `equal_to` or `anything`"))
}

/// A text that stands for itself in a Java pattern.
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

/// What no client sends in a url as it is.
const UNSENT: &AsciiSet = &CONTROLS.add(b' ');

#[cfg(test)]
mod tests {
    use super::super::matcher::{contains, equal_to, matching};
    use super::*;

    fn spelt(url: impl Into<Url>) -> Value {
        get(url).document()
    }

    #[test]
    fn urls_are_told_apart_by_their_look() {
        assert_eq!(spelt("/a"), json!({"method": "GET", "urlPath": "/a"}));
        assert_eq!(spelt("/a?b={c}"), json!({"method": "GET", "url": "/a?b={c}"}));
        assert_eq!(spelt("/a/{id}"), json!({"method": "GET", "urlPathTemplate": "/a/{id}"}));
        assert_eq!(spelt(matching("/a/[0-9]")), json!({"method": "GET", "urlPathPattern": "/a/[0-9]"}));
        assert_eq!(spelt(contains("a.b")), json!({"method": "GET", "urlPattern": r".*\Qa.b\E.*"}));
        assert_eq!(spelt(equal_to("/a")), json!({"method": "GET", "url": "/a"}));
        assert_eq!(spelt(anything()), json!({"method": "GET"}));
    }

    #[test]
    fn urls_that_never_come_are_refused_with_those_that_do() {
        for (wrong, right) in [("a", "`/a`"), ("http://host/a", "`/a`"), ("/a b", "`/a%20b`"), ("/ä", "`/%C3%A4`")] {
            let refused = text_spelt(wrong.to_owned()).unwrap_err();
            assert!(refused.contains(right), "{refused}");
        }
        assert!(matcher_spelt(&super::super::absent()).is_err());
    }

    #[test]
    fn two_matchers_of_one_name_must_both_hold() {
        let asked = get("/").header("A", contains("x")).header("A", contains("y"));
        assert_eq!(asked.document()["headers"]["A"], json!({"and": [{"contains": "x"}, {"contains": "y"}]}));
    }
}
