//! What a call brings to a station: its demand, and how others in service disturb it.

use std::time::Duration;

/// The part of a call's demand that the other calls in service disturb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contention {
    /// Share of the demand that needs a core, from 0 to 1.
    Cpu(f64),
    /// Share of its time that each other call in service takes from the call, from 0 to 1.
    Slowdown(f64),
}

/// The work that a call brings to a station.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Time that the call would take alone.
    pub demand: Duration,
    /// Contention with other calls; it counts for a layered capacity only.
    pub contention: Contention,
}

/// The calls in service that have the same contention, and so the same stretch.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassLoad {
    pub(super) contention: Contention,
    /// Number of calls in service.
    pub(super) count: usize,
    /// Time that a unit of demand takes; 1 or more.
    pub(super) stretch: f64,
}

impl Default for Contention {
    /// All of the demand needs a core, if cores are shared.
    fn default() -> Self {
        Self::Cpu(1.0)
    }
}

impl From<Duration> for Work {
    /// A demand with the default contention.
    fn from(demand: Duration) -> Self {
        Self { demand, contention: Contention::default() }
    }
}

impl Contention {
    /// Returns the share by which the call disturbs calls that need a core; CPU is not shared if
    /// there are no `cores`.
    pub fn share(self, cores: Option<f64>) -> f64 {
        match self {
            Self::Cpu(_) if cores.is_none() => 0.0,
            Self::Cpu(share) | Self::Slowdown(share) => share,
        }
    }
}

impl ClassLoad {
    pub(super) fn new(contention: Contention) -> Self {
        Self { contention, count: 0, stretch: 1.0 }
    }

    /// Returns the share by which a call of the class disturbs those that need a core.
    pub(super) fn share(&self, cores: f64) -> f64 {
        self.contention.share(Some(cores))
    }

    pub(super) fn needs_core(&self) -> bool {
        self.count > 0 && matches!(self.contention, Contention::Cpu(_))
    }

    /// Returns the share of the demand that needs a core.
    pub(super) fn cpu(&self) -> f64 {
        if let Contention::Cpu(share) = self.contention { share } else { 0.0 }
    }
}
