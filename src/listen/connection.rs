//! One connection: its protocol, its limits and its end. It knows a service, not stubs.
//!
//! HTTP/2 is spoken when ALPN says so or when the first bytes are its preface. Idle connections and heads that do not
//! come to an end are timed out by a watchdog that looks now and then, so that a call costs it nothing. On HTTP/2 only
//! calls and answers keep a connection: a client that sends PINGs, or does not read its answers, is idle.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::frames::{Framed, PREFACE};
use crate::offload::Turns;
use crate::shutdown::DrainGuard;
use crate::tasks::Tasks;
use crate::wire::{Clock, Transport, Wire};
use standin_stub::call::Peers;
use standin_stub::memory::{self, MemoryShare};
use standin_stub::reply::ConnectionEnding;

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
    pub memory: Arc<MemoryShare>,
    /// Its turns at work beside the workers.
    pub turns: Turns,
    broken: Mutex<Option<ConnectionEnding>>,
}

/// A service's word that it breaks the connection instead of answering.
#[derive(Debug)]
pub struct Broken(pub ConnectionEnding);

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the stub ends the connection: {:?}", self.0)
    }
}

impl std::error::Error for Broken {}

impl Connection {
    /// A connection that has read nothing yet.
    pub fn new(peers: Peers, clock: Arc<Clock>, http2: bool, memory: Arc<MemoryShare>) -> Self {
        Self { peers, clock, http2, memory, turns: Turns::default(), broken: Mutex::new(None) }
    }

    /// Bytes of a body that are not counted: those of a small one, as long as no other call is here at the same time.
    pub fn uncounted(&self) -> usize {
        if self.http2 { 0 } else { memory::UNCOUNTED_BODY_BYTES }
    }

    /// When the call came that is read now: the later of its last byte, and on HTTP/1.1 of the answer before it.
    pub fn arrival(&self) -> Instant {
        if self.http2 { self.clock.last_read() } else { self.clock.last_read().max(self.clock.last_written()) }
    }
}

/// A time-out that ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedOut {
    /// There was no call for [`Limits::idle`].
    Idle,
    /// A head did not come whole within [`Limits::read`].
    Head,
}

/// Reads the first bytes of a connection without TLS, and returns whether they are those of HTTP/2.
///
/// What is read stays in `wire` for whoever serves it. An unfinished preface gets a 408.
pub async fn speaks_http2<S: Transport>(wire: &mut Wire<S>, limits: Limits) -> Result<bool, TimedOut> {
    match tokio::time::timeout(limits.idle, wire.read_ahead()).await {
        Err(_) => return Err(TimedOut::Idle),
        // what has failed or ended is found out by whoever serves it
        Ok(Err(_) | Ok(0)) => return Ok(false),
        Ok(Ok(_)) => {}
    }
    // nearly always the first read decides: no other time-out is needed then
    if let Some(http2) = is_http2(wire.ahead()) {
        return Ok(http2);
    }
    let decide = async {
        loop {
            match wire.read_ahead().await {
                Err(_) | Ok(0) => return false,
                Ok(_) => {}
            }
            if let Some(http2) = is_http2(wire.ahead()) {
                return http2;
            }
        }
    };
    tokio::time::timeout(limits.read, decide).await.map_err(|_| TimedOut::Head)
}

/// Whether bytes begin with HTTP/2's preface; `None` while they are a part of it.
fn is_http2(bytes: &[u8]) -> Option<bool> {
    if bytes.len() < PREFACE.len() {
        return (!PREFACE.starts_with(bytes)).then_some(false);
    }
    Some(bytes.starts_with(PREFACE))
}

/// Serves a connection to its end, and returns the time-out that ended it, if one did. The calls of a connection that
/// many share are `tasks`.
pub async fn serve<S, F, A, B>(
    wire: Wire<S>,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    work: DrainGuard,
    tasks: Tasks,
) -> Option<TimedOut>
where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, Broken>> + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if connection.http2 {
        serve_http2(wire, connection, limits, service, work, tasks).await
    } else {
        serve_http1(wire, connection, limits, service, work).await
    }
}

/// Ends a connection whose head did not come in time with a 408.
pub async fn time_out<S: Transport>(wire: Wire<S>) {
    wire.send_raw(REQUEST_TIMEOUT).await;
}

