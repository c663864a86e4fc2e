//! What an evaluation may cost: steps, and bytes of output. No template runs away, and none keeps a worker.

use super::tree::Position;
use super::value::TooDeep;

/// Steps that are left. A step is about a tenth of a microsecond: a node, a name, an item of a list, or 64 bytes of text.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

/// Why an evaluation ends without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Something cannot be done; the place is that of the tag, once it is known.
    Failed { at: Option<Position>, what: String },
    /// The steps are used up.
    Exhausted,
}

impl Budget {
    pub(crate) fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(steps).ok_or(Stop::Exhausted)?;
        Ok(())
    }

    /// Spends what it takes to go through so many bytes.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        self.spend(bytes / BYTES_A_STEP)
    }
}

impl Stop {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed { at: None, what: what.into() }
    }

    /// The same with its place, unless it has one.
    pub(super) fn at(self, place: Position) -> Self {
        match self {
            Self::Failed { at: None, what } => Self::Failed { at: Some(place), what },
            other => other,
        }
    }
}

impl From<TooDeep> for Stop {
    fn from(_: TooDeep) -> Self {
        Self::failed("lists and objects stand too deep in each other")
    }
}

/// Steps of an evaluation that a worker waits for: well below a millisecond.
pub(crate) const QUICK_STEPS: usize = 4_000;

/// Steps of one that runs beside the workers: below a second.
pub(crate) const ALL_STEPS: usize = 1_000_000;

/// Bytes that a template may write.
pub(crate) const MAX_OUTPUT: usize = 16 << 20;

/// Calls of blocks, partials and helpers that may stand in each other; parsing bounds them but for partials.
pub(crate) const MAX_CALLS: usize = 120;

/// Entries of an object that are looked through for a name.
pub(super) const ENTRIES_A_STEP: usize = 32;

const BYTES_A_STEP: usize = 64;
