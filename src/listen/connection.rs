//! One connection: its protocol, its limits and its end. It knows a service, not stubs.
//!
//! HTTP/2 is spoken when ALPN says so or when the first bytes are its preface. Idle connections and heads that do not
//! come to an end are timed out by a watchdog that looks now and then, so that a call costs it nothing.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::call::Peers;
use crate::memory::{self, Share};
use crate::offload::Turns;
use crate::reply::Ending;
use crate::shutdown::Work;
use crate::tasks::Tasks;
use crate::wire::{Clock, Transport, Wire};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a client may ask of a connection. All are configurable and none is hidden: each has a clear answer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a head; beyond: 431.
    pub head: usize,
    /// Headers of a head; beyond: 431.
    pub headers: usize,
    /// Bytes of a body; beyond: 413.
    pub body: usize,
    /// Time for a head or a body to come whole; beyond: 408.
    pub read: Duration,
    /// Time without a call; beyond: closed.
    pub idle: Duration,
    /// Calls at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            headers: 512,
            body: 16 << 20,
            read: Duration::from_secs(30),
            idle: Duration::from_secs(300),
            streams: 10_000,
        }
    }
}

/// What a service may know of the connection that a call came by.
#[derive(Debug)]
pub struct Connection {
    /// Both ends.
    pub peers: Peers,
    /// When it last read and wrote.
    pub clock: Arc<Clock>,
    /// Whether several calls share it at a time.
    pub http2: bool,
    /// The part of the memory of all calls that its calls hold.
    pub memory: Arc<Share>,
    /// Its turns at work beside the workers.
    pub turns: Turns,
    broken: Mutex<Option<Ending>>,
}

/// A service's word that it breaks the connection instead of answering.
#[derive(Debug)]
pub struct Broken(pub Ending);

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the stub ends the connection: {:?}", self.0)
    }
}

impl std::error::Error for Broken {}

impl Connection {
    /// A connection that has read nothing yet.
    pub fn new(peers: Peers, clock: Arc<Clock>, http2: bool, memory: Arc<Share>) -> Self {
        Self { peers, clock, http2, memory, turns: Turns::default(), broken: Mutex::new(None) }
    }

    /// Bytes of a body that are not counted: those of a small one, as long as no other call is here at the same time.
    pub fn uncounted(&self) -> usize {
        if self.http2 { 0 } else { memory::SMALL }
    }

    /// When the call came that is read now: the later of its last byte, and on HTTP/1.1 of the answer before it.
    pub fn arrival(&self) -> Instant {
        if self.http2 { self.clock.last_read() } else { self.clock.last_read().max(self.clock.last_written()) }
    }
}

/// Whether the client's first bytes are those of HTTP/2; waits for them.
pub async fn speaks_http2(stream: &TcpStream, patience: Duration) -> bool {
    // no method but HTTP/2's own pretended one begins so
    const PREFACE: &[u8] = b"PRI";
    let look = async {
        let mut first = [0; PREFACE.len()];
        loop {
            match stream.peek(&mut first).await {
                Ok(count) if count > 0 && PREFACE.starts_with(&first[..count]) => {
                    if count == PREFACE.len() {
                        return true;
                    }
                    // `P` may become POST: the rest is on its way
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                _ => return false,
            }
        }
    };
    tokio::time::timeout(patience, look).await.unwrap_or(false)
}

/// Serves a connection to its end; the calls of one that many share are `tasks`.
pub async fn serve<S, F, A, B>(
    stream: S,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    work: Work,
    tasks: Tasks,
) where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, Broken>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let wire = Wire::new(stream, Arc::clone(&connection.clock));
    if connection.http2 {
        serve_http2(wire, connection, limits, service, work, tasks).await;
    } else {
        serve_http1(wire, connection, limits, service, work).await;
    }
}

async fn serve_http1<S, F, A, B>(wire: Wire<S>, connection: Arc<Connection>, limits: Limits, service: F, mut work: Work)
where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A,
    A: Future<Output = Result<Response<B>, Broken>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let clock = Arc::clone(&connection.clock);
    let answer = service_fn(|request| {
        connection.clock.answering();
        let answer = service(request, Arc::clone(&connection));
        let connection = &connection;
        async move {
            let answer = answer.await;
            connection.clock.answered();
            if let Err(Broken(ending)) = &answer {
                *connection.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending.clone());
            }
            answer
        }
    });
    let mut http = http1::Builder::new()
        .auto_date_header(false)
        // a client that has sent its call may close its side and still wait for the answer
        .half_close(true)
        .max_buf_size(limits.head)
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(wire), answer);
    let mut watchdog = pin!(watch(&clock, limits));
    let mut ending = pin!(work.ending());
    let mut told = false;
    let verdict = loop {
        tokio::select! {
            biased;
            served = &mut http => break served.err().map(|_| None),
            verdict = &mut watchdog => break Some(Some(verdict)),
            () = &mut ending, if !told => {
                told = true;
                std::pin::Pin::new(&mut http).graceful_shutdown();
            }
        }
    };
    let ending = match verdict {
        None => return,
        Some(Some(verdict)) => verdict,
        Some(None) => connection.broken.lock().unwrap_or_else(PoisonError::into_inner).take(),
    };
    if let Some(ending) = ending {
        let wire = http.into_parts().io.into_inner();
        match ending {
            Ending::Close => wire.close().await,
            Ending::Raw(bytes) => wire.send_raw(&bytes).await,
            Ending::Reset => wire.reset(),
        }
    }
}

async fn serve_http2<S, F, A, B>(
    wire: Wire<S>,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    mut work: Work,
    tasks: Tasks,
) where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, Broken>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let clock = Arc::clone(&connection.clock);
    let answer = service_fn(move |request| {
        connection.clock.answering();
        let answer = service(request, Arc::clone(&connection));
        let connection = Arc::clone(&connection);
        async move {
            let answer = answer.await;
            connection.clock.answered();
            answer
        }
    });
    let mut http = pin!(
        http2::Builder::new(tasks)
            .auto_date_header(false)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .serve_connection(TokioIo::new(wire), answer)
    );
    let mut idle = pin!(watch_idle(&clock, limits));
    let mut ending = pin!(work.ending());
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            _ = &mut http => return,
            () = &mut idle, if !told => {
                told = true;
                http.as_mut().graceful_shutdown();
            }
            () = &mut ending, if !told => {
                told = true;
                http.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Resolves when the connection has been idle, or a head unfinished, for too long: with the answer to give, if any.
async fn watch(clock: &Clock, limits: Limits) -> Option<Ending> {
    let step = limits.read.min(limits.idle) / 4;
    loop {
        tokio::time::sleep(step.max(Duration::from_millis(1))).await;
        if clock.head_pending().is_some_and(|pending| pending >= limits.read) {
            return Some(Ending::Raw(Bytes::from_static(
                b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            )));
        }
        if clock.head_pending().is_none() && clock.idle_for() >= limits.idle {
            return None;
        }
    }
}

/// Resolves when nothing has been read or written for too long.
async fn watch_idle(clock: &Clock, limits: Limits) {
    while clock.idle_for() < limits.idle {
        tokio::time::sleep(limits.idle.saturating_sub(clock.idle_for()).max(Duration::from_millis(1))).await;
    }
}
