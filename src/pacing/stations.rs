//! A service at work: its stations, what lets calls through at its door, and what is counted of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use standin_model::draws::Draws;
use standin_model::profile::Service;
use standin_model::station::{Capacity, SimTime, Station, TokenBucket, TokenRate};

/// A service at work.
#[derive(Debug)]
pub(super) struct ServiceStations {
    main: Mutex<Station>,
    /// Without calls where the profile has no front.
    front: Mutex<Station>,
    /// What the door lets through, where the profile limits the rate.
    bucket: Mutex<TokenBucket>,
    /// What its moments count from.
    epoch: Instant,
    pub(super) paced: AtomicU64,
    pub(super) unpaced: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) front_overflowed: AtomicU64,
    pub(super) abandoned: AtomicU64,
    pub(super) limited: AtomicU64,
    pub(super) beyond: AtomicU64,
    /// The second that is counted, and its calls.
    second: AtomicU64,
    in_second: AtomicU64,
    /// Wakes the calls that share workers when there are others: what they were told may come too late.
    pub(super) resized: Notify,
}

/// One of the stations of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What calls pass before the main one.
    Front,
    /// The one that all calls go through.
    Main,
}

/// A service as metrics show it.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Its main station.
    pub main: StationView,
    /// The station in front of it, if there is one.
    pub front: Option<StationView>,
    /// Whether it stands still.
    pub stalled: bool,
    /// Calls that went through it.
    pub paced: u64,
    /// Calls of the service that no operation takes.
    pub unpaced: u64,
    /// Calls that freed what they had, as their clients went away.
    pub abandoned: u64,
    /// Calls that came faster than the rate limit allows.
    pub limited: u64,
    /// Calls that came beyond the range in which it was observed.
    pub beyond: u64,
}

/// A station as metrics show it.
#[derive(Clone, Debug)]
pub struct StationView {
    /// Its workers; none if unlimited.
    pub workers: Option<u32>,
    /// Calls in it.
    pub in_flight: usize,
    /// Of these, waiting for a worker.
    pub waiting: usize,
    /// Calls that found its queue full.
    pub overflowed: u64,
}

impl ServiceStations {
    pub(super) fn new(service: &Service, draws: Draws) -> Self {
        let mut main = Station::new(service.capacity.clone());
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
            resized: Notify::new(),
        }
    }

    pub(super) fn reconfigure(&self, service: &Service, draws: Draws) {
        let (mut front, mut main) = (self.station(Stage::Front), self.station(Stage::Main));
        let now = self.moment(Instant::now());
        main.set_stalls(service.stalls.clone().map(|stalls| (stalls, draws)), now);
        front.copy_stalls_from(&main);
        for (station, capacity) in [(&mut main, service.capacity.clone()), (&mut front, front_capacity(service))] {
            if *station.capacity() != capacity {
                station.reconfigure(capacity, now);
            }
        }
        self.resized.notify_waiters();
    }

    pub(super) fn station(&self, stage: Stage) -> MutexGuard<'_, Station> {
        let station = match stage {
            Stage::Front => &self.front,
            Stage::Main => &self.main,
        };
        station.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the door lets a call through that comes at this moment, if it does.
    pub(super) fn lets_through(&self, at: SimTime, rate: TokenRate) -> Option<SimTime> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).admit(at, rate)
    }

    pub(super) fn moment(&self, at: Instant) -> SimTime {
        at.saturating_duration_since(self.epoch).into()
    }

    pub(super) fn instant(&self, moment: SimTime) -> Instant {
        // a moment that no clock reaches is as good as the far future
        self.epoch.checked_add(moment.since_epoch()).unwrap_or_else(|| self.epoch + FAR)
    }

    /// Calls of this second so far, this one included.
    pub(super) fn count_second(&self, at: SimTime) -> u64 {
        let second = at.nanos() / 1_000_000_000;
        if self.second.swap(second, Relaxed) != second {
            self.in_second.store(0, Relaxed);
        }
        self.in_second.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn view(&self, service: &Service) -> ServiceView {
        let now = self.moment(Instant::now());
        let view = |stage, overflowed: &AtomicU64| {
            let mut station = self.station(stage);
            StationView {
                workers: station.capacity().workers().map(std::num::NonZeroU32::get),
                in_flight: station.in_flight(now),
                waiting: station.waiting(now),
                overflowed: overflowed.load(Relaxed),
            }
        };
        ServiceView {
            name: service.name.clone(),
            main: view(Stage::Main, &self.overflowed),
            front: service.front.is_some().then(|| view(Stage::Front, &self.front_overflowed)),
            stalled: self.station(Stage::Main).stalled_until(now).is_some(),
            paced: self.paced.load(Relaxed),
            unpaced: self.unpaced.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            limited: self.limited.load(Relaxed),
            beyond: self.beyond.load(Relaxed),
        }
    }
}

fn front_capacity(service: &Service) -> Capacity {
    service.front.as_ref().map_or(Capacity::Unlimited, |front| front.capacity.clone())
}

/// What no deadline reaches.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
