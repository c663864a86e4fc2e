//! Queueing stations: calls wait for workers, so that latency depends on load as it does in the
//! real service.
//!
//! A station is pure: it has no clock, no lock and no timer. The caller passes the arrival and the
//! demand of a call, and the station returns its finish. One station serves all the operations of a
//! service.
//!
//! # Time
//!
//! Calls are served in the order in which they are admitted. Several threads that admit through one
//! lock do so almost, but not quite, in the order of arrival; what that costs is at most the
//! disorder itself:
//! - `unlimited`: nothing;
//! - `fifo`: a late call queues behind those admitted before it, and starts at its own arrival if a
//!   worker is free;
//! - `sharing` and layered: time does not go back. A late call is taken to have had its present
//!   share since its arrival, which is exact while every call has a worker of its own.
//!
//! A call that enters the station later, because its `outside` latency comes first, is admitted at
//! that time and not in advance: it would keep a worker from calls that enter before it.
//!
//! A station with a [`StallSchedule`] stands still at times.

mod bucket;
mod capacity;
mod contention;
mod core_sharing;
mod fifo;
mod finish_tree;
mod finished_jobs;
mod fixed_point;
mod layered;
mod rate_curve;
mod sharing;
mod sim_time;
mod simulation;
mod stalls;
mod stretch;

use std::num::NonZeroU32;

pub use bucket::{TokenBucket, TokenRate};
pub use capacity::{Capacity, Queue};
pub use contention::{Contention, Work};
pub use rate_curve::{RateCurve, RateCurveError};
pub use sim_time::SimTime;
pub use simulation::{simulate, simulate_in, simulate_tandem};
pub use stalls::StallSchedule;
pub use stretch::stretches;

use self::fifo::{FifoWorkers, ScheduledJobs};
use self::layered::{LayeredJob, LayeredPool};
use self::sharing::{ProcessorSharing, SharingJob, Speed};
use self::stalls::StallClock;
use crate::draws::Draws;

/// The result of admitting a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The call finishes at this time, whatever comes after it.
    Due(SimTime),
    /// The call finishes at this time if nothing comes after it; call [`Station::estimate_finish`]
    /// at that time.
    Shared(JobId, SimTime),
    /// The queue is full: the call is not served.
    Overflow,
}

/// A call that shares workers or cores, for asking about its finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(JobKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobKind {
    Sharing(SharingJob),
    Layered(LayeredJob),
}

/// The place of a call in its station, which can be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(SlotState);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    /// Final start and finish, in working time, and the index of the worker if the station has a
    /// limit.
    Until {
        start: SimTime,
        finish: SimTime,
        worker: Option<u32>,
    },
    Shared(JobId),
}

/// The finish of a call that shares its workers, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishEstimate {
    /// The exact finish, which may be in the past. The job must not be asked for again.
    Finished(SimTime),
    /// A lower bound of the finish: ask again at this time.
    NotBefore(SimTime),
}

/// The workers of a service and the calls in them.
///
/// Each operation takes O(log n) time for n calls in the station, and memory is proportional to n.
/// A call whose client goes away keeps its worker until its finish, as in real servers, unless its
/// slot is released.
#[derive(Clone, Debug)]
pub struct Station {
    capacity: Capacity,
    /// Calls whose finish is final.
    scheduled: ScheduledJobs,
    workers: FifoWorkers,
    /// Calls that share workers; they stay here until their finish if the discipline changes.
    sharing: ProcessorSharing,
    /// Calls of a layered capacity; they stay here until their finish if the discipline changes.
    layered: Option<Box<LayeredPool>>,
    /// Maps the caller's time to working time, which passes only while the service does not stand
    /// still. A clock stays once there was a stall, as it keeps the sum of the time lost.
    clock: Option<Box<StallClock>>,
}

impl Station {
    /// Makes a station without calls.
    pub fn new(capacity: Capacity) -> Self {
        let workers = capacity.workers().map_or(1, NonZeroU32::get);
        Self {
            scheduled: ScheduledJobs::default(),
            workers: FifoWorkers::new(workers),
            sharing: ProcessorSharing::new(capacity.speed().unwrap_or(Speed::Workers(1))),
            layered: match &capacity {
                Capacity::Layered { workers, cores, .. } => Some(layered_pool(*workers, *cores)),
                _ => None,
            },
            capacity,
            clock: None,
        }
    }

