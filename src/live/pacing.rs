//! The profile in force: which station a call goes through, and what it demands there.
//!
//! Stations and the ordinals of operations are kept by name: another profile, or another version of one, finds the queue as
//! it is. Without a profile a call pays one load of a pointer.

mod timeline;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;
use http::StatusCode;
use tokio::sync::Notify;

pub use self::timeline::TimelineView;
use crate::call::Call;
use crate::matcher::Tally;
use crate::pace::draws::Draws;
use crate::pace::profile::{Profile, Service, Turn};
use crate::pace::station::{Admission, Bucket, Capacity, Moment, Outlook, Station, Ticket};
use crate::reply::Reply;
use crate::stub::Stub;

/// The profiles that there are, and the one in force.
#[derive(Debug)]
pub struct Pacing {
    active: ArcSwapOption<Active>,
    /// Of each stub folder.
    available: ArcSwap<Vec<Vec<Arc<Profile>>>>,
    /// Held while the profile in force is changed.
    kept: Mutex<Kept>,
    /// Wakes what keeps the time of timelines when another profile is in force.
    changed: Notify,
}

/// What outlives a profile.
#[derive(Debug, Default)]
struct Kept {
    /// Where stalls are drawn from.
    draws: Option<Draws>,
    states: HashMap<(usize, String), Arc<State>>,
    ordinals: HashMap<(usize, String, String), Arc<AtomicU64>>,
}

/// A profile in force.
#[derive(Debug)]
pub struct Active {
    /// Its name.
    pub name: String,
    /// For each stub folder; none where there is no profile of that name.
    folders: Vec<Option<Running>>,
}

#[derive(Clone, Debug)]
struct Running {
    /// What was put in force: a timeline, or the profile itself.
    named: Arc<Profile>,
    /// When it was: what timelines and slow spells count from.
    since: Instant,
    /// The step of the timeline.
    turn: Option<Turn>,
    /// What is served now.
    profile: Arc<Profile>,
    services: Vec<Arc<State>>,
    /// How many calls each operation of each service had.
    ordinals: Vec<Vec<Arc<AtomicU64>>>,
}

/// A service at work.
#[derive(Debug)]
pub struct State {
    station: Mutex<Station>,
    /// What the door lets through, where the profile limits the rate.
    bucket: Mutex<Bucket>,
    /// What its moments count from.
    epoch: Instant,
    paced: AtomicU64,
    unpaced: AtomicU64,
    overflowed: AtomicU64,
    limited: AtomicU64,
    beyond: AtomicU64,
    /// The second that is counted, and its calls.
    second: AtomicU64,
    in_second: AtomicU64,
    /// Wakes the calls that share workers when there are others: what they were told may come too late.
    resized: Notify,
}

/// A service as metrics show it.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Calls in its station.
    pub in_flight: usize,
    /// Of these, waiting for a worker.
    pub waiting: usize,
    /// Its workers; none if unlimited.
    pub workers: Option<u32>,
    /// Whether it stands still.
    pub stalled: bool,
    /// Calls that went through it.
    pub paced: u64,
    /// Calls of the service that no operation takes.
    pub unpaced: u64,
    /// Calls that found the queue full.
    pub overflowed: u64,
    /// Calls that came faster than the rate limit allows.
    pub limited: u64,
    /// Calls that came beyond the range in which it was observed.
    pub beyond: u64,
}

/// There is no profile of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Those that there are.
    pub available: Vec<String>,
}

/// One call on its way through a station.
#[derive(Debug)]
pub struct Passage {
    active: Arc<Active>,
    folder: usize,
    service: usize,
    operation: usize,
    /// The how-manieth call of its operation it is, from 0.
    pub ordinal: u64,
    /// The time that it holds a worker.
    pub demand: Duration,
    /// The time before it asks for one.
    pub outside: Duration,
    /// The bytes a second at which its body leaves; none if at once.
    pub transfer: Option<f64>,
    /// The status that it is answered with in place of the stub's answer, if its class says so.
    pub status: Option<StatusCode>,
}

