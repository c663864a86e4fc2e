//! Performance models: queueing stations in virtual time, the profiles that describe them, and the delays of stubs.

pub mod draws;
pub mod profile;
pub mod station;
pub mod stats;

use std::time::Duration;

use uuid::Uuid;

use self::draws::{Draws, RandomStream};
use standin_stub::render::Delays;

/// The random numbers of a stub's templates on its `ordinal`-th call; they are none of its delay's.
pub fn stub_values(stub: Uuid, draws: Draws, ordinal: u64) -> RandomStream {
    draws.at(!stub.as_u64_pair().1, ordinal)
}

/// The delay that a stub asks for, on its `ordinal`-th call: its own fixed and random parts, or the global ones in their
/// place, added up. `None` if it asks for none.
///
/// The same seed, stub and ordinal give the same delay on any worker.
pub fn stub_delay(stub: Uuid, own: &Delays, global: &Delays, draws: &Draws, ordinal: u64) -> Option<Duration> {
    let (fixed, distribution) = own.or(global);
    let drawn = distribution.map(|distribution| distribution.sample(&mut draws.at(stub.as_u64_pair().1, ordinal)));
    match (fixed, drawn) {
        (Some(fixed), Some(drawn)) => Some(fixed + drawn),
        (fixed, drawn) => fixed.or(drawn).filter(|delay| !delay.is_zero()),
    }
}
