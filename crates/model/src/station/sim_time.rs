//! A moment of virtual time: stations never look at a clock, so that the same calls wait as long in a simulation of an
//! hour as in an hour of serving.

use std::ops::Add;
use std::time::Duration;

/// Nanoseconds since an epoch that the caller chooses, up to 584 years; arithmetic stops there instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

impl SimTime {
    /// The epoch.
    pub const EPOCH: Self = Self(0);

    /// A number of nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The time since the epoch.
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time since another moment; zero if that is later.
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

/// The nanoseconds of a duration, as many as 64 bits hold.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
