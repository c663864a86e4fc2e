//! Released slots: the rest of the demand is for other calls, and no more than that.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::stalled::{calls, naive_shared};

fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn ms(millis: u64) -> SimTime {
    ns(millis * 1_000_000)
}

fn fifo(workers: u32, queue: Queue) -> Capacity {
    Capacity::Fifo { workers: NonZeroU32::new(workers).expect("above 0"), queue }
}

/// Admits all calls, and releases one of them `patience` nanoseconds after its arrival. Also
/// returns the time of the release.
fn served(
    station: &mut Station,
    calls: &[(u64, u64)],
    gone: usize,
    patience: u64,
) -> (Vec<(Admission, Option<Slot>)>, u64) {
    let leaves = calls.get(gone).map_or(u64::MAX, |(at, _)| at + patience);
    let mut placed: Vec<(Admission, Option<Slot>)> = Vec::new();
    let mut has_left = false;
    for (at, demand) in calls {
        if !has_left
            && *at > leaves
            && let Some(place) = placed[gone].1
        {
            station.release(place, ns(leaves));
            has_left = true;
        }
        placed.push(station.admit_to_slot(ns(*at), Duration::from_nanos(*demand)));
    }
    if !has_left && let Some((_, Some(place))) = placed.get(gone) {
        station.release(*place, ns(leaves));
    }
    (placed, leaves)
}

proptest! {
    /// With one worker, the work left is known without a station: it falls by the rest of the call.
    #[test]
    fn a_worker_is_free_as_much_earlier_as_was_left(calls in calls(), gone in 0..60usize, patience in 0..20_000u64) {
        let mut station = Station::new(fifo(1, Queue::Unbounded));
        let (placed, leaves) = served(&mut station, &calls, gone, patience);
        let (mut work, mut now, mut left) = (0u64, 0, u64::MAX);
        for (index, ((at, demand), (admission, _))) in calls.iter().zip(placed).enumerate() {
            if leaves < *at && now <= leaves {
                work = work.saturating_sub(leaves - now);
                now = leaves;
                // calls before it have left by then; calls behind it came later
                let behind: u64 = calls[gone + 1..index].iter().map(|(_, demand)| *demand).sum();
                let own = work.saturating_sub(behind).min(calls[gone].1);
                work -= own;
                left = own;
            }
            work = work.saturating_sub(at - now);
            now = *at;
            work += demand;
            prop_assert_eq!(admission, Admission::Due(ns(at + work)), "call {}, left {}", index, left);
        }
    }

    #[test]
    fn those_that_share_go_on_as_if_it_had_never_asked_for_more(
        workers in 1..6u32,
        calls in calls(),
        gone in 0..60usize,
        patience in 1..20_000u64,
    ) {
        let capacity =
            Capacity::Sharing { workers: NonZeroU32::new(workers).expect("above 0"), queue: Queue::Unbounded };
        let mut station = Station::new(capacity);
        let (placed, leaves) = served(&mut station, &calls, gone, patience);
        let leaving = if gone < calls.len() { vec![(leaves, gone)] } else { Vec::new() };
        let speed = |population: usize| f64::from(workers).min(population as f64);
        let expected = naive_shared(speed, &[], &calls, &leaving);
        for (index, (admission, _)) in placed.into_iter().enumerate() {
            let Admission::Shared(job, bound) = admission else { panic!("there is room") };
            if index == gone {
                continue;
            }
            let mut now = SimTime::EPOCH.max(ns(bound.nanos() / 2));
            let finish = loop {
                match station.estimate_finish(job, now) {
                    FinishEstimate::Finished(finish) => break finish,
                    FinishEstimate::NotBefore(later) => now = later.max(now + Duration::from_nanos(1)),
                }
            };
            let late = finish.nanos() as f64 - expected[index];
            prop_assert!((-1e-2..1.0 + 1e-2).contains(&late), "{late}: {finish:?} {}", expected[index]);
        }
        prop_assert_eq!(station.in_flight(ns(u64::MAX)), 0);
    }

    /// Counts stay exact whichever slots are released at any time.
    #[test]
    fn counts_are_those_of_the_calls_that_stay(
        workers in 1..4u32,
        steps in proptest::collection::vec((0..500u64, 1..2_000u64, prop::option::of(0..80usize)), 1..80),
    ) {
        let mut station = Station::new(fifo(workers, Queue::Unbounded));
        let (mut now, mut inside) = (0, Vec::new());
        for (gap, demand, gone) in steps {
            now += gap;
            let (Admission::Due(finish), place) = station.admit_to_slot(ns(now), Duration::from_nanos(demand)) else {
                panic!("there is room")
            };
            inside.push((finish, place.expect("it is in")));
            inside.retain(|(finish, _)| *finish > ns(now));
            if let Some(gone) = gone
                && gone < inside.len()
            {
                let (_, place) = inside.remove(gone);
                prop_assert!(station.release(place, ns(now)));
            }
            prop_assert_eq!(station.in_flight(ns(now)), inside.len());
            prop_assert!(station.waiting(ns(now)) <= inside.len());
        }
    }
}

#[test]
fn what_is_promised_stays_and_a_later_call_starts_earlier() {
    let demand = Duration::from_millis(100);
    let mut station = Station::new(fifo(1, Queue::AtMost(2)));
    let (first, place) = station.admit_to_slot(ms(0), demand);
    assert_eq!(first, Admission::Due(ms(100)));
    let (second, behind) = station.admit_to_slot(ms(0), demand);
    assert_eq!(second, Admission::Due(ms(200)));
    assert_eq!(station.admit(ms(0), demand), Admission::Due(ms(300)));
    assert_eq!(station.admit(ms(0), demand), Admission::Overflow);
    assert!(station.release(place.expect("it is in"), ms(40)));
    assert!(station.release(behind.expect("it is in"), ms(40)));
    // its place in the queue is free, and 160 of 300 ms of work are left out
    assert_eq!((station.in_flight(ms(40)), station.waiting(ms(40))), (1, 1));
    assert_eq!(station.admit(ms(50), demand), Admission::Due(ms(240)));
    assert_eq!(station.waiting(ms(50)), 2);
    assert_eq!(station.admit(ms(50), demand), Admission::Overflow);
}

#[test]
fn what_is_finished_or_has_lost_its_worker_gives_nothing_back() {
    let demand = Duration::from_millis(100);
    let mut station = Station::new(fifo(2, Queue::Unbounded));
    let (_, first) = station.admit_to_slot(ms(0), demand);
    let (_, second) = station.admit_to_slot(ms(10), demand);
    assert!(!station.release(first.expect("it is in"), ms(100)));
    // the worker that is free first is removed; then the discipline changes and changes back
    station.reconfigure(fifo(1, Queue::Unbounded), ms(100));
    station.reconfigure(Capacity::Unlimited, ms(101));
    station.reconfigure(fifo(1, Queue::Unbounded), ms(102));
    assert_eq!(station.admit(ms(103), demand), Admission::Due(ms(203)));
    assert!(station.release(second.expect("it is in"), ms(104)));
    assert_eq!(station.admit(ms(104), demand), Admission::Due(ms(303)), "another worker keeps its call");
    assert_eq!(station.in_flight(ms(105)), 2);
}
