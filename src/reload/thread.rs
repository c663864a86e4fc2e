//! [`Reloader`], the thread that waits for changes and requests, lets changes settle, reads files
//! and swaps catalogs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::folder_watch::FolderWatch;
use super::inbox::ReloadInbox;
use super::status::ThreadHealth;
use super::{OnStatus, Reload, ReloadMessage, ReloadStatus, WatchMode, WatchedStubs};
use crate::live::ServiceState;
use crate::panics::{self, Panic, Panics, Part};
use standin_stub::catalog::Catalog;
use standin_stub::defect::Defect;
use standin_stub::file_listing::FileListing;

/// The reloading thread's state.
pub(super) struct Reloader {
    sets: Vec<WatchedStubs>,
    inbox: ReloadInbox,
    watch: Option<FolderWatch>,
    status: Arc<ArcSwap<ReloadStatus>>,
    health: Arc<ThreadHealth>,
    on_status: OnStatus,
    /// Replaced catalogs that requests may still read.
    retired: Vec<Arc<Catalog>>,
    /// Duration of the last scan.
    scan_duration: Duration,
    panics: Arc<Panics>,
    /// True if a panic has interrupted a reload, so that the next one reads everything again.
    is_interrupted: bool,
}

/// The listings of all folders of each set of stubs.
type Listings = Vec<Vec<FileListing>>;

impl Reloader {
    /// Returns a reloader that receives what is sent to `reload`, and keeps its status and health
    /// up to date.
    pub(super) fn new(
        sets: Vec<WatchedStubs>,
        reload: &Reload,
        receiver: Receiver<ReloadMessage>,
        on_status: OnStatus,
        panics: Arc<Panics>,
    ) -> Self {
        Self {
            sets,
            inbox: ReloadInbox::new(reload.sender.clone(), receiver),
            watch: None,
            status: Arc::clone(&reload.status),
            health: Arc::clone(&reload.health),
            on_status,
            retired: Vec::new(),
            scan_duration: Duration::ZERO,
            panics,
            is_interrupted: false,
        }
    }

