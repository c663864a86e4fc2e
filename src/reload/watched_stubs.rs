//! [`WatchedStubs`], the stubs of some folders as they are served, and their replacement when files
//! change.
//!
//! Changes through the API survive a reload: new stubs, and edits and removals of stubs whose files
//! have not changed.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use super::merge::{MergeAction, differs_in_place_only, has_existing_file, is_unedited, merge_action};
use super::watched_profiles::WatchedProfiles;
use crate::live::journal::Journal;
use crate::live::{CatalogEdit, ServiceState};
use standin_stub::catalog::Catalog;
use standin_stub::defect::Defect;
use standin_stub::file_cache::{CacheContents, FileCache, FileStub, body_file_path};
use standin_stub::file_listing::FileListing;
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Reader};
use standin_stub::stub_folder::StubFolder;
use standin_stub::{Stub, StubOrigin};

/// A catalog of stubs and the files from which it was read.
#[derive(Debug)]
pub struct WatchedStubs {
    live: Arc<ServiceState>,
    cache: FileCache,
    /// Stubs of files as they were last put into the catalog, without later edits through the API.
    active: HashMap<Uuid, FileStub>,
    /// Stub that forwards all unmatched requests, which no reset removes.
    proxy_stub: Option<Arc<Stub>>,
    profiles: WatchedProfiles,
    pending: PendingReload,
}

/// Files that were read and are not served yet.
#[derive(Debug, Default)]
struct PendingReload {
    contents: CacheContents,
    /// Catalog that was served when the reload began; edits after it are found by comparison.
    baseline: Option<Arc<Catalog>>,
    parsed_count: usize,
    has_changed: bool,
    /// True if the stubs that were read may differ from those that are served.
    is_unmerged: bool,
    /// True if the profiles that were read may differ from those that are served.
    has_changed_profiles: bool,
    /// Body files that may have changed since the served stubs were read.
    changed_bodies: HashSet<PathBuf>,
}

/// The result of putting another catalog in place.
#[derive(Debug, Default)]
pub(super) struct SwapResult {
    /// True if a request may get another response now.
    pub(super) has_changed: bool,
    /// Catalog that was served before.
    pub(super) retired: Option<Arc<Catalog>>,
}

impl WatchedStubs {
    /// Reads the stubs of some folders for the first time. Those with errors are left out.
    ///
    /// `workers` is the number of threads that will serve them and write to `journal`.
    pub fn load(folders: Vec<StubFolder>, journal: Journal, workers: usize) -> (Self, Vec<Defect>) {
        let mut cache = FileCache::new(folders.clone());
        let listings = cache.list_files();
        let names = static_file_names(&folders, &listings);
        let contents = cache.read(listings);
        let stubs = contents.stubs.iter().map(|entry| Arc::clone(&entry.stub)).collect();
        let live = Arc::new(ServiceState::new(folders, stubs, journal, workers));
        live.set_file_names(names);
        let profiles = WatchedProfiles::read(live.folders());
        profiles.activate(&live);
        let active = by_id(&contents);
        let mut defects = [&contents.defects[..], profiles.defects()].concat();
        defects.extend(live.load_message_stubs());
        let pending = PendingReload { contents, ..PendingReload::default() };
        let stubs = Self { live, cache, active, proxy_stub: None, profiles, pending };
        (stubs, defects)
    }

    /// Adds the stub of WireMock's `--proxy-all`: it forwards all requests that no stub of priority
    /// 9 or less matches. The error is a message.
    pub fn add_proxy_stub(&mut self, base_url: &str) -> Result<(), String> {
        let response = serde_json::json!({ "proxyBaseUrl": base_url });
        let document =
            serde_json::json!({"priority": 10, "request": {"method": "ANY"}, "response": response}).to_string();
        let files = self.live.default_folder().map_or_else(|| FilesFolder::new("__files"), StubFolder::files);
        let mut reader = Reader::of_own(&document);
        let mapping = reader.parse(&document).and_then(|tree| format::mapping(&tree, &files, &mut reader));
        let mapping = mapping.filter(|_| !reader.has_errors()).ok_or_else(|| {
            format!("--proxy-all {base_url}: {}", reader.defects().first().map_or("", |defect| &defect.message))
        })?;
        let mut edit = self.live.edit();
        let rank = edit.next_rank(mapping.priority);
        let stub = Arc::new(mapping.into_stub(Uuid::new_v4(), rank, StubOrigin::Api));
        edit.put(Arc::clone(&stub));
        drop(edit);
        self.proxy_stub = Some(stub);
        Ok(())
    }

