//! Plain simulations of limits and stalls: a bounded queue, a rate limit, and times without any
//! progress.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand_distr::{Distribution as _, Exp1};

use super::reference_simulation::{Station, serve};

/// Latency of a rejected call, in seconds.
pub(crate) const REFUSAL: f64 = 0.0003;

/// Simulates workers that serve calls in order while at most `bound` of them wait. Returns
/// latencies in seconds, with status 503 for rejected calls.
pub(crate) fn bounded(workers: usize, bound: usize, arrivals: &[f64], demands: &[f64]) -> Vec<(f64, u16)> {
    let (mut free, mut starts) = (vec![0.0_f64; workers], VecDeque::<f64>::new());
    let answer = |(arrival, demand): (&f64, &f64)| {
        // first come, first served: starts ascend
        while starts.front().is_some_and(|start| start <= arrival) {
            starts.pop_front();
        }
        let next = (0..workers).min_by(|one, other| free[*one].total_cmp(&free[*other])).expect("a worker");
        if free[next] > *arrival && starts.len() >= bound {
            return (REFUSAL, 503);
        }
        let start = arrival.max(free[next]);
        if start > *arrival {
            starts.push_back(start);
        }
        free[next] = start + demand;
        (start + demand - arrival, 200)
    };
    arrivals.iter().zip(demands).map(answer).collect()
}

/// Simulates a token bucket before a station. Returns latencies in seconds, with status 429 for
/// calls that find it empty.
pub(crate) fn limited(
    (per_second, burst): (f64, f64),
    station: Station,
    arrivals: &[f64],
    demands: &[f64],
) -> Vec<(f64, u16)> {
    let (mut tokens, mut last) = (burst, 0.0);
    let admitted = arrivals.iter().map(|arrival| {
        tokens = f64::min(tokens + (arrival - last) * per_second, burst);
        last = *arrival;
        let passes = tokens >= 1.0;
        tokens -= f64::from(u8::from(passes));
        passes
    });
    let admitted: Vec<bool> = admitted.collect();
    let inside = |values: &[f64]| {
        values.iter().zip(&admitted).filter(|(_, admitted)| **admitted).map(|(value, _)| *value).collect::<Vec<_>>()
    };
    let mut latencies = serve(station, &inside(arrivals), &inside(demands)).into_iter();
    let answer =
        |admitted: &bool| if *admitted { (latencies.next().expect("one a call"), 200) } else { (REFUSAL, 429) };
    admitted.iter().map(answer).collect()
}

/// Returns beginnings and ends of stalls until `end`: at random, with a mean of `every` seconds
/// from an end to the next beginning, and of equal length.
pub(crate) fn stalls(end: f64, every: f64, length: f64, rng: &mut StdRng) -> Vec<(f64, f64)> {
    let (mut stalls, mut now) = (Vec::new(), 0.0);
    while now < end {
        let gap: f64 = Exp1.sample(rng);
        let begin = now + every * gap;
        now = begin + length;
        stalls.push((begin, now));
    }
    stalls
}

/// Simulates a station that stops during stalls. Returns latencies in seconds; calls are served in
/// the remaining time.
pub(crate) fn stalled(stalls: &[(f64, f64)], station: Station, arrivals: &[f64], demands: &[f64]) -> Vec<f64> {
    let working = |time: f64| {
        let past = stalls.iter().take_while(|(begin, _)| *begin <= time);
        time - past.map(|(begin, end)| end.min(time) - begin).sum::<f64>()
    };
    let worked: Vec<f64> = arrivals.iter().map(|arrival| working(*arrival)).collect();
    let latencies = serve(station, &worked, demands);
    let (mut passed, mut next) = (0.0, 0);
    let mut order: Vec<usize> = (0..worked.len()).collect();
    order.sort_by(|one, other| (worked[*one] + latencies[*one]).total_cmp(&(worked[*other] + latencies[*other])));
    let mut answers = vec![0.0; worked.len()];
    for call in order {
        let finish = worked[call] + latencies[call];
        while stalls.get(next).is_some_and(|(begin, _)| begin - passed < finish) {
            passed += stalls[next].1 - stalls[next].0;
            next += 1;
        }
        answers[call] = finish + passed - arrivals[call];
    }
    answers
}
