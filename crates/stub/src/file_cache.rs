//! A cache of mapping files, so that a reload parses only the files that have changed.
//!
//! A file is read again when its stamp, or that of a body file that it names, has changed or is too
//! recent to be trusted. It is parsed again only if its bytes differ.
//!
//! A file that has an error now keeps the stubs of its last version without errors. Of two stubs
//! with one id, the later is served under the id that is derived from its place.

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::{HashMap, HashSet};
use serde_json::Value as Json;
use uuid::Uuid;

use super::file_listing::{FileListing, FileStamp};
use super::files::FilesFolder;
use super::mapping_file::{FileMapping, MappingFile, digest};
use super::stub_folder::StubFolder;
use super::{FIRST_API_AGE, Stub};
use crate::defect::Defect;
use crate::files::BLOCKING_READ_LIMIT;
use crate::matcher::Rank;
use standin_files::regular_file;

/// The mapping files of some stub folders, as they were last read.
#[derive(Debug)]
pub struct FileCache {
    folders: Vec<StubFolder>,
    services: Vec<ServiceFiles>,
}

/// The result of [`FileCache::read`]: all stubs, and the differences from the reading before.
#[derive(Debug, Default)]
pub struct CacheContents {
    /// Stubs, each with its rank and an id of its own.
    pub stubs: Vec<FileStub>,
    /// Number of stubs that are left out because of errors. A file that cannot be read counts as
    /// one.
    pub left_out: usize,
    /// Errors and warnings, in the order of the files.
    pub defects: Vec<Defect>,
    /// Number of mapping files.
    pub file_count: usize,
    /// Number of mapping files that were parsed in this reading.
    pub parsed_count: usize,
    /// True if a mapping file, or a body file that one names, differs from the reading before.
    pub has_changed: bool,
    /// Body files that may differ from the reading before.
    pub changed_bodies: HashSet<PathBuf>,
    /// True if a profile may differ from the reading before.
    pub has_changed_profiles: bool,
}

/// A stub and the version of its file.
#[derive(Clone, Debug)]
pub struct FileStub {
    /// Stub as the file defines it.
    pub stub: Arc<Stub>,
    /// Digest of the whole file, in the version that the stub comes from.
    pub file_digest: u64,
}

/// The files of one service.
#[derive(Debug, Default)]
struct ServiceFiles {
    listing: Option<FileListing>,
    /// True once the folder `mappings` has been there.
    had_mappings: bool,
    mappings: BTreeMap<PathBuf, CachedFile>,
}

/// One mapping file.
#[derive(Debug)]
struct CachedFile {
    stamp: Option<FileStamp>,
    /// True while the file or one of its bodies may change and keep its stamp.
    is_recent: bool,
    digest: u64,
    bodies: Vec<BodyFile>,
    stubs: Vec<FileMapping>,
    /// Digest of the version that the stubs come from.
    stubs_digest: u64,
    /// True if the stubs come from a version without errors.
    has_good_stubs: bool,
    left_out: usize,
    defects: Vec<Defect>,
}

/// A body file that a mapping file names.
#[derive(Debug)]
struct BodyFile {
    path: PathBuf,
    stamp: Option<FileStamp>,
    /// Digest of the bytes; `None` for a large file, which is read when it is sent.
    digest: Option<u64>,
}

/// The first stub of each id, in the order of the files.
type StubsById = HashMap<Uuid, Arc<Stub>>;

impl CacheContents {
    /// Returns true if there are errors.
    pub fn has_errors(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }
}

impl FileCache {
    /// Returns an empty cache for these folders. With several, the stubs of the first come first.
    pub fn new(folders: Vec<StubFolder>) -> Self {
        let services = folders.iter().map(|_| ServiceFiles::default()).collect();
        Self { folders, services }
    }

    /// Returns the stub folders.
    pub fn folders(&self) -> &[StubFolder] {
        &self.folders
    }

    /// Lists the files of each folder with their stamps; reads none.
    pub fn list_files(&self) -> Vec<FileListing> {
        self.folders.iter().map(FileListing::of).collect()
    }

