//! Simulated time: stations never read a clock, so that the same calls wait as long in a simulation
//! of an hour as in an hour of serving.

use std::ops::Add;
use std::time::Duration;

/// Nanoseconds since an epoch that the caller chooses, at most 584 years; arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

impl SimTime {
    /// Time zero of a simulation.
    pub const EPOCH: Self = Self(0);

    /// Makes a time from the nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Returns the time since the epoch.
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the time since another one; zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for SimTime {
    fn from(since_epoch: Duration) -> Self {
        Self(nanos(since_epoch))
    }
}

impl Add<Duration> for SimTime {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }
}

/// Returns the nanoseconds of a duration; saturates at 64 bits.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
