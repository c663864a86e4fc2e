//! Bodies that leave at a rate, as over a slow link or from a service that streams its response.
//!
//! A body leaves in equal pieces about a millisecond apart: the first with the head, the last when
//! the rate has carried all bytes. Each piece has a deadline counted from the first byte, so that a
//! late piece does not delay the others.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Outgoing;
use super::dribble::{self, Wait};

/// The rate of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// The deadline of the first byte.
    pub start: Instant,
    /// The rate in bytes per second.
    pub rate: f64,
}

/// Returns a body that leaves at a rate, or whole if that takes less than a millisecond.
pub(super) fn body(bytes: Bytes, transfer: Transfer, wait: impl FnOnce() -> Wait) -> Outgoing {
    let (pieces, step) = pieces(bytes.len(), transfer.rate);
    if pieces < 2 {
        return Outgoing::whole(bytes);
    }
    dribble::pieces(bytes, pieces, transfer.start, step, wait())
}

/// Returns the number of pieces of a body of `length` bytes, and the time between two of them.
fn pieces(length: usize, rate: f64) -> (usize, Duration) {
    let nanos = length as f64 / rate * 1e9;
    if nanos.is_nan() || nanos < GAP_NANOS || length < 2 {
        return (1, Duration::ZERO);
    }
    // gaps of a millisecond each, but no pieces too small for a write of their own
    let gaps = ((nanos / GAP_NANOS) as usize).min((length / MIN_PIECE_BYTES).max(2) - 1);
    (gaps + 1, Duration::from_nanos((nanos / gaps as f64).min(MAX_GAP_NANOS) as u64))
}

/// Time between two pieces, in nanoseconds.
const GAP_NANOS: f64 = 1e6;

/// Minimum size of a piece in bytes, below which a write of its own is not worth its cost.
const MIN_PIECE_BYTES: usize = 1024;

/// Upper bound of the time between two pieces, in nanoseconds: ten years.
const MAX_GAP_NANOS: f64 = 3e17;

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
            // each step is rounded to a nanosecond
            assert!((taken - expected).abs() < 1e-9 * pieces as f64, "{length} at {rate}: {taken} of {expected}");
            assert!(pieces == 2 || length / pieces >= MIN_PIECE_BYTES, "{length} at {rate}: {pieces}");
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
