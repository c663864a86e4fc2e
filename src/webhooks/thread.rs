//! The thread that renders webhooks, waits for their delays and sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, watch};

use super::delivery::{Delivered, Delivery, DeliveryError};
use super::trigger::WebhookJob;
use super::{HOPS, MAX_HOPS, MAX_WAITING, MAX_WAITING_BYTES, WebhookCounts, WebhookSettings, events};
use crate::live::journal::SubEvent;
use crate::panics::{self, Panics, Part};
use crate::proxy::ServiceClients;
use crate::tasks::Tasks;
use crate::timer::{Precision, Timer};
use crate::worker_context::WorkerContext;
use standin_stub::render::{Webhook, WebhookRequest};

/// The thread that sends webhooks.
#[derive(Debug)]
pub struct WebhookThread {
    jobs: mpsc::Receiver<WebhookJob>,
    sending: Arc<Sending>,
}

/// State that all webhooks share.
#[derive(Debug)]
struct Sending {
    clients: ServiceClients,
    counts: Arc<WebhookCounts>,
    /// Bytes of the bodies that wait.
    waiting_bytes: AtomicUsize,
    /// Permits for webhooks that are being sent.
    permits: Semaphore,
    timeout: Duration,
}

/// A webhook that waits; dropping it gives its place to another.
struct Waiting {
    sending: Arc<Sending>,
    bytes: usize,
}

impl WebhookThread {
    pub(super) fn new(
        jobs: mpsc::Receiver<WebhookJob>,
        clients: ServiceClients,
        counts: Arc<WebhookCounts>,
        settings: &WebhookSettings,
    ) -> Self {
        let sending = Sending {
            clients,
            counts,
            waiting_bytes: AtomicUsize::new(0),
            permits: Semaphore::new(settings.concurrency.max(1)),
            timeout: settings.targets.timeout,
        };
        Self { jobs, sending: Arc::new(sending) }
    }

    /// Sends the webhooks of the jobs that arrive, until `quit`. Those that wait then are dropped.
    pub fn keep_running(mut self, panics: &Arc<Panics>, mut quit: watch::Receiver<bool>) {
        panics.keep_running(Part::Webhooks, || self.run(panics, &mut quit));
    }

    fn run(&mut self, panics: &Arc<Panics>, quit: &mut watch::Receiver<bool>) {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime needs no more than file descriptors");
        runtime.block_on(async {
            let tasks = Tasks::new();
            let panicked = Arc::clone(panics);
            let polling = tasks.clone().run(|| {}, move |payload| drop(panicked.record(Part::Webhooks, payload)));
            tokio::spawn(polling);
            let context = WorkerContext { worker: 0, tasks, timer: Arc::new(Timer::new(Precision::Normal)) };
            loop {
                let job = tokio::select! {
                    job = self.jobs.recv() => job,
                    _ = quit.wait_for(|quit| *quit) => None,
                };
                let Some(job) = job.map(Arc::new) else { return };
                for (index, webhook) in job.stub.webhooks.iter().flat_map(|webhooks| webhooks.iter()).enumerate() {
                    panics::planted("webhooks");
                    let begun =
                        panics.catch(Part::Webhooks, || self.sending.begin(&job, index as u64, webhook.as_ref()));
                    if let Ok(Some((rendered, delivery, waiting))) = begun {
                        let (job, sending, context) = (Arc::clone(&job), Arc::clone(&self.sending), context.clone());
                        context.tasks.clone().spawn(async move {
                            sending.deliver(&job, &rendered, delivery, waiting, &context).await;
                        });
                    }
                }
            }
        });
        // name look-ups that hang must not hold up the end
        runtime.shutdown_background();
    }
}

impl Sending {
    /// Renders a webhook, and gives it a place among those that wait. Reports why it is not sent.
    fn begin(
        self: &Arc<Self>,
        job: &WebhookJob,
        index: u64,
        webhook: Result<&Webhook, &String>,
    ) -> Option<(WebhookRequest, Delivery, Waiting)> {
        let hops = job.call.headers.get(HOPS).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0_u32);
        // the numbers of each webhook are independent of those of the answer
        let stream = job.stub.id.as_u64_pair().0 ^ (index + 1);
        let made = webhook.map_err(String::clone).and_then(|webhook| {
            let rendered = webhook.render(&job.call, &mut job.draws.at(stream, job.ordinal))?;
            Delivery::new(&rendered, hops + 1).map(|delivery| (rendered, delivery))
        });
        let (rendered, delivery) = match made {
            Ok(made) => made,
            Err(message) => {
                WebhookCounts::add(&self.counts.failed);
                report(job, &format!("Exception thrown while configuring webhook: {message}"));
                return None;
            }
        };
        if hops >= MAX_HOPS {
            WebhookCounts::add(&self.counts.refused);
            let why = format!("{hops} webhooks have led to this one, and {MAX_HOPS} is the most");
            report(job, &format!("The webhook {} is not sent: {why}; they seem to go in a circle", rendered.url));
            return None;
        }
        job.add_event(events::request(job.call.arrival.elapsed(), &rendered));
        let waiting = Waiting { sending: Arc::clone(self), bytes: rendered.body.len() };
        let count = self.counts.waiting.fetch_add(1, Relaxed);
        let bytes = self.waiting_bytes.fetch_add(waiting.bytes, Relaxed);
        if count >= MAX_WAITING || bytes + waiting.bytes > MAX_WAITING_BYTES {
            WebhookCounts::add(&self.counts.dropped);
            let limit = format!("{MAX_WAITING} webhooks or {MAX_WAITING_BYTES} bytes");
            report(job, &format!("The webhook {} is dropped: {limit} wait already", rendered.url));
            return None;
        }
        Some((rendered, delivery, waiting))
    }

    /// Waits for the delay of a webhook and for those before it, and sends it.
    async fn deliver(
        &self,
        job: &WebhookJob,
        rendered: &WebhookRequest,
        delivery: Delivery,
        waiting: Waiting,
        context: &WorkerContext,
    ) {
        if !rendered.delay.is_zero() {
            tokio::time::sleep(rendered.delay).await;
        }
        let Ok(_permit) = self.permits.acquire().await else { return };
        drop(waiting);
        let (method, url) = (&rendered.method, &rendered.url);
        match delivery.send(&self.clients, self.timeout, context).await {
            Ok(Delivered { head, body }) => {
                WebhookCounts::add(&self.counts.sent);
                tracing::info!(%method, %url, status = head.status.as_u16(), "webhook sent");
                job.add_event(events::response(job.call.arrival.elapsed(), head.status, &head.headers, &body));
            }
            Err(DeliveryError::Refused(why)) => {
                WebhookCounts::add(&self.counts.refused);
                let stub = job.stub.name.clone().unwrap_or_else(|| job.stub.id.to_string());
                let denied = "is denied in WireMock's configuration.";
                report(job, &format!("The target webhook address {url} specified by stub {stub} {denied} ({why})"));
            }
            Err(DeliveryError::Failed(why)) => {
                WebhookCounts::add(&self.counts.failed);
                report(job, &format!("Failed to fire webhook {method} {url}: {why}"));
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.sending.counts.waiting.fetch_sub(1, Relaxed);
        self.sending.waiting_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// Reports a webhook that is not sent, in the log and in the journal entry of its request.
fn report(job: &WebhookJob, message: &str) {
    tracing::warn!(stub = %job.stub.id, "{message}");
    job.add_event(SubEvent::error(message));
}
