//! Webhooks: requests that a stub sends to other services once it has answered.
//!
//! A worker only notes that a stub with webhooks answered. A thread of its own renders and sends
//! them, so that no webhook delays a response. Each is sent once. Targets are checked as those of
//! proxied requests, but a webhook may call its own server, and a header ends circles.

mod delivery;
mod events;
mod thread;
mod trigger;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::HeaderName;
use tokio::sync::mpsc;

pub use self::thread::WebhookThread;
pub use self::trigger::{WebhookJob, WebhookSender, WebhookTrigger};
use crate::proxy::{ProxySettings, ServiceClients};

/// The settings of webhooks.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Maximum number of webhooks that are being sent at once.
    pub concurrency: usize,
    /// Targets, certificates and time limit, as for proxied requests.
    pub targets: ProxySettings,
}

/// The numbers of webhooks since the start.
#[derive(Debug, Default)]
pub struct WebhookCounts {
    /// Webhooks that a service has responded to.
    pub sent: AtomicU64,
    /// Webhooks without a response, or that could not be rendered.
    pub failed: AtomicU64,
    /// Webhooks to a target that the rules refuse, or in a circle.
    pub refused: AtomicU64,
    /// Webhooks that were dropped because too many waited.
    pub dropped: AtomicU64,
    /// Webhooks that wait now, for their delay or for those before them.
    pub waiting: AtomicU64,
}

/// Creates the thread that sends webhooks, and the queue to it. The error is a message about
/// certificates.
pub fn channel(settings: &WebhookSettings) -> Result<(WebhookSender, WebhookThread), String> {
    let (jobs, received) = mpsc::channel(MAX_JOBS);
    let counts = Arc::new(WebhookCounts::default());
    let clients = ServiceClients::of_webhooks(&settings.targets)?;
    let sender = WebhookSender { jobs, counts: Arc::clone(&counts) };
    Ok((sender, WebhookThread::new(received, clients, counts, settings)))
}

impl WebhookCounts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
    }
}

/// Header that counts the webhooks that led to a request.
const HOPS: HeaderName = HeaderName::from_static("standin-webhook-hops");

/// Maximum number of answered requests whose webhooks the thread has not rendered yet.
const MAX_JOBS: usize = 4096;

/// Maximum number of webhooks that wait.
const MAX_WAITING: u64 = 10_000;

/// Maximum bytes of the bodies of all webhooks that wait.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Maximum number of webhooks that may lead to each other.
const MAX_HOPS: u32 = 10;

/// Maximum bytes of a response that are read.
const MAX_RESPONSE_BYTES: usize = 64 << 10;
