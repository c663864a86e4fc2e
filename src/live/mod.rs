//! The state of a served set of stubs: catalog, settings, scenario states, journal and counts.
//!
//! Requests read it without waiting. Changes are made one at a time, and a request that arrives
//! after the end of a change sees it.

pub mod journal;
pub mod messaging;
mod near_miss_page;
mod response_counts;
mod scenarios;
mod stream_counts;
pub mod wall_clock;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use arc_swap::{ArcSwap, Guard};
use hashbrown::HashSet;
use uuid::Uuid;

use self::journal::Journal;
use self::messaging::Messaging;
pub use self::response_counts::ResponseCounts;
pub use self::scenarios::{STARTED, ScenarioStates};
pub use self::stream_counts::{StreamCounts, StreamEnd};
use crate::locks::LockUnpoisoned as _;
use crate::pacing::{self, Pacing};
use standin_stub::call::Call;
use standin_stub::catalog::Catalog;
use standin_stub::defect::Defect;
use standin_stub::matcher::{MatchLimit, MatchStats, Rank};
use standin_stub::message::load_message_stubs;
use standin_stub::render::Delays;
use standin_stub::stub_folder::StubFolder;
use standin_stub::{FIRST_API_AGE, Stub};

/// The state of one set of stubs, which one or more listeners serve.
#[derive(Debug)]
pub struct ServiceState {
    folders: Vec<StubFolder>,
    catalog: ArcSwap<Catalog>,
    settings: ArcSwap<GlobalSettings>,
    scenarios: ScenarioStates,
    /// First path segments of the files in `__files`, as last read.
    file_names: ArcSwap<HashSet<String>>,
    journal: Journal,
    pacing: Pacing,
    /// Lock for changes of the catalog, with the number of stubs created through the API so far.
    edits: Mutex<u64>,
    /// Catalog at the last call of `compact_if_quiet`.
    last_seen: Mutex<Weak<Catalog>>,
    counts: RequestCounts,
    response_counts: ResponseCounts,
    messaging: Messaging,
    /// Number of stubs with a series of their own in the metrics.
    stub_series: AtomicU64,
}

/// The global settings: delays of all stubs without delays of their own.
#[derive(Clone, Debug, Default)]
pub struct GlobalSettings {
    /// Defaults for the delays that a stub leaves out.
    pub delays: Delays,
    /// Settings as WireMock's JSON.
    pub document: serde_json::Map<String, serde_json::Value>,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct RequestCounts {
    /// Requests that a stub answered.
    pub matched: AtomicU64,
    /// Requests that no stub answered.
    pub unmatched: AtomicU64,
    /// Unmatched requests that were answered without near misses, because there were too many.
    pub near_misses_skipped: AtomicU64,
    /// Evaluations that reached each of [`MatchLimit::ALL`], and so did not match.
    pub limit_hits: [AtomicU64; MatchLimit::ALL.len()],
    /// Request heads that were longer than the limit.
    pub head_too_large: AtomicU64,
    /// Request bodies that were longer than the limit.
    pub body_too_large: AtomicU64,
    /// Request heads or bodies that were not complete in time.
    pub read_timeout: AtomicU64,
    /// Streams and their ends.
    pub streams: StreamCounts,
}

/// The exclusive right to change the catalog.
#[derive(Debug)]
pub struct CatalogEdit<'l> {
    live: &'l ServiceState,
    created_stubs: MutexGuard<'l, u64>,
}

impl ServiceState {
    /// Creates the state for the stubs loaded from these folders, with the journal, for this number
    /// of workers.
    pub fn new(folders: Vec<StubFolder>, stubs: Vec<Arc<Stub>>, journal: Journal, workers: usize) -> Self {
        let mut document = serde_json::Map::new();
        document.insert("proxyPassThrough".to_owned(), true.into());
        Self {
            file_names: ArcSwap::default(),
            pacing: Pacing::new(vec![Vec::new(); folders.len()]),
            folders,
            messaging: Messaging::new(journal.is_on()),
            catalog: ArcSwap::from_pointee(Catalog::new(stubs)),
            settings: ArcSwap::from_pointee(GlobalSettings { delays: Delays::default(), document }),
            scenarios: ScenarioStates::default(),
            journal,
            edits: Mutex::new(0),
            last_seen: Mutex::new(Weak::new()),
            counts: RequestCounts::default(),
            response_counts: ResponseCounts::new(workers),
            stub_series: AtomicU64::new(0),
        }
    }

    /// Returns the stub folders.
    pub fn folders(&self) -> &[StubFolder] {
        &self.folders
    }

    /// Returns the folder for the stubs from the API: the first one.
    pub fn default_folder(&self) -> Option<&StubFolder> {
        self.folders.first()
    }

    /// Returns the active stubs.
    pub fn catalog(&self) -> Guard<Arc<Catalog>> {
        self.catalog.load()
    }