    /// Returns the state from which the stubs are served.
    pub fn live(&self) -> &Arc<ServiceState> {
        &self.live
    }

    /// Returns the stub folders.
    pub(super) fn folders(&self) -> &[StubFolder] {
        self.cache.folders()
    }

    /// Lists the files of each folder with their stamps; reads none.
    pub(super) fn list_files(&self) -> Vec<FileListing> {
        self.cache.list_files()
    }

    /// Returns true if no file has changed since the last reading, as far as stamps tell.
    pub(super) fn is_current(&self, listings: &[FileListing]) -> bool {
        self.cache.is_current(listings)
    }

    /// Returns true if a file may have changed though its stamp has not, so that it has to be
    /// compared.
    pub(super) fn has_recent_files(&self) -> bool {
        self.cache.has_recent_files()
    }

    /// Keeps the served catalog, before files are read, as the baseline by which later edits are
    /// recognized.
    pub(super) fn keep_baseline(&mut self) {
        self.pending.baseline.get_or_insert_with(|| self.live.catalog().clone());
    }

    /// Reads the files that have changed; none of them is served yet.
    pub(super) fn read(&mut self, listings: Vec<FileListing>) {
        self.live.set_file_names(static_file_names(self.live.folders(), &listings));
        let contents = self.cache.read(listings);
        self.pending.parsed_count += contents.parsed_count;
        self.pending.has_changed |= contents.has_changed;
        self.pending.is_unmerged |= contents.has_changed || !contents.changed_bodies.is_empty();
        self.pending.changed_bodies.extend(contents.changed_bodies.iter().cloned());
        if contents.has_changed_profiles {
            let profiles = WatchedProfiles::read(self.live.folders()).or_last_good(&self.profiles);
            let has_changed = profiles.differs_from(&self.profiles);
            self.pending.has_changed |= has_changed;
            self.pending.has_changed_profiles |= has_changed;
            self.profiles = profiles;
        }
        self.pending.contents = contents;
    }

    /// Returns the errors and warnings of the last reading.
    pub(super) fn defects(&self) -> impl Iterator<Item = &Defect> {
        self.pending.contents.defects.iter().chain(self.profiles.defects())
    }

    /// Returns true if a profile had an error in the last reading.
    pub fn has_broken_profiles(&self) -> bool {
        self.profiles.has_errors()
    }

    /// Returns the number of stubs that are left out because of errors.
    pub fn left_out(&self) -> usize {
        self.pending.contents.left_out
    }

    /// Returns the number of mapping files in the last reading.
    pub(super) fn file_count(&self) -> usize {
        self.pending.contents.file_count
    }

    /// Returns the number of stubs from files that are served.
    pub(super) fn stub_count(&self) -> usize {
        self.active.len()
    }

    /// Returns the number of files that were parsed since this was last called.
    pub(super) fn take_parsed_count(&mut self) -> usize {
        mem::take(&mut self.pending.parsed_count)
    }

    /// Returns true if files have changed since this was last called.
    pub(super) fn take_has_changed(&mut self) -> bool {
        mem::take(&mut self.pending.has_changed)
    }

    /// Returns true if files have changed since [`Self::take_has_changed`] was last called.
    pub(super) fn has_changed(&self) -> bool {
        self.pending.has_changed
    }

    /// Ends a reload without serving the files that were read.
    pub(super) fn discard_baseline(&mut self) {
        self.pending.baseline = None;
    }

