//! What an evaluation may cost: steps, and bytes of output. No template runs away, and none keeps a
//! worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::tree::Position;
use super::value::TooDeep;
use standin_dialect::cpu_time::thread_cpu_time;

/// Steps that are left. A step is about a tenth of a microsecond: a node, a name, an item of a
/// list, or 64 bytes of text.
#[derive(Debug)]
pub(crate) struct RenderBudget {
    left: usize,
    is_quick: bool,
    /// What ends the evaluation early, if anything does.
    cancellation: Option<Cancellation>,
}

/// A flag that ends a rendering whose result nobody waits for.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

/// Sets its flag when it is dropped, as the future is that holds it when a client goes away.
#[derive(Debug)]
pub struct CancelOnDrop(Cancellation);

impl Cancellation {
    /// Returns what cancels the rendering when it is dropped.
    pub fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Relaxed);
    }
}

/// Why an evaluation ends without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    /// Something cannot be done; the place is that of the tag, once it is known.
    Failed { at: Option<Position>, message: String },
    /// The steps are used up.
    Exhausted,
}

impl RenderBudget {
    pub(crate) fn new(steps: usize) -> Self {
        Self { left: steps, is_quick: steps <= QUICK_STEPS, cancellation: None }
    }

    /// Returns a budget of [`ALL_STEPS`] that is used up when the rendering is cancelled.
    pub(crate) fn cancelled_by(cancellation: Cancellation) -> Self {
        Self { cancellation: Some(cancellation), ..Self::new(ALL_STEPS) }
    }

    /// Returns whether the evaluation runs on a worker, which other calls wait for.
    pub(crate) fn is_quick(&self) -> bool {
        self.is_quick
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), RenderError> {
        let before = self.left;
        self.left = before.checked_sub(steps).ok_or(RenderError::Exhausted)?;
        let looks = before / STEPS_A_LOOK != self.left / STEPS_A_LOOK;
        if looks && self.cancellation.as_ref().is_some_and(Cancellation::is_set) {
            return Err(RenderError::Exhausted);
        }
        Ok(())
    }

    /// Spends the CPU time that `work` takes, for work whose steps cannot be counted.
    pub(crate) fn spend_time<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, RenderError> {
        let begin = thread_cpu_time();
        let done = work();
        self.spend_cpu_time(thread_cpu_time().saturating_sub(begin))?;
        Ok(done)
    }

    /// Spends the steps that so much CPU time counts as.
    pub(crate) fn spend_cpu_time(&mut self, time: Duration) -> Result<(), RenderError> {
        self.spend((time.as_nanos() / STEP.as_nanos()) as usize)
    }

    /// Spends what it takes to go through so many bytes.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.spend(bytes / BYTES_A_STEP)
    }
}

impl RenderError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed { at: None, message: message.into() }
    }

    /// Returns the same with its place, unless it has one.
    pub(super) fn at(self, place: Position) -> Self {
        match self {
            Self::Failed { at: None, message } => Self::Failed { at: Some(place), message },
            other => other,
        }
    }
}

impl From<TooDeep> for RenderError {
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

/// Calls of blocks, partials and helpers that may stand in each other; parsing bounds them but for
/// partials.
pub(crate) const MAX_CALLS: usize = 120;

/// Entries of an object that are looked through for a name.
pub(super) const ENTRIES_A_STEP: usize = 32;

const BYTES_A_STEP: usize = 64;

/// CPU time that counts as one step.
const STEP: Duration = Duration::from_nanos(100);

/// Steps after which the evaluation looks whether it was cancelled.
const STEPS_A_LOOK: usize = 1024;
