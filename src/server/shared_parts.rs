//! Parts of a server that several of its threads share.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::accept::AcceptThread;
use super::admin_listener::ADMIN_CONNECTIONS;
use super::start_error::StartError;
use super::threads::{run, spawn};
use crate::admin::{ControlPlane, EventStreams, Recording, ServerStats};
use crate::audit::Audit;
use crate::config::Config;
use crate::listen::{Accepted, Connections};
use crate::live::ServiceState;
use crate::panics::Panics;
use crate::record::Recorder;
use crate::reload::Reload;
use crate::request_log::RequestLog;
use crate::shutdown::{Drain, DrainGuard};
use crate::spans::SpanRecorder;
use crate::webhooks::WebhookCounts;
use standin_stub::memory::MemoryBudget;

/// Parts of a server that several of its threads share.
pub(super) struct SharedParts {
    pub(super) panics: Arc<Panics>,
    pub(super) connections: Arc<Connections>,
    pub(super) admin_connections: Arc<Connections>,
    pub(super) request_log: Option<RequestLog>,
    pub(super) spans: Option<SpanRecorder>,
    pub(super) memory: Arc<MemoryBudget>,
    pub(super) serving: Arc<Drain>,
    /// One for each worker.
    pub(super) audits: Vec<Arc<Audit>>,
}

impl SharedParts {
    /// Creates the parts. `recorder` is the recorder that requests go through, if there is one.
    pub(super) fn new(config: &Config, recorder: Option<&Recorder>) -> Result<Self, StartError> {
        let request_log = config.logs_requests.then(RequestLog::start).transpose().map_err(StartError::Thread)?;
        Ok(Self {
            // the thread that writes the tape runs already, and counts its panics there
            panics: recorder.map_or_else(Arc::default, Recorder::panics),
            connections: Arc::new(Connections::new(config.workers, config.max_connections)),
            admin_connections: Arc::new(Connections::new(1, ADMIN_CONNECTIONS)),
            request_log,
            spans: None,
            memory: MemoryBudget::new(config.max_memory),
            serving: Arc::new(Drain::default()),
            audits: (0..config.workers).map(|_| Arc::new(Audit::default())).collect(),
        })
    }

    /// Starts the thread that accepts connections and deals them to the workers.
    pub(super) fn spawn_acceptor(
        &self,
        sockets: Vec<TcpListener>,
        workers: Vec<mpsc::UnboundedSender<Accepted>>,
        work: DrainGuard,
    ) -> Result<JoinHandle<()>, StartError> {
        let (connections, panics) = (Arc::clone(&self.connections), Arc::clone(&self.panics));
        let accept = AcceptThread { sockets, connections, workers, panics, work };
        spawn("standin-accept".to_owned(), || run(Builder::new_current_thread(), accept.run()))
    }

    /// Returns the context of the admin API.
    pub(super) fn control_context(
        &self,
        config: &Config,
        recorder: Option<Arc<Recorder>>,
        reload: &Reload,
        lives: &[Arc<ServiceState>],
        (end, webhooks): (mpsc::Sender<()>, Arc<WebhookCounts>),
        ending: DrainGuard,
    ) -> ControlPlane {
        ControlPlane {
            reload: reload.clone(),
            access: config.access.clone(),
            services: lives.to_vec(),
            recordings: lives.iter().map(|_| Recording::default()).collect(),
            stats: ServerStats {
                audits: self.audits.clone(),
                connections: Arc::clone(&self.connections),
                admin_connections: Arc::clone(&self.admin_connections),
                request_log: self.request_log.clone(),
                spans: self.spans.as_ref().map(|spans| Arc::clone(spans.counts())),
                memory: Arc::clone(&self.memory),
                webhooks,
            },
            recorder,
            event_streams: EventStreams::default(),
            ending,
            panics: Arc::clone(&self.panics),
            started: Instant::now(),
            allows_disk_delete: config.allows_disk_delete,
            max_body_bytes: config.max_admin_body,
            read_timeout: config.limits.read,
            shutdown: end,
        }
    }
}
