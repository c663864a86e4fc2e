//! What the planes share: the stubs in force, the settings, the states of scenarios, the counts.
//!
//! Calls read it without waiting; edits are made one at a time, and when one returns, every later call sees it.

mod access;
pub mod handover;
pub mod journal;
mod scenarios;
mod statuses;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::{ArcSwap, Guard};
use hashbrown::HashSet;
use uuid::Uuid;

pub use self::access::AccessRules;
use self::journal::Journal;
pub use self::scenarios::{STARTED, ScenarioStates};
pub use self::statuses::ResponseCounts;
use crate::pacing::{self, Pacing};
use standin_stub::call::Call;
use standin_stub::catalog::Catalog;
use standin_stub::matcher::{MatchLimit, MatchStats, Rank};
use standin_stub::render::Delays;
use standin_stub::stub_folder::StubFolder;
use standin_stub::{FIRST_API_AGE, Stub};

/// One set of stubs, as one or several listeners serve it.
#[derive(Debug)]
pub struct ServiceState {
    services: Vec<StubFolder>,
    catalog: ArcSwap<Catalog>,
    settings: ArcSwap<GlobalSettings>,
    scenarios: ScenarioStates,
    /// The first parts of the paths in `__files`, when it was last looked at.
    file_names: ArcSwap<HashSet<String>>,
    journal: Journal,
    pacing: Pacing,
    /// Held while the catalog is changed; also the number of stubs made through the API so far.
    edits: Mutex<u64>,
    /// The catalog that was in force when it was last thought of compacting it.
    seen: Mutex<Weak<Catalog>>,
    counts: RequestCounts,
    statuses: ResponseCounts,
    /// How many stubs have series of their own in the metrics.
    series: AtomicU64,
}

/// Delays for all stubs that do not say otherwise.
#[derive(Clone, Debug, Default)]
pub struct GlobalSettings {
    /// In place of what a stub leaves out.
    pub delays: Delays,
    /// Themselves as WireMock echoes them.
    pub document: serde_json::Map<String, serde_json::Value>,
}

/// What happened, since the start.
#[derive(Debug, Default)]
pub struct RequestCounts {
    /// Calls that a stub answered.
    pub matched: AtomicU64,
    /// Calls that none did.
    pub missed: AtomicU64,
    /// Misses that were answered without their near misses, as there were too many.
    pub near_misses_skipped: AtomicU64,
    /// Evaluations that reached each of [`MatchLimit::ALL`], and so did not match.
    pub limit_hits: [AtomicU64; MatchLimit::ALL.len()],
    /// Heads that were longer than the limit.
    pub head_too_large: AtomicU64,
    /// Bodies that were longer than the limit.
    pub body_too_large: AtomicU64,
    /// Heads or bodies that did not come in time.
    pub read_timeout: AtomicU64,
}

/// The catalog while it is changed: nobody else changes it.
#[derive(Debug)]
pub struct CatalogEdit<'l> {
    live: &'l ServiceState,
    made: MutexGuard<'l, u64>,
}

impl ServiceState {
    /// Serves the stubs that were loaded from these services with so many workers, and keeps the calls in `journal`.
    pub fn new(services: Vec<StubFolder>, stubs: Vec<Arc<Stub>>, journal: Journal, workers: usize) -> Self {
        let mut document = serde_json::Map::new();
        document.insert("proxyPassThrough".to_owned(), true.into());
        Self {
            file_names: ArcSwap::default(),
            pacing: Pacing::new(vec![Vec::new(); services.len()]),
            services,
            catalog: ArcSwap::from_pointee(Catalog::new(stubs)),
            settings: ArcSwap::from_pointee(GlobalSettings { delays: Delays::default(), document }),
            scenarios: ScenarioStates::default(),
            journal,
            edits: Mutex::new(0),
            seen: Mutex::new(Weak::new()),
            counts: RequestCounts::default(),
            statuses: ResponseCounts::new(workers),
            series: AtomicU64::new(0),
        }
    }

    /// The folders that the stubs come from.
    pub fn services(&self) -> &[StubFolder] {
        &self.services
    }

    /// The folder that stubs from the API are kept in.
    pub fn home(&self) -> Option<&StubFolder> {
        self.services.first()
    }

    /// The stubs in force.
    pub fn catalog(&self) -> Guard<Arc<Catalog>> {
        self.catalog.load()
    }

    /// The settings in force.
    pub fn settings(&self) -> Guard<Arc<GlobalSettings>> {
        self.settings.load()
    }

