//! One call on its way through the stations of a service.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::stations::{ServiceStations, Stage};
use super::{ActiveProfile, ActiveSet};
use standin_model::draws::Draws;
use standin_model::profile::Service;
use standin_model::profile::spec::Abandon;
use standin_model::station::{Admission, Capacity, FinishEstimate, JobId, Slot};
use standin_stub::call::Call;
use standin_stub::matcher::MatchStats;
use standin_stub::reply::Reply;

/// One call on its way through the stations of a service.
#[derive(Debug)]
pub struct Passage {
    active: Arc<ActiveSet>,
    folder: usize,
    service: usize,
    operation: usize,
    /// The how-manieth call of its operation it is, from 0.
    pub ordinal: u64,
    /// The time that it holds a worker.
    pub demand: Duration,
    /// The time before it asks for one.
    pub outside: Duration,
    /// The time that it holds a worker of the front; `None` if it does not stop there.
    pub front: Option<Duration>,
    /// The bytes a second at which its body leaves; none if at once.
    pub transfer: Option<f64>,
    /// The status that it is answered with in place of the stub's answer, if its class says so.
    pub status: Option<StatusCode>,
}

/// A call in a station, which it leaves when this is dropped, unless it is [finished](Hold::finish) before.
#[derive(Debug)]
pub struct Hold<'p> {
    passage: &'p Passage,
    stage: Stage,
    /// None if the call stays to the end, whatever its client does.
    place: Option<Slot>,
}

/// What became of a call at the door of a station.
#[derive(Debug)]
pub enum Door {
    /// It is finished then, whatever comes after it.
    Due(Instant),
    /// It is finished then if nothing comes after it: ask again with the job.
    Shared(JobId, Instant),
    /// The queue is full: this is its answer.
    Full(Box<Reply>),
}

impl ActiveSet {
    /// The way of a call that a stub of `folder` answers with a body of `length`, where that can be told and matters; `None` if it is
    /// not paced.
    pub fn passage(
        self: Arc<Self>,
        folder: usize,
        length: impl FnOnce() -> Option<u64>,
        call: &Call,
        stats: &MatchStats,
        draws: &Draws,
    ) -> Option<Passage> {
        let running = self.folders.get(folder)?.as_ref()?;
        let placed = running.profile.place(call, stats)?;
        let service = placed.service;
        let Some(operation) = placed.operation else {
            running.services[service].unpaced.fetch_add(1, Relaxed);
            return None;
        };
        let ordinal = running.ordinals[service][operation].fetch_add(1, Relaxed);
        let after = call.arrival.saturating_duration_since(running.since);
        let model = &running.profile.services[service].operations[operation];
        let length = if model.asks_for_length() { length() } else { None };
        let drawn = model.draw(draws, ordinal, after, length);
        let (demand, outside, front, transfer) = (drawn.demand, drawn.outside, drawn.front, drawn.transfer);
        let status = drawn.class.and_then(|class| class.status);
        Some(Passage { folder, service, operation, ordinal, demand, outside, front, transfer, status, active: self })
    }

    fn running(&self, folder: usize) -> &ActiveProfile {
        self.folders[folder].as_ref().expect("a passage is made of a folder that has the profile")
    }
}

impl Passage {
    /// When it comes to the door.
    pub fn enters(&self, arrival: Instant) -> Instant {
        arrival + self.outside
    }

    /// Whether it has to be waited until it may ask for a worker: others may ask before it meanwhile.
    pub fn waits_outside(&self) -> bool {
        !self.outside.is_zero() && self.depends_on_load()
    }

    /// Whether its way through the stations depends on when others come to them.
    pub fn depends_on_load(&self) -> bool {
        let service = self.service();
        service.capacity != Capacity::Unlimited || service.stalls.is_some() || self.front.is_some()
    }

    /// Whether it leaves its station when its client goes away.
    pub fn is_freed(&self) -> bool {
        self.service().abandon == Abandon::Free
    }

