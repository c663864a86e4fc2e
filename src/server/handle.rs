//! The handle of a running server.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Address;
use crate::audit::{Audit, AuditSnapshot};
use crate::live::ServiceState;
use crate::panics::Panics;
use crate::reload::{Reload, ReloadStatus};

/// A running server. Dropping it ends the server at once.
#[derive(Debug)]
pub struct Handle {
    pub(super) addresses: Vec<Address>,
    pub(super) audits: Vec<Arc<Audit>>,
    pub(super) lives: Vec<Arc<ServiceState>>,
    pub(super) reload: Reload,
    pub(super) panics: Arc<Panics>,
    pub(super) grace: Duration,
    pub(super) stop: Option<oneshot::Sender<Duration>>,
    pub(super) threads: Vec<JoinHandle<()>>,
    pub(super) drained: Option<JoinHandle<bool>>,
}

impl Handle {
    /// Returns the addresses that answer requests, in the order of the configuration.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Returns the stubs and journals, one for each set of stubs.
    pub(crate) fn lives(&self) -> &[Arc<ServiceState>] {
        &self.lives
    }

    /// Resets stubs, scenarios and random draws to the state of the files; `None` if the server has
    /// ended.
    pub(crate) fn reset(&self, live: &Arc<ServiceState>) -> Option<Arc<ReloadStatus>> {
        self.reload.reset_blocking(live)
    }

    /// Returns the lateness of responses, and the seconds in which this server was too slow for its
    /// times to be valid.
    pub(crate) fn audit(&self) -> AuditSnapshot {
        AuditSnapshot::of(&self.audits)
    }

    /// Returns the number of requests beyond the valid range of the active profile.
    pub(crate) fn calls_beyond(&self) -> u64 {
        self.lives.iter().flat_map(|live| live.pacing().services()).map(|service| service.beyond).sum()
    }

    /// Returns the reason if the server ended because one of its parts failed repeatedly.
    pub fn failure(&self) -> Option<String> {
        self.panics.fatal()
    }

    /// Returns true if the server has ended by itself: on request of the admin API, or because it
    /// failed.
    pub fn has_ended(&self) -> bool {
        self.drained.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops accepting, finishes the requests in flight within
    /// [`Config::grace`](crate::Config::grace), and ends the server. Blocks until then. Returns
    /// true if all requests were finished.
    pub fn shut_down(mut self) -> bool {
        let grace = self.grace;
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> bool {
        if let Some(stop) = self.stop.take() {
            // an error means that the control plane has ended already
            let _ = stop.send(grace);
        }
        let drained = self.drained.take().is_none_or(|control| control.join().unwrap_or(false));
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        drained
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}
