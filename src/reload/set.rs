//! The stubs of some services in force, and how another reading of their files takes their place.
//!
//! What came through the API meanwhile stays: new stubs, and edits and removals of stubs whose files have not changed.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use crate::live::journal::Journal;
use crate::live::{Edit, Live};
use standin_model::profile::{self, Profile};
use standin_stub::catalog::Catalog;
use standin_stub::defect::Defect;
use standin_stub::format::{self, Reader};
use standin_stub::load::{API_BEGINS, Service};
use standin_stub::matcher::Rank;
use standin_stub::shelf::{Entry, Reading, Shelf, named_body};
use standin_stub::walk::Tree;
use standin_stub::{Origin, Stub};

/// One set of stubs with the files that it comes from.
#[derive(Debug)]
pub struct Set {
    live: Arc<Live>,
    shelf: Shelf,
    /// The stubs of files as they were last put in force, whatever the API has made of them since.
    in_force: HashMap<Uuid, Entry>,
    profiles: Profiles,
    pending: Pending,
}

/// What has been read and is not yet in force.
#[derive(Debug, Default)]
struct Pending {
    reading: Reading,
    /// The stubs in force when the first look began.
    then: Option<Arc<Catalog>>,
    reread: usize,
    changed: bool,
    /// Whether the reading may differ from what is in force.
    unmerged: bool,
    /// Whether the profiles may.
    reprofiled: bool,
    /// Body files that may differ from when what is in force was read.
    bodies: HashSet<PathBuf>,
}

/// What became of what was in force.
#[derive(Debug, Default)]
pub(super) struct Swapped {
    /// Whether a call may be answered differently now.
    pub(super) changed: bool,
    /// The catalog that was in force.
    pub(super) old: Option<Arc<Catalog>>,
}

impl Set {
    /// Reads the stubs of some services for the first time. With errors among the defects, none may be served.
    ///
    /// So many workers will serve them, and keep the calls in `journal`.
    pub fn load(services: Vec<Service>, journal: Journal, workers: usize) -> (Self, Vec<Defect>) {
        let mut shelf = Shelf::new(services.clone());
        let trees = shelf.walk();
        let names = file_names(&services, &trees);
        let reading = shelf.read(trees);
        let stubs = reading.entries.iter().map(|entry| Arc::clone(&entry.stub)).collect();
        let live = Arc::new(Live::new(services, stubs, journal, workers));
        live.set_file_names(names);
        let profiles = Profiles::read(live.services());
        profiles.serve(&live);
        let in_force = by_id(&reading);
        let defects = [&reading.defects[..], &profiles.defects].concat();
        let pending = Pending { reading, ..Pending::default() };
        let set = Self { live, shelf, in_force, profiles, pending };
        (set, defects)
    }

    /// What it is served from.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The services whose stubs it holds.
    pub(super) fn services(&self) -> &[Service] {
        self.shelf.services()
    }

    /// How its files stand now.
    pub(super) fn walk(&self) -> Vec<Tree> {
        self.shelf.walk()
    }

    /// Whether nothing has changed on disk since it was last read, as far as stamps tell.
    pub(super) fn is_current(&self, trees: &[Tree]) -> bool {
        self.shelf.is_current(trees)
    }

    /// Whether a file may have changed without a trace, so that it should be looked at again.
    pub(super) fn is_fresh(&self) -> bool {
        self.shelf.is_fresh()
    }

    /// Notes what is in force before files are read, so that later edits can be told.
    pub(super) fn begin(&mut self) {
        self.pending.then.get_or_insert_with(|| self.live.catalog().clone());
    }

