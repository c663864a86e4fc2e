//! One call to the real service and its answer, with their times: what the recorder writes, and what fitting, drafting and
//! replaying read.
//!
//! All times are nanoseconds on one monotonic clock since the tape's start, taken at the socket. Reading ignores keys that it
//! does not know, so that an older version reads a newer tape.

use serde::{Deserialize, Serialize};

/// A call and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Counts the exchanges of a tape, in the order in which the recorder received the calls.
    pub number: u64,
    /// The operation that the call belongs to, such as `GET /inventory/{id}`; a raw tape has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The call.
    pub request: ExchangeRequest,
    /// The answer; none if the service gave none, and then `failure` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ExchangeResponse>,
    /// Why there is no whole answer. A response beside it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExchangeFailure>,
    /// When what happened.
    pub times: ExchangeTimes,
    /// Calls at the backend when this one arrived there, itself included.
    #[serde(default)]
    pub in_flight: u32,
    /// Whether the call went over a connection that an earlier call had opened.
    #[serde(default)]
    pub reused: bool,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeRequest {
    /// As on the wire: `GET`.
    pub method: String,
    /// Path and query, as on the wire.
    pub url: String,
    /// Names and values in their order, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyRef>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeResponse {
    /// The status code.
    pub status: u16,
    /// Names and values in their order, redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyRef>,
}

/// Where a body is kept, and how long it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BodyRef {
    /// The SHA-256 of the redacted body, in hex: its file name in `bodies/`. None on a tape without bodies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes on the wire, before redaction.
    pub size: u64,
}

/// Why an answer is missing or was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeFailure {
    /// What kind of thing went wrong.
    pub reason: FailureReason,
    /// What the system said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureReason {
    /// No connection to the service.
    Connect,
    /// No agreement on TLS.
    Tls,
    /// The service took longer than the recorder waits.
    Timeout,
    /// The connection ended before the answer did.
    Closed,
    /// The answer was no HTTP.
    Protocol,
    /// One of the recorder's own limits refused the call: it never reached the service.
    Limit,
    /// The client went away before the answer came.
    ClientGone,
    /// A reason that a later version knows.
    #[serde(other)]
    Other,
}

/// When things happened, and how long the recorder itself took, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeTimes {
    /// The last byte of the call reached the recorder; since the tape's start, as all that are no duration.
    pub received: u64,
    /// How long the call waited for one of the recorder's own limits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub permit_wait: u64,
    /// How long connecting took; 0 on a reused connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connect: u64,
    /// How long TLS took to agree.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tls: u64,
    /// The last bytes of the call were handed to the socket: the arrival at the service. Read before the write, and
    /// never later than `first_byte`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// The first byte of the answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<u64>,
    /// The last byte of the answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_byte: Option<u64>,
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
