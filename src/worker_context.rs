//! The context that a worker thread shares with the calls that it serves.

use std::sync::Arc;

use crate::tasks::Tasks;
use crate::timer::Timer;

/// The worker that serves a call: its index, its tasks and its timer.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    /// Index of the worker, from 0.
    pub worker: usize,
    /// Tasks of the worker thread.
    pub tasks: Tasks,
    /// Timer of the worker thread.
    pub timer: Arc<Timer>,
}
