//! The tasks of a running worker, with their wakers: polled, and dropped when they have ended or
//! panicked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use slab::Slab;

use super::run_queues::{Shared, Task, wake};

/// The tasks of the running worker; they never leave their thread.
#[derive(Default)]
pub(super) struct RunningTasks {
    tasks: Slab<RunningTask>,
}

struct RunningTask {
    task: Task,
    wakeup: Arc<TaskWaker>,
    waker: Waker,
}

impl RunningTasks {
    /// Adopts the newly spawned tasks; each is polled in its turn.
    pub(super) fn adopt_all(&mut self, shared: &Arc<Shared>) {
        let new = std::mem::take(&mut shared.queues().new);
        for task in new {
            self.adopt(task, shared);
        }
    }

    fn adopt(&mut self, task: Task, shared: &Arc<Shared>) {
        let place = self.tasks.vacant_entry();
        let wakeup =
            Arc::new(TaskWaker { key: place.key(), queued: AtomicBool::new(false), shared: Arc::clone(shared) });
        let waker = Waker::from(Arc::clone(&wakeup));
        place.insert(RunningTask { task, wakeup, waker: waker.clone() });
        waker.wake();
    }

    /// Polls a task, and drops it when it has ended or panicked.
    pub(super) fn poll(&mut self, key: usize) -> thread::Result<()> {
        // a waker may be used after its task has ended
        let Some(running) = self.tasks.get_mut(key) else { return Ok(()) };
        running.wakeup.queued.store(false, Ordering::Release);
        let mut context = Context::from_waker(&running.waker);
        match catch_unwind(AssertUnwindSafe(|| running.task.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => Ok(()),
            Ok(Poll::Ready(())) => self.remove(key),
            Err(payload) => {
                // a second panic, from dropping the broken task, tells nothing new
                let _ = self.remove(key);
                Err(payload)
            }
        }
    }

    fn remove(&mut self, key: usize) -> thread::Result<()> {
        let running = self.tasks.remove(key);
        catch_unwind(AssertUnwindSafe(|| drop(running)))
    }
}

/// The waker of a task. By the time it is used its key may belong to another task, which is then
/// polled once more than needed.
struct TaskWaker {
    key: usize,
    /// Set while the key is in a queue.
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_due = self.shared.firing.load(Ordering::Relaxed);
        // a task in the ready queue is queued again as due, to be polled first
        if self.queued.swap(true, Ordering::AcqRel) && !is_due {
            return;
        }
        let mut queues = self.shared.queues();
        if is_due {
            queues.due.push_back(self.key);
        } else {
            queues.ready.push_back((self.key, None));
        }
        wake(queues);
    }
}