    /// Returns true if the files are as they were at the last reading, as far as their stamps tell.
    pub fn is_current(&self, listings: &[FileListing]) -> bool {
        self.services.iter().zip(listings).all(|(service, listing)| service.listing.as_ref() == Some(listing))
    }

    /// Returns true if a file may have changed though its stamp has not.
    pub fn has_recent_files(&self) -> bool {
        self.services.iter().any(|service| {
            service.mappings.values().any(|file| file.is_recent)
                || service.listing.as_ref().is_some_and(has_recent_bodies)
        })
    }

    /// Reads the files that have changed since the last reading; `listings` are the files as they
    /// are now.
    pub fn read(&mut self, listings: Vec<FileListing>) -> CacheContents {
        let mut contents = CacheContents::default();
        let has_several = self.folders.len() > 1;
        let mut by_id = StubsById::new();
        for (index, (folder, listing)) in self.folders.iter().zip(listings).enumerate() {
            // rank 0 precedes all services: it is for stubs from the API
            let rank = if has_several { index as u16 + 1 } else { 0 };
            self.services[index].read(folder, rank, listing, &mut by_id, &mut contents);
        }
        contents
    }
}

impl ServiceFiles {
    fn read(
        &mut self,
        folder: &StubFolder,
        service_rank: u16,
        listing: FileListing,
        by_id: &mut StubsById,
        contents: &mut CacheContents,
    ) {
        let mut before = mem::take(&mut self.mappings);
        contents.defects.extend(listing.defects.iter().cloned());
        if listing.has_mappings {
            self.had_mappings = true;
        } else if self.had_mappings {
            contents.defects.push(listing.missing_mappings(folder));
        }
        contents.file_count += listing.mappings.len();
        for (path, stamp) in &listing.mappings {
            let mut known = before.remove(path);
            let is_same = known.as_mut().is_some_and(|file| file.confirm(path, *stamp, folder, &listing));
            let file = match known {
                Some(unchanged) if is_same => unchanged,
                changed => {
                    contents.parsed_count += 1;
                    contents.has_changed = true;
                    CachedFile::read(path, *stamp, folder, &listing).or_last_good(changed)
                }
            };
            self.mappings.insert(path.clone(), file);
        }
        if listing.is_incomplete() || !listing.has_mappings && self.had_mappings {
            // a folder that cannot be read may come back with its files
            self.mappings.append(&mut before);
        }
        contents.has_changed |= !before.is_empty();
        self.rank_stubs(service_rank, &folder.files(), by_id, contents);
        if let Some(old) = &self.listing {
            contents.has_changed |= old.defects != listing.defects || old.has_mappings != listing.has_mappings;
            contents.changed_bodies.extend(changed_paths(&old.bodies, &listing.bodies, old.listed_at));
            contents.has_changed_profiles |= !changed_paths(&old.profiles, &listing.profiles, old.listed_at).is_empty();
        }
        self.listing = Some(listing);
    }

    /// Gives each stub its rank and an id of its own, and adds all stubs and defects to `contents`.
    fn rank_stubs(
        &mut self,
        service_rank: u16,
        files: &FilesFolder,
        by_id: &mut StubsById,
        contents: &mut CacheContents,
    ) {
        let mut age = u64::MAX;
        for file in self.mappings.values_mut() {
            contents.left_out += file.left_out;
            contents.defects.extend(file.defects.iter().cloned());
            for mapping in &mut file.stubs {
                contents.defects.extend(mapping.take_free_id(by_id, files));
                let rank = Rank { service: service_rank, priority: mapping.stub.rank.priority, age };
                if mapping.stub.rank != rank {
                    Arc::make_mut(&mut mapping.stub).rank = rank;
                }
                by_id.insert(mapping.stub.id, Arc::clone(&mapping.stub));
                contents.stubs.push(FileStub { stub: Arc::clone(&mapping.stub), file_digest: file.stubs_digest });
                age -= 1;
            }
        }
        debug_assert!(age >= FIRST_API_AGE);
    }
}

