//! Mapping files as they were last read, so that reading again reads only what has changed.
//!
//! A file is read again when its stamp, or that of a body file that it names, has changed or was too fresh to be
//! trusted; and it is parsed again only if the bytes differ.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde_json::Value as Json;

use super::Stub;
use super::files::FilesFolder;
use super::load::{self, Service};
use super::walk::{Stamp, Tree};
use crate::defect::Defect;
use crate::files::BLOCKING_READ_LIMIT;
use crate::matcher::Rank;
use standin_files::regular_file;

/// The files of some services, as they were last read.
#[derive(Debug)]
pub struct Shelf {
    services: Vec<Service>,
    drawers: Vec<Drawer>,
}

/// What is on a shelf after it has been read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The stubs, each at its rank; of two with one id, the later counts.
    pub entries: Vec<Entry>,
    /// What is wrong or odd, in the order of the files.
    pub defects: Vec<Defect>,
    /// How many mapping files there are.
    pub files: usize,
    /// How many of them were parsed.
    pub reread: usize,
    /// Whether a mapping file, or a body that one names, differs from the reading before.
    pub changed: bool,
    /// Body files that may differ from the reading before.
    pub bodies: HashSet<PathBuf>,
    /// Whether a profile may differ from the reading before.
    pub profiles: bool,
}

/// A stub of a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The stub.
    pub stub: Arc<Stub>,
    /// A digest of the whole file.
    pub text: u64,
}

/// One service.
#[derive(Debug, Default)]
struct Drawer {
    tree: Option<Tree>,
    sheets: BTreeMap<PathBuf, Sheet>,
}

/// One mapping file.
#[derive(Debug)]
struct Sheet {
    stamp: Option<Stamp>,
    /// Whether one of the stamps may stay as it is when the file changes.
    fresh: bool,
    text: u64,
    bodies: Vec<Named>,
    stubs: Vec<Arc<Stub>>,
    defects: Vec<Defect>,
}

/// A body file that a mapping file names.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// Of its bytes; none for one that is read when it is sent.
    digest: Option<u64>,
}

impl Reading {
    /// Whether something is wrong, so that none of the stubs may be served.
    pub fn failed(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }
}

impl Shelf {
    /// An empty shelf for these services. With several, the first by name comes first.
    pub fn new(services: Vec<Service>) -> Self {
        let drawers = services.iter().map(|_| Drawer::default()).collect();
        Self { services, drawers }
    }

    /// The services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Looks at the files; reads none.
    pub fn walk(&self) -> Vec<Tree> {
        self.services.iter().map(Tree::of).collect()
    }

    /// Whether the files are as they were when they were last read, as far as their stamps tell.
    pub fn is_current(&self, trees: &[Tree]) -> bool {
        self.drawers.iter().zip(trees).all(|(drawer, tree)| drawer.tree.as_ref() == Some(tree))
    }

    /// Whether a file may have changed though its stamp has not.
    pub fn is_fresh(&self) -> bool {
        self.drawers.iter().any(|drawer| {
            drawer.sheets.values().any(|sheet| sheet.fresh) || drawer.tree.as_ref().is_some_and(has_fresh_body)
        })
    }

    /// Reads what has changed since the last reading, given how the files stand now.
    pub fn read(&mut self, trees: Vec<Tree>) -> Reading {
        let mut reading = Reading::default();
        let several = self.services.len() > 1;
        for (place, (service, tree)) in self.services.iter().zip(trees).enumerate() {
            // 0 is before all services: stubs from the API
            let number = if several { place as u16 + 1 } else { 0 };
            self.drawers[place].read(service, number, tree, &mut reading);
        }
        reading
    }
}

