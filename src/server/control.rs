//! The control thread: the admin API, what is done beside the calls, and the end in order.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::upkeep;
use super::worker::Admin;
use crate::admin::{self, Control};
use crate::live::Live;
use crate::live::handover::Handover;
use crate::panics::{Panics, Part};
use crate::reload::Reload;
use crate::shutdown::Drain;

/// How long the admin API may take to finish once no worker is left.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the control thread needs to begin.
pub(super) struct ControlThread {
    pub(super) calls: mpsc::Receiver<Handover>,
    pub(super) context: Arc<Control>,
    /// The listener for admin calls alone, if there is one.
    pub(super) admin: Option<(Admin, TcpListener)>,
    pub(super) lives: Vec<Arc<Live>>,
    pub(super) panics: Arc<Panics>,
    pub(super) reload: Reload,
    pub(super) accepting: Drain,
    pub(super) serving: Arc<Drain>,
    pub(super) quit: watch::Sender<bool>,
    /// Told by the handle, with its grace period.
    pub(super) stopped: oneshot::Receiver<Duration>,
    /// Told by a client of the admin API.
    pub(super) ending: mpsc::Receiver<()>,
    /// The grace period of an end that the handle did not ask for.
    pub(super) grace: Duration,
}

impl ControlThread {
    /// Works until the server is to end, and ends it; returns whether all calls were finished.
    pub(super) async fn run(mut self) -> bool {
        let (panics, context, calls) = (Arc::clone(&self.panics), self.context, Mutex::new(self.calls));
        let serving_admin = tokio::spawn(async move {
            panics.keep_polling(Part::Control, || admin::serve(&calls, &context)).await;
        });
        let work = self.accepting.work();
        let apart = self.admin.map(|(admin, socket)| tokio::spawn(admin.keep_serving(socket, work)));
        upkeep::keep_times(&self.lives, &self.panics);
        let compacting = tokio::spawn(upkeep::keep_compact(self.lives, Arc::clone(&self.panics)));
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
        // the admin API goes last, so that it can tell of the end; the workers hold the ways to it
        if let Some(apart) = apart {
            apart.abort();
        }
        let _ = tokio::time::timeout(LAST_WORDS, serving_admin).await;
        drained
    }
}
