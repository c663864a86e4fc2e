//! What standin says of itself: `GET /__admin/standin/audit`.
//!
//! Read by the names of members wherever they stand, because a bench should not break when the page
//! grows.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::client::{Connection, get};

/// The audit page; `None` if the server has none.
pub fn audit(address: SocketAddr) -> io::Result<Option<Value>> {
    let reply = Connection::open(address)?.call(&get("/__admin/standin/audit"))?;
    // any text may answer this path at a server that has no audit
    Ok(serde_json::from_slice(&reply.body).ok().filter(|page| reply.status == 200 && lateness(page, "count").is_some()))
}

/// A member of `lateness`: durations in microseconds, counts as they are.
pub fn lateness(page: &Value, member: &str) -> Option<f64> {
    quantity(find(page, "lateness")?.get(member)?)
}

/// How many windows were flagged since the start.
pub fn flags(page: &Value) -> Option<u64> {
    ["flagged", "flaggedWindows", "flags"].iter().find_map(|name| match find(page, name)? {
        Value::Array(windows) => Some(windows.len() as u64),
        Value::Object(members) => members.get("count").and_then(Value::as_u64),
        value => value.as_u64(),
    })
}

/// A flagged second.
#[derive(Clone, Debug, PartialEq)]
pub struct Flagged {
    pub began: SystemTime,
    pub ended: SystemTime,
    pub reasons: String,
}

/// The last flagged windows, the newest first.
pub fn last_flagged(page: &Value) -> Vec<Flagged> {
    let windows = find(page, "last").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let read = |window: &Value| {
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(window.get("at")?.as_u64()?);
        let ended = began + Duration::from_millis(window.get("milliseconds")?.as_u64()?);
        Some(Flagged { began, ended, reasons: window.get("reasons")?.to_string() })
    };
    windows.iter().filter_map(read).collect()
}

/// The first member of that name, the outer before the inner.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// A bare number, or a duration with its unit in microseconds.
fn quantity(value: &Value) -> Option<f64> {
    let Value::String(text) = value else { return value.as_f64() };
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(text.len());
    let number: f64 = text[..unit].parse().ok()?;
    let factor = match text[unit..].trim() {
        "ns" => 1e-3,
        "" | "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lateness_is_found_wherever_it_stands() {
        let page = json!({"audit": {"lateness": {"count": 12, "p50": "31us", "p99": "0.2ms", "p100": "soon"}}});
        assert_eq!(lateness(&page, "count"), Some(12.0));
        assert_eq!(lateness(&page, "p50"), Some(31.0));
        assert_eq!(lateness(&page, "p99"), Some(200.0));
        assert_eq!(lateness(&page, "p100"), None);
        assert_eq!(lateness(&json!([]), "p50"), None);
    }

    #[test]
    fn flags_are_counted_or_listed() {
        assert_eq!(flags(&json!({"windows": {"flagged": 3}})), Some(3));
        assert_eq!(flags(&json!({"flagged": [{"at": 1}, {"at": 2}]})), Some(2));
        assert_eq!(flags(&json!({"lateness": {}})), None);
        let window = json!({"at": 1_500, "milliseconds": 1_000, "worker": 0, "reasons": ["late"]});
        let read = last_flagged(&json!({"flagged": {"count": 1, "last": [window]}}));
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(read, [Flagged { began: at(1_500), ended: at(2_500), reasons: "[\"late\"]".to_owned() }]);
    }
}
