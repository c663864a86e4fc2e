//! What files a service has, and a stamp of each, by which a later look tells what has changed without reading it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, DirEntry, Metadata};
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::load::{Service, is_mapping_file};
use crate::defect::Defect;

/// What a file system says of a file; it differs once the file has been written or replaced.
///
/// The change time (ctime) is part of it, as a move or a copy may bring an old modification time along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The files of a service at one time.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Mapping files, in the order of their paths; without a stamp those that cannot be reached.
    pub mappings: BTreeMap<PathBuf, Option<Stamp>>,
    /// Files below `__files`.
    pub bodies: BTreeMap<PathBuf, Option<Stamp>>,
    /// Files of `profiles`.
    pub profiles: BTreeMap<PathBuf, Option<Stamp>>,
    /// What is wrong with the folders.
    pub defects: Vec<Defect>,
    /// When the look began.
    pub at: SystemTime,
}

impl Stamp {
    /// The stamp of what a path leads to, links followed.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file was changed so shortly before `now` that it may change again and keep its stamp: clocks of file
    /// systems tick slowly, and servers' clocks differ.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, nanos) = self.changed;
        let changed = Duration::new(seconds.max(0).unsigned_abs(), u32::try_from(nanos).unwrap_or(0));
        changed + FRESH > now
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// When it was looked at does not count.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.mappings == other.mappings
            && self.bodies == other.bodies
            && self.profiles == other.profiles
            && self.defects == other.defects
    }
}

impl Tree {
    /// Looks at the files of a service; reads none.
    pub fn of(service: &Service) -> Self {
        let at = SystemTime::now();
        let mut mappings = Walk::below(&service.mappings(), is_mapping_file);
        mappings.defects.extend(mappings.warning());
        // bodies that cannot be reached are told of where a stub names them
        let mut bodies = Walk::below(&service.files().root, |_| true);
        // files behind these links have names of their own all the same
        bodies.files.extend(mem::take(&mut bodies.skipped).into_iter().map(|link| (link, None)));
        // there may be none
        let profiles = Walk::below(&service.root.join("profiles"), |_| true);
        let (defects, mappings) = (mappings.defects, mappings.files);
        Self { mappings, bodies: bodies.files, profiles: profiles.files, defects, at }
    }

    /// The stamp of a body file, which may stand outside of what was walked.
    pub fn body(&self, path: &Path) -> Option<Stamp> {
        self.bodies.get(path).copied().unwrap_or_else(|| Stamp::of(path))
    }
}

/// A walk through a folder, in which each folder is visited once, however many links lead to it.
struct Walk {
    wanted: fn(&Path) -> bool,
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// Folders that were visited, by device and inode.
    visited: HashSet<(u64, u64)>,
    /// Links to folders, not yet followed: what stands in the tree itself is found there, whatever links to it.
    links: VecDeque<PathBuf>,
    /// Links to folders that were visited before, and do not stand above the link.
    skipped: Vec<PathBuf>,
    defects: Vec<Defect>,
}

impl Walk {
    fn below(folder: &Path, wanted: fn(&Path) -> bool) -> Self {
        let mut walk = Self {
            wanted,
            files: BTreeMap::new(),
            visited: HashSet::new(),
            links: VecDeque::new(),
            skipped: Vec::new(),
            defects: Vec::new(),
        };
        walk.visit(folder, 0);
        while let Some(link) = walk.links.pop_front() {
            walk.visit(&link, 0);
        }
        walk
    }

