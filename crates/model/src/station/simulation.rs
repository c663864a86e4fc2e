//! Simulation of stations over a list of arrivals, without waiting: used by fitting and its checks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Admission, Capacity, FinishEstimate, JobId, SimTime, Station, Work};

/// Returns the finish of each call, given their arrivals (in the order of time) and demands, or
/// their [`Work`]; `None` for an overflow.
///
/// Calls that share workers are asked for at the times that the station returns, as a server's
/// timers do.
pub fn simulate<W: Into<Work>>(
    capacity: Capacity,
    calls: impl IntoIterator<Item = (SimTime, W)>,
) -> Vec<Option<SimTime>> {
    simulate_in(&mut Station::new(capacity), calls)
}

/// Simulates calls as [`simulate`] does, in a given station, which may have stalls.
pub fn simulate_in<W: Into<Work>>(
    station: &mut Station,
    calls: impl IntoIterator<Item = (SimTime, W)>,
) -> Vec<Option<SimTime>> {
    let mut finishes = Vec::new();
    let mut timers = PendingEstimates::default();
    for (index, (at, work)) in calls.into_iter().enumerate() {
        timers.fire_until(at, station, &mut finishes);
        finishes.push(match station.admit(at, work) {
            Admission::Due(finish) => Some(finish),
            Admission::Overflow => None,
            Admission::Shared(job, not_before) => {
                timers.arm(not_before, index, job);
                None
            }
        });
    }
    timers.fire_until(SimTime::from_nanos(u64::MAX), station, &mut finishes);
    finishes
}

/// Simulates two stations in tandem: a call arrives at the second at its finish in the first. Each
/// call has its arrival, its demand at the first station (`None` if it does not stop there) and its
/// demand at the second.
pub fn simulate_tandem(
    first: &mut Station,
    second: &mut Station,
    calls: &[(SimTime, Option<Duration>, Duration)],
) -> Vec<Option<SimTime>> {
    let stopping = calls.iter().filter_map(|(at, demand, _)| Some((*at, (*demand)?)));
    let mut passed = simulate_in(first, stopping).into_iter();
    let mut entering: Vec<(SimTime, usize)> = calls
        .iter()
        .enumerate()
        .filter_map(|(index, (at, demand, _))| match demand {
            Some(_) => Some((passed.next()??, index)),
            None => Some((*at, index)),
        })
        .collect();
    entering.sort_unstable();
    let served = simulate_in(second, entering.iter().map(|(at, index)| (*at, calls[*index].2)));
    let mut finishes = vec![None; calls.len()];
    for ((_, index), finish) in entering.into_iter().zip(served) {
        finishes[index] = finish;
    }
    finishes
}

/// The times at which the finishes of calls are asked for next.
#[derive(Default)]
struct PendingEstimates {
    heap: BinaryHeap<Reverse<(SimTime, usize)>>,
    tickets: Vec<Option<JobId>>,
}

impl PendingEstimates {
    fn arm(&mut self, not_before: SimTime, index: usize, job: JobId) {
        self.tickets.resize(self.tickets.len().max(index + 1), None);
        self.tickets[index] = Some(job);
        self.heap.push(Reverse((not_before, index)));
    }

    fn fire_until(&mut self, until: SimTime, station: &mut Station, finishes: &mut [Option<SimTime>]) {
        while let Some(&Reverse((due, index))) = self.heap.peek()
            && due <= until
        {
            self.heap.pop();
            let Some(job) = self.tickets[index] else { continue };
            match station.estimate_finish(job, due) {
                FinishEstimate::Finished(finish) => finishes[index] = Some(finish),
                // a lower bound may lie a rounding before the finish: asking at the same time again
                // would not end
                FinishEstimate::NotBefore(later) => {
                    self.heap.push(Reverse((later.max(due + Duration::from_nanos(1)), index)));
                }
            }
        }
    }
}
