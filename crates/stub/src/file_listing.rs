//! Listings of the files of a stub folder. The stamp of each file shows later whether it has
//! changed, without reading it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::stub_folder::{StubFolder, is_mapping_file};
use crate::defect::Defect;

/// Metadata of a file that differs once the file has been written or replaced.
///
/// It includes the change time (ctime), as a move or a copy may preserve an old modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The files of a stub folder at one time.
#[derive(Clone, Debug)]
pub struct FileListing {
    /// Mapping files by path. The stamp is `None` for a file that cannot be reached.
    pub mappings: BTreeMap<PathBuf, Option<FileStamp>>,
    /// True if there is a folder `mappings`.
    pub has_mappings: bool,
    /// Files below `__files`, by path.
    pub bodies: BTreeMap<PathBuf, Option<FileStamp>>,
    /// Files below `profiles`, by path.
    pub profiles: BTreeMap<PathBuf, Option<FileStamp>>,
    /// Errors and warnings about the folders.
    pub defects: Vec<Defect>,
    /// Time at which the listing began.
    pub listed_at: SystemTime,
}

impl FileStamp {
    /// Returns the stamp of the file at a path, links followed; `None` if it cannot be reached.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns true if the file was changed so shortly before `now` that it may change again and
    /// keep its stamp: clocks of file systems tick slowly, and the clocks of file servers differ.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, nanos) = self.changed;
        let changed = Duration::new(seconds.max(0).unsigned_abs(), u32::try_from(nanos).unwrap_or(0));
        changed + RECENT_CHANGE > now
    }
}

impl From<&Metadata> for FileStamp {
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

/// Compares all but the time of the listing.
impl PartialEq for FileListing {
    fn eq(&self, other: &Self) -> bool {
        self.mappings == other.mappings
            && self.has_mappings == other.has_mappings
            && self.bodies == other.bodies
            && self.profiles == other.profiles
            && self.defects == other.defects
    }
}

impl FileListing {
    /// Lists the files of a stub folder; reads none.
    pub fn of(folder: &StubFolder) -> Self {
        let listed_at = SystemTime::now();
        let has_mappings = folder.mappings().exists();
        let mut mappings = match has_mappings {
            true => FolderWalk::below(&folder.mappings(), is_mapping_file),
            // stubs may come through the API, or later
            false => FolderWalk::new(is_mapping_file),
        };
        mappings.defects.extend(mappings.warning());
        // bodies that cannot be reached are reported where a stub names them
        let mut bodies = FolderWalk::below(&folder.files().root, |_| true);
        // files behind these links can be named by the path through the link
        bodies.files.extend(mem::take(&mut bodies.skipped).into_iter().map(|link| (link, None)));
        // a folder without profiles is normal, so that its defects are dropped
        let profiles = FolderWalk::below(&folder.root.join("profiles"), |_| true);
        let (defects, mappings) = (mappings.defects, mappings.files);
        Self { mappings, has_mappings, bodies: bodies.files, profiles: profiles.files, defects, listed_at }
    }

    /// Returns true if a folder could not be read, so that files may be missing here.
    pub fn is_incomplete(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }

    /// Returns the error of a folder `mappings` that has gone.
    pub fn missing_mappings(&self, folder: &StubFolder) -> Defect {
        unreadable_folder(&folder.mappings(), &io::Error::from(io::ErrorKind::NotFound))
    }

    /// Returns the stamp of a body file. A file outside the listed folders is looked up on disk.
    pub fn body_stamp(&self, path: &Path) -> Option<FileStamp> {
        self.bodies.get(path).copied().unwrap_or_else(|| FileStamp::of(path))
    }
}

/// A recursive walk through a folder. Each folder is visited once, whatever number of links lead to
/// it.
struct FolderWalk {
    is_wanted: fn(&Path) -> bool,
    files: BTreeMap<PathBuf, Option<FileStamp>>,
    /// Visited folders, by device and inode.
    visited: HashSet<(u64, u64)>,
    /// Links to folders, followed last, so that a file is listed by its own path rather than by one
    /// through a link.
    links: VecDeque<PathBuf>,
    /// Links to folders that were visited before and are no ancestors of the link.
    skipped: Vec<PathBuf>,
    defects: Vec<Defect>,
}

impl FolderWalk {
    fn new(is_wanted: fn(&Path) -> bool) -> Self {
        Self {
            is_wanted,
            files: BTreeMap::new(),
            visited: HashSet::new(),
            links: VecDeque::new(),
            skipped: Vec::new(),
            defects: Vec::new(),
        }
    }