    /// Makes a station without calls that stands still at times; the first stall interval begins at
    /// the epoch.
    pub fn with_stalls(capacity: Capacity, stalls: StallSchedule, draws: Draws) -> Self {
        Self { clock: Some(Box::new(StallClock::new(stalls, draws))), ..Self::new(capacity) }
    }

    /// Returns the workers and the queue.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Admits a call that arrives at `at`, with its demand or its [`Work`].
    pub fn admit(&mut self, at: SimTime, work: impl Into<Work>) -> Admission {
        self.admit_to_slot(at, work).0
    }

    /// Admits a call as [`Station::admit`] does, and returns its slot unless it is an overflow.
    pub fn admit_to_slot(&mut self, at: SimTime, work: impl Into<Work>) -> (Admission, Option<Slot>) {
        let at = self.convert_to_working_time(at);
        let (admission, place) = self.serve(at, work.into());
        let Some(clock) = &mut self.clock else { return (admission, place) };
        let admission = match admission {
            Admission::Due(finish) => Admission::Due(clock.convert_to_real_time(finish)),
            Admission::Shared(job, not_before) => Admission::Shared(job, clock.convert_to_real_time(not_before)),
            Admission::Overflow => Admission::Overflow,
        };
        (admission, place)
    }

    /// Releases the slot of a call that leaves before its finish. Returns whether the call was
    /// still in the station.
    ///
    /// Do not ask for its finish afterwards. Calls that shared the workers with it go on faster, so
    /// their estimates may be too late: ask again for each of them. With `Fifo`, finishes are
    /// final, also of the calls behind it; its worker is free for later calls earlier by the rest
    /// of its demand.
    pub fn release(&mut self, place: Slot, now: SimTime) -> bool {
        let now = self.convert_to_working_time(now);
        match place.0 {
            SlotState::Shared(JobId(JobKind::Sharing(job))) => self.sharing.remove(job, now),
            SlotState::Shared(JobId(JobKind::Layered(job))) => {
                self.layered.as_mut().is_some_and(|pool| pool.remove(job, now))
            }
            SlotState::Until { finish, .. } if finish <= now => false,
            SlotState::Until { start, finish, worker } => {
                if let Some(worker) = worker {
                    self.workers.return_time(worker, finish.since(now.max(start)), now);
                }
                self.scheduled.release(start, finish, now);
                true
            }
        }
    }

    fn serve(&mut self, at: SimTime, work: Work) -> (Admission, Option<Slot>) {
        let demand = work.demand;
        match self.capacity {
            Capacity::Unlimited => {
                let finish = at + demand;
                self.scheduled.add(at, at, finish);
                (Admission::Due(finish), Some(Slot(SlotState::Until { start: at, finish, worker: None })))
            }
            Capacity::Fifo { queue, .. } => {
                let start = self.workers.next_start(at);
                if start > at && !queue.has_room(self.scheduled.waiting(at)) {
                    return (Admission::Overflow, None);
                }
                let finish = start + demand;
                let worker = Some(self.workers.occupy(finish));
                self.scheduled.add(at, start, finish);
                (Admission::Due(finish), Some(Slot(SlotState::Until { start, finish, worker })))
            }
            Capacity::Sharing { queue, .. } | Capacity::Curve { queue, .. } => {
                if let Some(waiting) = self.sharing.excess_over_capacity(at)
                    && !queue.has_room(waiting)
                {
                    return (Admission::Overflow, None);
                }
                let (job, not_before) = self.sharing.admit(at, demand);
                shared(JobKind::Sharing(job), not_before)
            }
            Capacity::Layered { workers, cores, queue } => {
                let pool = self.layered.get_or_insert_with(|| layered_pool(workers, cores));
                if let Some(waiting) = pool.excess_over_capacity(at)
                    && !queue.has_room(waiting)
                {
                    return (Admission::Overflow, None);
                }
                let (job, not_before) = pool.admit(at, work);
                shared(JobKind::Layered(job), not_before)
            }
        }
    }

