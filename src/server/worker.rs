//! A worker: a thread with a runtime, its connections, its timer and its audit.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::admin::AdminRequest;
use crate::answer::misses::MissSender;
use crate::answer::{self, Answerer};
use crate::audit::Audit;
use crate::config::Listener;
use crate::listen::Accepted;
use crate::listen::connection::{Connection, Limits, TimedOut, time_out};
use crate::listen::protocol;
use crate::live::ServiceState;
use crate::offload::Offload;
use crate::panics::{self, Panics, Part};
use crate::proxy::ProxyClient;
use crate::record::ForwardRule;
use crate::request_log::RequestLog;
use crate::shutdown::{Drain, DrainGuard};
use crate::spans::SpanRecorder;
use crate::tasks::Tasks;
use crate::timer::{Precision, Timer};
use crate::webhooks::WebhookSender;
use crate::wire::{Clock, OnLateness, ReadySince, Transport, Wire};
use crate::worker_context::WorkerContext;
use standin_model::draws::Draws;
use standin_stub::call::{Peers, Scheme};
use standin_stub::memory::{MemoryBudget, MemoryShare};

/// Number of tokio tasks that run between two polls of the sockets. There is only one task, which
/// polls others itself; one more than that lets an idle worker sleep at once instead of polling
/// twice.
const EVENT_INTERVAL: u32 = 2;

/// Parts of a worker thread.
pub(super) struct Worker {
    /// Index among the workers, from 0.
    pub(super) number: usize,
    pub(super) listeners: Arc<[Served]>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    pub(super) audit: Arc<Audit>,
    pub(super) panics: Arc<Panics>,
    pub(super) serving: Arc<Drain>,
    pub(super) seed: u64,
    pub(super) precision: Precision,
    pub(super) memory: Arc<MemoryBudget>,
    pub(super) offload: Arc<Offload>,
    pub(super) misses: MissSender,
    pub(super) control: mpsc::Sender<AdminRequest>,
    pub(super) forward: Option<ForwardRule>,
    pub(super) webhooks: WebhookSender,
    pub(super) request_log: Option<RequestLog>,
    pub(super) spans: Option<SpanRecorder>,
    pub(super) has_stub_cors: bool,
}

/// A listener with what answers its requests.
pub(super) struct Served {
    pub(super) listener: Listener,
    pub(super) live: Arc<ServiceState>,
    pub(super) proxy: Arc<ProxyClient>,
}

impl Worker {
    /// Serves the connections that arrive on `accepted`, until `quit`. After a panic that no
    /// connection contained, the open connections are lost, and the worker serves new ones.
    pub(super) fn keep_running(
        &self,
        mut accepted: mpsc::UnboundedReceiver<Accepted>,
        mut quit: watch::Receiver<bool>,
    ) {
        self.panics.keep_running(Part::Worker, || self.run(&mut accepted, &mut quit));
    }

