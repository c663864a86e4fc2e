//! Limits for scans of the journal or the stubs; an incomplete response says so.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AdminResponse, problem};
use standin_dialect::cpu_time::thread_cpu_time;

/// The CPU time that a thread may spend on a scan. Waiting for a slow client does not count.
#[derive(Debug)]
pub(super) struct ScanBudget {
    end: Duration,
    progress: Rc<ScanProgress>,
}

/// The progress of a scan.
#[derive(Debug, Default)]
pub(super) struct ScanProgress {
    examined: Cell<usize>,
    total: Cell<usize>,
}

/// The `meta` of a response, which is written last: known members, and the progress of an
/// incomplete scan.
#[derive(Debug)]
pub(super) struct ScanMeta {
    members: Option<Value>,
    progress: Rc<ScanProgress>,
}

impl ScanBudget {
    /// Creates the budget for a scan of `total` items.
    pub(super) fn new(cpu_time: Duration, total: usize) -> Self {
        let progress = Rc::new(ScanProgress { examined: Cell::new(0), total: Cell::new(total) });
        Self { end: thread_cpu_time() + cpu_time, progress }
    }

    /// Counts an item as examined, and returns true; returns false when the time is used up.
    pub(super) fn admits_next(&self) -> bool {
        let is_left = thread_cpu_time() < self.end;
        if is_left {
            self.progress.examined.set(self.progress.examined.get() + 1);
        }
        is_left
    }

    pub(super) fn progress(&self) -> Rc<ScanProgress> {
        Rc::clone(&self.progress)
    }
}

impl ScanProgress {
    pub(super) fn is_complete(&self) -> bool {
        self.examined.get() >= self.total.get()
    }
}

impl ScanMeta {
    pub(super) fn new(members: Option<Value>, progress: Rc<ScanProgress>) -> Self {
        Self { members, progress }
    }

    /// Returns true if there are no members. It is called after the rest of the response was
    /// written.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_none() && self.progress.is_complete()
    }

    /// Returns the current members.
    pub(super) fn value(&self) -> Value {
        let mut members = match &self.members {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        if !self.progress.is_complete() {
            members.insert("examined".to_owned(), self.progress.examined.get().into());
            members.insert("of".to_owned(), self.progress.total.get().into());
        }
        Value::Object(members)
    }
}

impl Serialize for ScanMeta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

/// Returns the error of an incomplete scan whose result would change all matching items or none.
pub(super) fn incomplete_scan(what: &str) -> AdminResponse {
    let title = format!("the {what} could not be scanned in {MATCH_CPU_TIME:?} of CPU time; nothing was changed");
    let help = "ask with a rule that takes less time, such as an equality";
    problem(StatusCode::SERVICE_UNAVAILABLE, 50, &title, None, Some(help))
}

/// CPU time of a scan that matches a pattern.
pub(super) const MATCH_CPU_TIME: Duration = Duration::from_secs(5);

/// CPU time of a scan for near misses.
pub(super) const NEAR_MISS_CPU_TIME: Duration = Duration::from_secs(2);
