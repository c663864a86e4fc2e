//! Leaky buckets: rate limits that release the calls of a burst one by one. The wait at such a
//! limit is not work of the service.
//!
//! The release time of each call follows from the arrivals of the admitted calls and the rate
//! alone. The limit is a leaky bucket if, with that wait subtracted, the latencies of calls that
//! waited match those of calls that did not.

use crate::fit::prepare::trace::{Observation, Trace};
use crate::fit::prepare::workload::is_rejection;
use standin_model::stats::median;

/// Returns the tapes as the service behind a leaky bucket saw them, with each call arriving at its
/// release. `None` if the limit is not of this kind.
pub(crate) fn traces_behind(traces: &[Trace], per_second: f64) -> Option<Vec<Trace>> {
    let token = 1e9 / per_second;
    let waits: Vec<Vec<f64>> = traces.iter().map(|trace| waits(&trace.calls, token)).collect();
    let (mut at_once, mut latencies, mut remainders, mut held) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (trace, waits) in traces.iter().zip(&waits) {
        for (call, wait) in trace.calls.iter().zip(waits).filter(|(call, _)| !is_rejection(call.status)) {
            let latency = call.finish.saturating_sub(call.arrival) as f64;
            if *wait <= 0.0 {
                at_once.push(latency);
            } else if *wait > token * MIN_WAIT_TOKENS {
                latencies.push(latency);
                remainders.push(latency - wait);
                held.push(*wait);
            }
        }
    }
    if held.len() < MIN_CALLS || at_once.len() < MIN_CALLS {
        return None;
    }
    let (latency_at_once, wait) = (median(&mut at_once), median(&mut held));
    let deviation =
        |times: Vec<f64>| median(&mut times.into_iter().map(|time| (time - latency_at_once).abs()).collect::<Vec<_>>());
    let remainder = deviation(remainders);
    if remainder > deviation(latencies).min(wait) * MAX_UNEXPLAINED_SHARE {
        return None;
    }
    // if the limit's clock is coarser than the service is fast, released calls do not show the
    // demand
    let is_coarse = remainder > latency_at_once * MAX_RELATIVE_DEVIATION;
    let least = at_once.iter().copied().fold(f64::INFINITY, f64::min) as u64;
    let behind = traces.iter().zip(waits).map(|(trace, waits)| {
        let see = |(call, wait): (&Observation, f64)| {
            let latest = call.finish.saturating_sub(least).max(call.arrival);
            // the recorder's count includes calls that waited for their release
            let seen = Observation { arrival: (call.arrival + wait as u64).min(latest), in_flight: 0, ..*call };
            (wait <= 0.0 || !is_coarse).then_some(seen)
        };
        Trace { calls: trace.calls.iter().zip(waits).filter_map(see).collect(), ..trace.clone() }
    });
    Some(behind.collect())
}

/// Returns the wait of each call for its release, in nanoseconds; 0 for rejected calls, which take
/// no token.
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

/// Minimum number of calls that waited, and of calls that did not.
const MIN_CALLS: usize = 50;
/// Minimum wait of a call that is compared, in token intervals; a shorter wait disappears in the
/// service's own latency.
const MIN_WAIT_TOKENS: f64 = 1.0;
/// Largest median deviation of released calls from the latency without a wait, relative to that
/// latency, at which they still show the demand.
const MAX_RELATIVE_DEVIATION: f64 = 0.5;
/// Largest share of the waits that may remain unexplained.
const MAX_UNEXPLAINED_SHARE: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 calls in bursts: ten at twice the rate, then a pause. Seven of ten are admitted, and
    /// each takes about 3 ms.
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
        let behind = traces_behind(&[tape(true)], 100.0).expect("they are spaced");
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
        let behind = traces_behind(&[tape], 100.0).expect("they are spaced");
        let all_take_3_ms = |calls: &[Observation]| calls.iter().all(|call| call.finish - call.arrival < 4_000_000);
        assert!(
            all_take_3_ms(&behind[0].calls) && behind[0].calls.iter().filter(|call| call.status == 200).count() >= 100
        );
    }

    #[test]
    fn a_limit_that_lets_bursts_pass_is_of_another_kind() {
        assert_eq!(traces_behind(&[tape(false)], 100.0), None);
    }
}