impl Drawer {
    fn read(&mut self, service: &Service, number: u16, tree: Tree, reading: &mut Reading) {
        let mut before = mem::take(&mut self.sheets);
        reading.defects.extend(tree.defects.iter().cloned());
        reading.files += tree.mappings.len();
        let mut age = u64::MAX;
        for (path, stamp) in &tree.mappings {
            let kept = before.remove(path).and_then(|sheet| sheet.kept(path, *stamp, service, &tree));
            let mut sheet = kept.unwrap_or_else(|| {
                reading.reread += 1;
                reading.changed = true;
                Sheet::read(path, *stamp, service, &tree)
            });
            for stub in &mut sheet.stubs {
                let rank = Rank { service: number, priority: stub.rank.priority, age };
                if stub.rank != rank {
                    Arc::make_mut(stub).rank = rank;
                }
                reading.entries.push(Entry { stub: Arc::clone(stub), text: sheet.text });
                age -= 1;
            }
            reading.defects.extend(sheet.defects.iter().cloned());
            self.sheets.insert(path.clone(), sheet);
        }
        debug_assert!(age >= load::API_BEGINS);
        reading.changed |= !before.is_empty();
        if let Some(old) = &self.tree {
            reading.changed |= old.defects != tree.defects;
            reading.bodies.extend(changed(&old.bodies, &tree.bodies, old.at));
            reading.profiles |= !changed(&old.profiles, &tree.profiles, old.at).is_empty();
        }
        self.tree = Some(tree);
    }
}

impl Sheet {
    fn read(path: &Path, stamp: Option<Stamp>, service: &Service, tree: &Tree) -> Self {
        let files = service.files();
        let page = load::read(path, service);
        let text = page.text;
        let mut bodies: Vec<Named> = Vec::new();
        for stub in &page.stubs {
            let Some(path) = named_body(stub, &files) else { continue };
            if !bodies.iter().any(|body| body.path == path) {
                let digest = stub.response.whole_body().map(|bytes| digest(bytes));
                bodies.push(Named { stamp: tree.body(&path), path, digest });
            }
        }
        let mut sheet = Self { stamp, fresh: false, text, bodies, stubs: page.stubs, defects: page.defects };
        sheet.fresh = sheet.has_fresh_stamp(tree);
        sheet
    }

    /// The sheet if it still says what the file says; its bytes are looked at if the stamps do not settle it.
    fn kept(mut self, path: &Path, stamp: Option<Stamp>, service: &Service, tree: &Tree) -> Option<Self> {
        let stands = stamp == self.stamp && self.bodies.iter().all(|body| tree.body(&body.path) == body.stamp);
        if stands && !self.fresh {
            return Some(self);
        }
        if stamp != self.stamp || self.fresh {
            let bytes = regular_file::read(path, service.max_file_bytes).ok()?;
            if digest(&bytes) != self.text {
                return None;
            }
            self.stamp = stamp;
        }
        for body in &mut self.bodies {
            let now = tree.body(&body.path);
            if now == body.stamp && !self.fresh {
                continue;
            }
            if whole_digest(&body.path, now) != body.digest || body.digest.is_none() && now != body.stamp {
                return None;
            }
            body.stamp = now;
        }
        self.fresh = self.has_fresh_stamp(tree);
        Some(self)
    }

    fn has_fresh_stamp(&self, tree: &Tree) -> bool {
        let bodies = self.bodies.iter().filter_map(|body| body.stamp);
        self.stamp.into_iter().chain(bodies).any(|stamp| stamp.is_fresh(tree.at))
    }
}

/// A digest of a file's bytes; 64 bits tell versions of one file apart.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

/// The body file that a stub's document names.
pub fn named_body(stub: &Stub, files: &FilesFolder) -> Option<PathBuf> {
    if !stub.document.contains("\"bodyFileName\"") {
        return None;
    }
    let document = stub.json();
    let response = document.get("response")?;
    // these come first
    if ["body", "jsonBody", "base64Body"].iter().any(|key| response.get(key).is_some()) {
        return None;
    }
    let name = response.get("bodyFileName").and_then(Json::as_str)?;
    files.find(name).or_else(|| Some(files.root.join(name.trim_start_matches('/'))))
}

/// The digest of a body that is kept in memory.
fn whole_digest(path: &Path, stamp: Option<Stamp>) -> Option<u64> {
    if stamp?.size() > BLOCKING_READ_LIMIT {
        return None;
    }
    regular_file::read(path, BLOCKING_READ_LIMIT).ok().map(|bytes| digest(&bytes))
}