async fn serve_http1<S, F, A, B>(
    wire: Wire<S>,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    mut work: DrainGuard,
) -> Option<TimedOut>
where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A,
    A: Future<Output = Result<Response<B>, Broken>> + Unpin,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let clock = Arc::clone(&connection.clock);
    let answer = service_fn(|request| {
        connection.clock.answering();
        Answered { answer: service(request, Arc::clone(&connection)), connection: &connection }
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
    let served = loop {
        tokio::select! {
            biased;
            served = &mut http => break Ok(served),
            timed_out = &mut watchdog => break Err(timed_out),
            () = &mut ending, if !told => {
                told = true;
                Pin::new(&mut http).graceful_shutdown();
            }
        }
    };
    match served {
        Ok(Ok(())) => None,
        Ok(Err(_)) => {
            let ending = connection.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(ending) = ending {
                let wire = http.into_parts().io.into_inner();
                match ending {
                    ConnectionEnding::Close => wire.close().await,
                    ConnectionEnding::Raw(bytes) => wire.send_raw(&bytes).await,
                    ConnectionEnding::Reset => wire.reset(),
                }
            }
            None
        }
        Err(timed_out) => {
            if timed_out == TimedOut::Head {
                time_out(http.into_parts().io.into_inner()).await;
            }
            Some(timed_out)
        }
    }
}

/// An answer on HTTP/1.1. Its connection knows once it is there, and whether it breaks the connection.
///
/// A type of its own because an `async` block would move `answer` twice.
struct Answered<'c, A> {
    answer: A,
    connection: &'c Connection,
}

impl<A, B> Future for Answered<'_, A>
where
    A: Future<Output = Result<Response<B>, Broken>> + Unpin,
{
    type Output = A::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Output> {
        let polled = Pin::new(&mut self.answer).poll(context);
        if let Poll::Ready(answer) = &polled {
            self.connection.clock.answered();
            if let Err(Broken(ending)) = answer {
                *self.connection.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending.clone());
            }
        }
        polled
    }
}

async fn serve_http2<S, F, A, B>(
    wire: Wire<S>,
    connection: Arc<Connection>,
    limits: Limits,
    service: F,
    mut work: DrainGuard,
    tasks: Tasks,
) -> Option<TimedOut>
where
    S: Transport,
    F: Fn(Request<Incoming>, Arc<Connection>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, Broken>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let clock = Arc::clone(&connection.clock);
    let answer = service_fn(move |request| {
        let clock = Arc::clone(&connection.clock);
        clock.progress();
        // a call that the client gives up is dropped unanswered
        let counted = Counted::new(Arc::clone(&clock));
        let answer = service(request, Arc::clone(&connection));
        async move {
            let answer = answer.await;
            drop(counted);
            clock.progress();
            answer.map(|response| response.map(|body| Progressing { body, clock }))
        }
    });
    let mut http = pin!(
        http2::Builder::new(tasks)
            .auto_date_header(false)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .serve_connection(TokioIo::new(Framed::new(wire, Arc::clone(&clock))), answer)
    );
    let mut watchdog = pin!(watch_http2(&clock, limits));
    let mut ending = pin!(work.ending());
    let mut told = false;
    let mut timed_out = None;
    let mut quiet = pin!(quiet(&clock));
    loop {
        tokio::select! {
            biased;
            _ = &mut http => return timed_out,
            verdict = &mut watchdog, if !told => {
                (told, timed_out) = (true, Some(verdict));
                http.as_mut().graceful_shutdown();
            }
            () = &mut ending, if !told => {
                told = true;
                http.as_mut().graceful_shutdown();
            }
            // a client that does not answer GOAWAY is not waited for once its calls have ended
            () = &mut quiet, if told => return timed_out,
        }
    }
}

/// A call that is being answered on HTTP/2, until this is dropped.
struct Counted(Arc<Clock>);

impl Counted {
    fn new(clock: Arc<Clock>) -> Self {
        clock.answering();
        Self(clock)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A body on HTTP/2; each of its frames is progress.
struct Progressing<B> {
    body: B,
    clock: Arc<Clock>,
}

impl<B: Body + Unpin> Body for Progressing<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.clock.progress();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Resolves when an HTTP/1.1 connection has been idle, or a head unfinished, for too long.
async fn watch(clock: &Clock, limits: Limits) -> TimedOut {
    loop {
        tokio::time::sleep(look_interval(limits)).await;
        match clock.head_pending() {
            Some(pending) if pending >= limits.read => return TimedOut::Head,
            None if clock.idle_for() >= limits.idle => return TimedOut::Idle,
            _ => {}
        }
    }
}

/// Resolves when an HTTP/2 connection has had no call and no answer, or an unfinished head, for too long.
async fn watch_http2(clock: &Clock, limits: Limits) -> TimedOut {
    let mut progressed = Instant::now();
    loop {
        tokio::time::sleep(look_interval(limits)).await;
        if clock.frame_pending().is_some_and(|pending| pending >= limits.read) {
            return TimedOut::Head;
        }
        if clock.take_progress() || clock.is_answering() {
            progressed = Instant::now();
        }
        if progressed.elapsed() >= limits.idle {
            return TimedOut::Idle;
        }
    }
}

/// Resolves once no call has been answered and no answer has made progress for a while.
async fn quiet(clock: &Clock) {
    clock.take_progress();
    loop {
        tokio::time::sleep(FAREWELL).await;
        if !clock.is_answering() && !clock.take_progress() {
            return;
        }
    }
}

/// The time between two looks of a watchdog, so that time-outs are exceeded by a quarter at most.
fn look_interval(limits: Limits) -> Duration {
    (limits.read.min(limits.idle) / 4).max(Duration::from_millis(1))
}

/// The time without progress after which an HTTP/2 connection that was told to end is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The answer to a head that did not come in time.
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
