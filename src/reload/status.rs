//! [`ReloadStatus`], the result of the last reload, and [`ThreadHealth`], the health of the
//! reloading thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::locks::LockUnpoisoned as _;
use standin_stub::defect::{Defect, Severity};

/// The result of the last attempt to read the stub folders.
#[derive(Clone, Debug)]
pub struct ReloadStatus {
    /// Method by which changes are noticed.
    pub watch: WatchMode,
    /// True if a file on disk has errors, so that it is left out, served as it was before, or
    /// answered with an error.
    pub has_failed: bool,
    /// True if the last attempt ended with a panic, so that nothing of it is served.
    pub has_panicked: bool,
    /// Number of catalogs that have been active, the first included.
    pub generation: u64,
    /// Time at which the active stubs were read.
    pub loaded_at: SystemTime,
    /// Duration of the last attempt.
    pub duration: Duration,
    /// Number of mapping files at the last attempt.
    pub file_count: usize,
    /// Number of mapping files that were parsed at the last attempt, because they had changed.
    pub parsed_count: usize,
    /// Number of mapping files that the last attempt found changed, new or missing.
    pub changed_count: usize,
    /// Number of active stubs that come from files.
    pub stub_count: usize,
    /// Number of stubs that are left out because of errors.
    pub left_out: usize,
    /// Number of attempts after the start that succeeded.
    pub successes: u64,
    /// Number of attempts that failed.
    pub failures: u64,
    /// Errors and warnings of the last attempt.
    pub defects: Vec<Defect>,
    /// Duration so far of the attempt in progress; zero without one.
    pub busy_for: Duration,
}

/// The method by which changes of stub files are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// Events of the operating system, and periodic scans that find what events miss.
    Events,
    /// Periodic scans alone, without events.
    Polling,
    /// No method; the admin API can request a reload.
    Off,
}

impl ReloadStatus {
    /// Returns the status in the admin API's JSON.
    pub fn json(&self) -> Value {
        let status = match (self.has_failed, self.watch) {
            (true, _) => "failed",
            (false, _) if self.busy_for > BUSY_THRESHOLD => "busy",
            (false, WatchMode::Off) => "off",
            (false, _) => "ok",
        };
        let watch = match self.watch {
            WatchMode::Events => "events",
            WatchMode::Polling => "polling",
            WatchMode::Off => "off",
        };
        json!({
            "status": status,
            "watch": watch,
            "generation": self.generation,
            "loadedAt": jiff::Timestamp::try_from(self.loaded_at).map(|at| at.to_string()).ok(),
            "durationMs": self.duration.as_secs_f64() * 1e3,
            "busyMs": self.busy_for.as_secs_f64() * 1e3,
            "files": self.file_count,
            "reread": self.parsed_count,
            "stubs": self.stub_count,
            "leftOut": self.left_out,
            "failures": self.failures,
            "defects": self.defects.iter().map(defect_json).collect::<Vec<_>>(),
        })
    }
}

/// The health of the reloading thread: whether it has ended, and the start of its present task.
#[derive(Debug, Default)]
pub(super) struct ThreadHealth {
    working_since: Mutex<Option<Instant>>,
    has_ended: AtomicBool,
}

/// Marks the thread as ended when dropped, also while a panic unwinds.
pub(super) struct EndGuard(pub(super) Arc<ThreadHealth>);

impl ThreadHealth {
    pub(super) fn set_working(&self, is_working: bool) {
        *self.since() = is_working.then(Instant::now);
    }

    /// Returns the thread's last status, with the present health of the thread added.
    pub(super) fn applied_to(&self, status: Arc<ReloadStatus>) -> Arc<ReloadStatus> {
        let busy_for = self.since().map_or(Duration::ZERO, |since| since.elapsed());
        if self.has_ended.load(Ordering::Acquire) {
            let message = "the thread that reads the stub folder has ended: changes of files are no longer noticed";
            let defects = vec![Defect::error(message).help("restart standin, and report this")];
            return Arc::new(ReloadStatus {
                has_failed: true,
                has_panicked: true,
                busy_for,
                defects,
                ..ReloadStatus::clone(&status)
            });
        }
        if busy_for.is_zero() { status } else { Arc::new(ReloadStatus { busy_for, ..ReloadStatus::clone(&status) }) }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.working_since.lock_unpoisoned()
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
    }
}

/// Duration above which an attempt is reported as busy, as it may hang.
const BUSY_THRESHOLD: Duration = Duration::from_secs(10);

/// Returns a defect in the admin API's JSON. File, line and column are null for a defect without a
/// place.
fn defect_json(defect: &Defect) -> Value {
    let place = defect.place.as_ref();
    json!({
        "file": place.map(|place| &*place.file),
        "line": place.map(standin_stub::defect::SourcePlace::line),
        "column": place.map(standin_stub::defect::SourcePlace::column),
        "message": defect.message,
        "help": defect.help,
        "severity": match defect.severity {
            Severity::Error | Severity::ServedError => "error",
            Severity::Warning => "warning",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Arc<ReloadStatus> {
        Arc::new(ReloadStatus {
            watch: WatchMode::Events,
            has_failed: false,
            has_panicked: false,
            generation: 1,
            loaded_at: SystemTime::now(),
            duration: Duration::ZERO,
            file_count: 0,
            parsed_count: 0,
            changed_count: 0,
            stub_count: 0,
            left_out: 0,
            successes: 0,
            failures: 0,
            defects: Vec::new(),
            busy_for: Duration::ZERO,
        })
    }

    #[test]
    fn a_thread_that_hangs_or_has_ended_is_reported() {
        let health = Arc::new(ThreadHealth::default());
        let shown = || health.applied_to(status()).json()["status"].as_str().map(str::to_owned);
        assert_eq!(shown().as_deref(), Some("ok"));
        *health.since() = Instant::now().checked_sub(BUSY_THRESHOLD * 2);
        assert_eq!(shown().as_deref(), Some("busy"));
        health.set_working(false);
        assert_eq!(shown().as_deref(), Some("ok"));
        drop(EndGuard(Arc::clone(&health)));
        assert_eq!(shown().as_deref(), Some("failed"));
    }
}