/// Files that differ from how they were at a time, or may do.
fn changed(old: &Stamps, new: &Stamps, at: SystemTime) -> Vec<PathBuf> {
    let differs = |path: &PathBuf, stamp: &Option<Stamp>| {
        old.get(path) != Some(stamp) || stamp.is_some_and(|stamp| stamp.is_fresh(at))
    };
    let now = new.iter().filter(|(path, stamp)| differs(path, stamp)).map(|(path, _)| path);
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    now.chain(gone).cloned().collect()
}

fn has_fresh_body(tree: &Tree) -> bool {
    tree.bodies.values().chain(tree.profiles.values()).flatten().any(|stamp| stamp.is_fresh(tree.at))
}

type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn service(files: &[(&str, &str)]) -> (tempfile::TempDir, Shelf) {
        let root = tempfile::TempDir::new().expect("a folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        let service = Service::new("s", "", root.path());
        (root, Shelf::new(vec![service]))
    }

    /// As if all files were old.
    fn read(shelf: &mut Shelf) -> Reading {
        let mut trees = shelf.walk();
        for tree in &mut trees {
            tree.at += Duration::from_secs(60);
        }
        shelf.read(trees)
    }

    const STUB: &str = r#"{"request": {"url": "/a"}}"#;

    #[test]
    fn only_what_has_changed_is_read_again() {
        let (root, mut shelf) = service(&[("mappings/a.json", STUB), ("mappings/c.json", STUB)]);
        let first = read(&mut shelf);
        assert_eq!((first.files, first.reread, first.changed), (2, 2, true));
        assert!(shelf.is_current(&shelf.walk()) && !shelf.is_fresh());
        let again = read(&mut shelf);
        assert_eq!((again.reread, again.changed), (0, false));
        assert!(Arc::ptr_eq(&first.entries[0].stub, &again.entries[0].stub));
        fs::write(root.path().join("mappings/b.json"), STUB).expect("writable");
        let third = read(&mut shelf);
        assert_eq!((third.files, third.reread, third.changed), (3, 1, true));
        assert!(Arc::ptr_eq(&first.entries[0].stub, &third.entries[0].stub));
        // what is behind it has another rank, and is the same otherwise
        assert!(Arc::ptr_eq(&first.entries[1].stub.response, &third.entries[2].stub.response));
        assert!(third.entries.is_sorted_by(|one, other| one.stub.rank.age > other.stub.rank.age));
        fs::remove_file(root.path().join("mappings/b.json")).expect("writable");
        assert!(read(&mut shelf).changed);
    }

    #[test]
    fn a_file_with_the_same_bytes_has_not_changed() {
        let (root, mut shelf) = service(&[("mappings/a.json", STUB)]);
        read(&mut shelf);
        fs::write(root.path().join("mappings/a.json"), STUB).expect("writable");
        let again = read(&mut shelf);
        assert_eq!((again.reread, again.changed), (0, false));
    }

    #[test]
    fn a_file_that_was_fresh_is_looked_at_again() {
        let (_root, mut shelf) = service(&[("mappings/a.json", STUB)]);
        let trees = shelf.walk();
        shelf.read(trees);
        assert!(shelf.is_fresh());
        // as if it had been written again within the tick of the clock
        shelf.drawers[0].sheets.values_mut().for_each(|sheet| sheet.text = 0);
        assert!(read(&mut shelf).changed);
        assert!(!shelf.is_fresh());
    }

    #[test]
    fn a_body_that_changes_is_read_with_its_stub() {
        let stub = r#"{"request": {"url": "/a"}, "response": {"bodyFileName": "a.txt"}}"#;
        let (root, mut shelf) =
            service(&[("mappings/a.json", stub), ("mappings/b.json", STUB), ("__files/a.txt", "one")]);
        read(&mut shelf);
        fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
        let again = read(&mut shelf);
        assert_eq!((again.reread, again.bodies.len()), (1, 1));
        fs::remove_file(root.path().join("__files/a.txt")).expect("writable");
        assert!(read(&mut shelf).failed());
        fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
        assert!(!read(&mut shelf).failed());
    }
}
