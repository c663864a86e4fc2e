//! [`WebhookTrigger`], which a worker holds while it answers a request whose stub has webhooks.

use std::sync::Arc;

use http::Response;
use tokio::sync::mpsc;

use super::{MAX_JOBS, WebhookCounts};
use crate::live::ServiceState;
use crate::live::journal::SubEvent;
use crate::send::Outgoing;
use crate::tasks::Tasks;
use standin_model::draws::Draws;
use standin_stub::Stub;
use standin_stub::call::Call;

/// A request that a stub with webhooks answered.
#[derive(Debug)]
pub struct WebhookJob {
    pub stub: Arc<Stub>,
    /// Copy of the request.
    pub call: Call,
    /// Number of requests that the stub answered before this one.
    pub ordinal: u64,
    /// Source of the random numbers.
    pub draws: Draws,
    pub live: Arc<ServiceState>,
    /// Ordinal of the journal entry, if there is one.
    pub entry: Option<u64>,
}

/// The queue to the thread that sends webhooks.
#[derive(Clone, Debug)]
pub struct WebhookSender {
    pub(super) jobs: mpsc::Sender<WebhookJob>,
    pub(super) counts: Arc<WebhookCounts>,
}

/// The guard of an answer: its webhooks are sent when it is dropped, after the last byte of the
/// response or when its client has gone.
#[derive(Debug)]
pub struct WebhookTrigger {
    job: Option<Box<WebhookJob>>,
    sender: WebhookSender,
    /// Tasks of the worker.
    tasks: Tasks,
}

impl WebhookJob {
    /// Adds an event to the journal entry of the request.
    pub(super) fn add_event(&self, event: SubEvent) {
        if let Some(entry) = self.entry {
            self.live.journal().add_sub_event(entry, event);
        }
    }
}

impl WebhookSender {
    /// Returns the numbers of webhooks.
    pub fn counts(&self) -> &Arc<WebhookCounts> {
        &self.counts
    }

    /// Creates the trigger of an answer.
    pub fn trigger(&self, job: WebhookJob, tasks: &Tasks) -> WebhookTrigger {
        WebhookTrigger { job: Some(Box::new(job)), sender: self.clone(), tasks: tasks.clone() }
    }

    fn send(&self, job: WebhookJob) {
        let job = match self.jobs.try_send(job) {
            Err(mpsc::error::TrySendError::Full(job)) => job,
            // the queue is closed when the server ends
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
        };
        WebhookCounts::add(&self.counts.dropped);
        let message = format!("the webhooks are dropped: those of {MAX_JOBS} calls wait already");
        job.add_event(SubEvent::error(&message));
    }
}

impl WebhookTrigger {
    /// Sets the journal entry of the request.
    #[must_use]
    pub fn of_entry(mut self, entry: Option<u64>) -> Self {
        if let Some(job) = &mut self.job {
            job.entry = entry;
        }
        self
    }

    /// Lets the webhooks wait for the end of a response.
    pub fn attach(self, response: Response<Outgoing>) -> Response<Outgoing> {
        response.map(|body| Outgoing::holding(body, self))
    }
}

impl Drop for WebhookTrigger {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let sender = self.sender.clone();
        // the task runs after the poll that writes the end of the response
        self.tasks.spawn(async move { sender.send(*job) });
    }
}