    fn run(&self, accepted: &mut mpsc::UnboundedReceiver<Accepted>, quit: &mut watch::Receiver<bool>) {
        let timer = Arc::new(Timer::new(self.precision));
        let (parking, firing) = (Arc::clone(&timer), Arc::clone(&timer));
        let tasks = Tasks::new();
        let mut builder = Builder::new_current_thread();
        builder.event_interval(EVENT_INTERVAL).on_thread_park(move || parking.fire_due());
        super::run(builder, async move {
            let panics = Arc::clone(&self.panics);
            let panicked = move |payload: &(dyn Any + Send)| {
                panics.record(Part::Connection, payload);
            };
            let polling = tasks.clone().run(move || firing.fire_due(), panicked);
            let mut polling = tokio::spawn(polling);
            tasks.spawn(Arc::clone(&timer).run());
            tasks.spawn(Arc::clone(&self.audit).run(Arc::clone(&timer)));
            let answerers: Vec<_> = self.listeners.iter().map(|served| self.answerer(served, &timer, &tasks)).collect();
            let audit = Arc::clone(&self.audit);
            let on_lateness: Arc<OnLateness> = Arc::new(move |lateness, intended| audit.record(lateness, intended));
            let readiness = tasks.readiness();
            let ready_since: Arc<ReadySince> = Arc::new(move || readiness.take());
            loop {
                tokio::select! {
                    Some(accepted) = accepted.recv() => {
                        let answerer = Arc::clone(&answerers[accepted.listener]);
                        let clock = Clock::new(Arc::clone(&on_lateness), Some(Arc::clone(&ready_since)));
                        panics::planted("worker");
                        self.serve_connection(accepted, answerer, Arc::new(clock), tasks.clone());
                    }
                    ended = &mut polling => {
                        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                            resume_unwind(panic);
                        }
                        return;
                    }
                    _ = quit.wait_for(|quit| *quit) => return,
                }
            }
        });
    }

    fn answerer(&self, served: &Served, timer: &Arc<Timer>, tasks: &Tasks) -> Arc<Answerer> {
        Arc::new(Answerer {
            context: WorkerContext { worker: self.number, tasks: tasks.clone(), timer: Arc::clone(timer) },
            live: Arc::clone(&served.live),
            audit: Arc::clone(&self.audit),
            panics: Arc::clone(&self.panics),
            draws: Draws::new(self.seed),
            limits: self.limits,
            offload: Arc::clone(&self.offload),
            misses: self.misses.clone(),
            control: self.control.clone(),
            forward: self.forward.clone(),
            proxy: Arc::clone(&served.proxy),
            webhooks: self.webhooks.clone(),
            request_log: self.request_log.clone(),
            spans: self.spans.clone(),
            has_stub_cors: self.has_stub_cors,
        })
    }

    /// Spawns a task that serves the connection.
    fn serve_connection(&self, accepted: Accepted, answerer: Arc<Answerer>, clock: Arc<Clock>, tasks: Tasks) {
        let tls = self.listeners[accepted.listener].listener.tls.then(|| self.tls.clone()).flatten();
        let (limits, work) = (self.limits, self.serving.work());
        let memory = MemoryShare::new(&self.memory);
        let spawner = tasks.clone();
        spawner.spawn(async move {
            let Accepted { stream, remote, guard, .. } = accepted;
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let Ok(local) = stream.local_addr() else { return };
            let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
            let peers = Peers { scheme, remote, local };
            let opened = NewConnection { peers, clock, limits, memory, answerer, work, tasks };
            let timed_out = match tls {
                None => opened.serve_plain(stream).await,
                Some(tls) => opened.serve_tls(stream, &tls).await,
            };
            if let Some(timed_out) = timed_out {
                guard.timed_out(timed_out);
            }
        });
    }
}

/// A connection whose protocol is not yet known.
struct NewConnection {
    peers: Peers,
    clock: Arc<Clock>,
    limits: Limits,
    memory: Arc<MemoryShare>,
    answerer: Arc<Answerer>,
    work: DrainGuard,
    tasks: Tasks,
}

impl NewConnection {
    async fn serve_plain(mut self, stream: TcpStream) -> Option<TimedOut> {
        let mut wire = Wire::new(stream, Arc::clone(&self.clock));
        let http2 = tokio::select! {
            http2 = protocol::speaks_http2(&mut wire, self.limits) => http2,
            () = self.work.ending() => return None,
        };
        match http2 {
            Ok(http2) => self.serve(wire, http2).await,
            Err(timed_out) => {
                if timed_out == TimedOut::Head {
                    time_out(wire).await;
                }
                Some(timed_out)
            }
        }
    }

    async fn serve_tls(self, stream: TcpStream, tls: &TlsAcceptor) -> Option<TimedOut> {
        match tokio::time::timeout(self.limits.read, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let wire = Wire::new(stream, Arc::clone(&self.clock));
                Box::pin(self.serve(wire, http2)).await
            }
            Ok(Err(_)) => None,
            // TLS has no message for a handshake that takes too long
            Err(_) => Some(TimedOut::Head),
        }
    }

    async fn serve<S: Transport>(self, wire: Wire<S>, http2: bool) -> Option<TimedOut> {
        let Self { peers, clock, limits, memory, answerer, work, tasks } = self;
        let service = move |request, connection| answer::contained(Arc::clone(&answerer), request, connection);
        let connection = Arc::new(Connection::new(peers, clock, http2, memory, work.clone()));
        protocol::serve(wire, connection, limits, service, work, tasks).await
    }
}
