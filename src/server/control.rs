//! The control thread: admin API, maintenance and orderly shutdown.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::admin_listener::AdminListener;
use super::maintenance;
use crate::admin::{self, AdminRequest, ControlPlane};
use crate::live::ServiceState;
use crate::panics::{Panics, Part};
use crate::reload::Reload;
use crate::shutdown::Drain;

/// Time that the admin API has to finish once no worker is left.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

/// Parts of the control thread.
pub(super) struct ControlThread {
    pub(super) calls: mpsc::Receiver<AdminRequest>,
    pub(super) context: Arc<ControlPlane>,
    /// Listener for the admin API alone, if there is one.
    pub(super) admin: Option<(AdminListener, TcpListener)>,
    pub(super) lives: Vec<Arc<ServiceState>>,
    pub(super) panics: Arc<Panics>,
    pub(super) reload: Reload,
    pub(super) accepting: Drain,
    pub(super) serving: Arc<Drain>,
    pub(super) quit: watch::Sender<bool>,
    /// Shutdown by the handle, with its grace period.
    pub(super) stopped: oneshot::Receiver<Duration>,
    /// Shutdown requested by a client of the admin API.
    pub(super) ending: mpsc::Receiver<()>,
    /// Grace period of a shutdown that the handle did not start.
    pub(super) grace: Duration,
}

impl ControlThread {
    /// Runs until shutdown, and ends the server. Returns true if all requests were finished.
    pub(super) async fn run(mut self) -> bool {
        let (panics, context, calls) = (Arc::clone(&self.panics), self.context, Mutex::new(self.calls));
        let serving_admin = tokio::spawn(async move {
            panics.keep_polling(Part::Control, || admin::serve(&calls, &context)).await;
        });
        let work = self.accepting.work();
        let apart = self.admin.map(|(admin, socket)| tokio::spawn(admin.keep_serving(socket, work)));
        maintenance::spawn_timelines(&self.lives, &self.panics);
        let compacting = tokio::spawn(maintenance::keep_maintaining(self.lives, Arc::clone(&self.panics)));
        let grace = tokio::select! {
            grace = self.stopped => grace.unwrap_or_default(),
            Some(()) = self.ending.recv() => self.grace,
            () = self.panics.gave_up() => self.grace,
        };
        self.accepting.begin();
        self.serving.begin();
        let drained = self.serving.finished(grace).await;
        self.quit.send_replace(true);
        compacting.abort();
        self.reload.stop();
        // the admin API ends last, so that it can report the shutdown; the workers hold its senders
        if let Some(apart) = apart {
            apart.abort();
        }
        let _ = tokio::time::timeout(ADMIN_GRACE, serving_admin).await;
        drained
    }
}
