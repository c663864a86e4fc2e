//! Hot reload of stub files. A file that has an error now keeps its own last good stubs, and the
//! error is reported; all other files change, at one moment.
//!
//! A thread of low priority watches the folders, reads changed files, compiles catalogs, and drops
//! the old ones.

mod folder_watch;
mod inbox;
mod merge;
mod status;
mod thread;
mod watched_profiles;
mod watched_stubs;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use self::status::{EndGuard, ThreadHealth};
pub use self::status::{ReloadStatus, WatchMode};
use self::thread::Reloader;
pub use self::watched_stubs::WatchedStubs;
use crate::live::ServiceState;
use crate::panics::{Panics, Part};
use standin_stub::defect::Defect;

/// A handle of the reloading thread: requests reloads and returns their status.
#[derive(Clone, Debug)]
pub struct Reload {
    sender: Sender<ReloadMessage>,
    status: Arc<ArcSwap<ReloadStatus>>,
    health: Arc<ThreadHealth>,
}

/// A callback for each attempt that failed or changed something; called on the reloading thread.
pub type OnStatus = Box<dyn FnMut(&ReloadStatus) + Send>;

/// A message to the reloading thread.
#[derive(Debug)]
enum ReloadMessage {
    /// The operating system has reported an event in a watched folder.
    FilesChanged,
    /// Reload now. If `reset` names a server, its files replace all changes through the API.
    Request {
        reset: Option<Arc<ServiceState>>,
        answer: oneshot::Sender<Arc<ReloadStatus>>,
    },
    Stop,
}

impl Reload {
    /// Starts the thread. It reloads on requests, and on changes of files if `watches`. `defects`
    /// are those of the first reading.
    pub fn start(
        sets: Vec<WatchedStubs>,
        defects: Vec<Defect>,
        watches: bool,
        on_status: OnStatus,
        panics: Arc<Panics>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let status = ReloadStatus {
            watch: if watches { WatchMode::Polling } else { WatchMode::Off },
            has_failed: defects.iter().any(Defect::is_error),
            has_panicked: false,
            generation: 1,
            loaded_at: SystemTime::now(),
            duration: Duration::ZERO,
            file_count: sets.iter().map(WatchedStubs::file_count).sum(),
            parsed_count: 0,
            changed_count: 0,
            stub_count: sets.iter().map(WatchedStubs::stub_count).sum(),
            left_out: sets.iter().map(WatchedStubs::left_out).sum(),
            successes: 0,
            failures: 0,
            defects,
            busy_for: Duration::ZERO,
        };
        let (sender, receiver) = mpsc::channel();
        let status = Arc::new(ArcSwap::from_pointee(status));
        let reload = Self { sender, status, health: Arc::default() };
        let mut reloader = Reloader::new(sets, &reload, receiver, on_status, Arc::clone(&panics));
        let end_guard = EndGuard(Arc::clone(&reload.health));
        let thread = std::thread::Builder::new().name("standin-reload".to_owned()).spawn(move || {
            let _end_guard = end_guard;
            panics.keep_running(Part::Reload, || reloader.run(watches));
        })?;
        Ok((reload, thread))
    }

    /// Returns the status of the last reload and the health of the thread.
    pub fn status(&self) -> Arc<ReloadStatus> {
        self.health.applied_to(self.status.load_full())
    }

    /// Reloads changed files now, also without a watch, and keeps changes through the API. Returns
    /// `None` if the server is shutting down.
    pub async fn reload_now(&self) -> Option<Arc<ReloadStatus>> {
        self.send_request(None).await
    }

    /// Reloads changed files now and drops the changes of `live` through the API that are in no
    /// file. Files with errors keep their last good stubs. Returns `None` if the server is shutting
    /// down.
    pub async fn reset(&self, live: &Arc<ServiceState>) -> Option<Arc<ReloadStatus>> {
        self.send_request(Some(Arc::clone(live))).await
    }

    /// Does what [`Reload::reset`] does and blocks until it is done. It may be called within a
    /// runtime and outside.
    pub fn reset_blocking(&self, live: &Arc<ServiceState>) -> Option<Arc<ReloadStatus>> {
        let (answer, answered) = oneshot::channel();
        self.sender.send(ReloadMessage::Request { reset: Some(Arc::clone(live)), answer }).ok()?;
        // tokio forbids blocking on the threads of a runtime, so that another thread waits
        std::thread::scope(|scope| scope.spawn(|| answered.blocking_recv().ok()).join().ok()?)
    }

    /// Ends the thread after its present task.
    pub fn stop(&self) {
        // an error means that the thread has ended already
        let _ = self.sender.send(ReloadMessage::Stop);
    }

    async fn send_request(&self, reset: Option<Arc<ServiceState>>) -> Option<Arc<ReloadStatus>> {
        let (answer, answered) = oneshot::channel();
        self.sender.send(ReloadMessage::Request { reset, answer }).ok()?;
        answered.await.ok()
    }
}

/// Logs the errors of a failed attempt.
pub fn log(status: &ReloadStatus) {
    for defect in status.defects.iter().filter(|defect| status.has_failed && defect.is_error()) {
        tracing::error!("{defect}");
    }
    if status.has_failed {
        let (stubs, left_out) = (status.stub_count, status.left_out);
        tracing::error!(stubs, left_out, "files with errors keep their last good stubs; the others are served");
    }
}