    fn below(folder: &Path, is_wanted: fn(&Path) -> bool) -> Self {
        let mut walk = Self::new(is_wanted);
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
        if depth >= MAX_FOLDER_DEPTH {
            let message =
                format!("`{}` is {MAX_FOLDER_DEPTH} folders deep, and what is in it is not read", folder.display());
            self.defects.push(Defect::error(message).help("move it up"));
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.defects.push(unreadable_folder(folder, &error));
                return;
            }
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        // the order of `read_dir` is unspecified
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
            Ok(_) if !(self.is_wanted)(&path) => {}
            Ok(metadata) => {
                self.files.insert(path, Some(FileStamp::from(&metadata)));
            }
            // a dangling link is reported when it is read; a file removed meanwhile is left out
            Err(_) if (self.is_wanted)(&path) && path.symlink_metadata().is_ok() => {
                self.files.insert(path, None);
            }
            Err(_) => {}
        }
    }

    /// Returns the defect that reports links that were not followed, if there are any.
    fn warning(&self) -> Option<Defect> {
        let first = self.skipped.first()?.display();
        let count = self.skipped.len();
        let message = format!("{count} links to folders that are read already were not followed, such as `{first}`");
        Some(Defect::warning(message).help("remove them, or copy the folder"))
    }
}

fn unreadable_folder(folder: &Path, error: &io::Error) -> Defect {
    let message = format!("cannot read the folder `{}`: {error}", folder.display());
    Defect::error(message).help("check that it exists and may be read")
}

/// Time after a change during which a stamp is not trusted. Clock ticks take some milliseconds, and
/// some file systems count in seconds.
const RECENT_CHANGE: Duration = Duration::from_secs(2);

/// Maximum depth of nested folders.
const MAX_FOLDER_DEPTH: usize = 64;

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
        let folder = StubFolder::new("s", "", root.path());
        let listing = FileListing::of(&folder);
        let names: Vec<_> = listing.mappings.iter().map(|(path, stamp)| (path.clone(), stamp.is_some())).collect();
        let expected = [("a.json", true), ("lost.json", false)].map(|(name, is)| (mappings.join(name), is));
        assert_eq!(names, expected);
        assert!(listing.defects.is_empty());
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
        let listing = FileListing::of(&StubFolder::new("s", "", root.path()));
        let expected: Vec<_> = folders.iter().map(|folder| folder.join("a.json")).collect();
        let mut found: Vec<_> = listing.mappings.keys().cloned().collect();
        found.sort_by_key(|path| expected.iter().position(|one| one == path));
        assert_eq!(found, expected, "by their own names, not by those of links");
        assert!(
            listing.defects.iter().all(|defect| !defect.is_error() && defect.message.contains("were not followed"))
        );
    }

    #[test]
    fn a_stamp_differs_for_a_file_that_keeps_its_times() {
        let root = tempfile::TempDir::new().expect("a folder");
        let (one, other) = (root.path().join("one"), root.path().join("other"));
        fs::write(&one, "1").expect("writable");
        fs::write(&other, "2").expect("writable");
        let old = fs::metadata(&one).and_then(|metadata| metadata.modified()).expect("a time");
        fs::File::options().write(true).open(&other).and_then(|file| file.set_modified(old)).expect("writable");
        let before = FileStamp::of(&one);
        fs::rename(&other, &one).expect("writable");
        assert_ne!(before, FileStamp::of(&one));
        let now = SystemTime::now();
        let stamp = FileStamp::of(&one).expect("it is there");
        assert!(stamp.is_recent(now) && !stamp.is_recent(now + RECENT_CHANGE * 2));
    }
}
