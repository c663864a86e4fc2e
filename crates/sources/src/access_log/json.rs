//! Log lines in JSON, whose fields have names.

use serde_json::Value as Json;

use super::FieldRole;
use super::meaning::FieldMeaning;
use super::record::{LineProblem, LogRecord, LoggedCall};
use super::values::{StampForm, unit_nanos};

/// The fields of JSON lines, by role.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonFields {
    /// Names that the user gave.
    given: Vec<(FieldRole, String)>,
    /// Unit of durations in nanoseconds, if the user gave it.
    unit: Option<u64>,
}

impl JsonFields {
    pub(super) fn new(given: Vec<(FieldRole, String)>, unit: Option<u64>) -> Self {
        Self { given, unit }
    }

    /// Reads a line.
    pub(super) fn call(&self, line: &str) -> Result<LoggedCall, LineProblem> {
        let document: Json = serde_json::from_str(line).map_err(|_| "lines that are no JSON")?;
        let values: Vec<(FieldMeaning, String)> = ROLES
            .iter()
            .filter_map(|(role, names)| {
                let (name, value) = self.value(&document, *role, names)?;
                Some((self.meaning(*role, &name), value))
            })
            .collect();
        if !values.iter().any(|(meaning, _)| matches!(meaning, FieldMeaning::Duration { .. })) {
            return Err("lines without a duration; name its field with `--field duration=NAME`");
        }
        if values
            .iter()
            .any(|(meaning, value)| matches!(meaning, FieldMeaning::Duration { unit: None, .. }) && is_number(value))
        {
            return Err("lines whose duration has no unit; give it with `--unit`");
        }
        let mut record = LogRecord::default();
        for (meaning, value) in &values {
            record.set(*meaning, value)?;
        }
        record.call()
    }

    /// Returns the field of a role, and its value.
    fn value(&self, document: &Json, role: FieldRole, names: &[&str]) -> Option<(String, String)> {
        let mut given = self.given.iter().filter(|(known, _)| *known == role).map(|(_, name)| name.as_str()).peekable();
        if given.peek().is_some() {
            return given.find_map(|name| Some((name.to_owned(), text(lookup(document, name)?)?)));
        }
        // a stamp of the begin that was named leaves no doubt about the other one
        let is_stamp = |role: FieldRole| matches!(role, FieldRole::Start | FieldRole::End);
        if is_stamp(role) && self.given.iter().any(|(known, _)| is_stamp(*known)) {
            return None;
        }
        names.iter().find_map(|name| Some(((*name).to_owned(), text(lookup(document, name)?)?)))
    }

    fn meaning(&self, role: FieldRole, name: &str) -> FieldMeaning {
        let unit = self.unit.or_else(|| unit_of_name(name));
        match role {
            FieldRole::Start => FieldMeaning::Start(StampForm::Any),
            FieldRole::End => FieldMeaning::End(StampForm::Any),
            FieldRole::Duration => FieldMeaning::Duration { unit, precedence: 1 },
            FieldRole::FirstByte => FieldMeaning::FirstByte { unit },
            FieldRole::Request => FieldMeaning::Request,
            FieldRole::Method => FieldMeaning::Method,
            FieldRole::Path => FieldMeaning::Url,
            FieldRole::Status => FieldMeaning::Status,
            FieldRole::Bytes => FieldMeaning::Bytes,
        }
    }
}

/// Returns a member, by its name or by names with points between them.
fn lookup<'d>(document: &'d Json, name: &str) -> Option<&'d Json> {
    document.get(name).or_else(|| name.split('.').try_fold(document, |inner, part| inner.get(part)))
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    !text.ends_with(char::is_alphabetic)
}

/// Returns the unit in nanoseconds that a name such as `latency_ms` or `durationMs` states.
fn unit_of_name(name: &str) -> Option<u64> {
    let name = name.rsplit('.').next().unwrap_or(name);
    if matches!(name, "request_time" | "upstream_response_time") {
        // nginx in JSON
        return Some(1_000_000_000);
    }
    let last = name.rsplit(['_', '-']).next().unwrap_or(name);
    if last.len() < name.len() {
        return unit_nanos(last);
    }
    ["Ms", "Us", "Ns", "Millis", "Micros", "Nanos", "Seconds"]
        .iter()
        .find(|end| name.ends_with(*end))
        .and_then(|end| unit_nanos(end))
}

/// The usual names of the fields, by role.
const ROLES: &[(FieldRole, &[&str])] = &[
    (FieldRole::Start, &["start", "start_time", "startTime", "started_at", "start_ts"]),
    (
        FieldRole::End,
        &["end", "end_time", "time", "ts", "timestamp", "@timestamp", "time_iso8601", "msec", "time_local"],
    ),
    (
        FieldRole::Duration,
        &[
            "upstream_response_time",
            "request_time",
            "duration",
            "duration_ms",
            "durationMs",
            "latency",
            "latency_ms",
            "latencyMs",
            "elapsed",
            "elapsed_ms",
            "response_time",
            "response_time_ms",
            "took_ms",
            "duration_us",
            "duration_ns",
        ],
    ),
    (FieldRole::FirstByte, &["first_byte_ms", "ttfb_ms", "upstream_header_time"]),
    (FieldRole::Request, &["request"]),
    (FieldRole::Method, &["method", "request_method", "http_method", "http.method", "verb"]),
    (FieldRole::Path, &["path", "uri", "url", "request_uri", "target", "http.target", "requestPath"]),
    (FieldRole::Status, &["status", "status_code", "statusCode", "code", "http.status_code", "response_code"]),
    (FieldRole::Bytes, &["bytes", "body_bytes_sent", "bytes_sent", "size", "response_size"]),
];
