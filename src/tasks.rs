//! The task scheduler of a worker: tasks that a deadline wakes run before all others.
//!
//! tokio's scheduler is a single queue: a response that is due would wait for every connection that
//! became readable before it. Here deadlines are checked after every poll, and what they wake runs
//! next. Each task can also ask since when it has been ready, so that a request's arrival does not
//! include the time until a busy worker reads it.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::locks::LockUnpoisoned as _;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handle that spawns tasks on a worker. Cloning it is cheap.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

/// The instant since which the task that is being polled has been ready.
#[derive(Debug)]
pub struct Readiness {
    base: Instant,
    /// Nanoseconds since `base`, plus one; 0 if unknown.
    since: AtomicU64,
}

struct Shared {
    queues: Mutex<RunQueues>,
    /// Set while expired deadlines wake their tasks.
    firing: AtomicBool,
    readiness: Arc<Readiness>,
}

/// The tasks that wait for a poll, by key.
#[derive(Default)]
struct RunQueues {
    /// Tasks woken by a deadline; polled first.
    due: VecDeque<usize>,
    /// Tasks woken by anything else, each with the instant since which it is running to be ready.
    ready: VecDeque<(usize, Option<Instant>)>,
    new: Vec<Task>,
    /// The waker of [`Tasks::run`] while it has nothing to poll.
    parked: Option<Waker>,
}