impl CachedFile {
    fn read(path: &Path, stamp: Option<FileStamp>, folder: &StubFolder, listing: &FileListing) -> Self {
        let files = folder.files();
        let MappingFile { digest: file_digest, stubs, left_out, defects } = MappingFile::read(path, folder);
        let mut bodies: Vec<BodyFile> = Vec::new();
        for FileMapping { stub, .. } in &stubs {
            let Some(path) = body_file_path(stub, &files) else { continue };
            if !bodies.iter().any(|body| body.path == path) {
                let digest = stub.response.whole_body().map(|bytes| digest(bytes));
                bodies.push(BodyFile { stamp: listing.body_stamp(&path), path, digest });
            }
        }
        let mut file = Self {
            stamp,
            is_recent: false,
            digest: file_digest,
            bodies,
            stubs,
            stubs_digest: file_digest,
            has_good_stubs: !defects.iter().any(Defect::is_error),
            left_out,
            defects,
        };
        file.is_recent = file.has_recent_stamp(listing);
        file
    }

    /// Returns the file with the stubs of its last version without errors, if it has errors now and
    /// `before` has them. None of them is left out.
    fn or_last_good(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if before.has_good_stubs && !self.has_good_stubs => Self {
                stubs: before.stubs,
                stubs_digest: before.stubs_digest,
                has_good_stubs: true,
                left_out: 0,
                ..self
            },
            _ => self,
        }
    }

    /// Returns true if the content is that of the file on disk, whose stamps are taken over.
    /// Compares bytes where stamps do not settle it.
    fn confirm(&mut self, path: &Path, stamp: Option<FileStamp>, folder: &StubFolder, listing: &FileListing) -> bool {
        let has_same_stamps =
            stamp == self.stamp && self.bodies.iter().all(|body| listing.body_stamp(&body.path) == body.stamp);
        if has_same_stamps && !self.is_recent {
            return true;
        }
        if stamp != self.stamp || self.is_recent {
            match regular_file::read(path, folder.max_file_bytes) {
                Ok(bytes) if digest(&bytes) == self.digest => {}
                _ => return false,
            }
            self.stamp = stamp;
        }
        for place in 0..self.bodies.len() {
            let body = &self.bodies[place];
            let now = listing.body_stamp(&body.path);
            if now == body.stamp && !self.is_recent {
                continue;
            }
            if small_file_digest(&body.path, now) != body.digest || body.digest.is_none() && now != body.stamp {
                return false;
            }
            self.bodies[place].stamp = now;
        }
        self.is_recent = self.has_recent_stamp(listing);
        true
    }

    fn has_recent_stamp(&self, listing: &FileListing) -> bool {
        let bodies = self.bodies.iter().filter_map(|body| body.stamp);
        self.stamp.into_iter().chain(bodies).any(|stamp| stamp.is_recent(listing.listed_at))
    }
}

/// Returns the path of the body file that a stub's document names; `None` if the body stands in the
/// document.
pub fn body_file_path(stub: &Stub, files: &FilesFolder) -> Option<PathBuf> {
    if !stub.document.contains("\"bodyFileName\"") {
        return None;
    }
    let document = stub.json();
    let response = document.get("response")?;
    // these take precedence over a body file
    if ["body", "jsonBody", "base64Body"].iter().any(|key| response.get(key).is_some()) {
        return None;
    }
    let name = response.get("bodyFileName").and_then(Json::as_str)?;
    files.find(name).or_else(|| Some(files.root.join(name.trim_start_matches('/'))))
}

/// Returns the digest of a body file that is small enough to be kept in memory, else `None`.
fn small_file_digest(path: &Path, stamp: Option<FileStamp>) -> Option<u64> {
    if stamp?.size() > BLOCKING_READ_LIMIT {
        return None;
    }
    regular_file::read(path, BLOCKING_READ_LIMIT).ok().map(|bytes| digest(&bytes))
}

/// Returns the files that differ, or may differ, between a listing made at `listed_at` and a newer
/// one.
fn changed_paths(old: &PathStamps, new: &PathStamps, listed_at: SystemTime) -> Vec<PathBuf> {
    let differs = |path: &PathBuf, stamp: &Option<FileStamp>| {
        old.get(path) != Some(stamp) || stamp.is_some_and(|stamp| stamp.is_recent(listed_at))
    };
    let changed = new.iter().filter(|(path, stamp)| differs(path, stamp)).map(|(path, _)| path);
    let removed = old.keys().filter(|path| !new.contains_key(*path));
    changed.chain(removed).cloned().collect()
}

