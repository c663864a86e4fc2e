//! The header `Prefer`, by which a client asks for a response or an example: `Prefer: code=404`,
//! `Prefer: example=empty`, or both with a comma between them.

use serde_json::{Value, json};

/// Priorities of the stubs of one operation, the first to be tried first. Those of an operation
/// that comes after others with more concrete paths are behind theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precedence {
    /// A response and an example of it were asked for.
    CodeAndExample = 1,
    /// A response or an example was asked for.
    CodeOrExample = 2,
    /// Another media type is accepted.
    MediaType = 4,
    /// The response that is given by default.
    Default = 5,
    /// The credentials are missing.
    Unauthorized = 7,
    /// The request is not as the description wants it.
    Invalid = 8,
}

impl Precedence {
    /// Returns the `priority` of the stub.
    pub(super) fn priority(self, level: usize) -> usize {
        level * LEVEL + self as usize
    }
}

/// Preference of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Preference {
    /// Texts that ask for the response, such as `404`.
    pub(super) codes: Vec<String>,
    /// Name of the example.
    pub(super) example: Option<String>,
}

impl Preference {
    /// Returns the matcher of the header.
    pub(super) fn matcher(&self) -> Value {
        let codes: Vec<String> = self.codes.iter().map(|code| escaped(code)).collect();
        let code = (!codes.is_empty()).then(|| json!({ "matches": pattern("code", &codes.join("|")) }));
        let example = self.example.as_ref().map(|name| json!({ "matches": pattern("example", &escaped(name)) }));
        match (code, example) {
            (Some(code), Some(example)) => json!({ "and": [code, example] }),
            // one of another response may be asked for
            (None, Some(example)) => json!({ "and": [example, { "doesNotMatch": pattern("code", "[^,;\\s]*") }] }),
            (Some(code), None) => code,
            (None, None) => json!({ "absent": true }),
        }
    }
}

/// Returns a pattern of a header that has this preference among others.
fn pattern(name: &str, value: &str) -> String {
    format!("(?:.*[,;\\s])?(?i:{name})\\s*=\\s*\"?(?:{value})\"?(?:[,;\\s].*)?")
}

/// Returns a text as a regular expression.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '_' | ' ' | '-') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Priorities between two levels.
const LEVEL: usize = 10;
