//! Stations: where calls wait for a worker, so that latency comes from load as it does in the real service.
//!
//! A station is pure: it holds no clock, no lock and no timer. The caller says when a call arrives and what it demands,
//! and the station says when it is finished. One station serves all the operations of a service.
//!
//! # Time
//!
//! Calls are served in the order in which they are admitted. Several threads that admit through one lock do so almost,
//! but not quite, in the order of arrival; what that costs is at most the disorder itself:
//! - `unlimited`: nothing;
//! - `fifo`: the late one queues behind those admitted before it, and starts at its own arrival if a worker is free;
//! - `sharing`: time does not go back. The late one is taken to have had its present share since its arrival: exact
//!   while there is a worker for everybody.
//!
//! A call that is to enter the station later (its `outside` part comes first) is admitted then, not ahead of time: it would
//! keep a worker from calls that enter before it.
//!
//! A station with [`StallSchedule`] stands still at times: see there.

mod bucket;
mod fifo;
mod finish_tree;
mod rate_curve;
mod sharing;
mod sim_time;
mod simulation;
mod stalls;

use std::num::NonZeroU32;
use std::time::Duration;

pub use bucket::{TokenBucket, TokenRate};
pub use rate_curve::{RateCurve, RateCurveError};
pub use sharing::JobId;
pub use sim_time::SimTime;
pub use simulation::{simulate, simulate_in, simulate_tandem};
pub use stalls::StallSchedule;

use self::fifo::{FifoWorkers, ScheduledJobs};
use self::sharing::{ProcessorSharing, Speed};
use self::stalls::StallClock;
use crate::draws::Draws;

/// What a station is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Capacity {
    /// A worker for every call: latency does not depend on load.
    Unlimited,
    /// Workers that take one call at a time, first come, first served.
    Fifo {
        /// How many.
        workers: NonZeroU32,
        /// How many calls may wait.
        queue: Queue,
    },
    /// Workers that all calls share evenly: of `n` calls, each runs at the rate min(1, workers / n).
    Sharing {
        /// How many.
        workers: NonZeroU32,
        /// How many calls may be in the station beyond one for each worker.
        queue: Queue,
    },
    /// All calls are worked on at once, at rates that were measured.
    Curve {
        /// The rates by population.
        curve: RateCurve,
        /// How many calls may be in the station beyond the largest population of the curve.
        queue: Queue,
    },
}

/// How many calls may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Any number.
    Unbounded,
    /// So many; the next one is an overflow.
    AtMost(u32),
}

/// What became of a call at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It finishes then, whatever comes after it.
    Due(SimTime),
    /// It finishes then if nothing comes after it. [`Station::estimate_finish`] with the job at that moment.
    Shared(JobId, SimTime),
    /// The queue is full: it is not served.
    Overflow,
}

/// Where a call is in its station, so that it can be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(SlotState);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    /// From a start to a finish, both final, in working time; by this worker, if they are counted.
    Until {
        start: SimTime,
        finish: SimTime,
        worker: Option<u32>,
    },
    Shared(JobId),
}

/// What is known of a shared call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishEstimate {
    /// It finished at this moment, exactly; it may be past. The job is used up.
    Finished(SimTime),
    /// It will not finish before this moment: ask again then.
    NotBefore(SimTime),
}

/// The workers of a service and the calls that they serve.
///
/// Each operation takes O(log n) for n calls in the station, and the memory is that of the calls in it. A call whose client
/// went away just is not asked about any more: it keeps its worker until its finish, as in real servers; or it is given up.
#[derive(Clone, Debug)]
pub struct Station {
    capacity: Capacity,
    /// The calls whose finish is final.
    scheduled: ScheduledJobs,
    workers: FifoWorkers,
    /// Outlives a change to another discipline until its calls are finished.
    sharing: ProcessorSharing,
    /// Between the caller's time and that of all the above, which passes only while the service does not stand still. Once
    /// there, it stays, as it knows what was lost.
    clock: Option<Box<StallClock>>,
}

impl Station {
    /// A station without calls.
    pub fn new(capacity: Capacity) -> Self {
        let workers = capacity.workers().map_or(1, NonZeroU32::get);
        Self {
            scheduled: ScheduledJobs::default(),
            workers: FifoWorkers::new(workers),
            sharing: ProcessorSharing::new(capacity.speed().unwrap_or(Speed::Workers(1))),
            capacity,
            clock: None,
        }
    }

    /// A station without calls that stands still at times, by a schedule that begins at the epoch.
    pub fn with_stalls(capacity: Capacity, stalls: StallSchedule, draws: Draws) -> Self {
        Self { clock: Some(Box::new(StallClock::new(stalls, draws))), ..Self::new(capacity) }
    }

    /// What it is made of.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// A call arrives and demands so much work: the time that it would take alone.
    pub fn admit(&mut self, at: SimTime, demand: Duration) -> Admission {
        self.admit_to_slot(at, demand).0
    }

    /// The same; also says where the call is, unless it is an overflow.
    pub fn admit_to_slot(&mut self, at: SimTime, demand: Duration) -> (Admission, Option<Slot>) {
        let at = self.to_working_time(at);
        let (admission, place) = self.serve(at, demand);
        let Some(clock) = &mut self.clock else { return (admission, place) };
        let admission = match admission {
            Admission::Due(finish) => Admission::Due(clock.to_real_time(finish)),
            Admission::Shared(job, not_before) => Admission::Shared(job, clock.to_real_time(not_before)),
            Admission::Overflow => Admission::Overflow,
        };
        (admission, place)
    }

