//! Where bodies are that stubs name: below one folder, whose name a template may make too.

use std::path::{Component, Path, PathBuf};

/// Where body files are.
#[derive(Clone, Debug)]
pub struct FilesFolder {
    /// The `__files` folder.
    pub root: PathBuf,
    /// Which replies of the folder's stubs are templates.
    pub templating: Templating,
}

/// Which replies are templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Templating {
    /// All of them.
    All,
    /// Those of stubs that name the transformer `response-template`.
    #[default]
    Named,
    /// None.
    Off,
}

impl FilesFolder {
    /// Returns the files of a folder whose stubs say themselves whether they are templates.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), templating: Templating::default() }
    }

    /// Returns the file of this name, if it is below the folder: no way leads out of it, not even a
    /// symbolic link.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let relative = Path::new(name.trim_start_matches('/'));
        let stays = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !stays || relative.as_os_str().is_empty() {
            return None;
        }
        let path = self.root.join(relative);
        if path.symlink_metadata().is_err() {
            // what is not there leads nowhere
            return Some(path);
        }
        match (path.canonicalize(), self.root.canonicalize()) {
            (Ok(real), Ok(root)) if !real.starts_with(&root) => None,
            _ => Some(path),
        }
    }

    /// Returns the file of this name as [`FilesFolder::find`] does, unless a part of the name is
    /// hidden (`.env`, `.git/config`): for names that callers choose.
    pub fn find_shown(&self, name: &str) -> Option<PathBuf> {
        let is_hidden = |part: &str| part.starts_with('.') && part != ".";
        if name.split('/').any(is_hidden) { None } else { self.find(name) }
    }

    /// Where a file of this name may be written, if that is below the folder: no link on the way
    /// leads out of it.
    pub fn find_new(&self, name: &str) -> Option<PathBuf> {
        let path = self.find(name)?;
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let existing = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok())?;
        (existing.starts_with(&root) || !self.root.exists()).then_some(path)
    }
}
