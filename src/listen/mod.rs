//! From a socket to connections, spread evenly over the workers.
//!
//! One acceptor deals each connection to the worker that has the fewest: hashing by the kernel was seen to leave one
//! worker with far more than its share. Accepting outlives its errors: the client's are passed over, ours are logged
//! and waited out.

pub mod body;
pub mod connection;
mod frames;
pub mod host;
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

/// Connections that the kernel holds for us until they are accepted.
const BACKLOG: i32 = 4096;

/// TCP keep-alive of client connections: a peer that is gone is noticed within 120 s.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);

/// How long accepting rests after an error of ours, such as no file descriptors left.
const REST: Duration = Duration::from_millis(100);

/// What a client is told that is one too many.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain;charset=UTF-8\r\nconnection: close\r\n\
content-length: 71\r\n\r\nstandin has reached --max-connections; raise it or close connections\r\n\r\n";

/// Binds a listening socket; `address` may have port 0.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // connections inherit it: a peer that vanished without a word is noticed even where nothing else times out
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A connection on its way from the acceptor to a worker.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, not yet registered with a runtime.
    pub stream: StdStream,
    /// The client's address.
    pub remote: SocketAddr,
    /// Which listener it came by.
    pub listener: usize,
    /// Counts the connection for as long as it lives.
    pub held: Held,
}

/// Connections by worker, and those refused.
#[derive(Debug)]
pub struct Connections {
    by_worker: Vec<AtomicUsize>,
    limit: usize,
    accepted: AtomicU64,
    refused: AtomicU64,
    idle: AtomicU64,
    unfinished: AtomicU64,
}

/// A place taken by a live connection.
#[derive(Debug)]
pub struct Held {
    connections: Arc<Connections>,
    worker: usize,
}

impl Connections {
    /// None yet, and `limit` at most over all workers.
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

    /// How many are open at each worker.
    pub fn open(&self) -> Vec<usize> {
        self.by_worker.iter().map(|count| count.load(Relaxed)).collect()
    }

    /// How many were accepted since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// How many were refused because the limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Returns how many were ended by a time-out.
    pub fn timed_out(&self, why: TimedOut) -> u64 {
        match why {
            TimedOut::Idle => self.idle.load(Relaxed),
            TimedOut::Head => self.unfinished.load(Relaxed),
        }
    }

    /// A place at the worker that has the fewest, unless the limit is reached.
    fn hold(self: &Arc<Self>) -> Option<Held> {
        let open = self.open();
        if open.iter().sum::<usize>() >= self.limit {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        // ties go round, so that short connections do not all meet at the first worker
        let turn = self.accepted.fetch_add(1, Relaxed) as usize;
        let worker = (0..open.len()).map(|step| (turn + step) % open.len()).min_by_key(|worker| open[*worker])?;
        self.by_worker[worker].fetch_add(1, Relaxed);
        Some(Held { connections: Arc::clone(self), worker })
    }
}

impl Held {
    /// Counts the time-out that ended the connection.
    pub fn timed_out(&self, why: TimedOut) {
        let count = match why {
            TimedOut::Idle => &self.connections.idle,
            TimedOut::Head => &self.connections.unfinished,
        };
        count.fetch_add(1, Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.by_worker[self.worker].fetch_sub(1, Relaxed);
    }
}

/// Registers a listening socket with the runtime of this thread; `None`, logged, if that fails.
pub fn watched(socket: StdListener) -> Option<TcpListener> {
    TcpListener::from_std(socket).inspect_err(|error| tracing::error!(%error, "cannot watch a listening socket")).ok()
}

/// Deals the connections of one listener to the workers.
#[derive(Debug)]
pub struct Acceptor {
    /// The listener's place among all.
    pub listener: usize,
    /// The places that connections take.
    pub connections: Arc<Connections>,
    /// The way to each worker.
    pub workers: Vec<mpsc::UnboundedSender<Accepted>>,
}

impl Acceptor {
    /// Accepts until the end begins.
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
                Err(error) if is_theirs(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn deal(&self, mut stream: StdStream, remote: SocketAddr) {
        // an answer must not wait for the acknowledgement of the one before it
        let _ = stream.set_nodelay(true);
        match self.connections.hold() {
            Some(held) => {
                let worker = held.worker;
                // a worker that has ended has dropped its receiver: the connection is closed with it
                let _ = self.workers[worker].send(Accepted { stream, remote, listener: self.listener, held });
            }
            None => {
                let _ = stream.write(TOO_MANY);
            }
        }
    }
}

/// Errors that tell of the connection, not of us.
fn is_theirs(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
