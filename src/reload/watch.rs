//! How changes are noticed: the operating system tells of them where it can.
//!
//! What it tells is only that something has happened; what has changed is decided by looking. It misses much: a file
//! that is mounted alone and written in place, a folder of another host, what happens while a new folder is not watched
//! yet. So there is a look now and then in any case.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use hashbrown::HashMap;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Message;
use standin_stub::load::Service;

/// The folders of a service that are watched to any depth; of the service's own folder only the first level is.
const WATCHED: [&str; 3] = ["mappings", "__files", "profiles"];

/// The folders that are watched.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    /// Each with what it was when the watch began: one that was made anew needs another.
    covered: HashMap<PathBuf, Identity>,
}

/// Tells the reloading thread that something has happened, once until it has heard of it.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    sender: Sender<Message>,
    rung: Arc<AtomicBool>,
    /// Whether the operating system has said that it cannot tell everything.
    lossy: Arc<AtomicBool>,
}

/// Device, inode and birth: inodes are used again.
type Identity = (u64, u64, Option<SystemTime>);

impl Bell {
    pub(super) fn new(sender: Sender<Message>) -> Self {
        Self { sender, rung: Arc::default(), lossy: Arc::default() }
    }

    /// From now on, what happens is told again.
    pub(super) fn heard(&self) {
        self.rung.store(false, Release);
    }

    fn ring(&self) {
        if !self.rung.swap(true, AcqRel) {
            // an error means that nobody reloads any more
            let _ = self.sender.send(Message::Touched);
        }
    }

    fn take(&self, event: &notify::Result<Event>) {
        match event {
            // our own reading is no change
            Ok(Event { kind: EventKind::Access(access), .. }) if *access != AccessKind::Close(AccessMode::Write) => {}
            Ok(_) => self.ring(),
            Err(error) => {
                tracing::debug!(%error, "watching the stub folder");
                self.lossy.store(true, Release);
                self.ring();
            }
        }
    }
}

impl Watch {
    pub(super) fn new(bell: Bell) -> notify::Result<Self> {
        let watcher = notify::recommended_watcher(move |event| bell.take(&event))?;
        Ok(Self { watcher, covered: HashMap::new() })
    }

    /// Watches what there is of these services; what has gone or was made anew since the last time is seen to.
    pub(super) fn cover<'s>(&mut self, services: impl Iterator<Item = &'s Service>, bell: &Bell) -> notify::Result<()> {
        for service in services {
            self.folder(&service.root, RecursiveMode::NonRecursive)?;
            for name in WATCHED {
                self.folder(&service.root.join(name), RecursiveMode::Recursive)?;
            }
        }
        if bell.lossy.swap(false, AcqRel) {
            return Err(notify::Error::generic("the operating system does not tell of every change"));
        }
        Ok(())
    }

    fn folder(&mut self, path: &Path, depth: RecursiveMode) -> notify::Result<()> {
        let now = identity(path);
        if self.covered.get(path).copied() == now {
            return Ok(());
        }
        if self.covered.remove(path).is_some() {
            // an error means that the watch has gone with its folder
            let _ = self.watcher.unwatch(path);
        }
        let Some(now) = now else { return Ok(()) };
        match self.watcher.watch(path, depth) {
            Ok(()) => {
                self.covered.insert(path.to_owned(), now);
                Ok(())
            }
            // it went away meanwhile
            Err(_) if identity(path).is_none() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
}
