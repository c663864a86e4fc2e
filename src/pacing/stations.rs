//! The stations of a service while it is served, the rate limit before them, and their counters.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::locks::LockUnpoisoned as _;
use standin_model::draws::Draws;
use standin_model::profile::{CompiledService, ProfileValidRange};
use standin_model::station::{Capacity, SimTime, Station, TokenBucket, TokenRate};

/// The stations of a service while it is served, with their counters.
#[derive(Debug)]
pub(super) struct ServiceStations {
    main: Mutex<Station>,
    /// Empty if the profile has no front station.
    front: Mutex<Station>,
    /// Used if the profile limits the rate.
    bucket: Mutex<TokenBucket>,
    /// Epoch of the simulated time of the stations.
    epoch: Instant,
    pub(super) paced: AtomicU64,
    pub(super) unpaced: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) front_overflowed: AtomicU64,
    pub(super) abandoned: AtomicU64,
    pub(super) limited: AtomicU64,
    pub(super) beyond: AtomicU64,
    /// Second that `in_second` counts, since the epoch.
    second: AtomicU64,
    in_second: AtomicU64,
    /// Wakes requests that share workers when the workers or the requests change: their estimates
    /// may be too late.
    pub(super) capacity_changed: Notify,
}

/// One of the stations of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Passed before the main station.
    Front,
    /// Passed by all requests.
    Main,
}

/// State of a service, for metrics and the admin API.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Name of the service.
    pub name: String,
    /// State of the main station.
    pub main: StationView,
    /// State of the front station, if there is one.
    pub front: Option<StationView>,
    /// `true` while the service stands still.
    pub stalled: bool,
    /// Requests that were let in.
    pub paced: u64,
    /// Requests that match no operation.
    pub unpaced: u64,
    /// Requests that left their station early because their client went away.
    pub abandoned: u64,
    /// Requests that the rate limit turned away.
    pub limited: u64,
    /// Requests beyond the range in which the service was observed.
    pub beyond: u64,
    /// Range in which the service was observed.
    pub valid: ProfileValidRange,
}

/// State of a station, for metrics and the admin API.
#[derive(Clone, Debug)]
pub struct StationView {
    /// Number of workers; `None` if no call waits for one.
    pub workers: Option<u32>,
    /// Number of cores that requests share; `None` if they share none.
    pub cores: Option<f64>,
    /// Requests in the station.
    pub in_flight: usize,
    /// Requests in the station that wait for a worker.
    pub waiting: usize,
    /// Requests that found the queue full.
    pub overflowed: u64,
}

impl ServiceStations {
    pub(super) fn new(service: &CompiledService, draws: Draws) -> Self {
        let mut main = Station::new(service.station.capacity.clone());
        main.set_stalls(service.stalls.clone().map(|stalls| (stalls, draws)), SimTime::EPOCH);
        let mut front = Station::new(front_capacity(service));
        front.copy_stalls_from(&main);
        Self {
            main: Mutex::new(main),
            front: Mutex::new(front),
            bucket: Mutex::default(),
            epoch: Instant::now(),
            paced: AtomicU64::new(0),
            unpaced: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            front_overflowed: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            second: AtomicU64::new(0),
            in_second: AtomicU64::new(0),
            capacity_changed: Notify::new(),
        }
    }

    /// Changes capacities and stalls to those of another version of the service. Requests in the
    /// stations stay.
    pub(super) fn reconfigure(&self, service: &CompiledService, draws: Draws) {
        let (mut front, mut main) = (self.lock(Stage::Front), self.lock(Stage::Main));
        let now = self.to_sim_time(Instant::now());
        main.set_stalls(service.stalls.clone().map(|stalls| (stalls, draws)), now);
        front.copy_stalls_from(&main);
        let capacities = [(&mut main, service.station.capacity.clone()), (&mut front, front_capacity(service))];
        for (station, capacity) in capacities {
            if *station.capacity() != capacity {
                station.reconfigure(capacity, now);
            }
        }
        self.capacity_changed.notify_waiters();
    }

    pub(super) fn lock(&self, stage: Stage) -> MutexGuard<'_, Station> {
        let station = match stage {
            Stage::Front => &self.front,
            Stage::Main => &self.main,
        };
        station.lock_unpoisoned()
    }

    /// Takes a token of the rate limit for a request that comes at this time. Returns when the
    /// request may go on, never before `at`; `None` if the limit turns it away.
    pub(super) fn take_rate_token(&self, at: Instant, rate: TokenRate) -> Option<Instant> {
        let mut bucket = self.bucket.lock_unpoisoned();
        let turn = bucket.admit(self.to_sim_time(at), rate)?;
        drop(bucket);
        Some(at.max(self.to_instant(turn)))
    }

    pub(super) fn to_sim_time(&self, at: Instant) -> SimTime {
        at.saturating_duration_since(self.epoch).into()
    }

    pub(super) fn to_instant(&self, time: SimTime) -> Instant {
        // a time that no clock reaches is as good as the far future
        self.epoch.checked_add(time.since_epoch()).unwrap_or_else(|| self.epoch + FAR_FUTURE)
    }

    /// Counts a request; returns the requests of its second so far.
    pub(super) fn count_second(&self, at: SimTime) -> u64 {
        let second = at.nanos() / 1_000_000_000;
        if self.second.swap(second, Relaxed) != second {
            self.in_second.store(0, Relaxed);
        }
        self.in_second.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn view(&self, service: &CompiledService) -> ServiceView {
        let now = self.to_sim_time(Instant::now());
        let view = |stage, overflowed: &AtomicU64| {
            let mut station = self.lock(stage);
            StationView {
                workers: station.capacity().workers().map(NonZeroU32::get),
                cores: station.capacity().cores(),
                in_flight: station.in_flight(now),
                waiting: station.waiting(now),
                overflowed: overflowed.load(Relaxed),
            }
        };
        ServiceView {
            name: service.name.clone(),
            main: view(Stage::Main, &self.overflowed),
            front: service.front_station.is_some().then(|| view(Stage::Front, &self.front_overflowed)),
            stalled: self.lock(Stage::Main).stalled_until(now).is_some(),
            paced: self.paced.load(Relaxed),
            unpaced: self.unpaced.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            limited: self.limited.load(Relaxed),
            beyond: self.beyond.load(Relaxed),
            valid: service.valid,
        }
    }
}

fn front_capacity(service: &CompiledService) -> Capacity {
    service.front_station.as_ref().map_or(Capacity::Unlimited, |front| front.capacity.clone())
}

/// Later than any deadline: 30 years.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