    /// Makes the next reload merge everything, after a panic has interrupted one.
    pub(super) fn mark_unmerged(&mut self) {
        self.discard_baseline();
        self.pending.has_changed = true;
        self.pending.is_unmerged = true;
        self.pending.has_changed_profiles = true;
    }

    /// Serves the stubs and profiles of the last reading, and keeps changes through the API.
    pub(super) fn merge(&mut self) -> SwapResult {
        let has_changed_profiles = self.activate_profiles();
        let swap = self.merge_stubs();
        SwapResult { has_changed: swap.has_changed || has_changed_profiles, ..swap }
    }

    /// Serves the profiles of the last reading if they have changed; returns whether they have.
    fn activate_profiles(&mut self) -> bool {
        let has_changed = mem::take(&mut self.pending.has_changed_profiles);
        if has_changed && let Some(removed) = self.profiles.activate(&self.live) {
            tracing::warn!(profile = removed, "the active profile no longer exists: calls are not paced any more");
        }
        has_changed
    }

    fn merge_stubs(&mut self) -> SwapResult {
        if !mem::take(&mut self.pending.is_unmerged) {
            self.pending.baseline = None;
            return SwapResult::default();
        }
        let bodies = mem::take(&mut self.pending.changed_bodies);
        let baseline = self.pending.baseline.take().unwrap_or_else(|| self.live.catalog().clone());
        let reread = self.api_stubs_with_changed_bodies(&baseline, &bodies);
        let live = Arc::clone(&self.live);
        let edit = live.edit();
        let current = edit.catalog();
        let mut changes = self.changes(&baseline, &current);
        let count = changes.put.len();
        let unedited = reread.into_iter().filter(|(old, _)| is_same(current.by_id(&old.id), Some(old)));
        changes.put.extend(unedited.map(|(_, new)| new));
        let has_changed = changes.has_effect || !changes.removed.is_empty() || changes.put.len() > count;
        if changes.put.is_empty() && changes.removed.is_empty() {
            return SwapResult::default();
        }
        let catalog = current.without(&changes.removed).with_all(changes.put);
        let retired = exchange_catalog(&edit, &live, catalog);
        SwapResult { has_changed, retired: Some(retired) }
    }

    /// Compares the stubs of the last reading with those of the files before, and makes them the
    /// active ones.
    ///
    /// An edit through the API after `baseline` wins over the files; the next reload sees what it
    /// has written.
    fn changes(&mut self, baseline: &Arc<Catalog>, current: &Arc<Catalog>) -> CatalogChanges {
        let is_without_edits = Arc::ptr_eq(baseline, current);
        let is_edited = |id: &Uuid| !is_without_edits && !is_same(baseline.by_id(id), current.by_id(id));
        let before = mem::take(&mut self.active);
        let mut changes = CatalogChanges::default();
        for (id, entry) in by_id(&self.pending.contents) {
            let found = current.by_id(&id);
            let action = if is_edited(&id) { MergeAction::Keep } else { merge_action(before.get(&id), &entry, found) };
            let mut of_file = entry.stub;
            match action {
                MergeAction::Keep => {}
                MergeAction::Adopt => of_file = found.map_or(of_file, Arc::clone),
                // saved through the API and removed again while the files were read
                MergeAction::Put(_) if !is_without_edits && found.is_none() && !has_existing_file(&of_file) => {}
                MergeAction::Put(stub) => {
                    // a change of the rank alone keeps the order
                    changes.has_effect |= found.is_none_or(|found| !differs_in_place_only(found, &stub));
                    changes.put.push(Arc::clone(&stub));
                    of_file = stub;
                }
                MergeAction::Move(stub) => changes.put.push(stub),
            }
            self.active.insert(id, FileStub { stub: of_file, file_digest: entry.file_digest });
        }
        for id in before.keys().filter(|id| !self.active.contains_key(*id) && !is_edited(id)) {
            if current.by_id(id).is_some_and(|stub| matches!(stub.origin, StubOrigin::File { .. })) {
                changes.removed.insert(*id);
            }
        }
        changes
    }