fn has_recent_bodies(listing: &FileListing) -> bool {
    let mut stamps = listing.bodies.values().chain(listing.profiles.values()).flatten();
    stamps.any(|stamp| stamp.is_recent(listing.listed_at))
}

type PathStamps = BTreeMap<PathBuf, Option<FileStamp>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn cache_of(files: &[(&str, &str)]) -> (tempfile::TempDir, FileCache) {
        let root = tempfile::TempDir::new().expect("a folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        let folder = StubFolder::new("s", "", root.path());
        (root, FileCache::new(vec![folder]))
    }

    /// Reads as if all files were old.
    fn read(cache: &mut FileCache) -> CacheContents {
        let mut listings = cache.list_files();
        for listing in &mut listings {
            listing.listed_at += Duration::from_secs(60);
        }
        cache.read(listings)
    }

    const STUB: &str = r#"{"request": {"url": "/a"}}"#;

    #[test]
    fn only_what_has_changed_is_read_again() {
        let (root, mut cache) = cache_of(&[("mappings/a.json", STUB), ("mappings/c.json", STUB)]);
        let first = read(&mut cache);
        assert_eq!((first.file_count, first.parsed_count, first.has_changed), (2, 2, true));
        assert!(cache.is_current(&cache.list_files()) && !cache.has_recent_files());
        let again = read(&mut cache);
        assert_eq!((again.parsed_count, again.has_changed), (0, false));
        assert!(Arc::ptr_eq(&first.stubs[0].stub, &again.stubs[0].stub));
        fs::write(root.path().join("mappings/b.json"), STUB).expect("writable");
        let third = read(&mut cache);
        assert_eq!((third.file_count, third.parsed_count, third.has_changed), (3, 1, true));
        assert!(Arc::ptr_eq(&first.stubs[0].stub, &third.stubs[0].stub));
        // what is behind it has another rank, and is the same otherwise
        assert!(Arc::ptr_eq(&first.stubs[1].stub.response, &third.stubs[2].stub.response));
        assert!(third.stubs.is_sorted_by(|one, other| one.stub.rank.age > other.stub.rank.age));
        fs::remove_file(root.path().join("mappings/b.json")).expect("writable");
        assert!(read(&mut cache).has_changed);
    }

    #[test]
    fn a_file_with_the_same_bytes_has_not_changed() {
        let (root, mut cache) = cache_of(&[("mappings/a.json", STUB)]);
        read(&mut cache);
        fs::write(root.path().join("mappings/a.json"), STUB).expect("writable");
        let again = read(&mut cache);
        assert_eq!((again.parsed_count, again.has_changed), (0, false));
    }

    #[test]
    fn a_file_that_was_fresh_is_looked_at_again() {
        let (_root, mut cache) = cache_of(&[("mappings/a.json", STUB)]);
        let listings = cache.list_files();
        cache.read(listings);
        assert!(cache.has_recent_files());
        // as if it had been written again within the tick of the clock
        cache.services[0].mappings.values_mut().for_each(|file| file.digest = 0);
        assert!(read(&mut cache).has_changed);
        assert!(!cache.has_recent_files());
    }

    #[test]
    fn a_body_that_changes_is_read_with_its_stub() {
        let stub = r#"{"request": {"url": "/a"}, "response": {"bodyFileName": "a.txt"}}"#;
        let (root, mut cache) =
            cache_of(&[("mappings/a.json", stub), ("mappings/b.json", STUB), ("__files/a.txt", "one")]);
        read(&mut cache);
        fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
        let again = read(&mut cache);
        assert_eq!((again.parsed_count, again.changed_bodies.len()), (1, 1));
        fs::remove_file(root.path().join("__files/a.txt")).expect("writable");
        assert!(read(&mut cache).has_errors());
        fs::write(root.path().join("__files/a.txt"), "two").expect("writable");
        assert!(!read(&mut cache).has_errors());
    }
}
