//! Meanings of log fields, by their names in nginx, Apache and the formats that are built in.

use super::values::StampForm;

/// The meaning of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldMeaning {
    /// Stamp of the begin of a call.
    Start(StampForm),
    /// Stamp of the end of a call.
    End(StampForm),
    /// Time of the service, in units of so many nanoseconds, with its precedence: a proxy's time of
    /// its upstream comes before that of the whole call.
    Duration {
        unit: Option<u64>,
        precedence: u8,
    },
    /// Time from the arrival at the service to the first byte.
    FirstByte {
        unit: Option<u64>,
    },
    /// Time from the start stamp to the arrival at the service; several are added.
    Before {
        unit: u64,
    },
    /// Time from the end of the service's part to the end stamp.
    After {
        unit: u64,
    },
    /// Time from the start stamp to the end of the call.
    Total {
        unit: u64,
    },
    /// Request line: `GET /path HTTP/1.1`.
    Request,
    Method,
    /// Path with the query.
    Url,
    /// Path without the query.
    Path,
    /// Query, with or without its `?`.
    Query,
    Status,
    /// Length of the response.
    Bytes,
    /// Times behind the fields of nginx' combined format: numbers, or `rt=0.003 urt=0.002`.
    Tail,
    Ignored,
}

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
const MICROSECOND: u64 = 1_000;

/// Returns the meaning of a field by its name.
pub(super) fn meaning(name: &str) -> FieldMeaning {
    use FieldMeaning as M;
    let whole = |unit| M::Duration { unit: Some(unit), precedence: 1 };
    let upstream = |unit| M::Duration { unit: Some(unit), precedence: 2 };
    match name {
        "time_local" => M::End(StampForm::CommonLog),
        "time_iso8601" | "end_iso" => M::End(StampForm::Iso),
        "msec" => M::End(StampForm::Epoch(SECOND)),
        "start_iso" => M::Start(StampForm::Iso),
        "start_local" | "%t" => M::Start(StampForm::CommonLog),
        "request_time" | "%T" | "%{s}T" => whole(SECOND),
        "duration_ms" | "%{ms}T" => whole(MILLISECOND),
        "%D" | "%{us}T" => whole(MICROSECOND),
        "upstream_response_time" | "target_seconds" => upstream(SECOND),
        "upstream_ms" => upstream(MILLISECOND),
        "upstream_header_time" => M::FirstByte { unit: Some(SECOND) },
        "first_byte_ms" => M::FirstByte { unit: Some(MILLISECOND) },
        "before_ms" => M::Before { unit: MILLISECOND },
        "before_seconds" => M::Before { unit: SECOND },
        "after_seconds" => M::After { unit: SECOND },
        "total_ms" => M::Total { unit: MILLISECOND },
        "request" | "%r" => M::Request,
        "request_method" | "%m" => M::Method,
        "request_uri" => M::Url,
        "uri" | "document_uri" | "%U" => M::Path,
        "args" | "query_string" | "%q" => M::Query,
        "status" | "%s" => M::Status,
        "body_bytes_sent" | "bytes_sent" | "%B" | "%b" | "%O" => M::Bytes,
        "tail_times" => M::Tail,
        _ => name.strip_prefix("%{").and_then(|rest| rest.strip_suffix("}t")).map_or(M::Ignored, apache_time),
    }
}

/// Returns the meaning of Apache's `%{FORMAT}t`.
fn apache_time(format: &str) -> FieldMeaning {
    let (is_end, format) = match format.split_once(':') {
        Some(("begin", format)) => (false, format),
        Some(("end", format)) => (true, format),
        _ => (false, format),
    };
    let form = match format {
        "sec" | "%s" => StampForm::Epoch(SECOND),
        "msec" => StampForm::Epoch(MILLISECOND),
        "usec" => StampForm::Epoch(MICROSECOND),
        "%d/%b/%Y:%H:%M:%S %z" => StampForm::CommonLog,
        "%Y-%m-%dT%H:%M:%S%z" | "%FT%T%z" | "%Y-%m-%dT%H:%M:%SZ" | "%FT%TZ" => StampForm::Iso,
        _ => return FieldMeaning::Ignored,
    };
    if is_end { FieldMeaning::End(form) } else { FieldMeaning::Start(form) }
}
