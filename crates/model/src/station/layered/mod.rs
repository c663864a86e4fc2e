//! A layered queue: calls wait for a worker, first come, first served, and disturb each other while
//! they hold one.
//!
//! It is the smallest member of the family of layered queueing networks (Rolia and Sevcik, *The
//! method of layers*, IEEE Transactions on Software Engineering 1995; Franks et al., *Enhanced
//! modeling and solution of layered queueing networks*, ibid. 2009): a pool of workers above shared
//! cores. The rates at which calls progress are those of [`Contention`](super::Contention).
//!
//! # Error
//!
//! As in processor sharing, times are integers in units of 2^-32 ns. Rates have about 40 binary
//! digits, so that a call is off by less than a nanosecond for each second in service.

mod classes;
mod forecast;

use hashbrown::HashMap;

use self::classes::ServiceClasses;
use self::forecast::{Forecast, JobPlace, WaitingJob, WaitingLine};
use super::contention::Work;
use super::finish_tree::FinishKey;
use super::finished_jobs::FinishedJobs;
use super::fixed_point::{UNITS_PER_NANO, demand_to_fixed_point, to_fixed_point, to_sim_time_rounded_up};
use super::{FinishEstimate, SimTime};

/// A call in a layered pool, for asking about its finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayeredJob {
    number: u64,
    /// First lower bound of the finish.
    not_before: SimTime,
}

/// The workers, the calls that hold one, those that wait, and those that have finished.
#[derive(Clone, Debug)]
pub(super) struct LayeredPool {
    /// Number of workers; no call waits for one if `None`.
    workers: Option<usize>,
    /// Time of the last event, in fixed point.
    time: u128,
    classes: ServiceClasses,
    /// Class and key of each call in service.
    in_service: HashMap<u64, (usize, FinishKey)>,
    line: WaitingLine,
    finished: FinishedJobs,
    /// Number of the next call.
    next: u64,
    forecast: Forecast,
}

impl LayeredPool {
    /// Makes a pool without calls.
    pub(super) fn new(workers: Option<u32>, cores: Option<f64>) -> Self {
        Self {
            workers: workers.map(|workers| workers as usize),
            time: 0,
            classes: ServiceClasses::new(cores),
            in_service: HashMap::new(),
            line: WaitingLine::default(),
            finished: FinishedJobs::default(),
            next: 0,
            forecast: Forecast::default(),
        }
    }

    /// Admits a call; also returns a lower bound of its finish.
    ///
    /// Time does not go back: a call that comes late has had its present share of the cores since
    /// its arrival if a worker is free, and is the last of the line otherwise.
    pub(super) fn admit(&mut self, at: SimTime, work: Work) -> (LayeredJob, SimTime) {
        self.depart_until(at);
        let number = self.next;
        self.next += 1;
        let at = to_fixed_point(at);
        let late = self.time.saturating_sub(at);
        self.advance_to(at);
        let class = self.classes.class_of(work.contention);
        let demand = demand_to_fixed_point(work.demand);
        if self.has_free_worker() {
            self.start(number, class, demand, late);
        } else {
            self.classes.clock_mut(class).waiting += 1;
            let nanos = demand as f64 / UNITS_PER_NANO as f64;
            self.line.jobs.insert(number, WaitingJob { class, demand, work_before: self.line.work });
            self.line.work += nanos;
            self.line.largest = self.line.largest.max(nanos);
        }
        let not_before = self.finish_bound(number).unwrap_or_default();
        (LayeredJob { number, not_before }, not_before)
    }

    /// Returns what is known of the finish of a call.
    pub(super) fn estimate_finish(&mut self, job: LayeredJob, now: SimTime) -> FinishEstimate {
        self.depart_until(now);
        if let Some(finish) = self.finished.take(job.number) {
            return FinishEstimate::Finished(finish);
        }
        match self.finish_bound(job.number) {
            Some(later) => FinishEstimate::NotBefore(later),
            None => FinishEstimate::Finished(job.not_before.min(now)),
        }
    }

