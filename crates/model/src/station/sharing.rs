//! Workers that all calls share evenly (egalitarian processor sharing with `c` servers), in virtual
//! time.
//!
//! Virtual time V is the work that each call in service has received: it grows at the rate min(1,
//! c/n), so a call finishes when V reaches its value at arrival plus the call's demand, and an
//! arrival changes no other call's entry (as in Parekh and Gallager, *A generalized processor
//! sharing approach to flow control*, 1993).
//!
//! With a [`RateCurve`] of measured rates in place of workers, V grows at the rate mu(n) / (n
//! mu(1)).
//!
//! # Error
//!
//! Both times are integers, in units of 2^-32 ns. Each arrival or departure rounds once, by less
//! than a unit, so that a finish is off by less than 0.24 ns for each 10^9 arrivals and departures
//! while the call is in service, and is then rounded up to whole nanoseconds. No error accumulates
//! over the life of a station, and no time can be negative.

use std::time::Duration;

use super::finish_tree::{FinishKey, FinishTree};
use super::finished_jobs::FinishedJobs;
use super::fixed_point::{demand_to_fixed_point, to_fixed_point, to_sim_time_rounded_up};
use super::rate_curve::{RateCurve, UNIT_BITS};
use super::{FinishEstimate, SimTime};

/// A call that shares workers, for asking about its finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SharingJob {
    key: FinishKey,
    /// First lower bound of the finish.
    not_before: SimTime,
}

/// The speed of virtual time.
#[derive(Clone, Debug)]
pub(super) enum Speed {
    /// A number of workers, shared evenly.
    Workers(u32),
    /// Rates measured at some populations.
    Curve(RateCurve),
}

/// Processor sharing: the calls in service and those that have finished.
#[derive(Clone, Debug)]
pub(super) struct ProcessorSharing {
    speed: Speed,
    /// Time and virtual time of the last arrival or departure.
    time: u128,
    virtual_time: u128,
    in_service: FinishTree,
    /// Number of the next call.
    next: u64,
    last_departed: Option<FinishKey>,
    finished: FinishedJobs,
}

impl ProcessorSharing {
    /// Makes a state without calls.
    pub(super) fn new(speed: Speed) -> Self {
        Self {
            speed,
            time: 0,
            virtual_time: 0,
            in_service: FinishTree::default(),
            next: 0,
            last_departed: None,
            finished: FinishedJobs::default(),
        }
    }

    /// Admits a call; also returns its finish if no other call comes.
    pub(super) fn admit(&mut self, at: SimTime, demand: Duration) -> (SharingJob, SimTime) {
        self.depart_until(at);
        let number = self.next;
        self.next += 1;
        let at = to_fixed_point(at);
        let late = self.time.saturating_sub(at);
        self.advance_to(at);
        // a late arrival has had its share of the workers since it arrived
        let population = self.in_service.len() + 1;
        let demand = demand_to_fixed_point(demand);
        let had = self.speed.progress(late, population);
        if had > demand {
            return self.admit_finished(number, to_sim_time_rounded_up(at + self.speed.duration(demand, population)));
        }
        let key = (self.virtual_time + (demand - had), number);
        self.in_service.insert(key);
        let not_before = self.finish_time(key);
        (SharingJob { key, not_before }, not_before)
    }

    /// Returns what is known of the finish of a call.
    pub(super) fn estimate_finish(&mut self, job: SharingJob, now: SimTime) -> FinishEstimate {
        self.depart_until(now);
        if let Some(finish) = self.finished.take(job.key.1) {
            return FinishEstimate::Finished(finish);
        }
        if self.last_departed.is_none_or(|last| job.key > last) {
            return FinishEstimate::NotBefore(self.finish_time(job.key));
        }
        FinishEstimate::Finished(job.not_before.min(now))
    }

    /// Removes a call; returns whether it was there. The others go on faster: ask again for each of
    /// them.
    pub(super) fn remove(&mut self, job: SharingJob, now: SimTime) -> bool {
        self.depart_until(now);
        if self.finished.take(job.key.1).is_some() {
            return false;
        }
        self.advance_to(to_fixed_point(now));
        self.in_service.remove(job.key)
    }

    /// Returns the number of calls in service.
    pub(super) fn in_flight(&mut self, now: SimTime) -> usize {
        self.depart_until(now);
        self.in_service.len()
    }

    /// Returns the number of calls beyond the population of full speed.
    pub(super) fn waiting(&mut self, now: SimTime) -> usize {
        self.in_flight(now).saturating_sub(self.speed.full_speed_population() as usize)
    }

    /// Returns the number of calls beyond the population of full speed; `None` below it.
    pub(super) fn excess_over_capacity(&mut self, now: SimTime) -> Option<usize> {
        self.in_flight(now).checked_sub(self.speed.full_speed_population() as usize)
    }