    fn visit(&mut self, folder: &Path, depth: usize) {
        if let Ok(metadata) = fs::metadata(folder)
            && !self.visited.insert((metadata.dev(), metadata.ino()))
        {
            let target = folder.canonicalize();
            let parent = folder.parent().map(Path::canonicalize);
            let is_above = matches!((target, parent), (Ok(target), Some(Ok(parent))) if parent.starts_with(&target));
            if !is_above {
                self.skipped.push(folder.to_owned());
            }
            return;
        }
        if depth >= DEEPEST {
            let message = format!("`{}` is {DEEPEST} folders deep, and what is in it is not read", folder.display());
            self.defects.push(Defect::error(message).help("move it up"));
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("cannot read the folder `{}`: {error}", folder.display());
                self.defects.push(Defect::error(message).help("check that it exists and may be read"));
                return;
            }
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        // the order of a folder is not that of another one like it
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            // editors, operating systems and Kubernetes leave hidden files behind
            if !entry.file_name().to_string_lossy().starts_with('.') {
                self.entry(&entry, depth);
            }
        }
    }

    fn entry(&mut self, entry: &DirEntry, depth: usize) {
        let path = entry.path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                    self.links.push_back(path);
                } else {
                    self.visit(&path, depth + 1);
                }
            }
            Ok(_) if !(self.wanted)(&path) => {}
            Ok(metadata) => {
                self.files.insert(path, Some(Stamp::from(&metadata)));
            }
            // a link that leads nowhere is told of when it is read; what has gone meanwhile is gone
            Err(_) if (self.wanted)(&path) && path.symlink_metadata().is_ok() => {
                self.files.insert(path, None);
            }
            Err(_) => {}
        }
    }

    /// The defect that says which links were not followed, if any.
    fn warning(&self) -> Option<Defect> {
        let first = self.skipped.first()?.display();
        let count = self.skipped.len();
        let message = format!("{count} links to folders that are read already were not followed, such as `{first}`");
        Some(Defect::warning(message).help("remove them, or copy the folder"))
    }
}

/// How long a file is fresh after a change. Ticks take some milliseconds; some file systems count in seconds.
const FRESH: Duration = Duration::from_secs(2);

/// Folders within folders.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_of_links_come_to_an_end() {
        let root = tempfile::TempDir::new().expect("a folder");
        let mappings = root.path().join("mappings");
        fs::create_dir(&mappings).expect("writable");
        fs::write(mappings.join("a.json"), "{}").expect("writable");
        std::os::unix::fs::symlink(&mappings, mappings.join("round")).expect("a link");
        std::os::unix::fs::symlink("nowhere", mappings.join("lost.json")).expect("a link");
        let service = Service::new("s", "", root.path());
        let tree = Tree::of(&service);
        let names: Vec<_> = tree.mappings.iter().map(|(path, stamp)| (path.clone(), stamp.is_some())).collect();
        let expected = [("a.json", true), ("lost.json", false)].map(|(name, is)| (mappings.join(name), is));
        assert_eq!(names, expected);
        assert!(tree.defects.is_empty());
    }

    #[test]
    fn folders_that_link_to_each_other_are_each_read_once() {
        let root = tempfile::TempDir::new().expect("a folder");
        let mappings = root.path().join("mappings");
        let folders: Vec<_> = (0..14).map(|number| mappings.join(format!("folder-{number}"))).collect();
        for folder in &folders {
            fs::create_dir_all(folder).expect("writable");
            fs::write(folder.join("a.json"), "{}").expect("writable");
        }
        for (place, folder) in folders.iter().enumerate() {
            for (other, target) in folders.iter().enumerate().filter(|(other, _)| *other != place) {
                std::os::unix::fs::symlink(target, folder.join(format!("link-{other}"))).expect("a link");
            }
        }
        let tree = Tree::of(&Service::new("s", "", root.path()));
        let expected: Vec<_> = folders.iter().map(|folder| folder.join("a.json")).collect();
        let mut found: Vec<_> = tree.mappings.keys().cloned().collect();
        found.sort_by_key(|path| expected.iter().position(|one| one == path));
        assert_eq!(found, expected, "by their own names, not by those of links");
        assert!(tree.defects.iter().all(|defect| !defect.is_error() && defect.message.contains("were not followed")));
    }

    #[test]
    fn a_stamp_tells_of_a_file_that_brings_its_times_along() {
        let root = tempfile::TempDir::new().expect("a folder");
        let (one, other) = (root.path().join("one"), root.path().join("other"));
        fs::write(&one, "1").expect("writable");
        fs::write(&other, "2").expect("writable");
        let old = fs::metadata(&one).and_then(|metadata| metadata.modified()).expect("a time");
        fs::File::options().write(true).open(&other).and_then(|file| file.set_modified(old)).expect("writable");
        let before = Stamp::of(&one);
        fs::rename(&other, &one).expect("writable");
        assert_ne!(before, Stamp::of(&one));
        let now = SystemTime::now();
        let stamp = Stamp::of(&one).expect("it is there");
        assert!(stamp.is_fresh(now) && !stamp.is_fresh(now + FRESH * 2));
    }
}
