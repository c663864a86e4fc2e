//! A worker: one thread and one runtime that own their connections, their timer and their audit.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::answer::Answerer;
use crate::call::{Peers, Scheme};
use crate::config::Listener;
use crate::listen::connection::{self, Connection, Limits};
use crate::listen::{self, Accepted, Connections};
use crate::live::Live;
use crate::live::handover::{self, Handover};
use crate::live::misses::Misses;
use crate::memory::{Budget, Share};
use crate::offload::Offload;
use crate::pace::audit::Audit;
use crate::pace::draws::Draws;
use crate::pace::timer::{Precision, Timer};
use crate::record::{Desk, Forward};
use crate::shutdown::{Drain, Work};
use crate::tasks::Tasks;
use crate::wire::{Clock, Readiness, Transport, Witness};

/// How many of tokio's tasks run between two looks at the sockets. There is but one, which makes some polls at a time: one
/// turn more than that, so that a worker with nothing left to do sleeps at once instead of looking twice.
const EVENT_INTERVAL: u32 = 2;

/// Connections of a listener for admin calls alone.
const ADMIN_CONNECTIONS: usize = 1024;

/// What a worker needs to begin.
pub(super) struct Worker {
    /// Its place among the workers.
    pub(super) number: usize,
    pub(super) listeners: Arc<[(Listener, Arc<Live>)]>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    pub(super) audit: Arc<Audit>,
    pub(super) serving: Arc<Drain>,
    pub(super) seed: u64,
    pub(super) precision: Precision,
    pub(super) memory: Arc<Budget>,
    pub(super) offload: Arc<Offload>,
    pub(super) misses: Misses,
    pub(super) control: mpsc::Sender<Handover>,
    pub(super) forward: Option<Forward>,
}

impl Worker {
    /// Serves the connections that are dealt to it, until told to quit.
    pub(super) fn run(self, mut accepted: mpsc::UnboundedReceiver<Accepted>, mut quit: watch::Receiver<bool>) {
        let timer = Arc::new(Timer::new(self.precision));
        let (parking, firing) = (Arc::clone(&timer), Arc::clone(&timer));
        let tasks = Tasks::new();
        let mut builder = Builder::new_current_thread();
        builder.event_interval(EVENT_INTERVAL).on_thread_park(move || parking.fire_due());
        super::run(builder, async move {
            tokio::spawn(tasks.clone().run(move || firing.fire_due()));
            tasks.spawn(Arc::clone(&timer).run());
            tasks.spawn(Arc::clone(&self.audit).run(Arc::clone(&timer)));
            let answerers: Vec<_> =
                self.listeners.iter().map(|(_, live)| self.answerer(live, &timer, &tasks)).collect();
            let audit = Arc::clone(&self.audit);
            let witness: Arc<Witness> = Arc::new(move |lateness, intended| audit.record(lateness, intended));
            let ready_since = tasks.readiness();
            let readiness: Arc<Readiness> = Arc::new(move || ready_since.take());
            loop {
                tokio::select! {
                    Some(accepted) = accepted.recv() => {
                        let answerer = Arc::clone(&answerers[accepted.listener]);
                        let clock = Clock::new(Arc::clone(&witness), Some(Arc::clone(&readiness)));
                        self.take(accepted, answerer, Arc::new(clock), tasks.clone());
                    }
                    _ = quit.changed() => return,
                }
            }
        });
    }

    fn answerer(&self, live: &Arc<Live>, timer: &Arc<Timer>, tasks: &Tasks) -> Arc<Answerer> {
        Arc::new(Answerer {
            desk: Desk { worker: self.number, tasks: tasks.clone(), timer: Arc::clone(timer) },
            live: Arc::clone(live),
            audit: Arc::clone(&self.audit),
            draws: Draws::new(self.seed),
            limits: self.limits,
            offload: Arc::clone(&self.offload),
            misses: self.misses.clone(),
            control: self.control.clone(),
            forward: self.forward.clone(),
        })
    }

    /// Begins to serve a connection.
    fn take(&self, accepted: Accepted, answerer: Arc<Answerer>, clock: Arc<Clock>, tasks: Tasks) {
        let tls = self.listeners[accepted.listener].0.tls.then(|| self.tls.clone()).flatten();
        let (limits, work) = (self.limits, self.serving.work());
        let memory = Share::new(&self.memory);
        let spawner = tasks.clone();
        spawner.spawn(async move {
            let Accepted { stream, remote, held, .. } = accepted;
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let Ok(local) = stream.local_addr() else { return };
            let peers = Peers { scheme: if tls.is_some() { Scheme::Https } else { Scheme::Http }, remote, local };
            match tls {
                None => {
                    let mut ending = work.clone();
                    let http2 = tokio::select! {
                        http2 = connection::speaks_http2(&stream, limits.idle) => http2,
                        () = ending.ending() => return,
                    };
                    serve(stream, Connection::new(peers, clock, http2, memory), limits, answerer, work, tasks).await;
                }
                Some(tls) => {
                    // a handshake that does not come to an end is closed, as TLS has no words for it
                    let Ok(Ok(stream)) = tokio::time::timeout(limits.read, tls.accept(stream)).await else { return };
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    serve(stream, Connection::new(peers, clock, http2, memory), limits, answerer, work, tasks).await;
                }
            }
            drop(held);
        });
    }
}

async fn serve<S: Transport>(
    stream: S,
    connection: Connection,
    limits: Limits,
    answerer: Arc<Answerer>,
    work: Work,
    tasks: Tasks,
) {
    let service = move |request, connection| Arc::clone(&answerer).answer(request, connection);
    connection::serve(stream, Arc::new(connection), limits, service, work, tasks).await;
}

/// Serves a listener for admin calls alone, on the control plane's own thread.
pub(super) async fn serve_admin(
    socket: TcpListener,
    live: Arc<Live>,
    limits: Limits,
    memory: Arc<Budget>,
    control: mpsc::Sender<Handover>,
    work: Work,
) {
    let (sender, mut accepted) = mpsc::unbounded_channel::<Accepted>();
    let connections = Arc::new(Connections::new(1, ADMIN_CONNECTIONS));
    let tasks = Tasks::new();
    tokio::spawn(tasks.clone().run(|| {}));
    tokio::spawn(listen::accept(socket, 0, connections, vec![sender], work.clone()));
    while let Some(Accepted { stream, remote, held, .. }) = accepted.recv().await {
        let (live, control, work, calls) = (Arc::clone(&live), control.clone(), work.clone(), tasks.clone());
        let memory = Share::new(&memory);
        tasks.spawn(async move {
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let Ok(local) = stream.local_addr() else { return };
            let peers = Peers { scheme: Scheme::Http, remote, local };
            let clock = Arc::new(Clock::new(Arc::new(|_, _| {}), None));
            let service = move |request, connection: Arc<Connection>| {
                let (live, control) = (Arc::clone(&live), control.clone());
                async move { Ok(handover::hand_over(&control, request, &connection, live).await) }
            };
            let connection = Arc::new(Connection::new(peers, clock, false, memory));
            connection::serve(stream, connection, limits, service, work, calls).await;
            drop(held);
        });
    }
}
