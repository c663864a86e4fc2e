//! The parts of the time of a paced request in the journal.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _};

use crate::pacing::RequestTimes;

/// The parts of the time of a paced request, as its entry keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournaledTimes {
    service: String,
    operation: String,
    parts: [Duration; PART_COUNT],
}

impl JournaledTimes {
    /// Returns the times in decoded form.
    pub fn get(&self) -> RequestTimes<'_> {
        let [outside, rate_waiting, front_waiting, front, waiting, demand] = self.parts;
        let (service, operation) = (&*self.service, &*self.operation);
        RequestTimes { service, operation, outside, rate_waiting, front_waiting, front, waiting, demand }
    }
}

/// Returns the encoded length of times in bytes.
pub(super) fn encoded_bytes(times: &RequestTimes<'_>) -> usize {
    8 * PART_COUNT + 2 * 2 + shown(times.service).len() + shown(times.operation).len()
}

/// Appends the times in encoded form.
pub(super) fn encode(out: &mut Vec<u8>, times: &RequestTimes<'_>) {
    let RequestTimes { service, operation, outside, rate_waiting, front_waiting, front, waiting, demand } = *times;
    for part in [outside, rate_waiting, front_waiting, front, waiting, demand] {
        out.put_u64(part.as_nanos() as u64);
    }
    for name in [service, operation] {
        out.put_u16(shown(name).len() as u16);
        out.put_slice(shown(name).as_bytes());
    }
}

/// Decodes times, and moves the bytes behind them.
pub(super) fn decode(bytes: &mut &[u8]) -> JournaledTimes {
    let parts = std::array::from_fn(|_| Duration::from_nanos(bytes.get_u64()));
    let mut name = || {
        let length = bytes.get_u16().into();
        let (name, rest) = bytes.split_at(length);
        *bytes = rest;
        String::from_utf8_lossy(name).into_owned()
    };
    JournaledTimes { service: name(), operation: name(), parts }
}

/// Returns the part of a name that is kept.
fn shown(name: &str) -> &str {
    let longest = name.len().min(MAX_NAME_BYTES);
    let end = (0..=longest).rev().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or_default()]
}

/// Number of parts of a time.
const PART_COUNT: usize = 6;

/// Maximum bytes of the name of a service or an operation.
const MAX_NAME_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_decoded_as_they_were_encoded() {
        let long = "é".repeat(150);
        let times = RequestTimes {
            service: "orders",
            operation: &long,
            outside: Duration::from_millis(1),
            rate_waiting: Duration::from_millis(2),
            front_waiting: Duration::from_millis(3),
            front: Duration::from_millis(4),
            waiting: Duration::from_millis(5),
            demand: Duration::from_nanos(6),
        };
        let mut encoded = Vec::new();
        encode(&mut encoded, &times);
        assert_eq!(encoded.len(), encoded_bytes(&times));
        let mut bytes = &encoded[..];
        let decoded = decode(&mut bytes);
        assert_eq!(decoded.get(), RequestTimes { operation: &"é".repeat(100), ..times });
        assert!(bytes.is_empty());
    }
}