    /// Reads what has changed; nothing else comes into force yet.
    pub(super) fn read(&mut self, trees: Vec<Tree>) {
        self.live.set_file_names(file_names(self.live.services(), &trees));
        let reading = self.shelf.read(trees);
        self.pending.reread += reading.reread;
        self.pending.changed |= reading.changed;
        self.pending.unmerged |= reading.changed || !reading.bodies.is_empty();
        self.pending.bodies.extend(reading.bodies.iter().cloned());
        if reading.profiles {
            let profiles = Profiles::read(self.live.services());
            // a file that was only touched is the same profile
            self.pending.changed |= profiles.texts != self.profiles.texts;
            self.pending.reprofiled |= profiles.texts != self.profiles.texts;
            self.profiles = profiles;
        }
        self.pending.reading = reading;
    }

    /// What was wrong or odd in the last reading.
    pub(super) fn defects(&self) -> impl Iterator<Item = &Defect> {
        self.pending.reading.defects.iter().chain(&self.profiles.defects)
    }

    /// Mapping files in the last reading.
    pub(super) fn files(&self) -> usize {
        self.pending.reading.files
    }

    /// Stubs of files in force.
    pub(super) fn stubs(&self) -> usize {
        self.in_force.len()
    }

    /// How many files were parsed since this was last asked.
    pub(super) fn take_reread(&mut self) -> usize {
        mem::take(&mut self.pending.reread)
    }

