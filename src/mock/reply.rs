//! Replies of stubs: status, headers, body, delay, or a fault.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::delay::Delay;

/// Reply of a stub: status 200 without a body, until more is set.
///
/// ```
/// # use standin::mock::{file, get, json, post, status, Fault};
/// get("/users/7").reply(json!({"id": 7}));             // 200, Content-Type: application/json
/// get("/motd").reply("hello");                         // 200, Content-Type: text/plain
/// get("/gone").reply(410);
/// post("/orders").reply(status(201).header("Location", "/orders/1").json(json!({"id": 1})));
/// get("/catalog").reply(file("catalog.json"));         // from `__files` of the mock's folder
/// get("/down").reply(Fault::Reset);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a reply does nothing until a request has it"]
pub struct Reply {
    document: Map<String, Value>,
    headers: Map<String, Value>,
    /// Content type of the body, unless a header sets another.
    content_type: Option<&'static str>,
}

/// Fault of a connection in place of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Closes the connection before the first byte.
    Close,
    /// Resets the connection (TCP RST).
    Reset,
    /// Sends bytes that are not HTTP, and closes the connection.
    Garbage,
    /// Sends a status line and an invalid chunk.
    BadChunk,
}

/// Returns a reply with this status.
pub fn status(code: u16) -> Reply {
    Reply::default().status(code)
}

/// Returns a reply whose body is a file of `__files` in the mock's folder.
pub fn file(name: impl Into<String>) -> Reply {
    Reply::default().with("bodyFileName", name.into())
}

impl Reply {
    /// Sets the status code.
    pub fn status(self, code: u16) -> Self {
        self.with("status", code)
    }

    /// Adds a header; several of one name are kept.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Value::Array(values) = self.headers.entry(name).or_insert_with(|| json!([])) {
            values.push(value.into().into());
        }
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: Value) -> Self {
        self.body("jsonBody", body, Some("application/json"))
    }

    /// Sets a text body.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.body("body", body.into(), Some("text/plain; charset=utf-8"))
    }

    /// Sets a body of bytes, without a content type unless a header sets one.
    pub fn bytes(self, body: impl AsRef<[u8]>) -> Self {
        self.body("base64Body", base64::engine::general_purpose::STANDARD.encode(body), None)
    }

    /// Delays the first byte of the reply.
    pub fn delay(self, delay: impl Into<Delay>) -> Self {
        self.with("delayDistribution", delay.into().0)
    }

    /// Sends the head at once, and the body in `pieces` over the time `over`, in whole
    /// milliseconds.
    pub fn dribble(self, pieces: u32, over: Duration) -> Self {
        self.with("chunkedDribbleDelay", json!({"numberOfChunks": pieces, "totalDuration": over.as_millis() as u64}))
    }

    pub(super) fn document(mut self) -> Value {
        let has_type = self.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if let Some(kind) = self.content_type
            && !has_type
        {
            self.headers.insert("Content-Type".to_owned(), kind.into());
        }
        if !self.headers.is_empty() {
            self.document.insert("headers".to_owned(), Value::Object(self.headers));
        }
        Value::Object(self.document)
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.document.insert(key.to_owned(), value.into());
        self
    }

    /// Sets the body, in place of an earlier one.
    fn body(mut self, key: &str, body: impl Into<Value>, kind: Option<&'static str>) -> Self {
        for other in ["jsonBody", "body", "base64Body", "bodyFileName"] {
            self.document.shift_remove(other);
        }
        self.content_type = kind;
        self.with(key, body)
    }
}

impl From<u16> for Reply {
    fn from(code: u16) -> Self {
        status(code)
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::default().json(body)
    }
}

impl From<&str> for Reply {
    fn from(body: &str) -> Self {
        Self::default().text(body)
    }
}

impl From<String> for Reply {
    fn from(body: String) -> Self {
        Self::default().text(body)
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        let name = match fault {
            Fault::Close => "EMPTY_RESPONSE",
            Fault::Reset => "CONNECTION_RESET_BY_PEER",
            Fault::Garbage => "RANDOM_DATA_THEN_CLOSE",
            Fault::BadChunk => "MALFORMED_RESPONSE_CHUNK",
        };
        Self::default().with("fault", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_type_unless_a_header_says_another() {
        let plain = json!({"jsonBody": [1], "headers": {"Content-Type": "application/json"}});
        assert_eq!(Reply::from("a").json(json!([1])).document(), plain);
        let own = Reply::from(json!(1)).header("content-type", "text/html").document();
        assert_eq!(own["headers"], json!({"content-type": ["text/html"]}));
    }
}
