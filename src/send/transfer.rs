//! A body that leaves at a rate, as over a slow link or from a service that writes as it reads.
//!
//! It goes in equal pieces of about a millisecond each: the first with the head, the last when the rate has carried all of it.
//! Each has a moment of its own that is counted from the first byte, so that one that was late does not hold up the rest.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Outgoing;
use super::dribble::{self, Wait};

/// How fast a body leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// When its first byte is due.
    pub start: Instant,
    /// Bytes a second.
    pub rate: f64,
}

/// `bytes` at a rate; at once if that takes less than a millisecond.
pub(super) fn body(bytes: Bytes, transfer: Transfer, wait: impl FnOnce() -> Wait) -> Outgoing {
    let (pieces, step) = pieces(bytes.len(), transfer.rate);
    if pieces < 2 {
        return Outgoing::whole(bytes);
    }
    dribble::pieces(bytes, pieces, transfer.start, step, wait())
}

/// In how many pieces so many bytes go, and the time between two of them.
fn pieces(length: usize, rate: f64) -> (usize, Duration) {
    let nanos = length as f64 / rate * 1e9;
    if nanos.is_nan() || nanos < PIECE || length < 2 {
        return (1, Duration::ZERO);
    }
    // so many gaps of a millisecond, but no pieces that are not worth a write
    let gaps = ((nanos / PIECE) as usize).min((length / LEAST_PIECE).max(2) - 1);
    (gaps + 1, Duration::from_nanos((nanos / gaps as f64).min(LONGEST) as u64))
}

/// Nanoseconds between two pieces.
const PIECE: f64 = 1e6;

/// Bytes that are worth a write of their own.
const LEAST_PIECE: usize = 1024;

/// Nanoseconds that no client waits between two pieces: ten years.
const LONGEST: f64 = 3e17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_as_long_as_its_rate_says() {
        for (length, rate) in
            [(1_000_000, 2e7), (33_000, 2e7), (1_000_000_007, 1e9), (5_000, 1e5), (500, 100.0), (2, 1.0)]
        {
            let (pieces, step) = pieces(length, rate);
            let taken = step.as_secs_f64() * (pieces - 1) as f64;
            let expected = length as f64 / rate;
            // but for the rounding of each step to a nanosecond
            assert!((taken - expected).abs() < 1e-9 * pieces as f64, "{length} at {rate}: {taken} of {expected}");
            assert!(pieces == 2 || length / pieces >= LEAST_PIECE, "{length} at {rate}: {pieces}");
            assert!(pieces == 2 || step >= Duration::from_millis(1), "{length} at {rate}: {step:?}");
        }
    }

    #[test]
    fn what_takes_no_time_goes_at_once() {
        for (length, rate) in [(19_999, 2e7), (0, 1.0), (1, 1.0), (usize::MAX, f64::INFINITY), (1, f64::NAN)] {
            assert_eq!(pieces(length, rate).0, 1, "{length} at {rate}");
        }
        assert_eq!(pieces(2, 1e-300).0, 2);
    }
}