    /// Whether files differ from when this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.pending.changed)
    }

    /// Whether files differ from when what was read was last concluded.
    pub(super) fn has_changed(&self) -> bool {
        self.pending.changed
    }

    /// Nothing of what was read comes into force for now; what was noted of bodies is kept for the next time.
    pub(super) fn give_up(&mut self) {
        self.pending.then = None;
    }

    /// Forgets what a reload that a panic interrupted has found out, so that the next one merges all again.
    pub(super) fn interrupted(&mut self) {
        self.give_up();
        self.pending.changed = true;
        self.pending.unmerged = true;
        self.pending.reprofiled = true;
    }

    /// Puts the last reading in force, and leaves what came through the API.
    pub(super) fn merge(&mut self) -> Swapped {
        let reprofiled = self.reprofile();
        let swapped = self.merge_stubs();
        Swapped { changed: swapped.changed || reprofiled, ..swapped }
    }

    /// Puts the profiles in force if they have changed.
    fn reprofile(&mut self) -> bool {
        let reprofiled = mem::take(&mut self.pending.reprofiled);
        if reprofiled && let Some(gone) = self.profiles.serve(&self.live) {
            tracing::warn!(profile = gone, "the profile in force has gone: calls are not paced any more");
        }
        reprofiled
    }

    fn merge_stubs(&mut self) -> Swapped {
        if !mem::take(&mut self.pending.unmerged) {
            self.pending.then = None;
            return Swapped::default();
        }
        let after = by_id(&self.pending.reading);
        let bodies = mem::take(&mut self.pending.bodies);
        let then = self.pending.then.take().unwrap_or_else(|| self.live.catalog().clone());
        let remade = self.remade(&then, &bodies);
        let edit = self.live.edit();
        let now = edit.catalog();
        let quiet = Arc::ptr_eq(&then, &now);
        // an edit that came after the files were read wins; the next look sees what it has written
        let edited = |id: &Uuid| !quiet && !same(then.by_id(id), now.by_id(id));
        let before = mem::take(&mut self.in_force);
        let mut changed = false;
        let mut fresh = Vec::new();
        let mut gone = HashSet::new();
        for (id, entry) in after {
            let found = now.by_id(&id);
            let next = if edited(&id) { Next::Leave } else { next(before.get(&id), &entry, found) };
            let mut of_file = entry.stub;
            match next {
                Next::Leave => {}
                Next::Own => of_file = found.map_or(of_file, Arc::clone),
                // made and removed again while the files were read
                Next::Put(_) if !quiet && found.is_none() && !exists(&of_file) => {}
                Next::Put(stub) => {
                    // another rank alone keeps the order
                    changed |= found.is_none_or(|found| !is_moved(found, &stub));
                    fresh.push(Arc::clone(&stub));
                    of_file = stub;
                }
                Next::Move(stub) => fresh.push(stub),
            }
            self.in_force.insert(id, Entry { stub: of_file, text: entry.text });
        }
        for id in before.keys().filter(|id| !self.in_force.contains_key(*id) && !edited(id)) {
            if now.by_id(id).is_some_and(|stub| matches!(stub.origin, Origin::File { .. })) {
                gone.insert(*id);
            }
        }
        changed |= !gone.is_empty();
        let count = fresh.len();
        fresh.extend(remade.into_iter().filter(|(old, _)| same(now.by_id(&old.id), Some(old))).map(|(_, new)| new));
        changed |= fresh.len() > count;
        if fresh.is_empty() && gone.is_empty() {
            return Swapped::default();
        }
        let catalog = now.without(&gone).with_all(fresh);
        let old = put(&edit, &self.live, catalog);
        Swapped { changed, old: Some(old) }
    }

    /// Puts the last reading in force in place of everything, counts and scenarios at their start.
    pub(super) fn replace(&mut self) -> Swapped {
        self.reprofile();
        self.in_force = by_id(&self.pending.reading);
        self.pending.bodies.clear();
        self.pending.unmerged = false;
        let then = self.pending.then.take().unwrap_or_else(|| self.live.catalog().clone());
        let edit = self.live.edit();
        let now = edit.catalog();
        let mut stubs: Vec<_> = self.pending.reading.entries.iter().map(|entry| Arc::clone(&entry.stub)).collect();
        // what was written to a file after the files were read is theirs all the same
        let saved = now.stubs().into_iter().filter(|stub| stub.persistent && !same(then.by_id(&stub.id), Some(stub)));
        stubs.extend(saved.cloned());
        for stub in &stubs {
            stub.hits.reset();
        }
        let old = edit.exchange(Catalog::new(stubs));
        self.live.scenarios().reset();
        self.live.pacing().restart();
        Swapped { changed: true, old: Some(old) }
    }

    /// Stubs from the API that name a body file that has changed, each with how it is to be.
    fn remade(&self, catalog: &Catalog, bodies: &HashSet<PathBuf>) -> Vec<(Arc<Stub>, Arc<Stub>)> {
        let Some(home) = self.live.home().filter(|_| !bodies.is_empty()) else { return Vec::new() };
        let files = home.files();
        let of_file = |stub: &Stub| self.in_force.get(&stub.id).is_some_and(|entry| is_served(entry, stub));
        let stale = catalog
            .stubs()
            .into_iter()
            .filter(|stub| !of_file(stub) && named_body(stub, &files).is_some_and(|path| bodies.contains(&path)));
        stale
            .filter_map(|stub| {
                let mut reader = Reader::of_own(&stub.document);
                let tree = reader.parse(&stub.document)?;
                let mapping = format::mapping(&tree, &files, &mut reader).filter(|_| !reader.failed())?;
                let mut made = mapping.into_stub(stub.id, stub.rank, stub.origin.clone());
                made.hits = Arc::clone(&stub.hits);
                (!made.response.has_body_of(&stub.response)).then(|| (Arc::clone(stub), Arc::new(made)))
            })
            .collect()
    }
}

/// The profiles of each folder, as they were last read.
#[derive(Debug, Default)]
struct Profiles {
    folders: Vec<Vec<Arc<Profile>>>,
    /// By which two readings are told apart.
    texts: Vec<(String, Arc<str>)>,
    defects: Vec<Defect>,
}

impl Profiles {
    fn read(services: &[Service]) -> Self {
        let mut profiles = Self::default();
        for service in services {
            let loaded = profile::load_up_to(&service.root, service.max_file_bytes);
            profiles.folders.push(loaded.profiles.into_iter().map(Arc::new).collect());
            profiles.defects.extend(loaded.defects);
            profiles.texts.extend(loaded.texts);
        }
        profiles
    }

    /// Puts them in place of those that there were; returns the name of the one in force if it has gone.
    fn serve(&self, live: &Live) -> Option<String> {
        live.pacing().replace(self.folders.clone())
    }
}

