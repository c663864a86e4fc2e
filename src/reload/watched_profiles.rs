//! [`WatchedProfiles`], the profiles of some stub folders as they were last read.

use std::sync::Arc;

use crate::live::ServiceState;
use standin_model::profile::{self, CompiledProfile};
use standin_stub::defect::Defect;
use standin_stub::stub_folder::StubFolder;

/// The profiles of some stub folders.
#[derive(Debug, Default)]
pub(super) struct WatchedProfiles {
    by_folder: Vec<Vec<Arc<CompiledProfile>>>,
    /// Names and texts of the files, compared to detect changes.
    texts: Vec<(String, Arc<str>)>,
    defects: Vec<Defect>,
}

impl WatchedProfiles {
    /// Reads the profiles of these folders.
    pub(super) fn read(folders: &[StubFolder]) -> Self {
        let mut profiles = Self::default();
        for folder in folders {
            let loaded = profile::load_up_to(&folder.root, folder.max_file_bytes);
            profiles.by_folder.push(loaded.profiles.into_iter().map(Arc::new).collect());
            profiles.defects.extend(loaded.defects);
            profiles.texts.extend(loaded.texts);
        }
        profiles
    }

    /// Returns the errors and warnings of the files.
    pub(super) fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// Returns true if a file has an error.
    pub(super) fn has_errors(&self) -> bool {
        self.defects.iter().any(Defect::is_error)
    }

    /// Returns these profiles, or, if one has an error, all of `before`: profiles extend each
    /// other, so that none can be kept alone.
    pub(super) fn or_last_good(self, before: &Self) -> Self {
        if self.has_errors() { Self { by_folder: before.by_folder.clone(), ..self } } else { self }
    }

    /// Returns true if the texts of the files differ; a file that was only touched is the same.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        self.texts != other.texts
    }

    /// Replaces the profiles of a server; returns the name of its active profile if that no longer
    /// exists.
    pub(super) fn activate(&self, live: &ServiceState) -> Option<String> {
        live.pacing().replace_profiles(self.by_folder.clone())
    }
}
