//! The folder of body files. Names of files may come from templates.

use std::path::{Component, Path, PathBuf};

use super::settings::RenderSettings;

/// The folder of body files of a service.
#[derive(Clone, Debug)]
pub struct FilesFolder {
    /// The path of the `__files` folder.
    pub root: PathBuf,
    /// The settings for responses of the service.
    pub settings: RenderSettings,
}

impl FilesFolder {
    /// Creates a folder with the default settings.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), settings: RenderSettings::default() }
    }

    /// Returns the path of a file, if it is inside the folder: neither `..` nor a symbolic link may
    /// lead out of it.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let relative = Path::new(name.trim_start_matches('/'));
        let stays = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays || relative.as_os_str().is_empty() {
            return None;
        }
        let path = self.root.join(relative);
        if path.symlink_metadata().is_err() {
            // a missing file is no link that leads out
            return Some(path);
        }
        match (path.canonicalize(), self.root.canonicalize()) {
            (Ok(real), Ok(root)) if !real.starts_with(&root) => None,
            _ => Some(path),
        }
    }

    /// Returns the path of a file as [`FilesFolder::find`] does, unless a part of the name is
    /// hidden (`.env`, `.git/config`): for names that clients choose.
    pub fn find_shown(&self, name: &str) -> Option<PathBuf> {
        let is_hidden = |part: &str| part.starts_with('.') && part != ".";
        if name.split('/').any(is_hidden) { None } else { self.find(name) }
    }

    /// Returns the path at which a file may be written, if it is inside the folder: no link on the
    /// way may lead out of it.
    pub fn find_new(&self, name: &str) -> Option<PathBuf> {
        let path = self.find(name)?;
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let existing = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok())?;
        (existing.starts_with(&root) || !self.root.exists()).then_some(path)
    }
}
