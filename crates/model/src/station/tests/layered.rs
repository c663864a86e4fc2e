//! Layered pools, compared with a naive simulation from event to event.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A call: its arrival and demand in nanoseconds, and its contention.
type LayeredCall = (u64, u64, Contention);

/// Workers and cores from a time on.
type Limits = (Option<u32>, Option<f64>);

fn layered((workers, cores): Limits, queue: Queue) -> Capacity {
    Capacity::Layered { workers: workers.map(some), cores, queue }
}

/// Simulates a pool by the remaining work of each call, from event to event. A change of the limits
/// and a call that goes away are events too.
struct NaivePool<'c> {
    now: f64,
    limits: Limits,
    calls: &'c [LayeredCall],
    inside: Vec<(usize, f64)>,
    line: VecDeque<usize>,
    finishes: Vec<Option<f64>>,
}

impl<'c> NaivePool<'c> {
    fn run(limits: Limits, changes: &[(u64, Limits)], calls: &'c [LayeredCall], leaving: &[(u64, usize)]) -> Self {
        let finishes = vec![None; calls.len()];
        let mut pool = Self { now: 0.0, limits, calls, inside: Vec::new(), line: VecDeque::new(), finishes };
        let mut events: Vec<(u64, u8, usize)> = Vec::new();
        events.extend(calls.iter().enumerate().map(|(index, (at, ..))| (*at, 1, index)));
        events.extend(changes.iter().enumerate().map(|(index, (at, _))| (*at, 0, index)));
        events.extend(leaving.iter().map(|(at, index)| (*at, 2, *index)));
        events.sort_unstable();
        for (at, kind, index) in events {
            pool.advance_to(at as f64);
            match kind {
                0 => pool.limits = changes[index].1,
                1 => pool.line.push_back(index),
                _ => {
                    pool.line.retain(|call| *call != index);
                    pool.inside.retain(|(call, _)| *call != index);
                }
            }
            pool.start_waiting();
        }
        pool.advance_to(f64::INFINITY);
        pool
    }

    fn start_waiting(&mut self) {
        while self.limits.0.is_none_or(|workers| self.inside.len() < workers as usize)
            && let Some(call) = self.line.pop_front()
        {
            self.inside.push((call, self.calls[call].1 as f64));
        }
    }

    fn advance_to(&mut self, until: f64) {
        loop {
            let contentions: Vec<_> = self.inside.iter().map(|(call, _)| self.calls[*call].2).collect();
            // each call is a class of its own
            let classes: Vec<_> = contentions.iter().map(|one| (*one, 1)).collect();
            let stretches = stretches(&classes, self.limits.1);
            let ends = self.inside.iter().zip(&stretches).map(|((_, left), stretch)| self.now + left * stretch);
            let departure = ends.fold(f64::INFINITY, f64::min);
            let next = departure.min(until);
            if next.is_infinite() {
                return;
            }
            for ((_, left), stretch) in self.inside.iter_mut().zip(&stretches) {
                *left -= (next - self.now) / stretch;
            }
            self.now = next;
            // a departure after this instant in rounding only has happened
            if departure > until + 1e-6 {
                return;
            }
            let finishes = &mut self.finishes;
            self.inside.retain(|(call, left)| {
                if *left <= 1e-6 {
                    finishes[*call] = Some(next);
                }
                *left > 1e-6
            });
            self.start_waiting();
        }
    }
}

fn contention() -> impl Strategy<Value = Contention> {
    let share = || prop_oneof![Just(0.0), Just(1.0), Just(0.5), 0.0..=1.0f64];
    prop_oneof![share().prop_map(Contention::Cpu), share().prop_map(Contention::Slowdown)]
}

fn limits() -> impl Strategy<Value = Limits> {
    let cores = prop_oneof![(1..4u32).prop_map(f64::from), 0.2..6.0f64];
    (prop::option::of(1..8u32), prop::option::of(cores))
}

/// Calls of a few contentions.
fn layered_calls() -> impl Strategy<Value = Vec<LayeredCall>> {
    let contentions = prop::collection::vec(contention(), 1..5);
    (calls(), contentions).prop_map(|(calls, contentions)| {
        let call = |(index, (at, demand)): (usize, (u64, u64))| (at, demand, contentions[index % contentions.len()]);
        calls.into_iter().enumerate().map(call).collect()
    })
}