    /// Removes a call; returns whether it was there. The others go on faster: ask again for each of
    /// them.
    pub(super) fn remove(&mut self, job: LayeredJob, now: SimTime) -> bool {
        self.depart_until(now);
        if self.finished.take(job.number).is_some() {
            return false;
        }
        self.advance_to(to_fixed_point(now));
        if let Some(job) = self.line.jobs.remove(&job.number) {
            self.classes.clock_mut(job.class).waiting -= 1;
            self.line.removed_work += job.demand as f64 / UNITS_PER_NANO as f64;
            return true;
        }
        let Some((class, key)) = self.in_service.remove(&job.number) else { return false };
        self.classes.remove(class, key);
        self.start_waiting();
        true
    }

    /// Returns the number of calls in service and in the line.
    pub(super) fn in_flight(&mut self, now: SimTime) -> usize {
        self.depart_until(now);
        self.in_service.len() + self.line.jobs.len()
    }

    /// Returns the number of calls that wait for a worker; without workers, of those beyond one for
    /// each core.
    pub(super) fn waiting(&mut self, now: SimTime) -> usize {
        self.excess_over_capacity(now).unwrap_or(0)
    }

    /// Returns the number of calls that wait, of none if the next one waits; `None` if it does not.
    pub(super) fn excess_over_capacity(&mut self, now: SimTime) -> Option<usize> {
        self.depart_until(now);
        match (self.workers, self.classes.cores()) {
            (Some(_), _) => (!self.has_free_worker()).then_some(self.line.jobs.len()),
            (None, Some(cores)) => self.in_service.len().checked_sub(cores.ceil() as usize),
            (None, None) => None,
        }
    }

    /// Changes workers and cores from now on.
    pub(super) fn set_limits(&mut self, workers: Option<u32>, cores: Option<f64>, now: SimTime) {
        self.depart_until(now);
        self.advance_to(to_fixed_point(now));
        self.workers = workers.map(|workers| workers as usize);
        self.classes.set_cores(cores);
        self.start_waiting();
    }

    /// Removes the calls whose finish is not after `now`. Time stays at the last departure, so that
    /// a call that arrived before `now` and is admitted after it is still served exactly.
    fn depart_until(&mut self, now: SimTime) {
        while let Some((class, until)) = self.classes.next_departure() {
            let time = self.time.saturating_add(until);
            let finish = to_sim_time_rounded_up(time);
            if finish > now {
                break;
            }
            self.time = time;
            let Some(number) = self.classes.finish_first(class, until) else { break };
            self.in_service.remove(&number);
            self.finished.record(number, finish);
            self.start_waiting();
        }
        self.finished.drop_before(now);
    }

    /// Advances time to an event; no departure may lie between.
    fn advance_to(&mut self, time: u128) {
        if time > self.time {
            self.classes.advance(time - self.time);
            self.time = time;
        }
    }

    fn has_free_worker(&self) -> bool {
        self.workers.is_none_or(|workers| self.in_service.len() < workers)
    }

    fn start(&mut self, number: u64, class: usize, demand: u128, late: u128) {
        let key = self.classes.start(class, number, demand, late);
        self.in_service.insert(number, (class, key));
    }

    /// Gives free workers to the calls that wait.
    fn start_waiting(&mut self) {
        while !self.line.jobs.is_empty()
            && self.has_free_worker()
            && let Some((number, job)) = self.line.jobs.pop_first()
        {
            self.classes.clock_mut(job.class).waiting -= 1;
            self.start(number, job.class, job.demand, 0);
        }
        if self.line.jobs.is_empty() {
            self.line = WaitingLine::default();
        }
    }

    /// Returns a lower bound of the finish of a call that has not finished; `None` if there is none
    /// of this number.
    fn finish_bound(&mut self, number: u64) -> Option<SimTime> {
        let place = match self.in_service.get(&number) {
            Some((class, key)) => JobPlace::InService(*class, *key),
            None if self.line.jobs.contains_key(&number) => JobPlace::Waiting(number),
            None => return None,
        };
        let nanos = self.forecast.time_to_finish(place, &self.classes, &self.line, self.workers);
        let time = ((nanos - ROUNDING_NANOS).max(0.0) * UNITS_PER_NANO as f64) as u128;
        Some(to_sim_time_rounded_up(self.time.saturating_add(time)))
    }

    /// Returns whether it stores fewer calls than this.
    #[cfg(test)]
    pub(super) fn is_smaller_than(&self, calls: usize) -> bool {
        self.in_service.len().max(self.line.jobs.len()).max(self.finished.size()) < calls
    }
}

/// Nanoseconds by which a forecast in floating point may be too late.
const ROUNDING_NANOS: f64 = 1e-3;