/// What became of a call at the door of its station.
#[derive(Debug)]
pub enum Door {
    /// It is finished then, whatever comes after it.
    Due(Instant),
    /// It is finished then if nothing comes after it: ask again with the ticket.
    Shared(Ticket, Instant),
    /// The queue is full: this is its answer.
    Full(Box<Reply>),
    /// Calls come faster than they may: this is its answer.
    Limited(Box<Reply>),
}

impl Pacing {
    /// No profile in force.
    pub fn new(available: Vec<Vec<Arc<Profile>>>) -> Self {
        Self {
            active: ArcSwapOption::empty(),
            available: ArcSwap::from_pointee(available),
            kept: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The profile in force. A call keeps the one that it started with.
    pub fn active(&self) -> Option<Arc<Active>> {
        // a load of a pointer that is null in most runs, before anything is counted
        self.active.load().as_ref().map(Arc::clone)
    }

    /// The seed's draws, by which stalls come in the profiles that are put in force from now on.
    pub fn draw_stalls_from(&self, draws: Draws) {
        self.kept().draws = Some(draws);
    }

    /// The names of the profiles that there are.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.available.load().iter().flatten().map(|profile| profile.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Which stub folders have no profile of this name.
    pub fn lacking(&self, name: &str) -> Vec<usize> {
        let available = self.available.load();
        let lacks = |profiles: &Vec<Arc<Profile>>| !profiles.iter().any(|profile| profile.name == name);
        available.iter().enumerate().filter(|(_, profiles)| lacks(profiles)).map(|(folder, _)| folder).collect()
    }

    /// Puts a profile in force wherever there is one of its name, or none. Timelines begin.
    pub fn activate(&self, name: Option<&str>) -> Result<(), Unknown> {
        self.put(name, |_, _| None)
    }

    /// Other profiles in place of all, as their files have changed. One in force that has gone leaves its calls unpaced:
    /// returns its name then. A timeline goes on unless it says something else now.
    pub fn replace(&self, available: Vec<Vec<Arc<Profile>>>) -> Option<String> {
        self.available.store(Arc::new(available));
        let active = self.active()?;
        let goes_on = |folder: usize, profile: &Profile| {
            let running = active.folders.get(folder)?.as_ref()?;
            (running.named.spec.timeline == profile.spec.timeline).then_some(running.since)
        };
        if self.put(Some(&active.name), goes_on).is_ok() {
            return None;
        }
        self.active.store(None);
        Some(active.name.clone())
    }

    /// Operations begin to draw from their first call again, and time to count.
    pub fn restart(&self) {
        for ordinal in self.kept().ordinals.values() {
            ordinal.store(0, Relaxed);
        }
        if let Some(active) = self.active() {
            // its profile may have gone meanwhile: then it stays as it is
            let _ = self.activate(Some(&active.name));
        }
    }

    /// Puts a profile in force, since now or since `since` says for a folder.
    fn put(&self, name: Option<&str>, since: impl Fn(usize, &Profile) -> Option<Instant>) -> Result<(), Unknown> {
        let mut kept = self.kept();
        let Some(name) = name else {
            self.active.store(None);
            return Ok(());
        };
        let now = Instant::now();
        let available = self.available.load();
        let folders: Vec<Option<Running>> = available
            .iter()
            .enumerate()
            .map(|(folder, profiles)| {
                let profile = profiles.iter().find(|profile| profile.name == name)?;
                kept.run(folder, profile, profiles, since(folder, profile).unwrap_or(now), now)
            })
            .collect();
        if folders.iter().all(Option::is_none) {
            return Err(Unknown { available: self.names() });
        }
        self.active.store(Some(Arc::new(Active { name: name.to_owned(), folders })));
        self.changed.notify_one();
        Ok(())
    }

    /// The services of the profile in force.
    pub fn services(&self) -> Vec<ServiceView> {
        let Some(active) = self.active() else { return Vec::new() };
        active
            .folders
            .iter()
            .flatten()
            .flat_map(|running| running.profile.services.iter().zip(&running.services))
            .map(|(service, state)| state.view(service))
            .collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What a profile is at a moment, in force since another; `profiles` are those that a timeline may point to.
    fn run(
        &mut self,
        folder: usize,
        named: &Arc<Profile>,
        profiles: &[Arc<Profile>],
        since: Instant,
        now: Instant,
    ) -> Option<Running> {
        let turn = named.spec.timeline.as_ref().map(|timeline| timeline.turn(now.saturating_duration_since(since)));
        let profile = match (&named.spec.timeline, turn) {
            (Some(timeline), Some(turn)) => {
                let name = timeline.profile(turn.step)?;
                let profile = profiles.iter().find(|profile| profile.name == name)?;
                let scale = timeline.steps.get(turn.step)?.scale;
                // factors make no profile wrong that was right
                profile.scaled(scale).map_or_else(|_| Arc::clone(profile), Arc::new)
            }
            _ => Arc::clone(named),
        };
        let mut services = Vec::with_capacity(profile.services.len());
        let mut ordinals = Vec::with_capacity(profile.services.len());
        let draws = self.draws.unwrap_or_else(|| Draws::new(0));
        for service in &profile.services {
            let state = self
                .states
                .entry((folder, service.name.clone()))
                .or_insert_with(|| Arc::new(State::new(service, draws)));
            state.reconfigure(service, draws);
            services.push(Arc::clone(state));
            let of_operation = service.operations.iter().map(|operation| {
                let name = (folder, service.name.clone(), operation.name.clone());
                Arc::clone(self.ordinals.entry(name).or_default())
            });
            ordinals.push(of_operation.collect());
        }
        Some(Running { named: Arc::clone(named), since, turn, profile, services, ordinals })
    }
}

impl Active {
    /// The way of a call that a stub of `folder` answers; `None` if it is not paced.
    pub fn passage(self: Arc<Self>, folder: usize, call: &Call, tally: &Tally, draws: &Draws) -> Option<Passage> {
        let running = self.folders.get(folder)?.as_ref()?;
        let placed = running.profile.place(call, tally)?;
        let service = placed.service;
        let Some(operation) = placed.operation else {
            running.services[service].unpaced.fetch_add(1, Relaxed);
            return None;
        };
        let ordinal = running.ordinals[service][operation].fetch_add(1, Relaxed);
        let after = call.arrival.saturating_duration_since(running.since);
        let drawn = running.profile.services[service].operations[operation].draw(draws, ordinal, after);
        let (demand, outside, transfer) = (drawn.demand, drawn.outside, drawn.transfer);
        let status = drawn.class.and_then(|class| class.status);
        Some(Passage { folder, service, operation, ordinal, demand, outside, transfer, status, active: self })
    }

    fn running(&self, folder: usize) -> &Running {
        self.folders[folder].as_ref().expect("a passage is made of a folder that has the profile")
    }
}

impl State {
    fn new(service: &Service, draws: Draws) -> Self {
        let capacity = service.capacity;
        let station = match &service.stalls {
            Some(stalls) => Station::with_stalls(capacity, stalls.clone(), draws),
            None => Station::new(capacity),
        };
        Self {
            station: Mutex::new(station),
            bucket: Mutex::default(),
            epoch: Instant::now(),
            paced: AtomicU64::new(0),
            unpaced: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            second: AtomicU64::new(0),
            in_second: AtomicU64::new(0),
            resized: Notify::new(),
        }
    }

    fn reconfigure(&self, service: &Service, draws: Draws) {
        let mut station = self.station();
        let now = self.moment(Instant::now());
        station.set_stalls(service.stalls.clone().map(|stalls| (stalls, draws)), now);
        if station.capacity() != service.capacity {
            station.reconfigure(service.capacity, now);
        }
        self.resized.notify_waiters();
    }

    fn station(&self) -> MutexGuard<'_, Station> {
        self.station.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self, at: Instant) -> Moment {
        at.saturating_duration_since(self.epoch).into()
    }

    fn instant(&self, moment: Moment) -> Instant {
        // a moment that no clock reaches is as good as the far future
        self.epoch.checked_add(moment.since_epoch()).unwrap_or_else(|| self.epoch + FAR)
    }

    /// Calls of this second so far, this one included.
    fn count_second(&self, at: Moment) -> u64 {
        let second = at.nanos() / 1_000_000_000;
        if self.second.swap(second, Relaxed) != second {
            self.in_second.store(0, Relaxed);
        }
        self.in_second.fetch_add(1, Relaxed) + 1
    }

    fn view(&self, service: &Service) -> ServiceView {
        let now = self.moment(Instant::now());
        let mut station = self.station();
        ServiceView {
            name: service.name.clone(),
            in_flight: station.in_flight(now),
            waiting: station.waiting(now),
            workers: station.capacity().workers().map(std::num::NonZeroU32::get),
            stalled: station.stalled_until(now).is_some(),
            paced: self.paced.load(Relaxed),
            unpaced: self.unpaced.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
            limited: self.limited.load(Relaxed),
            beyond: self.beyond.load(Relaxed),
        }
    }
}

impl Passage {
    /// When it asks for a worker.
    pub fn enters(&self, arrival: Instant) -> Instant {
        arrival + self.outside
    }

    /// Whether it has to be waited until it may ask for a worker: others may ask before it meanwhile.
    pub fn waits_outside(&self) -> bool {
        let service = self.service();
        !self.outside.is_zero() && (service.capacity != Capacity::Unlimited || service.stalls.is_some())
    }

    /// Asks for a worker. Also says whether this is beyond the range in which the service was observed.
    pub fn enter(&self, arrival: Instant) -> (Door, bool) {
        let state = self.state();
        let at = state.moment(self.enters(arrival));
        if let Some((rate, refusal)) = &self.service().rate_limit
            && !state.bucket.lock().unwrap_or_else(PoisonError::into_inner).admit(at, *rate)
        {
            state.limited.fetch_add(1, Relaxed);
            return (Door::Limited(Box::new(refusal.clone())), false);
        }
        let mut station = state.station();
        let admission = station.admit(at, self.demand);
        let in_flight = station.in_flight(at) as u64;
        drop(station);
        let valid = &self.service().valid;
        let in_second = state.count_second(at);
        let beyond = valid.in_flight.is_some_and(|most| in_flight > most)
            || valid.per_second.is_some_and(|most| in_second as f64 > most);
        state.paced.fetch_add(1, Relaxed);
        if beyond {
            state.beyond.fetch_add(1, Relaxed);
        }
        let door = match admission {
            Admission::Due(finish) => Door::Due(state.instant(finish)),
            Admission::Shared(ticket, not_before) => Door::Shared(ticket, state.instant(not_before)),
            Admission::Overflow => {
                state.overflowed.fetch_add(1, Relaxed);
                Door::Full(Box::new(self.service().overflow.clone()))
            }
        };
        (door, beyond)
    }

    /// Whether a call that shares its workers is finished: `Ok` with when, or `Err` with when to ask again.
    pub fn ask(&self, ticket: Ticket) -> Result<Instant, Instant> {
        let state = self.state();
        let now = state.moment(Instant::now());
        let outlook = state.station().ask(ticket, now);
        match outlook {
            Outlook::Finished(at) => Ok(state.instant(at)),
            Outlook::NotBefore(at) => Err(state.instant(at)),
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

    fn service(&self) -> &Service {
        &self.active.running(self.folder).profile.services[self.service]
    }

    fn state(&self) -> &State {
        &self.active.running(self.folder).services[self.service]
    }
}

/// The stub folder that a stub belongs to, among so many; those from the API belong to the first.
pub fn folder_of(stub: &Stub, folders: usize) -> usize {
    // 0 stands for the API, or for the only folder
    usize::from(stub.rank.service).saturating_sub(1).min(folders.saturating_sub(1))
}

/// What no deadline reaches.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
