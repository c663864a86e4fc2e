use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

/// A runtime as a worker has it, with its timer running.
fn worker(precision: Precision) -> (Runtime, Arc<Timer>) {
    let timer = Arc::new(Timer::new(precision));
    let parking = Arc::clone(&timer);
    let runtime =
        Builder::new_current_thread().enable_all().on_thread_park(move || parking.fire_due()).build().unwrap();
    runtime.spawn(Arc::clone(&timer).run());
    (runtime, timer)
}

fn waiting(timer: &Timer) -> usize {
    timer.queue().waiting.len()
}

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn tasks_go_on_in_the_order_of_their_deadlines_and_not_before() {
    for precision in [Precision::Normal, Precision::High] {
        let (runtime, timer) = worker(precision);
        let order = Arc::new(Mutex::new(Vec::new()));
        // a stall of this length would let tasks find their deadlines past, in the order of
        // spawning
        let start = Instant::now() + Duration::from_secs(2);
        let tasks: Vec<_> = [7, 2, 9, 0, 5, 2, 30]
            .into_iter()
            .map(|tenths| {
                let (timer, order) = (Arc::clone(&timer), Arc::clone(&order));
                let deadline = start + Duration::from_micros(tenths * 100);
                runtime.spawn(async move {
                    timer.wait_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                    order.lock().unwrap().push(tenths);
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(*order.lock().unwrap(), [0, 2, 2, 5, 7, 9, 30]);
        assert_eq!(waiting(&timer), 0);
    }
}

#[test]
fn a_past_deadline_resolves_at_once_and_without_an_entry() {
    let timer = Arc::new(Timer::new(Precision::Normal));
    let mut until = Arc::clone(&timer).wait_until(Instant::now());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut until).poll(&mut cx).is_ready());
    assert_eq!(waiting(&timer), 0);
}

#[test]
fn a_dropped_wait_leaves_nothing_behind() {
    let (runtime, timer) = worker(Precision::Normal);
    runtime.block_on(async {
        let far = Instant::now() + Duration::from_hours(1);
        for _ in 0..100 {
            let cut = tokio::time::timeout(Duration::ZERO, Arc::clone(&timer).wait_until(far)).await;
            assert!(cut.is_err());
        }
        let task = tokio::spawn(Arc::clone(&timer).wait_until(far));
        tokio::task::yield_now().await;
        assert_eq!(waiting(&timer), 1);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(waiting(&timer), 0);
    drop(runtime);
    assert_eq!(Arc::strong_count(&timer), 1);
}

#[test]
fn the_wait_behind_a_dropped_first_one_is_still_woken() {
    let (runtime, timer) = worker(Precision::Normal);
    runtime.block_on(async {
        let start = Instant::now();
        let second = tokio::spawn(Arc::clone(&timer).wait_until(start + Duration::from_millis(10)));
        tokio::task::yield_now().await;
        let first = tokio::spawn(Arc::clone(&timer).wait_until(start + Duration::from_millis(2)));
        tokio::task::yield_now().await;
        first.abort();
        tokio::time::timeout(Duration::from_secs(5), second).await.unwrap().unwrap();
    });
}

#[test]
fn many_equal_deadlines_wake_every_task_in_the_order_they_came() {
    let (runtime, timer) = worker(Precision::Normal);
    let order = Arc::new(Mutex::new(Vec::new()));
    let deadline = Instant::now() + Duration::from_millis(20);
    let tasks: Vec<_> = (0..5_000)
        .map(|number| {
            let (timer, order) = (Arc::clone(&timer), Arc::clone(&order));
            runtime.spawn(async move {
                timer.wait_until(deadline).await;
                order.lock().unwrap().push(number);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(order.lock().unwrap().len(), 5_000);
}

#[test]
fn equal_deadlines_leave_the_queue_in_the_order_they_came() {
    let mut queue = DeadlineQueue::default();
    let deadline = Instant::now();
    let counts: Vec<_> = (0..3).map(|_| Arc::new(Count::default())).collect();
    for count in &counts {
        let place = queue.place(deadline, Duration::ZERO);
        queue.waiting.insert(place, QueueEntry { deadline, waker: Waker::from(Arc::clone(count)) });
    }
    for woken in 1..=3 {
        queue.take_due(deadline).unwrap().wake();
        let done: Vec<_> = counts.iter().map(|count| count.0.load(Relaxed)).collect();
        assert_eq!(done.iter().sum::<usize>(), woken);
        assert!(done.is_sorted_by(|a, b| a >= b));
    }
    assert!(queue.take_due(deadline).is_none());
}

#[test]
fn a_task_that_moves_is_woken_by_its_last_waker_only() {
    let timer = Arc::new(Timer::new(Precision::Normal));
    let deadline = Instant::now() + Duration::from_millis(1);
    let mut until = Arc::clone(&timer).wait_until(deadline);
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        let _ = Pin::new(&mut until).poll(&mut Context::from_waker(&waker));
    }
    while Instant::now() < deadline {
        std::thread::yield_now();
    }
    timer.fire_due();
    assert_eq!(counts.map(|count| count.0.load(Relaxed)), [0, 1]);
}

#[test]
fn a_busy_worker_fires_without_its_alarm() {
    let timer = Arc::new(Timer::new(Precision::Normal));
    let parking = Arc::clone(&timer);
    let runtime =
        Builder::new_current_thread().enable_all().on_thread_park(move || parking.fire_due()).build().unwrap();
    runtime.block_on(async {
        // nobody runs the timer: the hook alone wakes the task, because something else keeps the
        // worker turning
        let waiting = tokio::spawn(Arc::clone(&timer).wait_until(Instant::now() + Duration::from_millis(3)));
        let turning = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            done = waiting => done.unwrap(),
            () = turning => {}
            () = tokio::time::sleep(Duration::from_secs(5)) => panic!("not woken by the hook"),
        }
    });
}

#[test]
fn a_hundred_thousand_random_deadlines_are_all_met_and_none_early() {
    let (runtime, timer) = worker(Precision::Normal);
    let early = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut state = 1_u64;
    let tasks: Vec<_> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let deadline = start + Duration::from_nanos((state >> 33) % 1_000_000_000);
            let (timer, early) = (Arc::clone(&timer), Arc::clone(&early));
            runtime.spawn(async move {
                timer.wait_until(deadline).await;
                if Instant::now() < deadline {
                    early.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(early.load(Relaxed), 0);
    assert_eq!(waiting(&timer), 0);
}

proptest! {
    #[test]
    fn the_queue_gives_back_what_is_due_in_order(nanos in prop::collection::vec(0_u64..1_000, 0..200), due in 0_u64..1_000) {
        let start = Instant::now();
        let at = |nanos| start + Duration::from_nanos(nanos);
        let mut queue = DeadlineQueue::default();
        for &nanos in &nanos {
            let place = queue.place(at(nanos), Duration::ZERO);
            queue.waiting.insert(place, QueueEntry { deadline: at(nanos), waker: Waker::noop().clone() });
        }
        let mut before = start;
        while let Some(first) = queue.waiting.first_key_value().map(|(place, _)| place.latest) {
            if queue.take_due(at(due)).is_none() {
                break;
            }
            prop_assert!(first >= before && first <= at(due));
            before = first;
        }
        prop_assert_eq!(queue.waiting.len(), nanos.iter().filter(|&&nanos| nanos > due).count());
    }
}

#[test]
fn the_lead_settles_at_the_median_however_long_the_tail() {
    let mut lead = WakeupLead::new(Precision::Normal);
    for turn in 0..10_000_u64 {
        let micros = if turn % 10 == 0 { 9_000 } else { 30 + turn % 20 };
        lead.learn(Duration::from_micros(micros));
    }
    let median = lead.lateness.as_micros();
    assert!((36..=46).contains(&median), "{median}");
    for _ in 0..10_000 {
        lead.learn(Duration::from_secs(1));
    }
    assert_eq!(lead.lateness, MAX_LATENESS);
}

#[test]
fn a_short_rest_is_rung_for_late_enough_to_be_spun() {
    let mut lead = WakeupLead::new(Precision::Normal);
    lead.lateness = Duration::from_micros(50);
    let now = Instant::now() + Duration::from_secs(1);
    let after = |micros| now + Duration::from_micros(micros);
    assert_eq!(lead.before(after(300), now), after(250));
    assert_eq!(lead.before(after(40), now), after(20));
}

#[test]
fn a_long_wait_with_slack_does_not_hold_up_a_short_one() {
    let mut queue = DeadlineQueue::default();
    let start = Instant::now();
    let after = |micros| start + Duration::from_micros(micros);
    for (deadline, slack) in [(100, 100), (150, 0)] {
        let place = queue.place(after(deadline), Duration::from_micros(slack));
        queue.waiting.insert(place, QueueEntry { deadline: after(deadline), waker: Waker::noop().clone() });
    }
    assert_eq!(queue.watch_first(Waker::noop()), Some(after(150)));
    assert!(queue.take_due(after(149)).is_none());
    assert!(queue.take_due(after(150)).is_some() && queue.take_due(after(150)).is_some());
}

#[test]
fn the_slack_is_a_small_share_of_the_wait() {
    let slack = |precision, wait| Timer::new(precision).slack(wait);
    assert!(slack(Precision::Normal, Duration::from_millis(1)) < Duration::from_micros(2));
    assert_eq!(slack(Precision::Normal, Duration::from_hours(1)), MAX_SLACK);
    assert_eq!(slack(Precision::High, Duration::from_hours(1)), Duration::ZERO);
}
