//! The task scheduler of a worker: tasks that a deadline wakes run before all others.
//!
//! tokio's scheduler is a single queue: a response that is due would wait for every connection that
//! became readable before it. Here deadlines are checked after every poll, and what they wake runs
//! next. Each task can also ask since when it has been ready, so that a request's arrival does not
//! include the time until a busy worker reads it.

mod run_queues;
mod running;

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

pub use self::run_queues::Readiness;
use self::run_queues::{Shared, wake};
use self::running::RunningTasks;

/// A handle that spawns tasks on a worker. Cloning it is cheap.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

impl Tasks {
    /// Creates a scheduler without tasks.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared::new()) }
    }

    /// Adds a task. [`Tasks::run`] polls it, and drops it when it ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut queues = self.shared.queues();
        queues.new.push(Box::pin(task));
        wake(queues);
    }

    /// Returns the handle by which a task learns since when it has been ready.
    pub fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.shared.readiness)
    }

    /// Polls the tasks until this future is dropped. `fire_due` is called after every poll and
    /// wakes the tasks whose deadline has passed.
    ///
    /// A task that panics is dropped, `panicked` is called with the payload, and the other tasks
    /// continue. The future yields to tokio after [`POLLS_PER_TURN`] polls, so that sockets and
    /// timers are served.
    pub async fn run(self, fire_due: impl Fn(), panicked: impl Fn(&(dyn Any + Send))) {
        let mut running = RunningTasks::default();
        poll_fn(|cx| self.turn(&mut running, &fire_due, &panicked, cx)).await;
    }

    fn turn(
        &self,
        running: &mut RunningTasks,
        fire_due: &impl Fn(),
        panicked: &impl Fn(&(dyn Any + Send)),
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.shared.queues().stamp(Instant::now());
        self.run_due(fire_due);
        for _ in 0..POLLS_PER_TURN {
            running.adopt_all(&self.shared);
            let Some((key, since)) = self.shared.queues().next() else { break };
            self.shared.readiness.set(since);
            if let Err(payload) = running.poll(key) {
                panicked(&*payload);
            }
            self.shared.readiness.set(None);
            self.run_due(fire_due);
            if !tokio::task::coop::has_budget_remaining() {
                break;
            }
        }
        let mut queues = self.shared.queues();
        if queues.is_empty() {
            queues.parked = Some(cx.waker().clone());
        } else {
            drop(queues);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Wakes the tasks whose deadline has passed; they are polled first.
    fn run_due(&self, fire_due: &impl Fn()) {
        self.shared.firing.store(true, Ordering::Relaxed);
        fire_due();
        self.shared.firing.store(false, Ordering::Relaxed);
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queues = self.shared.queues();
        out.debug_struct("Tasks").field("due", &queues.due.len()).field("ready", &queues.ready.len()).finish()
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(async move {
            task.await;
        });
    }
}

/// Polls between two turns of tokio's I/O driver. Few, so that arrivals are seen soon.
const POLLS_PER_TURN: usize = 16;

#[cfg(test)]
mod tests;
