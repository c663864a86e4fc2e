//! Orderly shutdown: a signal to all tasks, and a wait for their end within a grace period.
//!
//! A [`Drain`] signals the shutdown and waits; each task holds a [`DrainGuard`] for as long as it
//! runs.

use std::time::Duration;

use tokio::sync::watch;

/// The shutdown signal of a server.
#[derive(Debug)]
pub struct Drain {
    stop: watch::Sender<bool>,
}

/// Registration of a task: it receives the shutdown signal, and delays the end until it is dropped.
#[derive(Clone, Debug)]
pub struct DrainGuard {
    stop: watch::Receiver<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { stop: watch::Sender::new(false) }
    }
}

impl Drain {
    /// Returns a guard for a task.
    pub fn work(&self) -> DrainGuard {
        DrainGuard { stop: self.stop.subscribe() }
    }

    /// Signals all guards to finish.
    pub fn begin(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until every [`DrainGuard`] is dropped, or `grace` is over. Returns true if all were
    /// dropped.
    pub async fn finished(&self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.stop.closed()).await.is_ok()
    }
}

impl DrainGuard {
    /// Resolves once the shutdown has begun.
    pub async fn ending(&mut self) {
        // an error means that the drain was dropped, which is a shutdown as well
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}
