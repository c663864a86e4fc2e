//! A cache of mapping files, so that a reload parses only the files that have changed.
//!
//! A file is read again when its stamp, or that of a body file that it names, has changed or is too
//! recent to be trusted. It is parsed again only if its bytes differ.
//!
//! A file that has an error now keeps the stubs of its last version without errors. Of two stubs
//! with one id, the later is served under the id that is derived from its place.

mod cached_file;

use std::collections::BTreeMap;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use self::cached_file::CachedFile;
pub use self::cached_file::body_file_path;
use crate::defect::Defect;
use crate::file_listing::{FileListing, FileStamp};
use crate::files::FilesFolder;
use crate::matcher::Rank;
use crate::stub_folder::StubFolder;
use crate::{FIRST_API_AGE, Stub};

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
mod tests;
