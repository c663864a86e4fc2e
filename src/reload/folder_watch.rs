//! [`FolderWatch`], which notifies the reloading thread of file events from the operating system.
//!
//! An event says only that something has happened; a scan finds out what. Events do not cover
//! everything: a single file that is mounted and written in place, a network file system, changes
//! in a new folder before it is watched. So the reloading thread also scans periodically.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use hashbrown::HashMap;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::ReloadMessage;
use standin_stub::stub_folder::StubFolder;

/// Folders that are watched recursively. The stub folder itself is watched without its other
/// folders.
const WATCHED_SUBFOLDERS: [&str; 3] = ["mappings", "__files", "profiles"];

/// A watch of stub folders.
#[derive(Debug)]
pub(super) struct FolderWatch {
    watcher: RecommendedWatcher,
    /// Identity of each folder when its watch began. A folder that was created anew needs another
    /// watch.
    watched: HashMap<PathBuf, FolderIdentity>,
}

/// Sends [`ReloadMessage::FilesChanged`] to the reloading thread: once, until
/// [`ChangeNotifier::rearm`] is called.
#[derive(Clone, Debug)]
pub(super) struct ChangeNotifier {
    sender: Sender<ReloadMessage>,
    is_pending: Arc<AtomicBool>,
    /// True after the operating system has reported that events were lost.
    is_lossy: Arc<AtomicBool>,
}

/// Device, inode and time of creation, as inodes are reused.
type FolderIdentity = (u64, u64, Option<SystemTime>);

impl ChangeNotifier {
    pub(super) fn new(sender: Sender<ReloadMessage>) -> Self {
        Self { sender, is_pending: Arc::default(), is_lossy: Arc::default() }
    }

    /// Makes the next event send a message again.
    pub(super) fn rearm(&self) {
        self.is_pending.store(false, Release);
    }

    fn notify_thread(&self) {
        if !self.is_pending.swap(true, AcqRel) {
            // an error means that the reloading thread has ended
            let _ = self.sender.send(ReloadMessage::FilesChanged);
        }
    }

    fn on_event(&self, event: &notify::Result<Event>) {
        match event {
            // reading, also by standin itself, changes nothing
            Ok(Event { kind: EventKind::Access(access), .. }) if *access != AccessKind::Close(AccessMode::Write) => {}
            Ok(_) => self.notify_thread(),
            Err(error) => {
                tracing::debug!(%error, "watching the stub folder");
                self.is_lossy.store(true, Release);
                self.notify_thread();
            }
        }
    }
}

impl FolderWatch {
    pub(super) fn new(notifier: ChangeNotifier) -> notify::Result<Self> {
        let watcher = notify::recommended_watcher(move |event| notifier.on_event(&event))?;
        Ok(Self { watcher, watched: HashMap::new() })
    }

    /// Watches the existing folders of these stub folders, and renews the watch of those that were
    /// replaced. Returns an error if events were lost since the last call.
    pub(super) fn watch_folders<'s>(
        &mut self,
        folders: impl Iterator<Item = &'s StubFolder>,
        notifier: &ChangeNotifier,
    ) -> notify::Result<()> {
        for folder in folders {
            self.watch_folder(&folder.root, RecursiveMode::NonRecursive)?;
            for name in WATCHED_SUBFOLDERS {
                self.watch_folder(&folder.root.join(name), RecursiveMode::Recursive)?;
            }
        }
        if notifier.is_lossy.swap(false, AcqRel) {
            return Err(notify::Error::generic("the operating system has lost file events"));
        }
        Ok(())
    }

    fn watch_folder(&mut self, path: &Path, depth: RecursiveMode) -> notify::Result<()> {
        let current = identity(path);
        if self.watched.get(path).copied() == current {
            return Ok(());
        }
        if self.watched.remove(path).is_some() {
            // an error means that the watch ended with its folder
            let _ = self.watcher.unwatch(path);
        }
        let Some(current) = current else { return Ok(()) };
        match self.watcher.watch(path, depth) {
            Ok(()) => {
                self.watched.insert(path.to_owned(), current);
                Ok(())
            }
            // the folder was removed meanwhile
            Err(_) if identity(path).is_none() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn identity(path: &Path) -> Option<FolderIdentity> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
}
