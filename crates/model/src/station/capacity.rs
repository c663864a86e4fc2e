//! The capacity of a station: how its workers serve calls, and how many calls may wait.

use std::num::NonZeroU32;

use super::rate_curve::RateCurve;
use super::sharing::Speed;

/// The workers of a station and their queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Capacity {
    /// Every call has a worker: latency does not depend on load.
    Unlimited,
    /// Each worker takes one call at a time, first come, first served.
    Fifo {
        /// Number of workers, at least one.
        workers: NonZeroU32,
        /// Limit of the calls that wait.
        queue: Queue,
    },
    /// All calls share the workers evenly: of `n` calls, each runs at the rate min(1, workers / n).
    Sharing {
        /// Number of workers, at least one.
        workers: NonZeroU32,
        /// Limit of the calls in the station beyond one for each worker.
        queue: Queue,
    },
    /// All calls are worked on at once, at measured rates.
    Curve {
        /// Completions a second by the number of calls in the station.
        curve: RateCurve,
        /// Limit of the calls in the station beyond the largest population of the curve.
        queue: Queue,
    },
    /// Each call holds a worker, first come, first served; those that hold one disturb each other,
    /// as their [`Contention`](super::Contention) tells.
    Layered {
        /// Number of workers; no call waits for one if `None`.
        workers: Option<NonZeroU32>,
        /// Number of cores, above 0, which may be a part of one. If `None`, CPU is not shared, and
        /// a measured slowdown is that on one core.
        cores: Option<f64>,
        /// Limit of the calls that wait for a worker; without workers, of those beyond one for each
        /// core.
        queue: Queue,
    },
}

/// The limit of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Any number of calls may wait.
    Unbounded,
    /// At most this number of calls; the next one is an overflow.
    AtMost(u32),
}

impl Capacity {
    /// Returns the number of workers, if it is limited.
    pub fn workers(&self) -> Option<NonZeroU32> {
        match self {
            Self::Unlimited | Self::Curve { .. } => None,
            Self::Fifo { workers, .. } | Self::Sharing { workers, .. } => Some(*workers),
            Self::Layered { workers, .. } => *workers,
        }
    }

    /// Returns the number of cores that calls share, if there is one.
    pub fn cores(&self) -> Option<f64> {
        if let Self::Layered { cores, .. } = self { *cores } else { None }
    }

    /// Returns the speed of virtual time if calls share the capacity.
    pub(super) fn speed(&self) -> Option<Speed> {
        match self {
            Self::Unlimited | Self::Fifo { .. } | Self::Layered { .. } => None,
            Self::Sharing { workers, .. } => Some(Speed::Workers(workers.get())),
            Self::Curve { curve, .. } => Some(Speed::Curve(curve.clone())),
        }
    }
}

impl Queue {
    /// Returns whether another call may wait.
    pub(super) fn has_room(self, waiting: usize) -> bool {
        match self {
            Self::Unbounded => true,
            Self::AtMost(limit) => waiting < limit as usize,
        }
    }
}
