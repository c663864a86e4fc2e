//! The active profile: the stations that requests go through, and their demands there.
//!
//! Stations and the ordinals of operations are kept by name: another profile, or another version of
//! one, finds the queue as it is. Without a profile a request costs one load of a pointer.

mod operation_times;
mod request;
mod request_times;
mod stations;
mod timeline;
mod what_if;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;
use tokio::sync::Notify;

use self::operation_times::OperationTimes;
pub use self::operation_times::{BUCKET_BOUNDS, OperationView, TimeHistogram};
pub use self::request::{PacedRequest, ServiceProgress};
pub use self::request_times::RequestTimes;
use self::stations::ServiceStations;
pub use self::stations::{ServiceView, StationView};
pub use self::timeline::TimelineView;
pub use self::what_if::WhatIf;
use crate::locks::LockUnpoisoned as _;
use standin_model::draws::Draws;
use standin_model::profile::{ActiveStep, CompiledProfile, ScaleFactors};
use standin_stub::Stub;

/// The profiles of a server, and the active one.
#[derive(Debug)]
pub struct Pacing {
    active: ArcSwapOption<ActiveSet>,
    /// Profiles of each stub folder.
    available: ArcSwap<Vec<Vec<Arc<CompiledProfile>>>>,
    /// Locked while the active profile is changed.
    persistent: Mutex<PersistentState>,
    /// Wakes the task that advances timelines when another profile becomes active.
    changed: Notify,
}

/// State that survives a change of the active profile, by stub folder and name.
#[derive(Debug, Default)]
struct PersistentState {
    /// Random numbers that stalls are drawn from.
    draws: Option<Draws>,
    stations: HashMap<(usize, String), Arc<ServiceStations>>,
    ordinals: HashMap<(usize, String, String), Arc<AtomicU64>>,
    times: HashMap<(usize, String, String), Arc<OperationTimes>>,
    /// Factors on top of those of the active profile.
    what_if: Option<WhatIf>,
}

/// The profiles of one name that are active in the stub folders.
#[derive(Debug)]
pub struct ActiveSet {
    /// Name of the profiles.
    pub name: String,
    /// CompiledProfile of each stub folder; `None` if the folder has none of that name.
    folders: Vec<Option<ActiveProfile>>,
}

/// The active profile of a stub folder.
#[derive(Clone, Debug)]
struct ActiveProfile {
    /// The profile that was activated: a timeline, or the profile that is served.
    named: Arc<CompiledProfile>,
    /// Time of the activation, which timelines and autocorrelation blocks count from.
    since: Instant,
    /// Step of the timeline.
    active_step: Option<ActiveStep>,
    /// CompiledProfile that is served now.
    profile: Arc<CompiledProfile>,
    /// Stations of each service.
    stations: Vec<Arc<ServiceStations>>,
    /// Number of requests so far, by service and operation.
    ordinals: Vec<Vec<Arc<AtomicU64>>>,
    /// Times of the answered calls, by service and operation.
    times: Vec<Vec<Arc<OperationTimes>>>,
}

/// An error: there is no profile of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile {
    /// Names of the profiles that there are.
    pub available: Vec<String>,
}

