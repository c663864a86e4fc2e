//! Requests that a mock received.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde_json::Value;

use super::text::{one_line, truncate};
use crate::live::journal::JournalEntry;

/// A request that a mock received.
#[derive(Debug)]
pub struct Received(pub(super) JournalEntry);

impl Received {
    /// Returns the method as sent.
    pub fn method(&self) -> &str {
        self.0.call.method.as_str()
    }

    /// Returns the path and query as sent.
    pub fn url(&self) -> &str {
        self.0.call.url()
    }

    /// Returns the path as sent.
    pub fn path(&self) -> &str {
        self.0.call.path()
    }

    /// Returns the first query parameter of this name, decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.0.call.query().iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the first header of this name; `None` if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.call.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns all header lines, with names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let headers = self.0.call.headers.iter();
        headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
    }

    /// Returns the body, decompressed if it came as gzip. Panics if the journal could not hold it.
    #[track_caller]
    pub fn body(&self) -> &[u8] {
        assert!(
            !self.0.is_body_omitted,
            "the body of {self} was longer than the journal; raise `Config::journal_bytes` to keep it"
        );
        self.0.call.body()
    }

    /// Returns the body as text. Panics if it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(self.body()) {
            Ok(text) => text,
            Err(error) => panic!("the body of {self} is not UTF-8: {error}; look at `body()`"),
        }
    }

    /// Returns the body as JSON. Panics if it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(self.body()) {
            Ok(value) => value,
            Err(error) => {
                let body = String::from_utf8_lossy(self.body());
                panic!(
                    "the body of {self} is no JSON: {error}; it is `{}`",
                    truncate(&one_line(&body), MAX_SHOWN_CHARS)
                )
            }
        }
    }

    /// Returns the time of its arrival.
    pub fn at(&self) -> SystemTime {
        self.0.at
    }

    /// Returns true if a stub matched the request.
    pub fn was_matched(&self) -> bool {
        self.0.was_matched()
    }
}

impl fmt::Display for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method(), truncate(&one_line(self.url()), MAX_SHOWN_CHARS))
    }
}

/// Maximum number of characters of a URL or body in a message.
const MAX_SHOWN_CHARS: usize = 200;
