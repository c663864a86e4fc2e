//! Calls with their times, as captures, logs and spans have them.

use standin_tape::exchange::ExchangeFailure;

/// A call with its times, in nanoseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimedCall {
    /// Method.
    pub method: String,
    /// Path and query, or a path template.
    pub url: String,
    /// Operation, such as `GET /items/{id}`, if the source names it.
    pub operation: Option<String>,
    /// Status of the response; `None` without a response.
    pub status: Option<u16>,
    /// Cause of a missing or incomplete response.
    pub failure: Option<ExchangeFailure>,
    /// Headers of the request.
    pub request_headers: Vec<(String, String)>,
    /// Headers of the response.
    pub response_headers: Vec<(String, String)>,
    /// Body of the request.
    pub request_body: TimedBody,
    /// Body of the response.
    pub response_body: TimedBody,
    /// Arrival at the service.
    pub sent: u64,
    /// First byte of the response.
    pub first_byte: Option<u64>,
    /// Last byte of the response.
    pub last_byte: Option<u64>,
    /// Calls at the service at the arrival, this one included; 0 if the source does not tell.
    pub in_flight: u32,
    /// True if an earlier call opened the connection.
    pub reused: bool,
}

/// A body: its length, and its bytes if they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimedBody {
    /// Length in bytes, without the framing of chunks.
    pub size: u64,
    /// The bytes; `None` if they are not kept.
    pub bytes: Option<Vec<u8>>,
}

impl TimedBody {
    /// Returns an empty body whose bytes will be kept.
    pub fn kept() -> Self {
        Self { size: 0, bytes: Some(Vec::new()) }
    }

    /// Returns a body of which only the length is known.
    pub fn of_size(size: u64) -> Self {
        Self { size, bytes: None }
    }

    /// Appends bytes. A body that becomes longer than `limit` loses its bytes.
    pub fn push(&mut self, bytes: &[u8], limit: u64) {
        self.size += bytes.len() as u64;
        if self.size > limit {
            self.bytes = None;
        } else if let Some(kept) = &mut self.bytes {
            kept.extend_from_slice(bytes);
        }
    }
}
