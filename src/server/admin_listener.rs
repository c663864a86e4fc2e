//! The listener for the admin API alone.

use std::net::TcpListener;
use std::sync::Arc;

use http::StatusCode;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::admin::{self, AdminRequest};
use crate::listen::connection::{Connection, Limits};
use crate::listen::host::host_problem;
use crate::listen::{self, Accepted, Connections, protocol};
use crate::live::ServiceState;
use crate::panics::{Panics, Part};
use crate::shutdown::DrainGuard;
use crate::tasks::Tasks;
use crate::wire::{Clock, Wire};
use standin_stub::call::{Peers, Scheme};
use standin_stub::memory::{MemoryBudget, MemoryShare};

/// Maximum number of connections of a listener for the admin API alone.
pub(super) const ADMIN_CONNECTIONS: usize = 1024;

/// A listener for the admin API alone, served on the control thread.
pub(super) struct AdminListener {
    pub(super) live: Arc<ServiceState>,
    pub(super) limits: Limits,
    pub(super) memory: Arc<MemoryBudget>,
    pub(super) connections: Arc<Connections>,
    pub(super) control: mpsc::Sender<AdminRequest>,
    pub(super) panics: Arc<Panics>,
}

impl AdminListener {
    /// Serves the listener until shutdown begins. Starts again after a panic that no connection
    /// contained.
    pub(super) async fn keep_serving(self, socket: TcpListener, work: DrainGuard) {
        let Some(socket) = listen::watched(socket) else { return };
        self.panics.keep_polling(Part::Control, || self.serve(&socket, work.clone())).await;
    }

    async fn serve(&self, socket: &tokio::net::TcpListener, work: DrainGuard) {
        let (sender, mut accepted) = mpsc::unbounded_channel::<Accepted>();
        let connections = Arc::clone(&self.connections);
        let acceptor = listen::Acceptor { listener: 0, connections, workers: vec![sender] };
        let tasks = Tasks::new();
        let polling = tasks.clone().run(
            || {},
            |payload| {
                self.panics.record(Part::Connection, payload);
            },
        );
        let taking = async {
            while let Some(accepted) = accepted.recv().await {
                self.serve_connection(accepted, &work, &tasks);
            }
        };
        tokio::join!(polling, acceptor.accept(socket, work.clone()), taking);
    }

    /// Spawns a task that serves the connection.
    fn serve_connection(&self, accepted: Accepted, work: &DrainGuard, tasks: &Tasks) {
        let (live, control, work) = (Arc::clone(&self.live), self.control.clone(), work.clone());
        let (limits, memory, calls) = (self.limits, MemoryShare::new(&self.memory), tasks.clone());
        tasks.spawn(async move {
            let Accepted { stream, remote, guard, .. } = accepted;
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let Ok(local) = stream.local_addr() else { return };
            let peers = Peers { scheme: Scheme::Http, remote, local };
            let clock = Arc::new(Clock::new(Arc::new(|_, _| {}), None));
            let service = move |request, connection: Arc<Connection>| {
                let (live, control) = (Arc::clone(&live), control.clone());
                Box::pin(async move {
                    Ok(match host_problem(&request) {
                        Some(why) => admin::refused(StatusCode::BAD_REQUEST, why),
                        None => admin::forward_request(&control, request, &connection, live).await,
                    })
                })
            };
            let wire = Wire::new(stream, Arc::clone(&clock));
            let connection = Arc::new(Connection::new(peers, clock, false, memory, work.clone()));
            if let Some(timed_out) = protocol::serve(wire, connection, limits, service, work, calls).await {
                guard.timed_out(timed_out);
            }
        });
    }
}