    /// Returns what is known at `now` of the finish of a call. Later arrivals move a finish later,
    /// never earlier.
    ///
    /// A finish that nobody asks for is kept for ten seconds. After that, the first lower bound is
    /// returned, so that lateness is overstated rather than hidden.
    pub fn estimate_finish(&mut self, job: JobId, now: SimTime) -> FinishEstimate {
        let now = self.convert_to_working_time(now);
        let outlook = match (job.0, &mut self.layered) {
            (JobKind::Sharing(job), _) => self.sharing.estimate_finish(job, now),
            (JobKind::Layered(job), Some(pool)) => pool.estimate_finish(job, now),
            // a station that issued such a job has a pool
            (JobKind::Layered(_), None) => FinishEstimate::Finished(now),
        };
        let Some(clock) = &mut self.clock else { return outlook };
        match outlook {
            FinishEstimate::Finished(finish) => FinishEstimate::Finished(clock.convert_to_real_time(finish)),
            FinishEstimate::NotBefore(later) => FinishEstimate::NotBefore(clock.convert_to_real_time(later)),
        }
    }

    /// Returns the number of calls in the station. A `now` before the latest time seen counts as
    /// that time.
    pub fn in_flight(&mut self, now: SimTime) -> usize {
        let now = self.convert_to_working_time(now);
        let layered = self.layered.as_mut().map_or(0, |pool| pool.in_flight(now));
        self.scheduled.in_flight(now) + self.sharing.in_flight(now) + layered
    }

    /// Returns the number of calls that wait for a worker; of calls that share workers, those
    /// beyond the number of workers or cores.
    pub fn waiting(&mut self, now: SimTime) -> usize {
        let now = self.convert_to_working_time(now);
        let layered = self.layered.as_mut().map_or(0, |pool| pool.waiting(now));
        self.scheduled.waiting(now) + self.sharing.waiting(now) + layered
    }

    /// Changes workers and queue while calls are in the station.
    ///
    /// - Final finishes stay. Calls that share workers keep their remaining work and go on at the
    ///   new rate, so estimates may be too late when workers are added: ask again for each of them.
    /// - Added workers are free now; removed ones leave when they are next free.
    /// - After a change of discipline, the calls in the station finish under the old one, beside
    ///   the new workers, which are free now.
    pub fn reconfigure(&mut self, capacity: Capacity, now: SimTime) {
        let now = self.convert_to_working_time(now);
        match (&self.capacity, &capacity) {
            (Capacity::Fifo { .. }, Capacity::Fifo { workers, .. }) => self.workers.resize(workers.get()),
            (_, Capacity::Fifo { workers, .. }) => self.workers = self.workers.renewed(workers.get()),
            _ => {}
        }
        if let Some(speed) = capacity.speed() {
            self.sharing.set_speed(speed, now);
        }
        if let Capacity::Layered { workers, cores, .. } = capacity {
            let pool = self.layered.get_or_insert_with(|| layered_pool(workers, cores));
            pool.set_limits(workers.map(NonZeroU32::get), cores, now);
        }
        self.capacity = capacity;
    }

    /// Replaces the stall schedule from now on, or removes it; a stall that has begun ends as
    /// planned. Final finishes stay.
    pub fn set_stalls(&mut self, stalls: Option<(StallSchedule, Draws)>, now: SimTime) {
        match (&mut self.clock, stalls) {
            (Some(clock), stalls) => clock.change(stalls, now),
            (None, Some((stalls, draws))) => self.clock = Some(Box::new(StallClock::beginning(stalls, draws, now))),
            (None, None) => {}
        }
    }

    /// Copies all past and future stalls of another station, so that both stand still together.
    pub fn copy_stalls_from(&mut self, other: &Self) {
        self.clock.clone_from(&other.clock);
    }

    /// Returns the end of the stall if the station stands still now.
    pub fn stalled_until(&mut self, now: SimTime) -> Option<SimTime> {
        self.clock.as_mut()?.stalled_until(now)
    }

    fn convert_to_working_time(&mut self, at: SimTime) -> SimTime {
        self.clock.as_mut().map_or(at, |clock| clock.convert_to_working_time(at))
    }
}

fn layered_pool(workers: Option<NonZeroU32>, cores: Option<f64>) -> Box<LayeredPool> {
    Box::new(LayeredPool::new(workers.map(NonZeroU32::get), cores))
}

fn shared(job: JobKind, not_before: SimTime) -> (Admission, Option<Slot>) {
    let job = JobId(job);
    (Admission::Shared(job, not_before), Some(Slot(SlotState::Shared(job))))
}

#[cfg(test)]
mod tests;
