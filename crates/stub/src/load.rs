//! Reading of stub folders once, for commands that do not watch them.

use std::sync::Arc;

use super::Stub;
use super::file_cache::FileCache;
use super::stub_folder::StubFolder;
use crate::defect::Defect;

/// The stubs of some folders and the defects of all their files.
#[derive(Debug, Default)]
pub struct LoadedStubs {
    /// Stubs, each with its rank.
    pub stubs: Vec<Arc<Stub>>,
    /// Number of stubs that are left out because of errors. A file that cannot be read counts as
    /// one.
    pub left_out: usize,
    /// Errors and warnings, in the order of the files.
    pub defects: Vec<Defect>,
}

/// Reads the stubs of all folders. With several, the stubs of the first come first.
pub fn load(folders: &[StubFolder]) -> LoadedStubs {
    let mut cache = FileCache::new(folders.to_vec());
    let listings = cache.list_files();
    let contents = cache.read(listings);
    let stubs = contents.stubs.into_iter().map(|entry| entry.stub).collect();
    LoadedStubs { stubs, left_out: contents.left_out, defects: contents.defects }
}
