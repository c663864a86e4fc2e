//! The way to a real service: connections kept open and stamped at the socket, headers that belong to one connection taken
//! out, and the bounds that protect the service from us.

mod bounds;
mod connection;
mod connector;
mod headers;
mod origin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use bounds::{LimitExceeded, UpstreamLimits, UpstreamPermit};
pub use connection::{ConnectionPool, SocketTimes, UpstreamConnection};
pub use connector::{ConnectTimes, Connector, TrustAnchors, UpstreamStream};
pub use headers::{end_to_end, keep_codings};
pub use origin::TargetUrl;

use self::bounds::Limiter;
use crate::tasks::Tasks;
use crate::timer::Timer;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

/// A service, as all workers together call it.
#[derive(Debug)]
pub struct Upstream<B> {
    connector: Connector,
    /// When the clock of all connections was 0.
    base: Instant,
    gate: Limiter,
    /// Room for connections, if it is bounded.
    room: Option<Arc<Semaphore>>,
    /// Idle connections, by the worker whose they are.
    pools: Vec<ConnectionPool<B>>,
    /// Calls that the service is working on.
    in_flight: AtomicU32,
}

/// A connection for a call, and how it was come by.
#[derive(Debug)]
pub struct Checkout<B> {
    /// The connection.
    pub connection: UpstreamConnection<B>,
    /// Whether an earlier call had opened it.
    pub reused: bool,
    /// How long opening it took.
    pub took: ConnectTimes,
}

impl<B> Upstream<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A service that so many workers call within these bounds. Times count from `base`.
    pub fn new(connector: Connector, bounds: &UpstreamLimits, base: Instant, workers: usize) -> Self {
        Self {
            connector,
            base,
            gate: Limiter::new(bounds),
            room: bounds.connections.map(|most| Arc::new(Semaphore::new(most as usize))),
            pools: (0..workers.max(1)).map(|_| ConnectionPool::default()).collect(),
            in_flight: AtomicU32::new(0),
        }
    }

    /// Where it is.
    pub fn origin(&self) -> &TargetUrl {
        self.connector.origin()
    }

    /// When the clock of all connections was 0.
    pub fn base(&self) -> Instant {
        self.base
    }

    /// Calls that the service is working on.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A place at the service, held until the permit is dropped; or why there is none.
    pub async fn admit(&self) -> Result<UpstreamPermit, LimitExceeded> {
        self.gate.admit().await
    }

    /// Waits until the rate lets another call through.
    pub async fn pass(&self, permit: &UpstreamPermit, timer: &Arc<Timer>) -> Result<(), LimitExceeded> {
        self.gate.pass(permit, timer).await
    }

    /// Counts a call that is sent now; returns how many the service works on, this one included.
    pub fn arrive(&self) -> u32 {
        self.in_flight.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The service has done with a call.
    pub fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An idle connection of a worker's own.
    pub fn take_idle(&self, worker: usize) -> Option<Checkout<B>> {
        idle(&self.pools[worker % self.pools.len()])
    }

    /// A new connection for a call of a worker, or where there is no room for one, an idle one of any worker.
    pub async fn take_new(&self, tasks: &Tasks) -> Result<Checkout<B>, ExchangeFailure> {
        let Some(room) = &self.room else { return self.open(tasks, None).await };
        loop {
            if let Ok(place) = Arc::clone(room).try_acquire_owned() {
                return self.open(tasks, Some(place)).await;
            }
            if let Some(taken) = self.pools.iter().find_map(idle) {
                return Ok(taken);
            }
            // as many calls as connections are let in, so that one is about to become idle or to end
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Keeps a connection for another call.
    pub fn put(&self, worker: usize, connection: UpstreamConnection<B>) {
        self.pools[worker % self.pools.len()].put(connection);
    }

    async fn open(&self, tasks: &Tasks, place: Option<OwnedSemaphorePermit>) -> Result<Checkout<B>, ExchangeFailure> {
        let (stream, took) = self.connector.connect().await?;
        let connection = UpstreamConnection::over(stream, self.base, tasks, place)
            .await
            .map_err(|error| ExchangeFailure { reason: FailureReason::Connect, detail: error.to_string() })?;
        Ok(Checkout { connection, reused: false, took })
    }
}

fn idle<B: Body + 'static>(pool: &ConnectionPool<B>) -> Option<Checkout<B>> {
    Some(Checkout { connection: pool.take()?, reused: true, took: ConnectTimes::default() })
}

/// What went wrong with a call.
pub fn failure(error: &hyper::Error) -> ExchangeFailure {
    let reason = if error.is_parse() {
        FailureReason::Protocol
    } else if error.is_user() {
        // the body that we were to send came to no end
        FailureReason::ClientGone
    } else {
        FailureReason::Closed
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    ExchangeFailure { reason, detail: format!("{error}{cause}") }
}

/// Between two looks for a connection where there is no room for another.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
