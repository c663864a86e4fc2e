//! Tests of the task scheduler.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::task::Waker;
use std::time::Duration;

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs the tasks until `is_done` returns true.
async fn run_until(run: impl Future<Output = ()>, is_done: impl Fn() -> bool) {
    let done = async {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_done() {
            assert!(Instant::now() < deadline, "the tasks have not ended within a minute");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = run => {}
        () = done => {}
    }
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
        run_until(run, || order.lock().expect("not poisoned").len() == 4).await;
    });
    assert_eq!(*order.lock().expect("not poisoned"), [3, 0, 1, 2]);
}

#[test]
fn a_task_is_told_since_when_it_was_ready() {
    let tasks = Tasks::new();
    let (told, told_again) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
    let busy_since = Arc::new(Mutex::new(None));
    let ended = Arc::new(AtomicUsize::new(0));
    // both are ready in the same turn; the first keeps the worker busy
    let readiness = tasks.readiness();
    for busy in [Some(Duration::from_millis(20)), None] {
        let (readiness, told, told_again) = (Arc::clone(&readiness), Arc::clone(&told), Arc::clone(&told_again));
        let (busy_since, ended) = (Arc::clone(&busy_since), Arc::clone(&ended));
        tasks.spawn(async move {
            tokio::task::yield_now().await;
            if let Some(busy) = busy {
                *busy_since.lock().expect("not poisoned") = Some(Instant::now());
                std::thread::sleep(busy);
            }
            *told.lock().expect("not poisoned") = readiness.take();
            *told_again.lock().expect("not poisoned") = readiness.take();
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    runtime().block_on(run_until(tasks.run(|| {}, |_| {}), || ended.load(Ordering::Relaxed) == 2));
    let since = told.lock().expect("not poisoned").expect("it was running");
    let busy_since = busy_since.lock().expect("not poisoned").expect("it was busy");
    assert!(since <= busy_since, "{:?} after the other began to keep the worker busy", since - busy_since);
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
    runtime().block_on(run_until(tasks.run(|| {}, |_| {}), || done.load(Ordering::Relaxed) == 100));
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
        let is_done = || done.load(Ordering::Relaxed) + panics.load(Ordering::Relaxed) == 30;
        run_until(tasks.run(|| {}, count), is_done).await;
    });
    assert_eq!((done.load(Ordering::Relaxed), panics.load(Ordering::Relaxed)), (10, 20));
}
