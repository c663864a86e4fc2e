//! Ends a run from outside, before its time: somebody pressed Ctrl-C, or somebody else watches the target.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A way to end a run, and why it was; clones end the same.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    why: Mutex<Option<String>>,
    told: Notify,
}

impl Halt {
    /// Ends the run. The first reason counts.
    pub fn end(&self, why: &str) {
        self.0.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
        self.0.told.notify_one();
    }

    /// Why it was ended, if it was.
    pub fn why(&self) -> Option<String> {
        self.0.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it is. One waits at a time.
    pub(super) async fn told(&self) {
        while self.why().is_none() {
            self.0.told.notified().await;
        }
    }
}