/// Returns the finishes in the station, asked for as a server does. A bound that is too late would
/// make a finish too late.
fn finishes(
    limits: Limits,
    changes: &[(u64, Limits)],
    calls: &[LayeredCall],
    leaving: &[(u64, usize)],
) -> Vec<Option<SimTime>> {
    let mut station = Station::new(layered(limits, Queue::Unbounded));
    let mut slots: Vec<Option<Slot>> = vec![None; calls.len()];
    let mut events: Vec<(u64, u8, usize)> = Vec::new();
    events.extend(changes.iter().enumerate().map(|(index, (at, _))| (*at, 0, index)));
    events.extend(calls.iter().enumerate().map(|(index, (at, ..))| (*at, 1, index)));
    events.extend(leaving.iter().map(|(at, index)| (*at, 2, *index)));
    events.sort_unstable();
    let (mut jobs, mut finishes) = (vec![None; calls.len()], vec![None; calls.len()]);
    for (at, kind, index) in events {
        match kind {
            0 => station.reconfigure(layered(changes[index].1, Queue::Unbounded), ns(at)),
            1 => {
                let (_, demand, contention) = calls[index];
                let work = Work { demand: Duration::from_nanos(demand), contention };
                let (admission, slot) = station.admit_to_slot(ns(at), work);
                let Admission::Shared(job, _) = admission else { panic!("{admission:?}") };
                (jobs[index], slots[index]) = (Some(job), slot);
            }
            _ => {
                // whoever is finished at this instant is not released
                match jobs[index].map(|job| station.estimate_finish(job, ns(at))) {
                    Some(FinishEstimate::Finished(finish)) => finishes[index] = Some(finish),
                    _ => assert!(slots[index].is_some_and(|slot| station.release(slot, ns(at)))),
                }
                jobs[index] = None;
            }
        }
    }
    for (job, known) in jobs.into_iter().zip(&mut finishes) {
        *known = known.or_else(|| Some(finish(&mut station, job?)));
    }
    finishes
}

