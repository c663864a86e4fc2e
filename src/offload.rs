//! Offload threads: they do what would block a worker, such as decoding large bodies and rendering
//! long templates.
//!
//! There are half as many as cores, so that the workers keep the rest. Work waits in one queue. A
//! connection may have [`TURNS`] pieces of work in it, so that no client delays another by more
//! than that.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::locks::LockUnpoisoned as _;

/// Maximum number of pieces of work that one connection has in the queue.
const TURNS: usize = 2;

type Work = Box<dyn FnOnce() + Send>;

/// A handle to the offload threads, which end when it is dropped.
pub struct Offload {
    queue: Sender<Work>,
}

/// The turns of one connection.
#[derive(Debug)]
pub struct Turns(Semaphore);

impl Offload {
    /// Starts the threads: half as many as there are cores, and at least one.
    pub fn start() -> io::Result<Arc<Self>> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (queue, work) = mpsc::channel();
        let work = Arc::new(Mutex::new(work));
        for number in 0..(cores / 2).max(1) {
            let work = Arc::clone(&work);
            thread::Builder::new().name(format!("standin-offload-{number}")).spawn(move || run(&work))?;
        }
        Ok(Arc::new(Self { queue }))
    }

    /// Runs `work` on one of the threads when it is its connection's turn. Work whose caller no
    /// longer waits is skipped.
    ///
    /// # Panics
    ///
    /// Resumes a panic of `work` in the task that waits for it.
    pub async fn run<T: Send + 'static>(&self, turns: &Turns, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = turns.0.acquire().await.expect("a connection's turns are never closed");
        let (done, result) = oneshot::channel();
        let work = move || {
            if !done.is_closed() {
                // an error means that nobody waits for it any more
                let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
            }
        };
        self.queue.send(Box::new(work)).expect("the threads take work as long as this exists");
        let done = result.await.expect("work is done while somebody waits for it");
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl fmt::Debug for Offload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Offload").finish_non_exhaustive()
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(TURNS))
    }
}

fn run(work: &Mutex<Receiver<Work>>) {
    loop {
        let next = work.lock_unpoisoned().recv();
        let Ok(next) = next else { return };
        next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn work_that_panics_fails_alone() {
        let offload = Offload::start().expect("threads");
        let turns = Turns::default();
        for _ in 0..10 {
            let work = || wait(offload.run(&turns, || panic!("on purpose")));
            assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        }
        assert_eq!(wait(offload.run(&turns, || 7)), 7, "the threads are still there");
    }

    #[test]
    fn a_connection_does_not_hold_up_another() {
        let offload = Offload::start().expect("threads");
        let (greedy, modest) = (Turns::default(), Turns::default());
        let done = std::sync::atomic::AtomicUsize::new(0);
        wait(async {
            let sleep = || std::thread::sleep(std::time::Duration::from_millis(2));
            let mut many: Vec<_> = (0..200)
                .map(|_| {
                    Box::pin(async {
                        offload.run(&greedy, sleep).await;
                        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    })
                })
                .collect();
            let all = futures_of(&mut many);
            tokio::select! {
                biased;
                () = all => panic!("the other connection had no turn"),
                result = offload.run(&modest, || 7) => assert_eq!(result, 7),
            }
        });
        assert!(done.load(std::sync::atomic::Ordering::Relaxed) < 100, "it waited for most of the other's work");
    }

    /// Polls all futures until each is ready.
    async fn futures_of<F: Future<Output = ()> + Unpin>(futures: &mut Vec<F>) {
        std::future::poll_fn(|cx| {
            futures.retain_mut(|future| std::pin::Pin::new(future).poll(cx).is_pending());
            if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
