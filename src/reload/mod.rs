//! Hot reload: watch, settle, load, swap. A defect keeps the whole last good set, and is told.
//!
//! It has a thread of its own, of low priority: files are read there, catalogs are compiled there, and old ones are
//! dropped there.

mod set;
mod status;
mod thread;
mod watch;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

pub use self::set::Set;
use self::status::{Health, Running};
pub use self::status::{Status, Watching};
use self::thread::Reloader;
use crate::live::Live;
use crate::panics::{Panics, Part};
use standin_stub::defect::Defect;

/// Asks for reloads, and tells how they fare.
#[derive(Clone, Debug)]
pub struct Reload {
    sender: Sender<Message>,
    status: Arc<ArcSwap<Status>>,
    health: Arc<Health>,
}

/// Hears of each attempt that failed or changed something.
pub type Tell = Box<dyn FnMut(&Status) + Send>;

/// What the thread is told.
#[derive(Debug)]
enum Message {
    /// Something has happened in a folder that is watched.
    Touched,
    /// Someone wants a reload now, of everything that `reset` names if it names a set.
    Ask {
        reset: Option<Arc<Live>>,
        answer: oneshot::Sender<Arc<Status>>,
    },
    Stop,
}

impl Reload {
    /// Starts reloading these sets, on changes of their files if `watches`. `defects` are those of the first reading.
    pub fn start(
        sets: Vec<Set>,
        defects: Vec<Defect>,
        watches: bool,
        tell: Tell,
        panics: Arc<Panics>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let status = Status {
            watch: if watches { Watching::Polling } else { Watching::Off },
            failed: false,
            generation: 1,
            loaded_at: SystemTime::now(),
            took: Duration::ZERO,
            files: sets.iter().map(Set::files).sum(),
            reread: 0,
            stubs: sets.iter().map(Set::stubs).sum(),
            successes: 0,
            failures: 0,
            defects,
            busy: Duration::ZERO,
        };
        let (sender, receiver) = mpsc::channel();
        let status = Arc::new(ArcSwap::from_pointee(status));
        let health = Arc::new(Health::default());
        let mut reloader = Reloader::new(
            sets,
            sender.clone(),
            receiver,
            Arc::clone(&status),
            Arc::clone(&health),
            tell,
            Arc::clone(&panics),
        );
        let running = Running(Arc::clone(&health));
        let thread = std::thread::Builder::new().name("standin-reload".to_owned()).spawn(move || {
            let _running = running;
            panics.keep_running(Part::Reload, || reloader.run(watches));
        })?;
        Ok((Self { sender, status, health }, thread))
    }

    /// How reloading fares.
    pub fn status(&self) -> Arc<Status> {
        self.health.correct(self.status.load_full())
    }

    /// Reads what has changed now, whether or not anyone watches; `None` if the server goes down.
    pub async fn again(&self) -> Option<Arc<Status>> {
        self.ask(None).await
    }

    /// Reads what has changed now, and drops what came to `live` through the API and is in no file. With defects, nothing
    /// changes. `None` if the server goes down.
    pub async fn reset(&self, live: &Arc<Live>) -> Option<Arc<Status>> {
        self.ask(Some(Arc::clone(live))).await
    }

    /// As [`Reload::reset`], for who may or may not be within a runtime, and waits.
    pub fn reset_blocking(&self, live: &Arc<Live>) -> Option<Arc<Status>> {
        let (answer, answered) = oneshot::channel();
        self.sender.send(Message::Ask { reset: Some(Arc::clone(live)), answer }).ok()?;
        // a runtime does not let its own threads wait
        std::thread::scope(|scope| scope.spawn(|| answered.blocking_recv().ok()).join().ok()?)
    }

    /// Ends it, after what it is at.
    pub fn stop(&self) {
        // an error means that it has ended
        let _ = self.sender.send(Message::Stop);
    }

    async fn ask(&self, reset: Option<Arc<Live>>) -> Option<Arc<Status>> {
        let (answer, answered) = oneshot::channel();
        self.sender.send(Message::Ask { reset, answer }).ok()?;
        answered.await.ok()
    }
}

/// Logs an attempt that failed; for who does not care to draw.
pub fn log(status: &Status) {
    for defect in status.defects.iter().filter(|defect| status.failed && defect.is_error()) {
        tracing::error!("{defect}");
    }
    if status.failed {
        tracing::error!(stubs = status.stubs, "the stubs cannot be reloaded; the last good set stays");
    }
}