impl Pacing {
    /// Makes the state without an active profile.
    pub fn new(available: Vec<Vec<Arc<CompiledProfile>>>) -> Self {
        Self {
            active: ArcSwapOption::empty(),
            available: ArcSwap::from_pointee(available),
            persistent: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Returns the active profile. A request keeps the one that it started with.
    pub fn active(&self) -> Option<Arc<ActiveSet>> {
        // a load of a pointer that is null in most runs, before anything is counted
        self.active.load().as_ref().map(Arc::clone)
    }

    /// Sets the random numbers that the stalls of profiles are drawn from that are activated from
    /// now on.
    pub fn draw_stalls_from(&self, draws: Draws) {
        self.persistent().draws = Some(draws);
    }

    /// Returns the names of the profiles that there are, sorted.
    pub fn profile_names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.available.load().iter().flatten().map(|profile| profile.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the indices of the stub folders without a profile of this name.
    pub fn folders_without(&self, name: &str) -> Vec<usize> {
        let available = self.available.load();
        let lacks = |profiles: &Vec<Arc<CompiledProfile>>| !profiles.iter().any(|profile| profile.name == name);
        available.iter().enumerate().filter(|(_, profiles)| lacks(profiles)).map(|(folder, _)| folder).collect()
    }

    /// Activates the profile of this name in every stub folder that has one, or none. Timelines
    /// begin.
    pub fn activate(&self, name: Option<&str>) -> Result<(), UnknownProfile> {
        self.install(name, |_, _| None)
    }

    /// Replaces all profiles after their files have changed. A timeline goes on unless it has
    /// changed itself.
    ///
    /// Returns the name of the active profile if there is none of its name any more: requests are
    /// not paced then.
    pub fn replace_profiles(&self, available: Vec<Vec<Arc<CompiledProfile>>>) -> Option<String> {
        self.available.store(Arc::new(available));
        let active = self.active()?;
        let goes_on = |folder: usize, profile: &CompiledProfile| {
            let active = active.folders.get(folder)?.as_ref()?;
            (active.named.spec.timeline == profile.spec.timeline).then_some(active.since)
        };
        if self.install(Some(&active.name), goes_on).is_ok() {
            return None;
        }
        self.active.store(None);
        Some(active.name.clone())
    }

    /// Restarts the draws of all operations and the time of timelines.
    pub fn restart(&self) {
        for ordinal in self.persistent().ordinals.values() {
            ordinal.store(0, Relaxed);
        }
        if let Some(active) = self.active() {
            // if the profile has gone in the meantime, the active one stays
            let _ = self.activate(Some(&active.name));
        }
    }

    /// Installs a profile, active since the time that `since` returns for a folder, or since now.
    fn install(
        &self,
        name: Option<&str>,
        since: impl Fn(usize, &CompiledProfile) -> Option<Instant>,
    ) -> Result<(), UnknownProfile> {
        let mut persistent = self.persistent();
        let Some(name) = name else {
            persistent.what_if = None;
            self.active.store(None);
            return Ok(());
        };
        let now = Instant::now();
        let available = self.available.load();
        let folders: Vec<Option<ActiveProfile>> = available
            .iter()
            .enumerate()
            .map(|(folder, profiles)| {
                let profile = profiles.iter().find(|profile| profile.name == name)?;
                persistent.activate(folder, profile, profiles, since(folder, profile).unwrap_or(now), now)
            })
            .collect();
        if folders.iter().all(Option::is_none) {
            return Err(UnknownProfile { available: self.profile_names() });
        }
        self.active.store(Some(Arc::new(ActiveSet { name: name.to_owned(), folders })));
        self.changed.notify_one();
        Ok(())
    }

    /// Returns the state of the services of the active profile.
    pub fn services(&self) -> Vec<ServiceView> {
        let Some(active) = self.active() else { return Vec::new() };
        active
            .folders
            .iter()
            .flatten()
            .flat_map(|active| active.profile.services.iter().zip(&active.stations))
            .map(|(service, stations)| stations.view(service))
            .collect()
    }

    /// Returns the times of the operations of the active profile.
    pub fn operations(&self) -> Vec<OperationView> {
        let Some(active) = self.active() else { return Vec::new() };
        let mut views = Vec::new();
        for active in active.folders.iter().flatten() {
            for (service, times) in active.profile.services.iter().zip(&active.times) {
                let operations = service.operations.iter().zip(times);
                views.extend(operations.map(|(operation, times)| times.view(&service.name, &operation.name)));
            }
        }
        views
    }

    fn persistent(&self) -> MutexGuard<'_, PersistentState> {
        self.persistent.lock_unpoisoned()
    }
}

impl PersistentState {
    /// Activates a profile as it is served at `now` if it is active since `since`. `profiles` are
    /// those that a timeline may name. Returns `None` if one of them is missing.
    fn activate(
        &mut self,
        folder: usize,
        named: &Arc<CompiledProfile>,
        profiles: &[Arc<CompiledProfile>],
        since: Instant,
        now: Instant,
    ) -> Option<ActiveProfile> {
        let timeline = named.spec.timeline.as_ref();
        let active_step = timeline.map(|timeline| timeline.active_step(now.saturating_duration_since(since)));
        let (profile, scale) = match (timeline, active_step) {
            (Some(timeline), Some(active_step)) => {
                let name = timeline.profile_at(active_step.step)?;
                let profile = profiles.iter().find(|profile| profile.name == name)?;
                (profile, timeline.steps.get(active_step.step)?.scale)
            }
            _ => (named, ScaleFactors::default()),
        };
        let scale = self.what_if.map_or(scale, |what_if| what_if.applied_to(scale));
        let profile = if scale == ScaleFactors::default() {
            Arc::clone(profile)
        } else {
            // factors do not make a valid profile invalid
            profile.scaled(scale).map_or_else(|_| Arc::clone(profile), Arc::new)
        };
        let mut stations = Vec::with_capacity(profile.services.len());
        let mut ordinals = Vec::with_capacity(profile.services.len());
        let mut times = Vec::with_capacity(profile.services.len());
        let draws = self.draws.unwrap_or_else(|| Draws::new(0));
        for service in &profile.services {
            let station = self
                .stations
                .entry((folder, service.name.clone()))
                .or_insert_with(|| Arc::new(ServiceStations::new(service, draws)));
            station.reconfigure(service, draws);
            stations.push(Arc::clone(station));
            let of_operation = service.operations.iter().map(|operation| {
                let name = (folder, service.name.clone(), operation.name.clone());
                Arc::clone(self.ordinals.entry(name).or_default())
            });
            ordinals.push(of_operation.collect());
            let of_operation = service.operations.iter().map(|operation| {
                let name = (folder, service.name.clone(), operation.name.clone());
                Arc::clone(self.times.entry(name).or_default())
            });
            times.push(of_operation.collect());
        }
        Some(ActiveProfile { named: Arc::clone(named), since, active_step, profile, stations, ordinals, times })
    }
}

/// Returns the index of the stub folder that a stub belongs to, out of `folders`. Stubs from the
/// API belong to the first.
pub fn folder_of(stub: &Stub, folders: usize) -> usize {
    // 0 stands for the API, or for the only folder
    usize::from(stub.rank.service).saturating_sub(1).min(folders.saturating_sub(1))
}
