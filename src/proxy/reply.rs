//! Replies in place of the response of a service: WireMock's words where it has them.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::request::ProxiedUrl;
use crate::upstream::{LimitExceeded, TargetUrl};
use standin_stub::reply::{Body, Reply};
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// Returns the reply for a target that may not be called, or that cannot be.
pub(super) fn refused(message: String) -> Box<Reply> {
    let mut reply = Reply::text(StatusCode::INTERNAL_SERVER_ERROR, message);
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Box::new(reply)
}

/// Returns the reply for a request that a limit refused.
pub(super) fn limit_exceeded(exceeded: LimitExceeded, target: &TargetUrl) -> Box<Reply> {
    let (why, option) = match exceeded {
        LimitExceeded::InFlight => ("too many calls were in flight", "--max-in-flight"),
        LimitExceeded::Rate => ("calls came faster than the rate allows", "--max-per-second"),
    };
    let help = format!("raise {option}, or let calls wait longer by --queue-timeout");
    let mut reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("standin protects {target}: {why}; {help}\n"));
    reply.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Box::new(reply)
}

/// Returns the reply for a service that did not respond.
pub(super) fn failed(failure: &ExchangeFailure, url: &ProxiedUrl) -> Box<Reply> {
    let kind = match failure.reason {
        // the rules for targets
        FailureReason::Limit => return refused(failure.detail.clone()),
        FailureReason::Tls => "SSL",
        _ => "Network",
    };
    // the number of the error says no more than its words
    let detail = failure.detail.split(" (os error ").next().unwrap_or_default();
    let cause = match failure.reason {
        FailureReason::Connect => format!("Connect to {} failed: {detail}", url.target),
        FailureReason::Timeout => format!("Read timed out: {detail}"),
        _ => detail.to_owned(),
    };
    failure_of(kind, &url.text, &cause)
}

/// Returns the reply for a service that responded with a status which is not final.
pub(super) fn unexpected_status(status: StatusCode, url: &ProxiedUrl) -> Box<Reply> {
    failure_of("Network", &url.text, &format!("its last response was {status}"))
}

fn failure_of(kind: &str, url: &str, cause: &str) -> Box<Reply> {
    let text = format!("{kind} failure trying to make a proxied request from WireMock to {url}\r\n{cause}");
    Box::new(Reply { body: Body::Bytes(Bytes::from(text)), ..Reply::empty(StatusCode::INTERNAL_SERVER_ERROR) })
}
