//! The profile in force: which station a call goes through, and what it demands there.
//!
//! Stations and the ordinals of operations are kept by name: another profile, or another version of one, finds the queue as
//! it is. Without a profile a call pays one load of a pointer.

mod passage;
mod stations;
mod timeline;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use hashbrown::HashMap;
use tokio::sync::Notify;

pub use self::passage::{Door, Hold, Passage};
use self::stations::ServiceStations;
pub use self::stations::{ServiceView, Stage, StationView};
pub use self::timeline::TimelineView;
use standin_model::draws::Draws;
use standin_model::profile::{Profile, Turn};
use standin_stub::Stub;

/// The profiles that there are, and the one in force.
#[derive(Debug)]
pub struct Pacing {
    active: ArcSwapOption<ActiveSet>,
    /// Of each stub folder.
    available: ArcSwap<Vec<Vec<Arc<Profile>>>>,
    /// Held while the profile in force is changed.
    persistent: Mutex<PersistentState>,
    /// Wakes what keeps the time of timelines when another profile is in force.
    changed: Notify,
}

/// What outlives a profile.
#[derive(Debug, Default)]
struct PersistentState {
    /// Where stalls are drawn from.
    draws: Option<Draws>,
    states: HashMap<(usize, String), Arc<ServiceStations>>,
    ordinals: HashMap<(usize, String, String), Arc<AtomicU64>>,
}

/// A profile in force.
#[derive(Debug)]
pub struct ActiveSet {
    /// Its name.
    pub name: String,
    /// For each stub folder; none where there is no profile of that name.
    folders: Vec<Option<ActiveProfile>>,
}

#[derive(Clone, Debug)]
struct ActiveProfile {
    /// What was put in force: a timeline, or the profile itself.
    named: Arc<Profile>,
    /// When it was: what timelines and slow spells count from.
    since: Instant,
    /// The step of the timeline.
    turn: Option<Turn>,
    /// What is served now.
    profile: Arc<Profile>,
    services: Vec<Arc<ServiceStations>>,
    /// How many calls each operation of each service had.
    ordinals: Vec<Vec<Arc<AtomicU64>>>,
}

/// There is no profile of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProfile {
    /// Those that there are.
    pub available: Vec<String>,
}

impl Pacing {
    /// No profile in force.
    pub fn new(available: Vec<Vec<Arc<Profile>>>) -> Self {
        Self {
            active: ArcSwapOption::empty(),
            available: ArcSwap::from_pointee(available),
            persistent: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The profile in force. A call keeps the one that it started with.
    pub fn active(&self) -> Option<Arc<ActiveSet>> {
        // a load of a pointer that is null in most runs, before anything is counted
        self.active.load().as_ref().map(Arc::clone)
    }

    /// The seed's draws, by which stalls come in the profiles that are put in force from now on.
    pub fn draw_stalls_from(&self, draws: Draws) {
        self.persistent().draws = Some(draws);
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
    pub fn activate(&self, name: Option<&str>) -> Result<(), UnknownProfile> {
        self.install(name, |_, _| None)
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
        if self.install(Some(&active.name), goes_on).is_ok() {
            return None;
        }
        self.active.store(None);
        Some(active.name.clone())
    }

    /// Operations begin to draw from their first call again, and time to count.
    pub fn restart(&self) {
        for ordinal in self.persistent().ordinals.values() {
            ordinal.store(0, Relaxed);
        }
        if let Some(active) = self.active() {
            // its profile may have gone meanwhile: then it stays as it is
            let _ = self.activate(Some(&active.name));
        }
    }

    /// Puts a profile in force, since now or since `since` says for a folder.
    fn install(
        &self,
        name: Option<&str>,
        since: impl Fn(usize, &Profile) -> Option<Instant>,
    ) -> Result<(), UnknownProfile> {
        let mut persistent = self.persistent();
        let Some(name) = name else {
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
                persistent.run(folder, profile, profiles, since(folder, profile).unwrap_or(now), now)
            })
            .collect();
        if folders.iter().all(Option::is_none) {
            return Err(UnknownProfile { available: self.names() });
        }
        self.active.store(Some(Arc::new(ActiveSet { name: name.to_owned(), folders })));
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

    fn persistent(&self) -> MutexGuard<'_, PersistentState> {
        self.persistent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PersistentState {
    /// What a profile is at a moment, in force since another; `profiles` are those that a timeline may point to.
    fn run(
        &mut self,
        folder: usize,
        named: &Arc<Profile>,
        profiles: &[Arc<Profile>],
        since: Instant,
        now: Instant,
    ) -> Option<ActiveProfile> {
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
                .or_insert_with(|| Arc::new(ServiceStations::new(service, draws)));
            state.reconfigure(service, draws);
            services.push(Arc::clone(state));
            let of_operation = service.operations.iter().map(|operation| {
                let name = (folder, service.name.clone(), operation.name.clone());
                Arc::clone(self.ordinals.entry(name).or_default())
            });
            ordinals.push(of_operation.collect());
        }
        Some(ActiveProfile { named: Arc::clone(named), since, turn, profile, services, ordinals })
    }
}

/// The stub folder that a stub belongs to, among so many; those from the API belong to the first.
pub fn folder_of(stub: &Stub, folders: usize) -> usize {
    // 0 stands for the API, or for the only folder
    usize::from(stub.rank.service).saturating_sub(1).min(folders.saturating_sub(1))
}
