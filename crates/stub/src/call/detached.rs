//! Copies of calls that are held for long, as by a stream or a channel.

use bytes::Bytes;
use http::HeaderValue;

use super::Call;
use crate::memory::UNCOUNTED_BODY_BYTES;

impl Call {
    /// Returns a copy that keeps no read buffer of its connection alive: the head of an HTTP/1.1
    /// request, and a short body, are slices of one.
    #[must_use]
    pub fn detached(&self) -> Self {
        let mut copy = self.copy();
        for value in copy.headers.values_mut() {
            *value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
        }
        copy.uri = copy.uri.to_string().parse().unwrap_or(copy.uri);
        if copy.raw_body.len() <= UNCOUNTED_BODY_BYTES {
            copy.raw_body = Bytes::copy_from_slice(&copy.raw_body);
        }
        copy
    }
}
