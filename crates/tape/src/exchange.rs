//! The record of one request to the real service and its response, with their times. The recorder
//! writes it; fitting, drafting and replaying read it.
//!
//! All times are nanoseconds since the start of the tape, on one monotonic clock, taken at the
//! socket. Unknown keys are ignored, so that an older version reads a newer tape.

use serde::{Deserialize, Serialize};

/// A recorded request and its response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Sequence number on the tape, from 1, in the order in which the recorder received the
    /// requests.
    pub number: u64,
    /// Operation of the request, such as `GET /inventory/{id}`; `None` on a raw tape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Request as sent to the service.
    pub request: ExchangeRequest,
    /// The response; `None` if the service sent none, and then `failure` gives the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ExchangeResponse>,
    /// Cause of a missing or incomplete response. A response beside it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExchangeFailure>,
    /// Times of the exchange.
    pub times: ExchangeTimes,
    /// Requests at the service when this one arrived there, including this one.
    #[serde(default)]
    pub in_flight: u32,
    /// True if an earlier request opened the connection.
    #[serde(default)]
    pub reused: bool,
}

/// The request of an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeRequest {
    /// Method as on the wire, such as `GET`.
    pub method: String,
    /// Path and query, as on the wire.
    pub url: String,
    /// Header names and values in their order, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Reference to the body; `None` if it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyRef>,
}

/// The response of an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeResponse {
    /// Status code of the response.
    pub status: u16,
    /// Status text, if it is not the usual one of the status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Header names and values in their order, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Reference to the body; `None` if it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyRef>,
}

/// A reference to a recorded body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BodyRef {
    /// SHA-256 of the redacted body in hexadecimal; `None` if the body was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Length on the wire in bytes, before redaction.
    pub size: u64,
}

/// The cause of a missing or incomplete response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeFailure {
    /// Category of the failure.
    pub reason: FailureReason,
    /// Error text of the operating system or the HTTP library.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The categories of failures of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureReason {
    /// The connection to the service could not be opened.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The service exceeded the timeout of the recorder.
    Timeout,
    /// The connection was closed before the end of the response.
    Closed,
    /// The response was not valid HTTP.
    Protocol,
    /// A limit of the recorder refused the request; it never reached the service.
    Limit,
    /// The client closed its connection before the response was complete.
    ClientGone,
    /// A category of a later version of the format.
    #[serde(other)]
    Other,
}

/// The times of an exchange and the delays that the recorder added, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeTimes {
    /// Time at which the recorder had read the last byte of the request.
    ///
    /// Like every field that is no duration, it counts from the start of the tape.
    pub received: u64,
    /// Duration for which the request waited for a limit of the recorder.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub permit_wait: u64,
    /// Duration of the TCP connect; 0 on a reused connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connect: u64,
    /// Duration of the TLS handshake; 0 without TLS and on a reused connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tls: u64,
    /// Time at which the last bytes of the request were written to the socket: the arrival at the
    /// service. The clock is read before the write; never later than `first_byte`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Time at which the first byte of the response arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<u64>,
    /// Time at which the last byte of the response arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_byte: Option<u64>,
    /// Number of the request on its connection, from 1; 0 if it is unknown.
    #[serde(default, skip_serializing_if = "is_none")]
    pub on_connection: u32,
    /// Duration for which the connection had been idle before the request; 0 on a new connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub idle: u64,
    /// True if the response said that the service closes the connection after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closes: bool,
    /// Idle connections that the service was found to have closed since the exchange before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<ClosedConnection>,
}

/// An idle connection that the service closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedConnection {
    /// Number of requests that it had carried.
    pub requests: u32,
    /// Duration from the end of its last response to the close, in nanoseconds.
    pub idle: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(nanos: &u64) -> bool {
    *nanos == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_survives_the_tape_and_keys_of_later_versions() {
        let line = r#"{"number":7,"request":{"method":"GET","url":"/a?b=c","headers":[["Accept","*/*"]],"later":1},
            "response":{"status":200,"body":{"size":12}},"times":{"received":5,"sent":9,"firstByte":20,"lastByte":21,"x":[1]},
            "inFlight":3,"reused":true,"new":{"deep":1.5}}"#;
        let exchange: Exchange = serde_json::from_str(line).unwrap();
        assert_eq!(exchange.request.headers, [("Accept".to_owned(), "*/*".to_owned())]);
        assert_eq!(
            exchange.times,
            ExchangeTimes {
                received: 5,
                sent: Some(9),
                first_byte: Some(20),
                last_byte: Some(21),
                ..ExchangeTimes::default()
            }
        );
        assert_eq!(exchange.in_flight, 3);
        let again: Exchange = serde_json::from_str(&serde_json::to_string(&exchange).unwrap()).unwrap();
        assert_eq!(again, exchange);
    }

    #[test]
    fn a_failure_says_why_even_for_reasons_that_are_not_known_yet() {
        let line = r#"{"number":1,"request":{"method":"GET","url":"/"},"failure":{"reason":"solarFlare","detail":"hm"},"times":{"received":5}}"#;
        let exchange: Exchange = serde_json::from_str(line).unwrap();
        assert_eq!(exchange.failure.unwrap().reason, FailureReason::Other);
        assert_eq!(serde_json::to_string(&FailureReason::ClientGone).unwrap(), r#""clientGone""#);
    }
}