    /// Other settings from now on.
    pub fn set_settings(&self, settings: GlobalSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// The states of scenarios.
    pub fn scenarios(&self) -> &ScenarioStates {
        &self.scenarios
    }

    /// The calls that came.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The first parts of the paths of static files, when the folder was last looked at.
    pub fn file_names(&self) -> Guard<Arc<HashSet<String>>> {
        self.file_names.load()
    }

    /// Other files are there.
    pub fn set_file_names(&self, names: HashSet<String>) {
        self.file_names.store(Arc::new(names));
    }

    /// The profiles, and the one in force.
    pub fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    /// What happened.
    pub fn counts(&self) -> &RequestCounts {
        &self.counts
    }

    /// The statuses that were answered.
    pub fn statuses(&self) -> &ResponseCounts {
        &self.statuses
    }

    /// Whether a stub would answer a call; nothing is moved on or counted.
    pub fn would_answer(&self, call: &Call) -> bool {
        let allow = |stub: &Stub| self.scenarios.allow(stub.scenario.as_ref());
        self.catalog.load().find(call, &MatchStats::default(), allow).is_some()
    }

    /// The stub that answers a call, its scenario moved on and the call counted; with how often it answered before. None is
    /// found, and nothing counted, if parts of the call could not be decoded.
    pub fn take(&self, call: &Call) -> Option<(Arc<Stub>, u64)> {
        let catalog = self.catalog.load();
        let stats = MatchStats::default();
        let found = loop {
            let found = catalog.find(call, &stats, |stub| self.scenarios.allow(stub.scenario.as_ref()));
            if call.exhausted().is_some() {
                return None;
            }
            match found {
                // another call moved the scenario on between matching and now: look again
                Some(stub) if !self.scenarios.advance(stub.scenario.as_ref()) => {}
                found => break found.cloned(),
            }
        };
        if stats.limit_hits() > 0 {
            for (count, more) in self.counts.limit_hits.iter().zip(stats.hits_by_limit()) {
                count.fetch_add(more.into(), Relaxed);
            }
        }
        match found {
            Some(stub) => {
                self.counts.matched.fetch_add(1, Relaxed);
                let before = stub.hits.increment();
                if before == 0 && self.series.fetch_add(1, Relaxed) < MOST_SERIES {
                    stub.hits.enable_series();
                }
                Some((stub, before))
            }
            None => {
                self.counts.missed.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// Begins a change of the catalog.
    pub fn edit(&self) -> CatalogEdit<'_> {
        CatalogEdit { live: self, made: self.edits.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Puts the catalog into one layer, unless it has been edited since the last time that this was asked.
    pub fn compact_if_quiet(&self) {
        let now = self.catalog.load_full();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = seen.upgrade().is_some_and(|seen| Arc::ptr_eq(&seen, &now));
        *seen = Arc::downgrade(&now);
        drop(seen);
        if quiet && let Some(compacted) = now.compacted() {
            // the work was done beside the edits; one that came meanwhile wins
            self.catalog.compare_and_swap(&now, Arc::new(compacted));
        }
    }
}

impl CatalogEdit<'_> {
    /// The catalog as it is.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.live.catalog.load_full()
    }

    /// The rank of a stub that is made now: newer than all others.
    pub fn next_rank(&mut self, priority: i32) -> Rank {
        *self.made += 1;
        Rank { service: 0, priority, age: FIRST_API_AGE - *self.made }
    }

    /// Adds a stub, or puts it in the place of the one with its id.
    pub fn put(&self, stub: Arc<Stub>) {
        self.store(self.catalog().with(stub));
    }

    /// Adds some stubs.
    pub fn put_all(&self, stubs: Vec<Arc<Stub>>) {
        self.store(self.catalog().with_all(stubs));
    }

    /// Removes the stubs of these ids.
    pub fn remove(&self, ids: &HashSet<Uuid>) {
        self.store(self.catalog().without(ids));
    }

    /// Reads a body file again for the stubs that name it.
    pub fn file_changed(&self, path: &Path) {
        let reread = |stub: &&Arc<Stub>| {
            let service = self.live.services.get(pacing::folder_of(stub, self.live.services.len()))?;
            let files = service.files();
            let named = stub.body_file_name().and_then(|name| files.find(&name));
            if named.as_deref() == Some(path) { stub.with_reread_body(&files).map(Arc::new) } else { None }
        };
        let changed: Vec<_> = self.catalog().stubs().iter().filter_map(reread).collect();
        if !changed.is_empty() {
            self.put_all(changed);
        }
    }

    /// Another catalog in place of the one in force, which is given back: it may take long to drop.
    pub fn exchange(&self, catalog: Catalog) -> Arc<Catalog> {
        self.live.catalog.swap(Arc::new(catalog))
    }

    fn store(&self, catalog: Catalog) {
        self.live.catalog.store(Arc::new(catalog));
    }
}

/// How many stubs have series of their own in the metrics: some hundred are looked at, a hundred thousand break a dashboard.
const MOST_SERIES: u64 = 200;
