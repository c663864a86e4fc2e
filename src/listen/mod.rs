//! Listeners: sockets whose connections are spread evenly over the workers.
//!
//! One acceptor gives each connection to the worker that has the fewest, because the kernel's
//! hashing (SO_REUSEPORT) left one worker with far more than its share. Errors do not end
//! accepting: errors of a single connection are skipped, others are logged and retried after a
//! pause.

pub mod body;
pub mod connection;
mod frames;
pub mod host;
mod http1;
mod http2;
pub mod keep_alive;
pub mod protocol;
pub mod tls;

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::connection::TimedOut;
use crate::panics;
use crate::shutdown::DrainGuard;

/// Length of the kernel's queue of connections that are not accepted yet.
const BACKLOG: i32 = 4096;

/// TCP keep-alive of client connections: a peer that has vanished is noticed within 120 s.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);

/// Pause of accepting after an error of the server, such as no file descriptors left.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The response to a connection beyond the limit.
const TOO_MANY_CONNECTIONS: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain;charset=UTF-8\r\nconnection: close\r\n\
content-length: 71\r\n\r\nstandin has reached --max-connections; raise it or close connections\r\n\r\n";

/// Binds a listening socket; `address` may have port 0.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // connections inherit it: a peer that vanished is noticed even where no other time-out applies
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// An accepted connection, to be served by a worker.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, not yet registered with a runtime.
    pub stream: StdStream,
    /// Address of the client's socket.
    pub remote: SocketAddr,
    /// The index of its listener.
    pub listener: usize,
    /// The guard that counts the connection while it is open.
    pub guard: ConnectionGuard,
}

/// Counts of connections: open by worker, accepted, refused, timed out.
#[derive(Debug)]
pub struct Connections {
    by_worker: Vec<AtomicUsize>,
    limit: usize,
    accepted: AtomicU64,
    refused: AtomicU64,
    idle: AtomicU64,
    unfinished: AtomicU64,
}

/// A guard that counts a connection as open until it is dropped.
#[derive(Debug)]
pub struct ConnectionGuard {
    connections: Arc<Connections>,
    worker: usize,
}

impl Connections {
    /// Creates counts without connections; at most `limit` may be open over all workers.
    pub fn new(workers: usize, limit: usize) -> Self {
        Self {
            by_worker: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            limit,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            unfinished: AtomicU64::new(0),
        }
    }

    /// Returns the number of open connections of each worker.
    pub fn open(&self) -> Vec<usize> {
        self.by_worker.iter().map(|count| count.load(Relaxed)).collect()
    }

    /// Returns the number of connections accepted since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Returns the number of connections refused because the limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Returns the number of connections ended by a time-out.
    pub fn timed_out(&self, why: TimedOut) -> u64 {
        match why {
            TimedOut::Idle => self.idle.load(Relaxed),
            TimedOut::Head => self.unfinished.load(Relaxed),
        }
    }

    /// Counts a connection at the worker that has the fewest; `None` if the limit is reached.
    fn hold(self: &Arc<Self>) -> Option<ConnectionGuard> {
        let open = self.open();
        if open.iter().sum::<usize>() >= self.limit {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        // ties rotate, so that short connections do not all go to the first worker
        let turn = self.accepted.fetch_add(1, Relaxed) as usize;
        let worker = (0..open.len()).map(|step| (turn + step) % open.len()).min_by_key(|worker| open[*worker])?;
        self.by_worker[worker].fetch_add(1, Relaxed);
        Some(ConnectionGuard { connections: Arc::clone(self), worker })
    }
}

impl ConnectionGuard {
    /// Counts the time-out that ended the connection.
    pub fn timed_out(&self, why: TimedOut) {
        let count = match why {
            TimedOut::Idle => &self.connections.idle,
            TimedOut::Head => &self.connections.unfinished,
        };
        count.fetch_add(1, Relaxed);
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.connections.by_worker[self.worker].fetch_sub(1, Relaxed);
    }
}

/// Registers a listening socket with the runtime of this thread. A failure is logged and returns
/// `None`.
pub fn watched(socket: StdListener) -> Option<TcpListener> {
    TcpListener::from_std(socket).inspect_err(|error| tracing::error!(%error, "cannot watch a listening socket")).ok()
}

/// The acceptor of one listener, which gives its connections to the workers.
#[derive(Debug)]
pub struct Acceptor {
    /// The index of the listener.
    pub listener: usize,
    /// The counts of connections.
    pub connections: Arc<Connections>,
    /// The queue of each worker.
    pub workers: Vec<mpsc::UnboundedSender<Accepted>>,
}

impl Acceptor {
    /// Accepts connections until shutdown begins.
    pub async fn accept(&self, socket: &TcpListener, mut work: DrainGuard) {
        let ending = work.ending();
        tokio::pin!(ending);
        loop {
            let accepted = tokio::select! {
                () = &mut ending => return,
                accepted = socket.accept() => accepted,
            };
            panics::planted("accept");
            match accepted.and_then(|(stream, remote)| Ok((stream.into_std()?, remote))) {
                Ok((stream, remote)) => self.deal(stream, remote),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                }
            }
        }
    }

    fn deal(&self, mut stream: StdStream, remote: SocketAddr) {
        // a response must not wait for the acknowledgement of the one before it
        let _ = stream.set_nodelay(true);
        match self.connections.hold() {
            Some(guard) => {
                let worker = guard.worker;
                // an error means that the worker has ended; the connection is closed
                let _ = self.workers[worker].send(Accepted { stream, remote, listener: self.listener, guard });
            }
            None => {
                let _ = stream.write(TOO_MANY_CONNECTIONS);
            }
        }
    }
}

/// Returns whether an error of `accept` concerns a single connection, not the server.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
