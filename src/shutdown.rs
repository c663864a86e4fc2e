//! Going down in order: tell everyone, wait until they are done, and no longer than the grace period.
//!
//! One [`Drain`] says when to stop and counts who is still at work; each task holds a [`Work`] for as long as it lives.

use std::time::Duration;

use tokio::sync::watch;

/// The end of a server, known to whoever may bring it about.
#[derive(Debug)]
pub struct Drain {
    stop: watch::Sender<bool>,
}

/// One task's share in a server: it hears of the end, and holds it up until dropped.
#[derive(Clone, Debug)]
pub struct Work {
    stop: watch::Receiver<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { stop: watch::Sender::new(false) }
    }
}

impl Drain {
    /// A share for a task.
    pub fn work(&self) -> Work {
        Work { stop: self.stop.subscribe() }
    }

    /// Tells everyone to finish.
    pub fn begin(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until every [`Work`] is dropped, for `grace` at most; returns whether all were done.
    pub async fn finished(&self, grace: Duration) -> bool {
        tokio::time::timeout(grace, self.stop.closed()).await.is_ok()
    }
}

impl Work {
    /// Resolves once the end has begun.
    pub async fn ending(&mut self) {
        // an error means that the drain itself is gone, which is an end as well
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}