fn assert_equal(found: &[Option<SimTime>], expected: &[Option<f64>]) {
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        match (found, expected) {
            (Some(found), Some(expected)) => {
                let late = found.nanos() as f64 - expected;
                assert!((-1e-2..1.0 + 1e-2).contains(&late), "call {index}: {late}: {found:?}, not {expected}");
            }
            _ => assert!(found.is_none() && expected.is_none(), "call {index}: {found:?}, not {expected:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Finishes agree to the next whole nanosecond.
    #[test]
    fn a_layered_pool_is_the_naive_simulation(
        limits in limits(),
        calls in layered_calls(),
        changes in prop::collection::vec((0..40_000u64, limits()), 0..4),
    ) {
        let mut changes = changes;
        changes.sort_by_key(|(at, _)| *at);
        let naive = NaivePool::run(limits, &changes, &calls, &[]);
        assert_equal(&finishes(limits, &changes, &calls, &[]), &naive.finishes);
    }

    #[test]
    fn a_call_that_goes_away_leaves_the_rest_to_others(
        limits in limits(),
        calls in layered_calls(),
        leaving in prop::collection::vec((0..80usize, 1..20_000u64), 0..4),
    ) {
        let mut leaving: Vec<_> = leaving
            .into_iter()
            .filter_map(|(index, patience)| Some((calls.get(index)?.0 + patience, index)))
            .collect();
        // a call leaves once, at its earliest time
        leaving.sort_unstable_by_key(|(at, index)| (*index, *at));
        leaving.dedup_by_key(|(_, index)| *index);
        leaving.sort_unstable();
        let naive = NaivePool::run(limits, &[], &calls, &leaving);
        assert_equal(&finishes(limits, &[], &calls, &leaving), &naive.finishes);
    }

    /// A first bound is never after the finish, and the finish itself if no other call comes.
    #[test]
    fn bounds_are_tight(limits in limits(), calls in layered_calls()) {
        let mut station = Station::new(layered(limits, Queue::Unbounded));
        for (at, demand, contention) in calls {
            let work = Work { demand: Duration::from_nanos(demand), contention };
            let Admission::Shared(job, bound) = station.admit(ns(at), work) else { panic!("there is room") };
            let alone = finish(&mut station.clone(), job);
            prop_assert!(alone.nanos().abs_diff(bound.nanos()) <= 1, "{:?} {:?}", alone, bound);
        }
    }

    /// Behind the departures that are played in advance, bounds are lower bounds.
    #[test]
    fn bounds_of_a_long_line_are_never_too_late(
        limits in limits(),
        calls in prop::collection::vec((1..3_000u64, contention()), 150..250),
    ) {
        let mut station = Station::new(layered(limits, Queue::Unbounded));
        let bounds: Vec<_> = calls
            .iter()
            .map(|(demand, contention)| {
                let work = Work { demand: Duration::from_nanos(*demand), contention: *contention };
                let Admission::Shared(job, bound) = station.admit(ns(0), work) else { panic!("there is room") };
                (job, bound)
            })
            .collect();
        for (job, bound) in bounds {
            let finish = finish(&mut station, job);
            prop_assert!(bound <= finish + Duration::from_nanos(1), "{:?} {:?}", bound, finish);
        }
    }

    #[test]
    fn without_cpu_it_is_fifo(workers in 1..16u32, queue in queue(), calls in calls()) {
        let pool = |cores| Capacity::Layered { workers: Some(some(workers)), cores, queue };
        let expected = run(fifo(workers, queue), &calls);
        prop_assert_eq!(&run(pool(None), &calls), &expected);
        let work = |demand: &u64| Work { demand: Duration::from_nanos(*demand), contention: Contention::Cpu(0.0) };
        let finishes = simulate(pool(Some(1.0)), calls.iter().map(|(at, demand)| (ns(*at), work(demand))));
        let finishes: Vec<_> = finishes.into_iter().map(|finish| finish.map(SimTime::nanos)).collect();
        prop_assert_eq!(&finishes, &expected);
    }

    #[test]
    fn without_workers_and_all_cpu_it_is_sharing(cores in 1..16u32, queue in queue(), calls in calls()) {
        let found = run(Capacity::Layered { workers: None, cores: Some(f64::from(cores)), queue }, &calls);
        for (found, expected) in found.iter().zip(run(sharing(cores, queue), &calls)) {
            match (found, expected) {
                (Some(found), Some(expected)) => prop_assert!(found.abs_diff(expected) <= 1, "{found} {expected}"),
                (found, expected) => prop_assert_eq!(*found, expected),
            }
        }
    }

    #[test]
    fn no_layered_input_panics(
        steps in prop::collection::vec((any::<u64>(), any::<u64>(), limits(), contention(), any::<u32>()), 0..60),
    ) {
        let mut station = Station::new(layered((Some(1), None), Queue::Unbounded));
        let mut slots = Vec::new();
        for (at, demand, limits, contention, choice) in steps {
            let (at, demand) = (ns(at >> (choice % 64)), Duration::from_nanos(demand >> (choice % 61)));
            let (admission, slot) = station.admit_to_slot(at, Work { demand, contention });
            if let Admission::Shared(job, _) = admission {
                station.estimate_finish(job, at);
                slots.extend(slot);
            }
            if !slots.is_empty() && choice % 3 == 0 {
                station.release(slots.swap_remove(choice as usize % slots.len()), at);
            }
            prop_assert!(station.in_flight(at) >= station.waiting(at));
            let capacity = if choice % 5 == 0 { fifo(2, Queue::AtMost(3)) } else { layered(limits, Queue::AtMost(40)) };
            station.reconfigure(capacity, at);
        }
    }
}

#[test]
fn a_bounded_line_of_a_layered_pool_overflows() {
    let mut station = Station::new(layered((Some(2), Some(1.0)), Queue::AtMost(1)));
    let demand = Duration::from_nanos(100);
    for _ in 0..3 {
        assert!(matches!(station.admit(ns(0), demand), Admission::Shared(..)));
    }
    assert_eq!((station.in_flight(ns(0)), station.waiting(ns(0))), (3, 1));
    assert_eq!(station.admit(ns(0), demand), Admission::Overflow);
    // two calls share the core for 200 ns
    assert_eq!((station.in_flight(ns(199)), station.in_flight(ns(200))), (3, 1));
    // the station that changes its discipline keeps the call that is left
    station.reconfigure(fifo(1, Queue::Unbounded), ns(200));
    assert_eq!(station.admit(ns(200), demand), Admission::Due(ns(300)));
    assert_eq!((station.in_flight(ns(299)), station.in_flight(ns(300))), (2, 0));
}

#[test]
fn finishes_of_a_layered_pool_that_nobody_asks_for_are_dropped() {
    let mut pool = LayeredPool::new(Some(2), Some(1.0));
    for second in 0..100u64 {
        for call in 0..100 {
            pool.admit(ns(second * 1_000_000_000 + call), Duration::from_millis(1).into());
        }
    }
    assert!(pool.is_smaller_than(1_200), "those of the last ten seconds");
    assert_eq!(pool.in_flight(ns(200_000_000_000)), 0);
    assert!(pool.is_smaller_than(100));
}
