//! A worker's tasks: its connections, polled in an order of our own.
//!
//! tokio's scheduler is a queue: a call that is due would wait for every connection that became readable before it. Here what
//! a deadline wakes goes first, and deadlines are looked at after every poll. Each task is also told since when it was
//! ready, so that a call's arrival is not counted from the moment at which a busy worker came to read it.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way to give a worker something to do. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

/// Since when the task that is being polled was ready; asked at most once a poll.
#[derive(Debug)]
pub struct Readiness {
    base: Instant,
    /// Nanoseconds since the base, plus one; 0 is unknown.
    since: AtomicU64,
}

struct Shared {
    lanes: Mutex<Lanes>,
    /// Whether what is woken now was woken by a deadline.
    firing: AtomicBool,
    readiness: Arc<Readiness>,
}

/// What waits for a poll.
#[derive(Default)]
struct Lanes {
    /// Woken by a deadline.
    due: VecDeque<usize>,
    /// Woken by anything else, with since when it is known to be.
    ready: VecDeque<(usize, Option<Instant>)>,
    new: Vec<Task>,
    /// The task that polls all these, while it sleeps.
    sleeper: Option<Waker>,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        let readiness = Arc::new(Readiness { base: Instant::now(), since: AtomicU64::new(0) });
        Self { shared: Arc::new(Shared { lanes: Mutex::default(), firing: AtomicBool::new(false), readiness }) }
    }

    /// Adds a task. It runs while [`Tasks::run`] does, and is dropped with it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut lanes = self.shared.lanes();
        lanes.new.push(Box::pin(task));
        wake(lanes);
    }

    /// What tells a task since when it was ready.
    pub fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.shared.readiness)
    }

    /// Polls the tasks until it is dropped. `fire_due` wakes those whose deadline has passed; it is called after every poll.
    ///
    /// A task that panics is dropped, `panicked` is called with the payload, and the other tasks go on.
    ///
    /// It is a task of tokio's, and gives way to it after some polls, so that sockets and clocks are looked at.
    pub async fn run(self, fire_due: impl Fn(), panicked: impl Fn(&(dyn Any + Send))) {
        let mut polled = Polled::default();
        poll_fn(|cx| self.turn(&mut polled, &fire_due, &panicked, cx)).await;
    }

    fn turn(
        &self,
        polled: &mut Polled,
        fire_due: &impl Fn(),
        panicked: &impl Fn(&(dyn Any + Send)),
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.shared.lanes().stamp(Instant::now());
        self.fire(fire_due);
        for _ in 0..POLLS {
            polled.adopt_all(&self.shared);
            let Some((key, since)) = self.shared.lanes().next() else { break };
            self.shared.readiness.set(since);
            if let Err(payload) = polled.poll(key) {
                panicked(&*payload);
            }
            self.shared.readiness.set(None);
            self.fire(fire_due);
            if !tokio::task::coop::has_budget_remaining() {
                break;
            }
        }
        let mut lanes = self.shared.lanes();
        if lanes.is_empty() {
            lanes.sleeper = Some(cx.waker().clone());
        } else {
            drop(lanes);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// What is woken meanwhile goes first.
    fn fire(&self, fire_due: &impl Fn()) {
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
        let lanes = self.shared.lanes();
        out.debug_struct("Tasks").field("due", &lanes.due.len()).field("ready", &lanes.ready.len()).finish()
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
    /// Since when, if that is known and was not asked before in this poll.
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
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.ready.is_empty() && self.new.is_empty()
    }

    /// What was woken since the last turn was woken by now: sockets are looked at between turns.
    fn stamp(&mut self, now: Instant) {
        let unknown = self.ready.iter_mut().rev().take_while(|(_, since)| since.is_none());
        unknown.for_each(|(_, since)| *since = Some(now));
    }

    /// The next to poll, and since when it was ready.
    fn next(&mut self) -> Option<(usize, Option<Instant>)> {
        match self.due.pop_front() {
            Some(key) => Some((key, None)),
            None => self.ready.pop_front(),
        }
    }
}

/// Wakes the task that polls all others, if it sleeps.
fn wake(mut lanes: MutexGuard<'_, Lanes>) {
    let sleeper = lanes.sleeper.take();
    drop(lanes);
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}

/// The tasks themselves; they never leave their thread.
#[derive(Default)]
struct Polled {
    tasks: Slab<Known>,
}

struct Known {
    task: Task,
    bell: Arc<Bell>,
    waker: Waker,
}

impl Polled {
    /// Takes in what is new; it is polled in its turn.
    fn adopt_all(&mut self, shared: &Arc<Shared>) {
        let new = std::mem::take(&mut shared.lanes().new);
        for task in new {
            self.adopt(task, shared);
        }
    }

    fn adopt(&mut self, task: Task, shared: &Arc<Shared>) {
        let place = self.tasks.vacant_entry();
        let bell = Arc::new(Bell { key: place.key(), rung: AtomicBool::new(false), shared: Arc::clone(shared) });
        let waker = Waker::from(Arc::clone(&bell));
        place.insert(Known { task, bell, waker: waker.clone() });
        waker.wake();
    }

    /// Polls a task, and drops it once it has ended or panicked.
    fn poll(&mut self, key: usize) -> thread::Result<()> {
        // a bell may ring after its task has ended
        let Some(known) = self.tasks.get_mut(key) else { return Ok(()) };
        known.bell.rung.store(false, Ordering::Release);
        let mut context = Context::from_waker(&known.waker);
        match catch_unwind(AssertUnwindSafe(|| known.task.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => Ok(()),
            Ok(Poll::Ready(())) => self.remove(key),
            Err(payload) => {
                // what the drop of a broken task says adds nothing
                let _ = self.remove(key);
                Err(payload)
            }
        }
    }

    fn remove(&mut self, key: usize) -> thread::Result<()> {
        let known = self.tasks.remove(key);
        catch_unwind(AssertUnwindSafe(|| drop(known)))
    }
}

/// A task's waker. A key may be another task's by the time that it rings: that one is polled once too often.
struct Bell {
    key: usize,
    /// Whether it stands in a lane already.
    rung: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_due = self.shared.firing.load(Ordering::Relaxed);
        // what a deadline wakes may stand in the other lane already: it goes first all the same
        if self.rung.swap(true, Ordering::AcqRel) && !is_due {
            return;
        }
        let mut lanes = self.shared.lanes();
        if is_due {
            lanes.due.push_back(self.key);
        } else {
            lanes.ready.push_back((self.key, None));
        }
        wake(lanes);
    }
}

/// How many polls are made between two looks at the sockets: few, so that what arrives is seen soon.
const POLLS: usize = 16;

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
        let since = told.lock().expect("not poisoned").expect("it was known");
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
