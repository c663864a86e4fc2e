//! One mapping file as it was last read, with the body files that it names.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::Stub;
use crate::defect::Defect;
use crate::file_listing::{FileListing, FileStamp};
use crate::files::{BLOCKING_READ_LIMIT, FilesFolder};
use crate::mapping_file::{FileMapping, MappingFile, digest};
use crate::stub_folder::StubFolder;
use standin_files::regular_file;

/// One mapping file as last read.
#[derive(Debug)]
pub(super) struct CachedFile {
    stamp: Option<FileStamp>,
    /// True while the file or one of its bodies may change and keep its stamp.
    pub(super) is_recent: bool,
    pub(super) digest: u64,
    bodies: Vec<BodyFile>,
    pub(super) stubs: Vec<FileMapping>,
    /// Digest of the version that the stubs come from.
    pub(super) stubs_digest: u64,
    /// True if the stubs come from a version without errors.
    has_good_stubs: bool,
    pub(super) left_out: usize,
    pub(super) defects: Vec<Defect>,
}

/// A body file that a mapping file names.
#[derive(Debug)]
struct BodyFile {
    path: PathBuf,
    stamp: Option<FileStamp>,
    /// Digest of the bytes; `None` for a large file, which is read when it is sent.
    digest: Option<u64>,
}

impl CachedFile {
    pub(super) fn read(path: &Path, stamp: Option<FileStamp>, folder: &StubFolder, listing: &FileListing) -> Self {
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
    pub(super) fn or_last_good(self, before: Option<Self>) -> Self {
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
    pub(super) fn confirm(
        &mut self,
        path: &Path,
        stamp: Option<FileStamp>,
        folder: &StubFolder,
        listing: &FileListing,
    ) -> bool {
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
