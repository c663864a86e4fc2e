//! A rate limit that lets the calls of a burst go on one by one: what they wait there is no work of the service.
//!
//! When each call has its turn follows from the arrivals of those that were let in and the rate alone. Where latencies of calls that
//! had to wait for their turn are those of calls that had not, once that wait is taken away, the limit is of this kind.

use super::trace::{Observation, Trace};
use super::workload::is_rejection;

/// The tapes as the service behind such a limit saw them, each call arriving at its turn; none if the limit is not of this kind.
pub(super) fn behind(traces: &[Trace], per_second: f64) -> Option<Vec<Trace>> {
    let token = 1e9 / per_second;
    let waits: Vec<Vec<f64>> = traces.iter().map(|trace| waits(&trace.calls, token)).collect();
    let (mut at_once, mut latencies, mut remainders, mut held) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (trace, waits) in traces.iter().zip(&waits) {
        for (call, wait) in trace.calls.iter().zip(waits).filter(|(call, _)| !is_rejection(call.status)) {
            let latency = call.finish.saturating_sub(call.arrival) as f64;
            if *wait <= 0.0 {
                at_once.push(latency);
            } else if *wait > token * CLEARLY {
                latencies.push(latency);
                remainders.push(latency - wait);
                held.push(*wait);
            }
        }
    }
    if held.len() < FEWEST || at_once.len() < FEWEST {
        return None;
    }
    let (usual, wait) = (median(&mut at_once), median(&mut held));
    let off = |times: Vec<f64>| median(&mut times.into_iter().map(|time| (time - usual).abs()).collect::<Vec<_>>());
    let remainder = off(remainders);
    if remainder > off(latencies).min(wait) * EXPLAINED {
        return None;
    }
    // of a limit whose clock is coarser than the service is fast, those that waited say nothing of the service
    let is_coarse = remainder > usual * COARSE;
    let least = at_once.iter().copied().fold(f64::INFINITY, f64::min) as u64;
    let behind = traces.iter().zip(waits).map(|(trace, waits)| {
        let see = |(call, wait): (&Observation, f64)| {
            let latest = call.finish.saturating_sub(least).max(call.arrival);
            // the recorder counted those who waited for their turn as well
            let seen = Observation { arrival: (call.arrival + wait as u64).min(latest), in_flight: 0, ..*call };
            (wait <= 0.0 || !is_coarse).then_some(seen)
        };
        Trace { calls: trace.calls.iter().zip(waits).filter_map(see).collect(), ..trace.clone() }
    });
    Some(behind.collect())
}

/// What each call waits for its turn, in nanoseconds; 0 for those that are turned away, which take none.
fn waits(calls: &[Observation], token: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..calls.len()).collect();
    order.sort_by_key(|call| (calls[*call].arrival, calls[*call].finish));
    let (mut waits, mut full_at) = (vec![0.0; calls.len()], 0.0_f64);
    for call in order.into_iter().filter(|call| !is_rejection(calls[*call].status)) {
        let now = calls[call].arrival as f64;
        waits[call] = (full_at - now).max(0.0);
        full_at = full_at.max(now) + token;
    }
    waits
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Calls that waited, and calls that did not.
const FEWEST: usize = 50;
/// Turns that a call must have waited for to count: less is lost in what the service itself takes.
const CLEARLY: f64 = 1.0;
/// The share of what a call takes at once by which those that waited may differ from it and still tell its demand.
const COARSE: f64 = 0.5;
/// The share of the waits that may remain unexplained.
const EXPLAINED: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 calls, of which ten come at twice the rate before there is a pause, and seven of each ten go on; each is done about
    /// 3 ms later.
    fn tape(is_spaced: bool) -> Trace {
        let (mut full_at, mut calls) = (0_u64, Vec::new());
        for number in 0..1_000_u64 {
            let arrival = 1_000_000_000 + number * 5_000_000 + number % 7 * 600_000 + number / 10 * 400_000_000;
            let wait = full_at.saturating_sub(arrival);
            let (status, in_flight) = (if wait > 30_000_000 { 429 } else { 200 }, 0);
            let held = if is_spaced { wait } else { 0 };
            let finish = arrival + if status == 200 { held + 3_000_000 + number % 11 * 10_000 } else { 200_000 };
            full_at = if status == 200 { full_at.max(arrival) + 10_000_000 } else { full_at };
            calls.push(Observation { operation: 0, arrival, finish, status, bytes: None, in_flight });
        }
        Trace { operations: vec!["GET /".to_owned()], calls, exclusive: true, ..Trace::default() }
    }

    #[test]
    fn the_service_behind_sees_calls_at_their_turn() {
        let behind = behind(&[tape(true)], 100.0).expect("they are spaced");
        for call in behind[0].calls.iter().filter(|call| call.status == 200) {
            let took = call.finish - call.arrival;
            assert!((3_000_000..=3_100_001).contains(&took), "{took}");
        }
    }

    #[test]
    fn a_coarse_limit_hides_the_service_from_those_that_wait() {
        let mut tape = tape(true);
        for call in tape.calls.iter_mut().filter(|call| call.status == 200 && call.finish > call.arrival + 4_000_000) {
            call.finish += call.arrival % 5 * 1_000_000;
        }
        let behind = behind(&[tape], 100.0).expect("they are spaced");
        let all_take_3_ms = |calls: &[Observation]| calls.iter().all(|call| call.finish - call.arrival < 4_000_000);
        assert!(
            all_take_3_ms(&behind[0].calls) && behind[0].calls.iter().filter(|call| call.status == 200).count() >= 100
        );
    }

    #[test]
    fn a_limit_that_lets_bursts_pass_is_of_another_kind() {
        assert_eq!(behind(&[tape(false)], 100.0), None);
    }
}