    /// Serves the last reading in place of everything, with counts and scenarios at their start.
    pub(super) fn replace(&mut self) -> SwapResult {
        self.activate_profiles();
        self.active = by_id(&self.pending.contents);
        self.pending.changed_bodies.clear();
        self.pending.is_unmerged = false;
        let baseline = self.pending.baseline.take().unwrap_or_else(|| self.live.catalog().clone());
        let edit = self.live.edit();
        let current = edit.catalog();
        let mut stubs: Vec<_> = self.pending.contents.stubs.iter().map(|entry| Arc::clone(&entry.stub)).collect();
        // a stub that was saved after the files were read belongs to the files too
        let saved = current
            .stubs()
            .into_iter()
            .filter(|stub| stub.persistent && !is_same(baseline.by_id(&stub.id), Some(stub)));
        stubs.extend(saved.cloned());
        stubs.extend(self.proxy_stub.clone());
        for stub in &stubs {
            stub.hits.reset();
        }
        let retired = edit.replace(Catalog::new(stubs));
        self.live.scenarios().reset();
        self.live.pacing().restart();
        SwapResult { has_changed: true, retired: Some(retired) }
    }

    /// Returns the stubs from the API that name a changed body file, each with its replacement.
    fn api_stubs_with_changed_bodies(
        &self,
        catalog: &Catalog,
        changed: &HashSet<PathBuf>,
    ) -> Vec<(Arc<Stub>, Arc<Stub>)> {
        let Some(folder) = self.live.default_folder().filter(|_| !changed.is_empty()) else { return Vec::new() };
        let files = folder.files();
        let is_of_file = |stub: &Stub| self.active.get(&stub.id).is_some_and(|entry| is_unedited(entry, stub));
        let affected = catalog.stubs().into_iter().filter(|stub| {
            !is_of_file(stub) && body_file_path(stub, &files).is_some_and(|path| changed.contains(&path))
        });
        affected
            .filter_map(|stub| {
                let mut reader = Reader::of_own(&stub.document);
                let tree = reader.parse(&stub.document)?;
                let mapping = format::mapping(&tree, &files, &mut reader).filter(|_| !reader.has_errors())?;
                let mut replacement = mapping.into_stub(stub.id, stub.rank, stub.origin.clone());
                replacement.hits = Arc::clone(&stub.hits);
                let is_same_body = replacement.response.has_body_of(&stub.response);
                (!is_same_body).then(|| (Arc::clone(stub), Arc::new(replacement)))
            })
            .collect()
    }
}

/// The changes that a reload makes to the catalog.
#[derive(Debug, Default)]
struct CatalogChanges {
    put: Vec<Arc<Stub>>,
    removed: HashSet<Uuid>,
    /// True if one of the stubs in `put` may change a response.
    has_effect: bool,
}

fn is_same(one: Option<&Arc<Stub>>, other: Option<&Arc<Stub>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Returns the first parts of the paths in the `__files` of the first folder, from which static
/// files are served.
fn static_file_names(folders: &[StubFolder], listings: &[FileListing]) -> HashSet<String> {
    let Some((folder, listing)) = folders.first().zip(listings.first()) else { return HashSet::new() };
    let root = folder.files().root;
    let first = |path: &PathBuf| Some(path.strip_prefix(&root).ok()?.iter().next()?.to_string_lossy().into_owned());
    listing.bodies.keys().filter_map(first).collect()
}

/// Returns stubs by their ids; of two with one id, the later stays.
fn by_id(contents: &CacheContents) -> HashMap<Uuid, FileStub> {
    contents.stubs.iter().map(|entry| (entry.stub.id, entry.clone())).collect()
}

/// Serves another catalog and returns the one before. Scenarios that no stub names any more start
/// again.
fn exchange_catalog(edit: &CatalogEdit<'_>, live: &ServiceState, catalog: Catalog) -> Arc<Catalog> {
    let retired = edit.replace(catalog);
    let current = edit.catalog();
    live.scenarios().reset_unnamed(current.stubs().into_iter().filter_map(|stub| stub.scenario.as_ref()));
    retired
}
