//! One connection: its protocol, its limits, its time-outs and its end.
//!
//! The protocol is HTTP/2 if ALPN or the first bytes say so. A watchdog that polls at intervals
//! ends idle connections and incomplete heads, so that time-outs cost nothing per request. On
//! HTTP/2 only requests and responses keep a connection open: a client that only sends PINGs, or
//! does not read its responses, is idle.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::keep_alive::KeepAlive;
use crate::locks::LockUnpoisoned as _;
use crate::offload::Turns;
use crate::shutdown::DrainGuard;
use crate::wire::{Clock, Transport, Wire};
use standin_stub::call::Peers;
use standin_stub::memory::{self, MemoryShare};
use standin_stub::reply::ConnectionEnding;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The limits of a connection, each configurable and each with an error response of its own.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum length of a request head in bytes; longer heads get a 431.
    pub head: usize,
    /// Maximum number of headers; more get a 431.
    pub headers: usize,
    /// Maximum length of a body in bytes; longer bodies get a 413.
    pub body: usize,
    /// Maximum time for a head or a body to arrive; slower requests get a 408.
    pub read: Duration,
    /// Maximum time without a request, after which the connection is closed.
    pub idle: Duration,
    /// Maximum number of concurrent requests on an HTTP/2 connection.
    pub streams: u32,
    /// Maximum length of a message on a WebSocket in bytes; a longer one closes it with 1009.
    pub message: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            headers: 512,
            body: 128 << 20,
            read: Duration::from_secs(30),
            idle: Duration::from_secs(300),
            streams: 10_000,
            message: 1 << 20,
        }
    }
}

/// A connection as the service that answers its requests sees it.
#[derive(Debug)]
pub struct Connection {
    /// The addresses of both ends.
    pub peers: Peers,
    /// The times at which the connection last read and wrote.
    pub clock: Arc<Clock>,
    /// Set if the connection speaks HTTP/2, so that several requests share it.
    pub http2: bool,
    /// The connection's share of the memory budget.
    pub memory: Arc<MemoryShare>,
    /// The connection's turns at the offload threads.
    pub turns: Turns,
    /// The rules of the service by which the connection is closed.
    pub keep_alive: KeepAlive,
    /// The signal that the shutdown has begun.
    pub work: DrainGuard,
    pub(super) broken: Mutex<Option<ConnectionEnding>>,
    pub(super) takeover: Mutex<Option<Takeover>>,
}

/// A byte stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: Transport> ByteStream for S {}

/// A connection after its upgrade from HTTP/1.1 to another protocol.
pub struct Upgraded {
    /// The stream below HTTP.
    pub stream: Box<dyn ByteStream>,
    /// Bytes that were read behind the request.
    pub ahead: Bytes,
}

/// The work that takes over a connection after its upgrade.
pub struct Takeover(TakeoverFn);

type TakeoverFn = Box<dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Takeover {
    /// Serves the connection to its end.
    pub(super) async fn serve(self, upgraded: Upgraded) {
        (self.0)(upgraded).await;
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Takeover").finish_non_exhaustive()
    }
}

/// The error of a service that ends the connection instead of responding.
#[derive(Debug)]
pub struct Broken(pub ConnectionEnding);

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the stub ends the connection: {:?}", self.0)
    }
}

impl std::error::Error for Broken {}

impl Connection {
    /// Creates a connection that has read nothing yet.
    pub fn new(peers: Peers, clock: Arc<Clock>, http2: bool, memory: Arc<MemoryShare>, work: DrainGuard) -> Self {
        Self {
            peers,
            clock,
            http2,
            memory,
            turns: Turns::default(),
            keep_alive: KeepAlive::default(),
            work,
            broken: Mutex::new(None),
            takeover: Mutex::new(None),
        }
    }

    /// Lets `work` take over the connection once a response with status 101 is sent.
    pub fn take_over(&self, work: impl FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static) {
        *self.takeover.lock_unpoisoned() = Some(Takeover(Box::new(work)));
    }

    /// Returns the length in bytes up to which a body takes nothing from the memory budget. It is 0
    /// on HTTP/2, where many small bodies may be held at once.
    pub fn uncounted(&self) -> usize {
        if self.http2 { 0 } else { memory::UNCOUNTED_BODY_BYTES }
    }

    /// Returns the arrival of the current request: its last byte or, if that is later on HTTP/1.1,
    /// the last byte of the response before it.
    pub fn arrival(&self) -> Instant {
        if self.http2 { self.clock.last_read() } else { self.clock.last_read().max(self.clock.last_written()) }
    }
}

/// A time-out that ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedOut {
    /// No request came within [`Limits::idle`].
    Idle,
    /// A head was incomplete after [`Limits::read`].
    Head,
}

/// Ends a connection whose head did not arrive in time with a 408.
pub async fn time_out<S: Transport>(wire: Wire<S>) {
    wire.send_raw(REQUEST_TIMEOUT).await;
}

/// Returns the interval at which a watchdog polls: time-outs are exceeded by a quarter at most.
pub(super) fn poll_interval(limits: Limits) -> Duration {
    (limits.read.min(limits.idle) / 4).max(Duration::from_millis(1))
}

/// The response to a head that did not arrive in time.
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
