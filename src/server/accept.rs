//! The thread that accepts connections. Each listener starts again after a panic.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::listen::{self, Accepted, Acceptor, Connections};
use crate::panics::{Panics, Part};
use crate::shutdown::DrainGuard;

/// Parts of the thread that accepts connections.
pub(super) struct AcceptThread {
    pub(super) sockets: Vec<TcpListener>,
    pub(super) connections: Arc<Connections>,
    pub(super) workers: Vec<mpsc::UnboundedSender<Accepted>>,
    pub(super) panics: Arc<Panics>,
    pub(super) work: DrainGuard,
}

impl AcceptThread {
    /// Accepts connections until shutdown begins.
    pub(super) async fn run(self) {
        let Self { sockets, connections, workers, panics, work } = self;
        let mut accepts = JoinSet::new();
        for (listener, socket) in sockets.into_iter().enumerate() {
            let acceptor = Acceptor { listener, connections: Arc::clone(&connections), workers: workers.clone() };
            let (work, panics) = (work.clone(), Arc::clone(&panics));
            accepts.spawn(async move {
                let Some(socket) = listen::watched(socket) else { return };
                panics.keep_polling(Part::Accept, || acceptor.accept(&socket, work.clone())).await;
            });
        }
        drop((workers, work));
        accepts.join_all().await;
    }
}