impl Tasks {
    /// Creates a scheduler without tasks.
    pub fn new() -> Self {
        let readiness = Arc::new(Readiness { base: Instant::now(), since: AtomicU64::new(0) });
        Self { shared: Arc::new(Shared { queues: Mutex::default(), firing: AtomicBool::new(false), readiness }) }
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

impl Readiness {
    /// Returns the instant since which the current task has been ready. `None` if it is unknown, or
    /// if it was asked before in this poll.
    pub fn take(&self) -> Option<Instant> {
        let since = self.since.swap(0, Ordering::Relaxed);
        since.checked_sub(1).map(|nanos| self.base + Duration::from_nanos(nanos))
    }

    fn set(&self, since: Option<Instant>) {
        let nanos = since.map_or(0, |since| since.saturating_duration_since(self.base).as_nanos() as u64 + 1);
        self.since.store(nanos, Ordering::Relaxed);
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, RunQueues> {
        self.queues.lock_unpoisoned()
    }
}

impl RunQueues {
    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.ready.is_empty() && self.new.is_empty()
    }

    /// Stamps the tasks woken since the last turn with `now`: tokio polls sockets between turns.
    fn stamp(&mut self, now: Instant) {
        let unknown = self.ready.iter_mut().rev().take_while(|(_, since)| since.is_none());
        unknown.for_each(|(_, since)| *since = Some(now));
    }

    /// Removes and returns the next task to poll, and the instant since which it has been ready.
    fn next(&mut self) -> Option<(usize, Option<Instant>)> {
        match self.due.pop_front() {
            Some(key) => Some((key, None)),
            None => self.ready.pop_front(),
        }
    }
}

/// Wakes [`Tasks::run`] if it is parked.
fn wake(mut queues: MutexGuard<'_, RunQueues>) {
    let parked = queues.parked.take();
    drop(queues);
    if let Some(parked) = parked {
        parked.wake();
    }
}

/// The tasks of the running worker; they never leave their thread.
#[derive(Default)]
struct RunningTasks {
    tasks: Slab<RunningTask>,
}

struct RunningTask {
    task: Task,
    wakeup: Arc<TaskWaker>,
    waker: Waker,
}

impl RunningTasks {
    /// Adopts the newly spawned tasks; each is polled in its turn.
    fn adopt_all(&mut self, shared: &Arc<Shared>) {
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
    fn poll(&mut self, key: usize) -> thread::Result<()> {
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

/// Polls between two turns of tokio's I/O driver. Few, so that arrivals are seen soon.
const POLLS_PER_TURN: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    /// Resolves at its second poll; its waker can be taken out.
    async fn until_woken(waker: Arc<Mutex<Option<Waker>>>) {
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            *waker.lock().expect("not poisoned") = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn what_a_deadline_wakes_goes_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let wakers: Vec<Arc<Mutex<Option<Waker>>>> = (0..4).map(|_| Arc::default()).collect();
        let tasks = Tasks::new();
        for (name, waker) in wakers.iter().enumerate() {
            let (order, waker) = (Arc::clone(&order), Arc::clone(waker));
            tasks.spawn(async move {
                until_woken(waker).await;
                order.lock().expect("not poisoned").push(name);
            });
        }
        let calls = AtomicUsize::new(0);
        let take = |place: usize| wakers[place].lock().expect("not poisoned").take();
        runtime().block_on(async {
            let run = tasks.clone().run(
                || {
                    // once all have been polled once, everybody is woken: the last by a deadline
                    if calls.fetch_add(1, Ordering::Relaxed) == 4 {
                        tasks.shared.firing.store(false, Ordering::Relaxed);
                        (0..3).filter_map(take).for_each(Waker::wake);
                        tasks.shared.firing.store(true, Ordering::Relaxed);
                        take(3).expect("it waits").wake();
                    }
                },
                |_| {},
            );
            tokio::select! {
                () = run => {}
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        });
        assert_eq!(*order.lock().expect("not poisoned"), [3, 0, 1, 2]);
    }

    #[test]
    fn a_task_is_told_since_when_it_was_ready() {
        let tasks = Tasks::new();
        let (told, told_again) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let start = Instant::now();
        // both are ready in the same turn; the first keeps the worker busy
        let readiness = tasks.readiness();
        for busy in [Duration::from_millis(20), Duration::ZERO] {
            let (readiness, told, told_again) = (Arc::clone(&readiness), Arc::clone(&told), Arc::clone(&told_again));
            tasks.spawn(async move {
                tokio::task::yield_now().await;
                std::thread::sleep(busy);
                *told.lock().expect("not poisoned") = readiness.take();
                *told_again.lock().expect("not poisoned") = readiness.take();
            });
        }
        runtime().block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(50), tasks.run(|| {}, |_| {})).await;
        });
        let since = told.lock().expect("not poisoned").expect("it was running");
        assert!(
            since - start < Duration::from_millis(15),
            "{:?}: before the other kept the worker busy",
            since - start
        );
        assert_eq!(*told_again.lock().expect("not poisoned"), None, "it is told once a poll");
    }

    #[test]
    fn tasks_are_dropped_with_the_run() {
        let tasks = Tasks::new();
        let held = Arc::new(());
        for _ in 0..10 {
            let held = Arc::clone(&held);
            tasks.spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        runtime().block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(20), tasks.clone().run(|| {}, |_| {})).await;
        });
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn tasks_woken_from_another_thread_run() {
        let tasks = Tasks::new();
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let done = Arc::clone(&done);
            tasks.spawn(async move {
                for _ in 0..20 {
                    let (sender, receiver) = tokio::sync::oneshot::channel();
                    std::thread::spawn(move || sender.send(()));
                    receiver.await.expect("it is sent");
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        runtime().block_on(async {
            let run = tokio::spawn(tasks.run(|| {}, |_| {}));
            let deadline = Instant::now() + Duration::from_secs(20);
            while done.load(Ordering::Relaxed) < 100 {
                assert!(Instant::now() < deadline, "{} of 100 ended", done.load(Ordering::Relaxed));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            run.abort();
        });
    }

    #[test]
    fn a_task_that_panics_ends_alone() {
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                panic!("in a drop");
            }
        }
        let tasks = Tasks::new();
        let (done, panics) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        for number in 0..30 {
            let done = Arc::clone(&done);
            tasks.spawn(async move {
                tokio::task::yield_now().await;
                match number % 3 {
                    0 => panic!("task {number}"),
                    1 => drop(PanicsWhenDropped),
                    _ => {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        runtime().block_on(async {
            let count = |_: &(dyn Any + Send)| {
                panics.fetch_add(1, Ordering::Relaxed);
            };
            let run = tasks.run(|| {}, count);
            let _ = tokio::time::timeout(Duration::from_millis(200), run).await;
        });
        assert_eq!((done.load(Ordering::Relaxed), panics.load(Ordering::Relaxed)), (10, 20));
    }
}