/// What becomes of the stub of one id.
enum Next {
    /// It stays as it is, there or not.
    Leave,
    /// It stays, and is what the file says: standin wrote it.
    Own,
    /// The file's stub comes.
    Put(Arc<Stub>),
    /// It stays what it is, at another rank.
    Move(Arc<Stub>),
}

fn next(before: Option<&Entry>, after: &Entry, now: Option<&Arc<Stub>>) -> Next {
    let unchanged = before.is_some_and(|before| before.text == after.text && path(before) == path(after));
    let Some(now) = now else {
        // removed through the API
        return if unchanged { Next::Leave } else { Next::Put(Arc::clone(&after.stub)) };
    };
    if Arc::ptr_eq(now, &after.stub) {
        return Next::Leave;
    }
    let rank = Rank { priority: now.rank.priority, ..after.stub.rank };
    if unchanged && !before.is_some_and(|before| is_served(before, now)) {
        // edited through the API
        let moves = now.rank != rank && now.rank.age >= API_BEGINS;
        return if moves { Next::Move(Arc::new(Stub { rank, ..Stub::clone(now) })) } else { Next::Leave };
    }
    if !Arc::ptr_eq(&now.response, &after.stub.response) && !now.says_the_same(&after.stub) {
        let hits = if now.document == after.stub.document { &now.hits } else { &after.stub.hits };
        return Next::Put(Arc::new(Stub { hits: Arc::clone(hits), ..Stub::clone(&after.stub) }));
    }
    // a stub that was made through the API and saved keeps its rank until its file changes
    let rank = if now.rank.age < API_BEGINS && path_of(now) == path(after) { now.rank } else { rank };
    if now.rank == rank && now.origin == after.stub.origin {
        return Next::Own;
    }
    Next::Put(Arc::new(Stub { rank, origin: after.stub.origin.clone(), ..Stub::clone(now) }))
}

/// Whether what is in the catalog is what the file says, and no edit of it.
fn is_served(of_file: &Entry, now: &Stub) -> bool {
    Arc::ptr_eq(&of_file.stub.response, &now.response)
}

/// Whether a stub is another at another place of the same file, and nothing else.
fn is_moved(one: &Stub, other: &Stub) -> bool {
    Arc::ptr_eq(&one.response, &other.response) && path_of(one) == path_of(other)
}

fn path(entry: &Entry) -> Option<&PathBuf> {
    path_of(&entry.stub)
}

fn path_of(stub: &Stub) -> Option<&PathBuf> {
    match &stub.origin {
        Origin::File { path, .. } => Some(path),
        Origin::Api => None,
    }
}

fn exists(stub: &Stub) -> bool {
    path_of(stub).is_some_and(|path| path.exists())
}

fn same(one: Option<&Arc<Stub>>, other: Option<&Arc<Stub>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The first parts of the paths in the first service's `__files`, which static files come from.
fn file_names(services: &[Service], trees: &[Tree]) -> HashSet<String> {
    let Some((home, tree)) = services.first().zip(trees.first()) else { return HashSet::new() };
    let root = home.files().root;
    let first = |path: &PathBuf| Some(path.strip_prefix(&root).ok()?.iter().next()?.to_string_lossy().into_owned());
    tree.bodies.keys().filter_map(first).collect()
}

/// Of two stubs with one id, the later stays.
fn by_id(reading: &Reading) -> HashMap<Uuid, Entry> {
    reading.entries.iter().map(|entry| (entry.stub.id, entry.clone())).collect()
}

/// Serves another catalog; scenarios that no stub leads on from start again.
fn put(edit: &Edit<'_>, live: &Live, catalog: Catalog) -> Arc<Catalog> {
    let old = edit.exchange(catalog);
    let now = edit.catalog();
    live.scenarios().keep_named(now.stubs().into_iter().filter_map(|stub| stub.scenario.as_ref()));
    old
}
