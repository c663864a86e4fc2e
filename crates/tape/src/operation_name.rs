//! Names of operations: a method, a path template, and the query parameter by which calls of one
//! path are told apart, as in `GET /db?action=list|count`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

/// The parts of the name of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationName<'n> {
    /// Method of its calls.
    pub method: &'n str,
    /// Path of its calls, in which `{id}` stands for variable segments.
    pub path: &'n str,
    /// Query parameter of its calls, and its values joined by `|`, percent-encoded.
    pub query: Option<(&'n str, &'n str)>,
}

impl<'n> OperationName<'n> {
    /// Reads a name; `None` if it is no method and path.
    pub fn parse(name: &'n str) -> Option<Self> {
        let (method, url) = name.split_once(' ').filter(|(_, path)| path.starts_with('/'))?;
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        Some(Self { method, path, query: query.map(|query| query.split_once('=').unwrap_or((query, ""))) })
    }

    /// Returns the request pattern that its calls match.
    pub fn request_pattern(&self) -> Value {
        let key = if self.path.contains('{') { "urlPathTemplate" } else { "urlPath" };
        let mut pattern = json!({ "method": self.method, key: self.path });
        if let Some((name, matcher)) = self.query_matcher() {
            pattern["queryParameters"] = json!({ name: matcher });
        }
        pattern
    }

    /// Returns the query parameter and the matcher of its values.
    pub fn query_matcher(&self) -> Option<(String, Value)> {
        let (name, values) = self.query?;
        let one = |value: &str| match value {
            GENERATED => json!({ "matches": ".*" }),
            value => json!({ "equalTo": decoded(value) }),
        };
        let mut matchers: Vec<Value> = values.split('|').map(one).collect();
        let matcher = if matchers.len() == 1 { matchers.remove(0) } else { json!({ "or": matchers }) };
        Some((decoded(name), matcher))
    }
}

/// Returns a text as it stands in the query part of a name.
pub(crate) fn encoded(text: &str) -> String {
    if text == GENERATED { text.to_owned() } else { utf8_percent_encode(text, ENCODED).to_string() }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Stands for all values of a parameter that look generated.
pub(crate) const GENERATED: &str = "{id}";

/// Characters that are encoded in the query part of a name.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b',').remove(b':').remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_patterns_of_their_calls() {
        let pattern = |name| OperationName::parse(name).map(|name| name.request_pattern());
        assert_eq!(pattern("GET /a/{id}"), Some(json!({"method": "GET", "urlPathTemplate": "/a/{id}"})));
        assert_eq!(pattern("POST /a"), Some(json!({"method": "POST", "urlPath": "/a"})));
        assert_eq!(pattern("nightly import"), None);
        let expected = json!({"method": "GET", "urlPath": "/db", "queryParameters": {"sql": {"equalTo": "select 1"}}});
        assert_eq!(pattern("GET /db?sql=select%201"), Some(expected));
        let either = json!({"or": [{"equalTo": "a|b"}, {"matches": ".*"}]});
        let expected = json!({"method": "GET", "urlPathTemplate": "/db/{id}", "queryParameters": {"k": either}});
        assert_eq!(pattern(&format!("GET /db/{{id}}?k={}|{{id}}", encoded("a|b"))), Some(expected));
    }
}
