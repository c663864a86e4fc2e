//! Answers without the parts that differ between runs: ports, random UUIDs, and times.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::MultiGzDecoder;
use regex::Regex;
use serde_json::Value;

use super::case::{Request, UUID};
use super::client::Reply;

/// An answer as it is compared, observed or recorded.
#[derive(Debug)]
pub(super) struct Answer {
    /// Milliseconds from sending to the last byte.
    pub(super) ms: u64,
    pub(super) fault: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
}

/// The content of an answer.
#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Json(Value),
    /// In base64.
    Binary(String),
    /// The diagnosis of a request that no stub matched.
    Unmatched,
    /// The error page of WireMock's servlet container.
    Page,
}

/// The ports of a run, which stand in answers and are replaced by names.
pub(super) struct Ports {
    pub(super) target: u16,
    pub(super) upstream: u16,
}

impl Answer {
    /// Normalizes the reply to a request of a case with these UUIDs.
    pub(super) fn observed(request: &Request, reply: Reply, ports: &Ports, uuids: &HashSet<String>) -> Self {
        let content = if reply.fault.is_some() || reply.status.is_none() {
            Content::Text(String::new())
        } else {
            Content::observed(request, reply.status, &reply.body, ports, uuids)
        };
        let headers = reply.headers.into_iter();
        Self {
            ms: reply.took.as_secs_f64().mul_add(1000.0, 0.5) as u64,
            fault: reply.fault.map(|fault| fault.name().to_owned()),
            status: reply.status,
            reason: reply.reason,
            headers: headers.map(|(name, value)| (name, mask_uuids(&ports.named(&value), uuids))).collect(),
            content,
        }
    }

    /// Reads an answer of a golden file.
    pub(super) fn recorded(golden: &Value, ports: &Ports) -> Self {
        let text = |name: &str| golden.get(name).and_then(Value::as_str).map(str::to_owned);
        let set = |name: &str| golden.get(name).and_then(Value::as_bool) == Some(true);
        let content = if set("unmatched") {
            Content::Unmatched
        } else if set("page") {
            Content::Page
        } else if let Some(json) = golden.get("json") {
            Content::Json(ports.named_in(json, None))
        } else if let Some(binary) = text("body_b64") {
            Content::Binary(binary)
        } else {
            Content::Text(ports.named(&text("body").unwrap_or_default()))
        };
        let header = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
        let headers = golden.get("headers").and_then(Value::as_array);
        Self {
            ms: 0,
            fault: text("fault"),
            status: golden.get("status").and_then(Value::as_u64).and_then(|status| status.try_into().ok()),
            reason: text("reason").unwrap_or_default(),
            headers: headers.into_iter().flatten().filter_map(header).collect(),
            content,
        }
    }

    /// Returns the values of a header, in their order.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }
}

impl Content {
    fn observed(request: &Request, status: Option<u16>, body: &[u8], ports: &Ports, uuids: &HashSet<String>) -> Self {
        let mut unzipped = Vec::new();
        let body = if !request.compare.gunzip {
            body
        } else if MultiGzDecoder::new(body).read_to_end(&mut unzipped).is_ok() {
            &unzipped
        } else {
            return Self::Text("<not gzip>".to_owned());
        };
        let Ok(text) = str::from_utf8(body) else { return Self::Binary(BASE64_STANDARD.encode(body)) };
        let administers = request.path.starts_with("/__admin") || request.path.starts_with("@disk");
        if request.compare.json.unwrap_or(administers)
            && let Ok(json) = serde_json::from_str(text)
        {
            return Self::Json(ports.named_in(&json, Some(uuids)));
        }
        if status == Some(404) && UNMATCHED.is_match(text) && request.compare.body != Some(true) {
            return Self::Unmatched;
        }
        if status >= Some(400) && PAGE.is_match(text) {
            return Self::Page;
        }
        Self::Text(ports.named(text))
    }
}

impl Ports {
    /// Returns a text with names for the ports.
    pub(super) fn named(&self, text: &str) -> String {
        let text = replaced(text, &self.upstream.to_string(), "<UPSTREAM_PORT>");
        replaced(&text, &self.target.to_string(), "<PORT>")
    }

    /// Returns a document with names for the ports, without times, and without the UUIDs that are
    /// not `known`.
    fn named_in(&self, value: &Value, known: Option<&HashSet<String>>) -> Value {
        let named = |text: &str| {
            let text = self.named(text);
            known.map_or_else(|| text.clone(), |known| mask_uuids(&text, known))
        };
        match value {
            Value::Number(number) if number.as_u64() == Some(self.upstream.into()) => "<UPSTREAM_PORT>".into(),
            Value::Number(number) if number.as_u64() == Some(self.target.into()) => "<PORT>".into(),
            Value::String(text) => named(text).into(),
            Value::Array(items) => items.iter().map(|item| self.named_in(item, known)).collect(),
            Value::Object(members) => {
                let lasting = members.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
                lasting.map(|(name, value)| (named(name), self.named_in(value, known))).collect()
            }
            other => other.clone(),
        }
    }
}

/// Replaces a number where it stands alone: not within a longer one and not behind a point.
fn replaced(text: &str, number: &str, name: &str) -> String {
    let mut out = String::new();
    let mut copied = 0;
    for (start, _) in text.match_indices(number) {
        let end = start + number.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        if before.is_some_and(|c| c.is_numeric() || c == '.') || after.is_some_and(char::is_numeric) {
            continue;
        }
        out.push_str(&text[copied..start]);
        out.push_str(name);
        copied = end;
    }
    out + &text[copied..]
}

fn mask_uuids(text: &str, known: &HashSet<String>) -> String {
    let masked = UUID.replace_all(text, |found: &regex::Captures| {
        if known.contains(&found[0].to_lowercase()) { found[0].to_owned() } else { "<UUID>".to_owned() }
    });
    masked.into_owned()
}

const VOLATILE: [&str; 4] = ["loggedDate", "loggedDateString", "timing", "insertionIndex"];

static UNMATCHED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("Request was not matched|No response could be served as there are no stub mappings").expect("a pattern")
});

static PAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)\A(?:<h1>Bad Message|<html>\s*<head>\s*<meta http-equiv=.{0,80}<title>Error \d{3} )")
        .expect("a pattern")
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PORTS: Ports = Ports { target: 8080, upstream: 9090 };

    #[test]
    fn ports_are_named_where_they_stand_alone() {
        let text = "http://127.0.0.1:8080/a 80801 18080 1.8080 9090";
        assert_eq!(PORTS.named(text), "http://127.0.0.1:<PORT>/a 80801 18080 1.8080 <UPSTREAM_PORT>");
    }

    #[test]
    fn times_and_unknown_uuids_are_left_out() {
        let (known, random) = ("00000000-0000-0000-0000-00000000000A", "11111111-2222-3333-4444-555555555555");
        let uuids = HashSet::from([known.to_lowercase()]);
        let document = json!({"id": known, "other": [random], "loggedDate": 1, "port": 8080});
        let expected = json!({"id": known, "other": ["<UUID>"], "port": "<PORT>"});
        assert_eq!(PORTS.named_in(&document, Some(&uuids)), expected);
    }
}
