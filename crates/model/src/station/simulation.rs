//! A station over a whole list of arrivals, as fast as it can be computed: what fitting and its checks ask for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::{Admission, Capacity, Moment, Outlook, Station, Ticket};

/// When each of the calls finishes, given their arrivals (in the order of time) and demands; `None` for an overflow.
///
/// Calls that share are asked about at the moments that the station names, just as a server's timers do it.
pub fn finishes(capacity: Capacity, calls: impl IntoIterator<Item = (Moment, Duration)>) -> Vec<Option<Moment>> {
    finishes_in(&mut Station::new(capacity), calls)
}

/// The same in a station that is given, which may stand still at times.
pub fn finishes_in(station: &mut Station, calls: impl IntoIterator<Item = (Moment, Duration)>) -> Vec<Option<Moment>> {
    let mut finishes = Vec::new();
    let mut timers = Timers::default();
    for (index, (at, demand)) in calls.into_iter().enumerate() {
        timers.fire_until(at, station, &mut finishes);
        finishes.push(match station.admit(at, demand) {
            Admission::Due(finish) => Some(finish),
            Admission::Overflow => None,
            Admission::Shared(ticket, not_before) => {
                timers.arm(not_before, index, ticket);
                None
            }
        });
    }
    timers.fire_until(Moment::from_nanos(u64::MAX), station, &mut finishes);
    finishes
}

/// The same in two stations, one behind the other: a call comes to the second at the moment at which it is finished in the
/// first. Each call is its arrival, its demand of the first (none: it does not stop there) and that of the second.
pub fn finishes_in_series(
    first: &mut Station,
    second: &mut Station,
    calls: &[(Moment, Option<Duration>, Duration)],
) -> Vec<Option<Moment>> {
    let stopping = calls.iter().filter_map(|(at, demand, _)| Some((*at, (*demand)?)));
    let mut passed = finishes_in(first, stopping).into_iter();
    let mut entering: Vec<(Moment, usize)> = calls
        .iter()
        .enumerate()
        .filter_map(|(index, (at, demand, _))| match demand {
            Some(_) => Some((passed.next()??, index)),
            None => Some((*at, index)),
        })
        .collect();
    entering.sort_unstable();
    let served = finishes_in(second, entering.iter().map(|(at, index)| (*at, calls[*index].2)));
    let mut finishes = vec![None; calls.len()];
    for ((_, index), finish) in entering.into_iter().zip(served) {
        finishes[index] = finish;
    }
    finishes
}

/// What is asked next, and for which call.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Moment, usize)>>,
    tickets: Vec<Option<Ticket>>,
}

impl Timers {
    fn arm(&mut self, not_before: Moment, index: usize, ticket: Ticket) {
        self.tickets.resize(self.tickets.len().max(index + 1), None);
        self.tickets[index] = Some(ticket);
        self.heap.push(Reverse((not_before, index)));
    }

    fn fire_until(&mut self, until: Moment, station: &mut Station, finishes: &mut [Option<Moment>]) {
        while let Some(&Reverse((due, index))) = self.heap.peek()
            && due <= until
        {
            self.heap.pop();
            let Some(ticket) = self.tickets[index] else { continue };
            match station.ask(ticket, due) {
                Outlook::Finished(finish) => finishes[index] = Some(finish),
                // a lower bound may lie a rounding before the finish: asking at the same moment again would not end
                Outlook::NotBefore(later) => {
                    self.heap.push(Reverse((later.max(due + Duration::from_nanos(1)), index)));
                }
            }
        }
    }
}
