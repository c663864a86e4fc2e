//! The budget of a rendering: steps, and bytes of output. It ends every template, and keeps long
//! ones off the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::position::Position;
use standin_dialect::SyntaxError;
use standin_dialect::cpu_time::thread_cpu_time;

/// The remaining steps of a rendering. A step takes about 0.1 µs: a node, a name, an item of a
/// list, or 64 bytes of text.
#[derive(Debug)]
pub(crate) struct RenderBudget {
    left: usize,
    is_quick: bool,
    /// The flag that ends the rendering early.
    cancellation: Option<Cancellation>,
}

/// A flag that ends a rendering whose result is not needed any more.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

/// A guard that cancels the rendering when it is dropped, for example with the future of a client
/// that disconnects.
#[derive(Debug)]
pub struct CancelOnDrop(Cancellation);

impl Cancellation {
    /// Returns a guard that cancels the rendering when it is dropped.
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

/// The reason why a rendering ends without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    /// The rendering failed. `at` is the position of the tag, once it is known.
    Failed { at: Option<Position>, message: String },
    /// The steps are used up.
    Exhausted,
}

impl RenderBudget {
    pub(crate) fn new(steps: usize) -> Self {
        Self { left: steps, is_quick: steps <= QUICK_STEPS, cancellation: None }
    }

    /// Creates a budget of [`ALL_STEPS`] that ends when the rendering is cancelled.
    pub(crate) fn cancelled_by(cancellation: Cancellation) -> Self {
        Self { cancellation: Some(cancellation), ..Self::new(ALL_STEPS) }
    }

    /// Returns whether the rendering runs on a worker, which delays other requests.
    pub(crate) fn is_quick(&self) -> bool {
        self.is_quick
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), RenderError> {
        let before = self.left;
        self.left = before.checked_sub(steps).ok_or(RenderError::Exhausted)?;
        let looks = before / STEPS_PER_CHECK != self.left / STEPS_PER_CHECK;
        if looks && self.cancellation.as_ref().is_some_and(Cancellation::is_set) {
            return Err(RenderError::Exhausted);
        }
        Ok(())
    }

    /// Runs `work` and spends its CPU time, for work whose steps cannot be counted.
    pub(crate) fn spend_time<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, RenderError> {
        let begin = thread_cpu_time();
        let done = work();
        self.spend_cpu_time(thread_cpu_time().saturating_sub(begin))?;
        Ok(done)
    }

    /// Spends the steps of an amount of CPU time.
    pub(crate) fn spend_cpu_time(&mut self, time: Duration) -> Result<(), RenderError> {
        self.spend((time.as_nanos() / STEP.as_nanos()) as usize)
    }

    /// Spends the steps of reading or copying a number of bytes.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.spend(bytes / BYTES_PER_STEP)
    }
}

impl RenderError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed { at: None, message: message.into() }
    }

    /// Returns the error as a message.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Exhausted => "its templates take too long".to_owned(),
            Self::Failed { at: Some(at), message } => format!("{at}: {message}"),
            Self::Failed { at: None, message } => message,
        }
    }

    /// Sets the position, unless there is one.
    pub(super) fn at(self, place: Position) -> Self {
        match self {
            Self::Failed { at: None, message } => Self::Failed { at: Some(place), message },
            other => other,
        }
    }
}

impl From<SyntaxError> for RenderError {
    fn from(error: SyntaxError) -> Self {
        Self::failed(format!("{}; {}", error.message, error.help))
    }
}

/// Budget on a worker, in steps: well below a millisecond.
pub(crate) const QUICK_STEPS: usize = 4_000;

/// Budget off the workers, in steps: below a second.
pub(crate) const ALL_STEPS: usize = 1_000_000;

/// Maximum size of the output in bytes.
pub(crate) const MAX_OUTPUT_BYTES: usize = 16 << 20;

/// Maximum nesting of blocks, partials and helpers. Parsing limits all but partials.
pub(crate) const MAX_CALLS: usize = 120;

/// Number of entries of an object that are searched per step.
pub(super) const ENTRIES_PER_STEP: usize = 32;

const BYTES_PER_STEP: usize = 64;

/// CPU time per step.
const STEP: Duration = Duration::from_nanos(100);

/// Number of steps between two checks for cancellation.
const STEPS_PER_CHECK: usize = 1024;
