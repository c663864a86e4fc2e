//! Two stations in tandem, compared with a simulation by events and with queueing theory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;

fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn capacity(discipline: u8, workers: u32) -> Capacity {
    let (workers, queue) = (NonZeroU32::new(workers).expect("above 0"), Queue::Unbounded);
    match discipline {
        0 => Capacity::Unlimited,
        1 => Capacity::Fifo { workers, queue },
        2 => Capacity::Fifo { workers, queue: Queue::AtMost(2) },
        _ => Capacity::Sharing { workers, queue },
    }
}

/// The next event of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TandemEvent {
    /// A possible finish in the first or the second station.
    Leave(u8),
    /// An arrival at the first or the second station.
    Come(u8),
}

/// Simulates as a server does: one event after the other.
fn served(stations: &mut [Station; 2], calls: &[(SimTime, Option<Duration>, Duration)]) -> Vec<Option<SimTime>> {
    let mut events: BinaryHeap<Reverse<(SimTime, TandemEvent, usize)>> = calls
        .iter()
        .enumerate()
        .map(|(index, (at, front, _))| Reverse((*at, TandemEvent::Come(u8::from(front.is_none())), index)))
        .collect();
    let mut tickets = vec![[None; 2]; calls.len()];
    let mut finishes = vec![None; calls.len()];
    while let Some(Reverse((at, step, index))) = events.pop() {
        let (stage, finish) = match step {
            TandemEvent::Come(stage) => {
                let demand = if stage == 0 { calls[index].1.unwrap_or_default() } else { calls[index].2 };
                match stations[usize::from(stage)].admit(at, demand) {
                    Admission::Due(finish) => (stage, finish),
                    Admission::Shared(job, bound) => {
                        tickets[index][usize::from(stage)] = Some(job);
                        events.push(Reverse((bound, TandemEvent::Leave(stage), index)));
                        continue;
                    }
                    Admission::Overflow => continue,
                }
            }
            TandemEvent::Leave(stage) => {
                let job = tickets[index][usize::from(stage)].expect("it has one");
                match stations[usize::from(stage)].estimate_finish(job, at) {
                    FinishEstimate::Finished(finish) => (stage, finish),
                    FinishEstimate::NotBefore(later) => {
                        let later = later.max(at + Duration::from_nanos(1));
                        events.push(Reverse((later, TandemEvent::Leave(stage), index)));
                        continue;
                    }
                }
            }
        };
        if stage == 0 {
            events.push(Reverse((finish, TandemEvent::Come(1), index)));
        } else {
            finishes[index] = Some(finish);
        }
    }
    finishes
}

proptest! {
    #[test]
    fn a_front_and_a_station_are_two_stations_in_sequence(
        disciplines in (0..3u8, 0..4u8),
        workers in (1..4u32, 1..4u32),
        steps in proptest::collection::vec((0..1_500u64, prop::option::of(1..3_000u64), 1..5_000u64), 0..60),
    ) {
        let mut at = 0;
        let calls: Vec<_> = steps
            .into_iter()
            .map(|(gap, front, demand)| {
                at += gap;
                (ns(at), front.map(Duration::from_nanos), Duration::from_nanos(demand))
            })
            .collect();
        let stations = || [Station::new(capacity(disciplines.0, workers.0)), Station::new(capacity(disciplines.1, workers.1))];
        let [mut first, mut second] = stations();
        let expected = simulate_tandem(&mut first, &mut second, &calls);
        let finishes = served(&mut stations(), &calls);
        prop_assert_eq!(finishes, expected);
    }
}

/// The mean time through two queues with exponential demands is the sum of both (Jackson, *Networks
/// of waiting lines*, Operations Research 1957).
#[test]
fn the_mean_time_in_a_tandem_is_the_sum_of_both() {
    let (gap, first, second) = (2e6, 1e6, 1.4e6);
    let expected = 1.0 / (1.0 / first - 1.0 / gap) + 1.0 / (1.0 / second - 1.0 / gap);
    let mut means = Vec::new();
    for seed in 0..20 {
        let mut at = 0.0;
        let calls: Vec<_> = (0..20_000)
            .map(|call| {
                let mut stream = Draws::new(seed).at(5, call);
                let mut exponential = |mean: f64| -(1.0 - stream.random::<f64>()).ln() * mean;
                at += exponential(gap);
                let mut time = |mean| Duration::from_nanos(exponential(mean) as u64);
                (ns(at as u64), Some(time(first)), time(second))
            })
            .collect();
        let [mut front, mut main] = [Station::new(capacity(1, 1)), Station::new(capacity(1, 1))];
        let finishes = simulate_tandem(&mut front, &mut main, &calls);
        let times = finishes.into_iter().zip(&calls).map(|(finish, call)| finish.expect("no overflow").since(call.0));
        means.push(times.map(|time| time.as_nanos() as f64).sum::<f64>() / calls.len() as f64);
    }
    let mean = means.iter().sum::<f64>() / 20.0;
    let error = (means.iter().map(|other| (other - mean).powi(2)).sum::<f64>() / 19.0 / 20.0).sqrt();
    assert!((mean - expected).abs() < 4.0 * error && error < 0.05 * expected, "{mean} ± {error}, not {expected}");
}
