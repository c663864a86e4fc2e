//! HTTP/2 on one connection.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::connection::{BoxError, Broken, Connection, Limits, TimedOut, poll_interval};
use super::frames::Framed;
use super::keep_alive::KeepAlive;
use crate::shutdown::DrainGuard;
use crate::tasks::Tasks;
use crate::wire::{Clock, Transport, Wire};

/// Serves a connection to its end, and returns the time-out that ended it, if one did. Its requests
/// run as `tasks`.
pub(super) async fn serve<S, F, A, B>(
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
    let (clock, rules) = (Arc::clone(&connection.clock), Arc::clone(&connection));
    let answer = service_fn(move |request| {
        let clock = Arc::clone(&connection.clock);
        clock.progress();
        // hyper drops the future of a request that the client cancels
        let counted = AnsweringGuard::new(Arc::clone(&clock));
        let answer = service(request, Arc::clone(&connection));
        async move {
            let answer = answer.await;
            drop(counted);
            clock.progress();
            answer.map(|response| response.map(|body| ProgressBody { body, clock }))
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
    let mut watchdog = pin!(watchdog(&clock, limits, &rules.keep_alive));
    let mut ending = pin!(work.ending());
    let mut goaway_sent = false;
    let mut timed_out = None;
    let mut quiet = pin!(quiet(&clock));
    loop {
        tokio::select! {
            biased;
            _ = &mut http => return timed_out,
            verdict = &mut watchdog, if !goaway_sent => {
                (goaway_sent, timed_out) = (true, Some(verdict));
                http.as_mut().graceful_shutdown();
            }
            () = &mut ending, if !goaway_sent => {
                goaway_sent = true;
                http.as_mut().graceful_shutdown();
            }
            () = rules.keep_alive.ending(), if !goaway_sent => {
                goaway_sent = true;
                http.as_mut().graceful_shutdown();
            }
            // a client that ignores GOAWAY is not waited for once its requests have ended
            () = &mut quiet, if goaway_sent => return timed_out,
        }
    }
}

/// A guard that counts an HTTP/2 request as being answered until it is dropped.
struct AnsweringGuard(Arc<Clock>);

impl AnsweringGuard {
    fn new(clock: Arc<Clock>) -> Self {
        clock.answering();
        Self(clock)
    }
}

impl Drop for AnsweringGuard {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A response body on HTTP/2 each frame of which counts as progress of its connection.
struct ProgressBody<B> {
    body: B,
    clock: Arc<Clock>,
}

impl<B: Body + Unpin> Body for ProgressBody<B> {
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

/// Resolves when an HTTP/2 connection has made no progress, or a head has been incomplete, for too
/// long.
async fn watchdog(clock: &Clock, limits: Limits, keep_alive: &KeepAlive) -> TimedOut {
    let mut progressed = Instant::now();
    loop {
        keep_alive.wait(poll_interval(limits), clock).await;
        if clock.frame_pending().is_some_and(|pending| pending >= limits.read) {
            return TimedOut::Head;
        }
        if clock.take_progress() || clock.is_answering() {
            progressed = Instant::now();
        }
        if keep_alive.is_over(progressed.elapsed(), limits.idle) {
            return TimedOut::Idle;
        }
    }
}

/// Resolves when no request is being answered and no response has made progress for
/// [`GOAWAY_GRACE`].
async fn quiet(clock: &Clock) {
    clock.take_progress();
    loop {
        tokio::time::sleep(GOAWAY_GRACE).await;
        if !clock.is_answering() && !clock.take_progress() {
            return;
        }
    }
}

/// Time without progress after which an HTTP/2 connection that was sent GOAWAY is closed.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);