    /// A call leaves before it is finished: what it had still to get is for calls that come later. Whether it was still there.
    ///
    /// Its job must not be asked about any more. Of those that share, all others go on faster, so what [`Station::estimate_finish`] said
    /// before may come too late: ask again for each of them. Where workers take one call at a time, finishes are final, also
    /// of calls behind it; the worker that had it is free for later ones as much earlier as was left of it.
    pub fn release(&mut self, place: Slot, now: SimTime) -> bool {
        let now = self.to_working_time(now);
        match place.0 {
            SlotState::Shared(job) => self.sharing.remove(job, now),
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

    fn serve(&mut self, at: SimTime, demand: Duration) -> (Admission, Option<Slot>) {
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
                (Admission::Shared(job, not_before), Some(Slot(SlotState::Shared(job))))
            }
        }
    }

    /// What is known at `now` of a call that got a job here. Later arrivals move a finish later, never earlier.
    ///
    /// The finish of a call that nobody asked for is kept for ten seconds; then the answer is the first lower bound of it, so
    /// that lateness is overstated rather than hidden.
    pub fn estimate_finish(&mut self, job: JobId, now: SimTime) -> FinishEstimate {
        let now = self.to_working_time(now);
        let outlook = self.sharing.estimate_finish(job, now);
        let Some(clock) = &mut self.clock else { return outlook };
        match outlook {
            FinishEstimate::Finished(finish) => FinishEstimate::Finished(clock.to_real_time(finish)),
            FinishEstimate::NotBefore(later) => FinishEstimate::NotBefore(clock.to_real_time(later)),
        }
    }

    /// How many calls are in the station. A `now` before the latest seen is read as that.
    pub fn in_flight(&mut self, now: SimTime) -> usize {
        let now = self.to_working_time(now);
        self.scheduled.in_flight(now) + self.sharing.in_flight(now)
    }

    /// How many of them wait; those that share workers wait as far as they are more than the workers.
    pub fn waiting(&mut self, now: SimTime) -> usize {
        let now = self.to_working_time(now);
        self.scheduled.waiting(now) + self.sharing.waiting(now)
    }

    /// Changes what the station is made of while calls are in it.
    ///
    /// - Calls with a final deadline keep it. Calls that share keep what work remains and go on at the new rate, so what
    ///   [`Station::estimate_finish`] said before may come too late when workers were added: ask again for each of them.
    /// - Added workers are free now; removed ones leave when they are next free.
    /// - After a change of discipline, calls finish under the old one beside the new workers, which are free now.
    pub fn reconfigure(&mut self, capacity: Capacity, now: SimTime) {
        let now = self.to_working_time(now);
        match (&self.capacity, &capacity) {
            (Capacity::Fifo { .. }, Capacity::Fifo { workers, .. }) => self.workers.resize(workers.get()),
            (_, Capacity::Fifo { workers, .. }) => self.workers = self.workers.renewed(workers.get()),
            _ => {}
        }
        if let Some(speed) = capacity.speed() {
            self.sharing.set_speed(speed, now);
        }
        self.capacity = capacity;
    }

    /// Other stalls from now on, or none; the one that there is now ends as it was to. Calls with a final deadline keep it.
    pub fn set_stalls(&mut self, stalls: Option<(StallSchedule, Draws)>, now: SimTime) {
        match (&mut self.clock, stalls) {
            (Some(clock), stalls) => clock.change(stalls, now),
            (None, Some((stalls, draws))) => self.clock = Some(Box::new(StallClock::beginning(stalls, draws, now))),
            (None, None) => {}
        }
    }

    /// Stands still when another station does: they have all stalls in common, those that were and those to come.
    pub fn copy_stalls_from(&mut self, other: &Self) {
        self.clock.clone_from(&other.clock);
    }

    /// When it goes on, if it stands still now.
    pub fn stalled_until(&mut self, now: SimTime) -> Option<SimTime> {
        self.clock.as_mut()?.stalled_until(now)
    }

    fn to_working_time(&mut self, at: SimTime) -> SimTime {
        self.clock.as_mut().map_or(at, |clock| clock.to_working_time(at))
    }
}

impl Capacity {
    /// How many workers there are, if they are limited.
    pub fn workers(&self) -> Option<NonZeroU32> {
        match self {
            Self::Unlimited | Self::Curve { .. } => None,
            Self::Fifo { workers, .. } | Self::Sharing { workers, .. } => Some(*workers),
        }
    }

    /// How virtual time passes where calls share what there is.
    fn speed(&self) -> Option<Speed> {
        match self {
            Self::Unlimited | Self::Fifo { .. } => None,
            Self::Sharing { workers, .. } => Some(Speed::Workers(workers.get())),
            Self::Curve { curve, .. } => Some(Speed::Curve(curve.clone())),
        }
    }
}

impl Queue {
    /// Whether another call may wait.
    fn has_room(self, waiting: usize) -> bool {
        match self {
            Self::Unbounded => true,
            Self::AtMost(limit) => waiting < limit as usize,
        }
    }
}

#[cfg(test)]
mod abandoned;
#[cfg(test)]
mod curved;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod series;
#[cfg(test)]
mod stalled;
#[cfg(test)]
mod tests;
