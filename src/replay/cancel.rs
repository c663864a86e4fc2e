//! Ends a run from outside, before its time: somebody pressed Ctrl-C, or somebody else watches the target.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A way to end a run, and why it was; clones end the same.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    reason: Mutex<Option<String>>,
    changed: Notify,
}

impl CancelToken {
    /// Ends the run. The first reason counts.
    pub fn cancel(&self, why: &str) {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
        self.0.changed.notify_one();
    }

    /// Why it was ended, if it was.
    pub fn reason(&self) -> Option<String> {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it is. One waits at a time.
    pub(super) async fn cancelled(&self) {
        while self.reason().is_none() {
            self.0.changed.notified().await;
        }
    }
}
