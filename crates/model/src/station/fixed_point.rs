//! Fixed-point time of stations whose calls share something: integers in units of 2^-32 ns, so that
//! no error accumulates over the life of a station.

use std::time::Duration;

use super::SimTime;
use super::sim_time::nanos;

/// Converts a time to fixed point.
pub(super) fn to_fixed_point(time: SimTime) -> u128 {
    u128::from(time.nanos()) << FRACTION_BITS
}

/// Converts a demand to fixed point; saturates at 146 years.
pub(super) fn demand_to_fixed_point(demand: Duration) -> u128 {
    u128::from(nanos(demand).min(MAX_DEMAND_NANOS)) << FRACTION_BITS
}

/// Rounds a fixed-point time up to whole nanoseconds.
pub(super) fn to_sim_time_rounded_up(time: u128) -> SimTime {
    let nanos = time.div_ceil(UNITS_PER_NANO);
    SimTime::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Fractional bits of a fixed-point nanosecond.
const FRACTION_BITS: u32 = 32;

/// Units of fixed-point time in a nanosecond.
pub(super) const UNITS_PER_NANO: u128 = 1 << FRACTION_BITS;

/// Longest demand, 146 years: sums over a billion calls fit into 128 bits.
const MAX_DEMAND_NANOS: u64 = 1 << 62;