    /// Handles changes of files, if `watches`, and requests, until [`ReloadMessage::Stop`] arrives.
    pub(super) fn run(&mut self, watches: bool) {
        // the workers have priority; an error means that the system does not permit the change
        let _ = rustix::process::nice(NICENESS);
        if watches {
            self.run_task(|reloader| {
                reloader.start_watch();
                // files may have changed since they were first read
                reloader.scan(false);
            });
        }
        let mut next_scan = Instant::now() + self.scan_interval();
        loop {
            panics::planted("reload-thread");
            let wait = if watches { next_scan.saturating_duration_since(Instant::now()) } else { IDLE_WAIT };
            let wait = if self.retired.is_empty() { wait } else { wait.min(RETIRED_POLL) };
            match self.inbox.next(wait) {
                Ok(ReloadMessage::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(ReloadMessage::Request { reset, answer }) => {
                    self.run_task(|reloader| reloader.handle_request(reset.as_ref()));
                    // an error means that nobody waits for the answer any more
                    let _ = answer.send(self.status.load_full());
                }
                Ok(ReloadMessage::FilesChanged) => {
                    self.run_task(|reloader| reloader.scan(true));
                }
                Err(RecvTimeoutError::Timeout) if watches && Instant::now() >= next_scan => {
                    self.run_task(|reloader| reloader.scan(false));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.drop_retired();
                    continue;
                }
            }
            self.drop_retired();
            next_scan = Instant::now() + self.scan_interval();
        }
    }

    /// Runs a task. A panic fails the task alone and is reported in the status; the last good stubs
    /// stay active.
    fn run_task(&mut self, task: impl FnOnce(&mut Self)) {
        let panics = Arc::clone(&self.panics);
        self.health.set_working(true);
        let result = panics.catch(Part::Reload, || task(self));
        self.health.set_working(false);
        if let Err(panic) = result {
            self.report_panic(&panic);
        }
    }

    /// Reports a panic, keeps the active stubs, and makes the next scan read everything again.
    fn report_panic(&mut self, panic: &Panic) {
        self.is_interrupted = true;
        self.sets.iter_mut().for_each(WatchedStubs::mark_unmerged);
        let last = self.status.load_full();
        let message = format!("standin failed while it read the stub folder: {panic}");
        let defect =
            Defect::error(message).help("the last good set stays; report this with the files that changed last");
        let failures = last.failures + 1;
        let status = Arc::new(ReloadStatus {
            has_failed: true,
            has_panicked: true,
            failures,
            defects: vec![defect],
            ..ReloadStatus::clone(&last)
        });
        self.status.store(Arc::clone(&status));
        if !last.has_failed {
            (self.on_status)(&status);
        }
    }

    /// Drops the replaced catalogs that no request reads any more.
    fn drop_retired(&mut self) {
        self.retired.retain(|catalog| Arc::strong_count(catalog) > 1);
    }

    fn start_watch(&mut self) {
        match FolderWatch::new(self.inbox.notifier().clone()) {
            Ok(watch) => {
                self.watch = Some(watch);
                self.set_watch_mode(WatchMode::Events);
                self.watch_folders();
            }
            Err(error) => self.fall_back_to_polling(&error),
        }
    }

    /// Watches folders that were created or replaced since the last call.
    fn watch_folders(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let folders = self.sets.iter().flat_map(WatchedStubs::folders);
        if let Err(error) = watch.watch_folders(folders, self.inbox.notifier()) {
            self.watch = None;
            self.fall_back_to_polling(&error);
        }
    }

    fn fall_back_to_polling(&mut self, error: &notify::Error) {
        tracing::warn!(
            %error,
            "the stub folder cannot be watched and is scanned for changes instead; raise fs.inotify.max_user_watches and \
             max_user_instances, or give --no-watch"
        );
        self.set_watch_mode(WatchMode::Polling);
    }

    fn set_watch_mode(&self, watch: WatchMode) {
        self.status.store(Arc::new(ReloadStatus { watch, ..ReloadStatus::clone(&self.status.load()) }));
    }

    /// Returns the time until the next periodic scan. It is a multiple of the duration of a scan,
    /// so that scans take at most 2 % of one core.
    fn scan_interval(&self) -> Duration {
        let has_folder_error = self.sets.iter().any(|set| set.defects().any(|defect| defect.place.is_none()));
        let (least, multiple) = match (&self.watch, has_folder_error) {
            (Some(_), false) => (Duration::from_secs(2), 200),
            (None, false) => (Duration::from_millis(500), 50),
            // a folder that cannot be read may come back at any time
            (_, true) => (Duration::from_millis(250), 50),
        };
        least.max(self.scan_duration * multiple)
    }

    fn list_files(&mut self) -> Listings {
        let begun = Instant::now();
        let listings = self.sets.iter().map(WatchedStubs::list_files).collect();
        self.scan_duration = begun.elapsed();
        listings
    }

    fn is_current(&self, listings: &Listings) -> bool {
        self.sets.iter().zip(listings).all(|(set, listings)| set.is_current(listings))
    }

    /// Reloads the files that have changed, once changes have settled. `is_notified` is true after
    /// an event of the operating system, false for a periodic scan.
    fn scan(&mut self, is_notified: bool) {
        let begun = Instant::now();
        self.sets.iter_mut().for_each(WatchedStubs::keep_baseline);
        self.watch_folders();
        let mut listings = self.list_files();
        let is_current = self.is_current(&listings);
        let has_recent_files = self.sets.iter().any(WatchedStubs::has_recent_files);
        if is_current && !has_recent_files && !self.is_interrupted {
            self.sets.iter_mut().for_each(WatchedStubs::discard_baseline);
            if is_notified {
                // other files in these folders may be written all the time: bound the cost of the
                // scans
                std::thread::sleep((self.scan_duration * 10).min(MAX_SETTLING / 4));
            }
            return;
        }
        if !is_current || is_notified {
            listings = self.wait_until_settled(listings);
        }
        let mut waits_for_broken_files = true;
        loop {
            self.read(listings);
            if begun.elapsed() > MAX_SETTLING * 3 || self.inbox.has_deferred() {
                break;
            }
            // an editor may not have finished writing a file
            if waits_for_broken_files && self.has_errors() && self.sets.iter().any(WatchedStubs::has_changed) {
                waits_for_broken_files = false;
                self.inbox.wait_for_quiet(BROKEN_FILE_GRACE);
            }
            // a file that changed while it was read may have been read in part
            listings = self.list_files();
            if self.is_current(&listings) {
                break;
            }
            listings = self.wait_until_settled(listings);
        }
        if is_current {
            // stamps did not settle it and bytes were compared, which the interval has to account
            // for
            self.scan_duration = self.scan_duration.max(begun.elapsed() / 4);
        }
        self.publish(begun, false, None);
    }

    /// Reloads at once, without settling, as the admin API or a program asks for it.
    fn handle_request(&mut self, reset: Option<&Arc<ServiceState>>) {
        let begun = Instant::now();
        self.sets.iter_mut().for_each(WatchedStubs::keep_baseline);
        if self.watch.is_some() {
            self.watch_folders();
        }
        loop {
            let listings = self.list_files();
            self.read(listings);
            let after = self.list_files();
            if self.is_current(&after) || begun.elapsed() > MAX_SETTLING {
                break;
            }
        }
        self.publish(begun, true, reset);
    }

    fn read(&mut self, listings: Listings) {
        panics::planted("reload");
        for (set, listings) in self.sets.iter_mut().zip(listings) {
            set.read(listings);
        }
    }

    fn has_errors(&self) -> bool {
        self.sets.iter().any(|set| set.defects().any(Defect::is_error))
    }

    /// Returns the listings once nothing has changed for [`QUIET_PERIOD`], or after
    /// [`MAX_SETTLING`].
    fn wait_until_settled(&mut self, mut listings: Listings) -> Listings {
        let begun = Instant::now();
        loop {
            let is_quiet = self.inbox.wait_for_quiet(QUIET_PERIOD);
            self.watch_folders();
            let now = self.list_files();
            if is_quiet && now == listings || begun.elapsed() > MAX_SETTLING || self.inbox.has_deferred() {
                return now;
            }
            listings = now;
        }
    }

    /// Serves the files that were read, reports those that have errors, and updates the status.
    fn publish(&mut self, begun: Instant, is_requested: bool, reset: Option<&Arc<ServiceState>>) {
        let last = self.status.load_full();
        self.is_interrupted = false;
        let mut has_changed = false;
        let mut parsed_count = 0;
        for set in &mut self.sets {
            has_changed |= set.take_has_changed();
            parsed_count += set.take_parsed_count();
        }
        let has_failed = self.has_errors();
        let mut has_swapped = false;
        for set in &mut self.sets {
            let is_reset = reset.is_some_and(|live| Arc::ptr_eq(live, set.live()));
            let swap = if is_reset { set.replace() } else { set.merge() };
            has_swapped |= swap.has_changed;
            self.retired.extend(swap.retired);
        }
        let defects: Vec<_> = self.sets.iter().flat_map(WatchedStubs::defects).cloned().collect();
        let is_visible = if has_failed {
            has_changed || has_swapped || !last.has_failed
        } else {
            has_swapped || last.has_failed || has_changed && defects != last.defects
        };
        if !is_visible && !is_requested {
            return;
        }
        let file_count = self.sets.iter().map(WatchedStubs::file_count).sum::<usize>();
        let status = Arc::new(ReloadStatus {
            watch: last.watch,
            has_failed,
            generation: last.generation + u64::from(has_swapped),
            loaded_at: if has_failed && !has_swapped { last.loaded_at } else { SystemTime::now() },
            duration: begun.elapsed(),
            file_count,
            parsed_count,
            changed_count: parsed_count.max(file_count.abs_diff(last.file_count)),
            stub_count: self.sets.iter().map(WatchedStubs::stub_count).sum(),
            left_out: self.sets.iter().map(WatchedStubs::left_out).sum(),
            has_panicked: false,
            successes: last.successes + u64::from(!has_failed),
            failures: last.failures + u64::from(has_failed),
            defects,
            busy_for: Duration::ZERO,
        });
        self.status.store(Arc::clone(&status));
        if !has_failed {
            let (generation, stubs, took) = (status.generation, status.stub_count, status.duration);
            tracing::info!(
                generation,
                stubs,
                files = status.file_count,
                reread = parsed_count,
                ?took,
                "stubs reloaded"
            );
        }
        if is_visible || has_failed {
            (self.on_status)(&status);
        }
    }
}

/// Time without changes after which a group of changes is complete.
const QUIET_PERIOD: Duration = Duration::from_millis(50);

/// Maximum time to wait for changes to settle.
const MAX_SETTLING: Duration = Duration::from_secs(1);

/// Time for a program to finish writing a file before its errors are reported.
const BROKEN_FILE_GRACE: Duration = Duration::from_millis(200);

/// Interval at which replaced catalogs are checked for remaining readers.
const RETIRED_POLL: Duration = Duration::from_millis(100);

/// Maximum wait where nothing but a request can arrive.
const IDLE_WAIT: Duration = Duration::from_secs(3600);

/// Nice value of the thread: the lowest priority, so that a worker that wakes gets its core at
/// once. With 10, a reload of 10,000 stubs raised the p99 of concurrent requests from 0.15 to 3 ms
/// on two cores.
const NICENESS: i32 = 19;
