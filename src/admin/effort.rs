//! How long a question over the journal is worked on: an answer that is not complete says so.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AdminResponse, problem};
use standin_dialect::cpu_time::thread_cpu_time;

/// CPU time that a thread may still spend on a question. Waiting for a slow client costs nothing.
#[derive(Debug)]
pub(super) struct ScanBudget {
    end: Duration,
    progress: Rc<ScanProgress>,
}

/// How far a question came.
#[derive(Debug, Default)]
pub(super) struct ScanProgress {
    examined: Cell<usize>,
    of: Cell<usize>,
}

/// The `meta` of an answer, which is written last: what is known before, and how far the question
/// came.
#[derive(Debug)]
pub(super) struct ScanMeta {
    before: Option<Value>,
    progress: Rc<ScanProgress>,
}

impl ScanBudget {
    /// Begins to work on so many entries.
    pub(super) fn new(longest: Duration, of: usize) -> Self {
        let progress = Rc::new(ScanProgress { examined: Cell::new(0), of: Cell::new(of) });
        Self { end: thread_cpu_time() + longest, progress }
    }

    /// Counts an entry as examined, unless the time is used up.
    pub(super) fn goes_on(&self) -> bool {
        let goes_on = thread_cpu_time() < self.end;
        if goes_on {
            self.progress.examined.set(self.progress.examined.get() + 1);
        }
        goes_on
    }

    pub(super) fn progress(&self) -> Rc<ScanProgress> {
        Rc::clone(&self.progress)
    }
}

impl ScanProgress {
    pub(super) fn is_complete(&self) -> bool {
        self.examined.get() >= self.of.get()
    }
}

impl ScanMeta {
    pub(super) fn new(before: Option<Value>, progress: Rc<ScanProgress>) -> Self {
        Self { before, progress }
    }

    /// Returns whether there is nothing to say. It is asked when the rest of the answer is written.
    pub(super) fn is_none(&self) -> bool {
        self.before.is_none() && self.progress.is_complete()
    }

    /// Returns the members as they are now.
    pub(super) fn value(&self) -> Value {
        let mut members = match &self.before {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        if !self.progress.is_complete() {
            members.insert("examined".to_owned(), self.progress.examined.get().into());
            members.insert("of".to_owned(), self.progress.of.get().into());
        }
        Value::Object(members)
    }
}

impl Serialize for ScanMeta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

/// Refuses what must be done to all that match or to none.
pub(super) fn refusal(what: &str) -> AdminResponse {
    let title = format!("the {what} could not be looked through in {MATCHING:?} of CPU time; nothing was done");
    let cure = "ask with a rule that takes less time, such as an equality";
    problem(StatusCode::SERVICE_UNAVAILABLE, 50, &title, None, Some(cure))
}

/// CPU time of a question that asks whether calls match.
pub(super) const MATCHING: Duration = Duration::from_secs(5);

/// CPU time of a question that asks what came nearest.
pub(super) const NEAREST: Duration = Duration::from_secs(2);