    /// Changes the speed from now on.
    pub(super) fn set_speed(&mut self, speed: Speed, now: SimTime) {
        self.depart_until(now);
        self.advance_to(to_fixed_point(now));
        self.speed = speed;
    }

    /// Removes the calls whose finish is not after `now`. Time stays at the last departure, so that
    /// a call that arrived before `now` and is admitted after it is still served exactly.
    fn depart_until(&mut self, now: SimTime) {
        while let Some(key) = self.in_service.first() {
            let population = self.in_service.len();
            let time = self.time + self.speed.duration(key.0.saturating_sub(self.virtual_time), population);
            let finish = to_sim_time_rounded_up(time);
            if finish > now {
                break;
            }
            self.in_service.pop_first();
            (self.time, self.virtual_time) = (time, self.virtual_time.max(key.0));
            self.record_departure(key, finish);
        }
        self.finished.drop_before(now);
    }

    /// Admits a call that is so late and so short that it has already finished.
    fn admit_finished(&mut self, number: u64, finish: SimTime) -> (SharingJob, SimTime) {
        // a key before all calls in service: virtual time is never 0 when a call is late
        let key = (0, number);
        self.record_departure(key, finish);
        (SharingJob { key, not_before: finish }, finish)
    }

    fn record_departure(&mut self, key: FinishKey, finish: SimTime) {
        self.last_departed = self.last_departed.max(Some(key));
        self.finished.record(key.1, finish);
    }

    /// Advances both times to an arrival; no departure may lie between.
    fn advance_to(&mut self, time: u128) {
        if time > self.time {
            self.virtual_time += self.speed.progress(time - self.time, self.in_service.len());
            self.time = time;
        }
    }

    /// Returns the finish of a call in service if no other call comes; with a curve, a close lower
    /// bound.
    ///
    /// Until `n - c` calls have left, V needs n(V)/c of time for each step, and all those steps add
    /// up to the work that is done in the meantime, divided by c; from then on, each call has a
    /// worker of its own.
    fn finish_time(&self, (finish, _): FinishKey) -> SimTime {
        let workers = match &self.speed {
            Speed::Workers(workers) => *workers,
            Speed::Curve(curve) => {
                return to_sim_time_rounded_up(
                    self.time + curve.time_until(finish, self.virtual_time, &self.in_service),
                );
            }
        };
        let population = self.in_service.len();
        let shared_until = match population.checked_sub(workers as usize) {
            Some(surplus) if surplus > 0 => self.in_service.nth(surplus - 1).unwrap_or(self.virtual_time),
            _ => self.virtual_time,
        };
        let until = finish.min(shared_until);
        let (gone, sum) = self.in_service.before(until);
        let work_of_gone = sum.saturating_sub(gone as u128 * self.virtual_time);
        let work_of_others = (population - gone) as u128 * until.saturating_sub(self.virtual_time);
        let shared = (work_of_gone + work_of_others) / u128::from(workers);
        to_sim_time_rounded_up(self.time + shared + (finish - until))
    }

    /// Returns whether it stores fewer calls than this.
    #[cfg(test)]
    pub(super) fn is_smaller_than(&self, calls: usize) -> bool {
        self.in_service.len().max(self.finished.size()) < calls
    }
}

impl Speed {
    /// Returns the population up to which more calls mean more throughput.
    pub(super) fn full_speed_population(&self) -> u32 {
        match self {
            Self::Workers(workers) => *workers,
            Self::Curve(curve) => curve.max_population(),
        }
    }

    /// Returns the virtual time that passes in `time`.
    fn progress(&self, time: u128, population: usize) -> u128 {
        match self {
            Self::Workers(workers) if population as u128 <= u128::from(*workers) => time,
            Self::Workers(workers) => time.saturating_mul(u128::from(*workers)) / population as u128,
            Self::Curve(_) if population <= 1 => time,
            Self::Curve(curve) => product(time, curve.speed(population).into(), (population as u128) << UNIT_BITS),
        }
    }

    /// Returns the time in which the virtual time `progress` passes.
    fn duration(&self, progress: u128, population: usize) -> u128 {
        match self {
            Self::Workers(workers) if population as u128 <= u128::from(*workers) => progress,
            Self::Workers(workers) => progress.saturating_mul(population as u128) / u128::from(*workers),
            Self::Curve(_) if population <= 1 => progress,
            Self::Curve(curve) => product(progress, (population as u128) << UNIT_BITS, curve.speed(population).into()),
        }
    }
}

/// Returns `time * by / parts` without an intermediate overflow, provided that `by * parts` fits
/// into 128 bits.
fn product(time: u128, by: u128, parts: u128) -> u128 {
    (time / parts).saturating_mul(by).saturating_add((time % parts).saturating_mul(by) / parts)
}