    /// Returns the active settings.
    pub fn settings(&self) -> Guard<Arc<GlobalSettings>> {
        self.settings.load()
    }
    pub fn set_settings(&self, settings: GlobalSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Returns the states of scenarios.
    pub fn scenarios(&self) -> &ScenarioStates {
        &self.scenarios
    }
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns the first path segments of the static files, as last read.
    pub fn file_names(&self) -> Guard<Arc<HashSet<String>>> {
        self.file_names.load()
    }

    /// Replaces the first path segments of the static files.
    pub fn set_file_names(&self, names: HashSet<String>) {
        self.file_names.store(Arc::new(names));
    }

    /// Returns the pacing: the profiles, and the active one.
    pub fn pacing(&self) -> &Pacing {
        &self.pacing
    }
    pub fn counts(&self) -> &RequestCounts {
        &self.counts
    }

    /// Returns the channels of WebSocket connections, and their stubs.
    pub fn messaging(&self) -> &Messaging {
        &self.messaging
    }

    /// Replaces the message stubs by those of the folders; returns the defects of their files.
    pub fn load_message_stubs(&self) -> Vec<Defect> {
        let (mut stubs, mut defects) = (Vec::new(), Vec::new());
        for folder in &self.folders {
            let loaded = load_message_stubs(folder);
            stubs.extend(loaded.stubs);
            defects.extend(loaded.defects);
        }
        self.messaging.edit_stubs(|active| active.clone_from(&stubs));
        defects
    }

    /// Returns the counts of responses by status.
    pub fn response_counts(&self) -> &ResponseCounts {
        &self.response_counts
    }

    /// Returns true if a stub would answer a request. Scenarios and counters are unchanged.
    pub fn would_match(&self, call: &Call) -> bool {
        let allow = |stub: &Stub| self.scenarios.allows(stub.scenario.as_ref());
        self.catalog.load().find(call, &MatchStats::default(), allow).is_some()
    }

    /// Finds the stub that answers a request, advances its scenario and counts the request. Also
    /// returns how often the stub answered before. Returns `None` without counting if parts of the
    /// request could not be decoded.
    pub fn match_and_advance(&self, call: &Call) -> Option<(Arc<Stub>, u64)> {
        self.match_if(call, |_| true)
    }

    /// Finds the stub that answers a request as [`ServiceState::match_and_advance`] does, if
    /// `accepts` returns true for it, or for `None` if no stub does. Else nothing is changed or
    /// counted.
    #[inline]
    pub fn match_if(&self, call: &Call, accepts: impl Fn(Option<&Stub>) -> bool) -> Option<(Arc<Stub>, u64)> {
        let catalog = self.catalog.load();
        let stats = MatchStats::default();
        let found = loop {
            let found = catalog.find(call, &stats, |stub| self.scenarios.allows(stub.scenario.as_ref()));
            if call.exhausted().is_some() || !accepts(found.map(|stub| &**stub)) {
                return None;
            }
            match found {
                // another request changed the scenario since the match: match again
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
                if before == 0 && self.stub_series.fetch_add(1, Relaxed) < MAX_STUB_SERIES {
                    stub.hits.enable_series();
                }
                Some((stub, before))
            }
            None => {
                self.counts.unmatched.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// Begins a change of the catalog, after the end of any other change.
    pub fn edit(&self) -> CatalogEdit<'_> {
        CatalogEdit { live: self, created_stubs: self.edits.lock_unpoisoned() }
    }

    /// Compacts the catalog to one layer, unless it was changed since the last call.
    pub fn compact_if_quiet(&self) {
        let now = self.catalog.load_full();
        let mut last_seen = self.last_seen.lock_unpoisoned();
        let quiet = last_seen.upgrade().is_some_and(|seen| Arc::ptr_eq(&seen, &now));
        *last_seen = Arc::downgrade(&now);
        drop(last_seen);
        if quiet && let Some(compacted) = now.compacted() {
            // a change that was made during the compaction wins
            self.catalog.compare_and_swap(&now, Arc::new(compacted));
        }
    }
}

impl CatalogEdit<'_> {
    /// Returns the current catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.live.catalog.load_full()
    }

    /// Returns the rank of a new stub: newer than all others.
    pub fn next_rank(&mut self, priority: i32) -> Rank {
        *self.created_stubs += 1;
        Rank { service: 0, priority, age: FIRST_API_AGE - *self.created_stubs }
    }

    /// Adds a stub, or replaces the one with its id.
    pub fn put(&self, stub: Arc<Stub>) {
        self.store(self.catalog().with(stub));
    }

    /// Adds or replaces some stubs.
    pub fn put_all(&self, stubs: Vec<Arc<Stub>>) {
        self.store(self.catalog().with_all(stubs));
    }

    /// Removes the stubs with these ids.
    pub fn remove(&self, ids: &HashSet<Uuid>) {
        self.store(self.catalog().without(ids));
    }

    /// Reloads a body file for the stubs that refer to it.
    pub fn reload_file(&self, path: &Path) {
        let reread = |stub: &&Arc<Stub>| {
            let folder = self.live.folders.get(pacing::folder_of(stub, self.live.folders.len()))?;
            let files = folder.files();
            let named = stub.body_file_name().and_then(|name| files.find(&name));
            if named.as_deref() == Some(path) { stub.with_reread_body(&files).map(Arc::new) } else { None }
        };
        let changed: Vec<_> = self.catalog().stubs().iter().filter_map(reread).collect();
        if !changed.is_empty() {
            self.put_all(changed);
        }
    }

    /// Replaces the catalog, and returns the old one, which may take long to drop.
    pub fn replace(&self, catalog: Catalog) -> Arc<Catalog> {
        self.live.catalog.swap(Arc::new(catalog))
    }

    fn store(&self, catalog: Catalog) {
        self.live.catalog.store(Arc::new(catalog));
    }
}

/// Maximum number of stubs with a series of their own in the metrics, because a hundred thousand
/// series break a dashboard.
const MAX_STUB_SERIES: u64 = 200;
