//! Cancellation of a run by a signal or by a monitor of the target.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::locks::LockUnpoisoned as _;

/// A token that cancels a run with a reason; clones share it.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    reason: Mutex<Option<String>>,
    changed: Notify,
}

impl CancelToken {
    /// Cancels the run. The first reason is kept.
    pub fn cancel(&self, why: &str) {
        self.0.reason.lock_unpoisoned().get_or_insert_with(|| why.to_owned());
        self.0.changed.notify_one();
    }

    /// Returns the reason if the run is cancelled.
    pub fn reason(&self) -> Option<String> {
        self.0.reason.lock_unpoisoned().clone()
    }

    /// Waits until the run is cancelled. Only one task may wait.
    pub(super) async fn cancelled(&self) {
        while self.reason().is_none() {
            self.0.changed.notified().await;
        }
    }
}
