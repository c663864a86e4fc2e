//! How reloading fares: what is served, and what is wrong with what stands on disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use standin_stub::defect::{Defect, Severity};

/// What the last attempt to read the stub folder came to.
#[derive(Clone, Debug)]
pub struct Status {
    /// How changes are noticed.
    pub watch: Watching,
    /// Whether the folder on disk is worse than what is served.
    pub failed: bool,
    /// How many sets of stubs have been in force, the first included.
    pub generation: u64,
    /// When the set in force was read.
    pub loaded_at: SystemTime,
    /// How long the last attempt took.
    pub took: Duration,
    /// Mapping files in the folder at the last attempt.
    pub files: usize,
    /// How many of them were parsed in it, as they had changed.
    pub reread: usize,
    /// Stubs of files in the set in force.
    pub stubs: usize,
    /// Attempts after the start that succeeded.
    pub successes: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// What was wrong or odd at the last attempt.
    pub defects: Vec<Defect>,
    /// How long an attempt has been under way that is not concluded; zero without one.
    pub busy: Duration,
}

/// How changes of the stub folder are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// The operating system tells of them, and a look now and then finds what it misses.
    Events,
    /// By looking.
    Polling,
    /// Not at all; the admin API can ask for a reload.
    Off,
}

impl Status {
    /// The status in the admin API's JSON.
    pub fn json(&self) -> Value {
        let status = match (self.failed, self.watch) {
            (true, _) => "failed",
            (false, _) if self.busy > LONG => "busy",
            (false, Watching::Off) => "off",
            (false, _) => "ok",
        };
        let watch = match self.watch {
            Watching::Events => "events",
            Watching::Polling => "polling",
            Watching::Off => "off",
        };
        json!({
            "status": status,
            "watch": watch,
            "generation": self.generation,
            "loadedAt": jiff::Timestamp::try_from(self.loaded_at).map(|at| at.to_string()).ok(),
            "durationMs": self.took.as_secs_f64() * 1e3,
            "busyMs": self.busy.as_secs_f64() * 1e3,
            "files": self.files,
            "reread": self.reread,
            "stubs": self.stubs,
            "failures": self.failures,
            "defects": self.defects.iter().map(defect).collect::<Vec<_>>(),
        })
    }
}

/// Whether the reloading thread is there, and since when it has been at work.
#[derive(Debug, Default)]
pub(super) struct Health {
    working_since: Mutex<Option<Instant>>,
    has_ended: AtomicBool,
}

/// Marks the thread as ended when it is dropped, however that comes about.
pub(super) struct Running(pub(super) Arc<Health>);

impl Health {
    pub(super) fn set_working(&self, is_working: bool) {
        *self.since() = is_working.then(Instant::now);
    }

    /// The status as the thread left it, corrected by what has become of the thread.
    pub(super) fn correct(&self, status: Arc<Status>) -> Arc<Status> {
        let busy = self.since().map_or(Duration::ZERO, |since| since.elapsed());
        if self.has_ended.load(Ordering::Acquire) {
            let message = "the thread that reads the stub folder has ended: changes are not seen any more";
            let defects = vec![Defect::error(message).help("restart standin, and report this")];
            return Arc::new(Status { failed: true, busy, defects, ..Status::clone(&status) });
        }
        if busy.is_zero() { status } else { Arc::new(Status { busy, ..Status::clone(&status) }) }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.working_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
    }
}

/// An attempt that takes longer is said to be busy: it may hang.
const LONG: Duration = Duration::from_secs(10);

/// A defect of no single line has no file, line and column.
fn defect(defect: &Defect) -> Value {
    let place = defect.place.as_ref();
    json!({
        "file": place.map(|place| &*place.file),
        "line": place.map(standin_stub::defect::Place::line),
        "column": place.map(standin_stub::defect::Place::column),
        "message": defect.message,
        "help": defect.help,
        "severity": match defect.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Arc<Status> {
        Arc::new(Status {
            watch: Watching::Events,
            failed: false,
            generation: 1,
            loaded_at: SystemTime::now(),
            took: Duration::ZERO,
            files: 0,
            reread: 0,
            stubs: 0,
            successes: 0,
            failures: 0,
            defects: Vec::new(),
            busy: Duration::ZERO,
        })
    }

    #[test]
    fn a_thread_that_hangs_or_has_ended_is_not_said_to_be_well() {
        let health = Arc::new(Health::default());
        let said = || health.correct(status()).json()["status"].as_str().map(str::to_owned);
        assert_eq!(said().as_deref(), Some("ok"));
        *health.since() = Instant::now().checked_sub(LONG * 2);
        assert_eq!(said().as_deref(), Some("busy"));
        health.set_working(false);
        assert_eq!(said().as_deref(), Some("ok"));
        drop(Running(Arc::clone(&health)));
        assert_eq!(said().as_deref(), Some("failed"));
    }
}