    /// Comes to the door: when it may go on, or its answer, if calls come faster than they may.
    pub fn knock(&self, at: Instant) -> Result<Instant, Box<Reply>> {
        let state = self.state();
        let mut turn = at;
        if let Some((rate, refusal)) = &self.service().rate_limit {
            let Some(passes) = state.lets_through(state.moment(at), *rate) else {
                state.limited.fetch_add(1, Relaxed);
                return Err(Box::new(refusal.clone()));
            };
            turn = at.max(state.instant(passes));
        }
        state.paced.fetch_add(1, Relaxed);
        Ok(turn)
    }

    /// Asks the front for a worker.
    pub fn enter_front(&self, at: Instant) -> (Door, Hold<'_>) {
        let state = self.state();
        let placed = state.station(Stage::Front).admit_to_slot(state.moment(at), self.front.unwrap_or_default());
        self.door(Stage::Front, placed)
    }

    /// Asks for a worker. Also says whether this is beyond the range in which the service was observed.
    pub fn enter(&self, at: Instant) -> (Door, Hold<'_>, bool) {
        let (service, state) = (self.service(), self.state());
        let at = state.moment(at);
        let mut station = state.station(Stage::Main);
        let placed = station.admit_to_slot(at, self.demand);
        let mut in_flight = station.in_flight(at) as u64;
        drop(station);
        if service.front.is_some() {
            in_flight += state.station(Stage::Front).in_flight(at) as u64;
        }
        let valid = &service.valid;
        let in_second = state.count_second(at);
        let beyond = valid.in_flight.is_some_and(|most| in_flight > most)
            || valid.per_second.is_some_and(|most| in_second as f64 > most);
        if beyond {
            state.beyond.fetch_add(1, Relaxed);
        }
        let (door, hold) = self.door(Stage::Main, placed);
        (door, hold, beyond)
    }

    /// Whether a call that shares its workers is finished: `Ok` with when, or `Err` with when to ask again.
    pub fn ask(&self, stage: Stage, job: JobId) -> Result<Instant, Instant> {
        let state = self.state();
        let now = state.moment(Instant::now());
        let outlook = state.station(stage).estimate_finish(job, now);
        match outlook {
            FinishEstimate::Finished(at) => Ok(state.instant(at)),
            FinishEstimate::NotBefore(at) => Err(state.instant(at)),
        }
    }

    /// Resolves when the workers that it shares have changed, so that it has to ask again.
    pub async fn resized(&self) {
        self.state().resized.notified().await;
    }

    /// The names of its service and its operation.
    pub fn names(&self) -> (&str, &str) {
        let service = self.service();
        (&service.name, &service.operations[self.operation].name)
    }

    fn door(&self, stage: Stage, (admission, place): (Admission, Option<Slot>)) -> (Door, Hold<'_>) {
        let (service, state) = (self.service(), self.state());
        let (count, overflow) = match (stage, &service.front) {
            (Stage::Front, Some(front)) => (&state.front_overflowed, &front.overflow),
            _ => (&state.overflowed, &service.overflow),
        };
        let door = match admission {
            Admission::Due(finish) => Door::Due(state.instant(finish)),
            Admission::Shared(job, not_before) => Door::Shared(job, state.instant(not_before)),
            Admission::Overflow => {
                count.fetch_add(1, Relaxed);
                Door::Full(Box::new(overflow.clone()))
            }
        };
        (door, Hold { passage: self, stage, place: place.filter(|_| self.is_freed()) })
    }

    fn service(&self) -> &Service {
        &self.active.running(self.folder).profile.services[self.service]
    }

    fn state(&self) -> &ServiceStations {
        &self.active.running(self.folder).services[self.service]
    }
}

impl Hold<'_> {
    /// The call has got all that it asked for.
    pub fn finish(mut self) {
        self.place = None;
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let state = self.passage.state();
        let now = state.moment(Instant::now());
        if state.station(self.stage).release(place, now) {
            state.abandoned.fetch_add(1, Relaxed);
            // those that share go on faster now
            state.resized.notify_waiters();
        }
    }
}
