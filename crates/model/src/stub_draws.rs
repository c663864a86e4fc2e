//! Random numbers of stubs: their delays, and the values of their templates.

use std::time::Duration;

use uuid::Uuid;

use crate::draws::{Draws, RandomStream};
use standin_stub::render::Delays;

/// Returns the random numbers of a stub's templates on the call with this 0-based ordinal. They are
/// independent of the numbers of its delay.
pub fn stub_random_stream(stub: Uuid, draws: Draws, ordinal: u64) -> RandomStream {
    draws.at(!stub.as_u64_pair().1, ordinal)
}

/// Returns the random numbers of the delays of a stream on the call with this 0-based ordinal.
pub fn stream_delays(stub: Uuid, draws: Draws, ordinal: u64) -> RandomStream {
    draws.at(stub.as_u64_pair().1.rotate_left(32), ordinal)
}

/// Returns the random numbers of the templates of a chunk, by its 0-based index in the stream.
pub fn chunk_values(stub: Uuid, draws: Draws, ordinal: u64, index: u64) -> RandomStream {
    let call = stub.as_u64_pair().1.rotate_left(16) ^ ordinal.wrapping_mul(CALL_STRIDE);
    draws.at(call, index)
}

/// Odd multiplier that spreads the ordinals of calls over 64 bits (Steele, Lea and Flood, *Fast
/// Splittable Pseudorandom Number Generators*, 2014).
const CALL_STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws the delay of a stub on the call with this 0-based ordinal: the sum of its fixed and its
/// random part, each of which the global one stands in for. Returns `None` if there is no delay.
///
/// The same seed, stub and ordinal give the same delay on any worker.
pub fn draw_stub_delay(stub: Uuid, own: &Delays, global: &Delays, draws: &Draws, ordinal: u64) -> Option<Duration> {
    let (fixed, distribution) = own.or(global);
    let drawn = distribution.map(|distribution| distribution.sample(&mut draws.at(stub.as_u64_pair().1, ordinal)));
    match (fixed, drawn) {
        (Some(fixed), Some(drawn)) => Some(fixed + drawn),
        (fixed, drawn) => fixed.or(drawn).filter(|delay| !delay.is_zero()),
    }
}
