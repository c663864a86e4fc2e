//! The client of a real service: pooled connections with socket times, removal of hop-by-hop
//! headers, and the limits that protect the service.

mod arrival_stream;
mod connection;
mod connector;
mod exchange;
mod headers;
mod limits;
mod response_body;
mod target_rules;
mod target_url;
mod tls_trust;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use arrival_stream::{ArrivalStream, Arrivals};
pub use connection::{ConnectionPool, SocketTimes, UpstreamConnection};
pub use connector::{ConnectTimes, Connector, UpstreamStream};
pub use exchange::{CallAccount, Exchanged, timeout_failure};
pub use headers::{closes_connection, join_cookies, keep_decodable_codings, remove_hop_by_hop};
pub use limits::{LimitExceeded, UpstreamLimits, UpstreamPermit};
pub use response_body::{ResponseBody, ResponseObserver};
pub use target_rules::{TargetPattern, TargetRefusal, TargetRules};
pub use target_url::TargetUrl;
pub use tls_trust::{TlsTrust, TrustAnchors};

use self::limits::Limiter;
use crate::locks::LockUnpoisoned as _;
use crate::tasks::Tasks;
use crate::timer::Timer;
use standin_tape::exchange::{ClosedConnection, ExchangeFailure, FailureReason};

/// The client of one service, shared by all workers.
#[derive(Debug)]
pub struct Upstream<B> {
    connector: Connector,
    /// Time 0 of the times of all connections.
    base: Instant,
    limiter: Limiter,
    /// Permits for connections, if they are limited.
    connection_permits: Option<Arc<Semaphore>>,
    /// Idle connections of each worker.
    pools: Vec<ConnectionPool<B>>,
    /// Number of requests that the service works on.
    in_flight: AtomicU32,
    /// Idle connections that the service has closed, until they are [taken](Upstream::take_closed).
    closed: Mutex<Vec<ClosedConnection>>,
}

/// A connection for a request, with its origin.
#[derive(Debug)]
pub struct Checkout<B> {
    pub connection: UpstreamConnection<B>,
    /// True if an earlier request opened the connection.
    pub reused: bool,
    /// Duration of opening it; zero for a reused connection.
    pub connect_times: ConnectTimes,
}

impl<B> Upstream<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Creates the client for this number of workers. Times count from `base`.
    pub fn new(connector: Connector, limits: &UpstreamLimits, base: Instant, workers: usize) -> Self {
        Self {
            connector,
            base,
            limiter: Limiter::new(limits),
            connection_permits: limits.connections.map(|limit| Arc::new(Semaphore::new(limit as usize))),
            pools: (0..workers.max(1)).map(|_| ConnectionPool::default()).collect(),
            in_flight: AtomicU32::new(0),
            closed: Mutex::default(),
        }
    }

    /// Returns the idle connections that the service was found to have closed since the last call.
    pub fn take_closed(&self) -> Vec<ClosedConnection> {
        std::mem::take(&mut *self.closed.lock_unpoisoned())
    }

    fn take_idle_of(&self, pool: &ConnectionPool<B>) -> Option<Checkout<B>> {
        let connection = pool.take_noting_closed(|closed| {
            let mut all = self.closed.lock_unpoisoned();
            if all.len() < MAX_CLOSED {
                all.push(closed);
            }
        })?;
        Some(Checkout { connection, reused: true, connect_times: ConnectTimes::default() })
    }

    /// Returns the base URL of the service.
    pub fn target(&self) -> &TargetUrl {
        self.connector.target()
    }

    /// Returns time 0 of the times of all connections.
    pub fn base(&self) -> Instant {
        self.base
    }

    /// Returns the number of requests that the service works on.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Waits for a permit for one request; the request counts as in flight until the permit is
    /// dropped.
    pub async fn acquire_permit(&self) -> Result<UpstreamPermit, LimitExceeded> {
        self.limiter.acquire_permit().await
    }

    /// Waits until the rate limit admits the request of a permit.
    pub async fn wait_for_rate(&self, permit: &UpstreamPermit, timer: &Arc<Timer>) -> Result<(), LimitExceeded> {
        self.limiter.wait_for_rate(permit, timer).await
    }

    /// Counts a request that is sent now. Returns the number of requests that the service works on,
    /// including this one.
    pub fn begin_call(&self) -> u32 {
        self.in_flight.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a request as ended at the service.
    pub fn end_call(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes an idle connection of a worker.
    pub fn take_idle(&self, worker: usize) -> Option<Checkout<B>> {
        self.take_idle_of(&self.pools[worker % self.pools.len()])
    }

    /// Opens a connection. At the limit of connections, takes an idle one of any worker.
    pub async fn take_new(&self, tasks: &Tasks) -> Result<Checkout<B>, ExchangeFailure> {
        let Some(permits) = &self.connection_permits else { return self.open(tasks, None).await };
        loop {
            if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
                return self.open(tasks, Some(permit)).await;
            }
            if let Some(checkout) = self.pools.iter().find_map(|pool| self.take_idle_of(pool)) {
                return Ok(checkout);
            }
            // there are no more permits than connections, so one is about to become idle or to
            // close
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns a connection to the pool of a worker.
    pub fn put_idle(&self, worker: usize, connection: UpstreamConnection<B>) {
        self.pools[worker % self.pools.len()].put(connection);
    }

    async fn open(&self, tasks: &Tasks, permit: Option<OwnedSemaphorePermit>) -> Result<Checkout<B>, ExchangeFailure> {
        let (stream, connect_times) = self.connector.connect().await?;
        let connection = UpstreamConnection::open(stream, self.base, tasks, permit)
            .await
            .map_err(|error| ExchangeFailure { reason: FailureReason::Connect, detail: error.to_string() })?;
        Ok(Checkout { connection, reused: false, connect_times })
    }
}

/// Returns the failure for an error of hyper.
pub fn failure_of(error: &hyper::Error) -> ExchangeFailure {
    let reason = if error.is_parse() {
        FailureReason::Protocol
    } else if error.is_user() {
        // the request body was not complete
        FailureReason::ClientGone
    } else {
        FailureReason::Closed
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    ExchangeFailure { reason, detail: format!("{error}{cause}") }
}

/// Interval at which a request at the limit of connections looks for an idle one.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Maximum number of closed connections that wait for a recorder.
const MAX_CLOSED: usize = 10_000;
