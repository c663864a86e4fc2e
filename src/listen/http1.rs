//! HTTP/1.1 on one connection.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::connection::{BoxError, Broken, Connection, Limits, TimedOut, Upgraded, poll_interval, time_out};
use super::keep_alive::KeepAlive;
use crate::locks::LockUnpoisoned as _;
use crate::shutdown::DrainGuard;
use crate::wire::{Clock, Transport, Wire};
use standin_stub::reply::ConnectionEnding;

/// Serves a connection to its end, and returns the time-out that ended it, if one did.
pub(super) async fn serve<S, F, A, B>(
    mut wire: Wire<S>,
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
    wire.accept_raw_targets();
    let clock = Arc::clone(&connection.clock);
    let answer = service_fn(|request: Request<Incoming>| {
        connection.clock.answering();
        if !request.body().is_end_stream() {
            connection.clock.body_follows();
        }
        Answered { answer: service(request, Arc::clone(&connection)), connection: &connection }
    });
    // the request line, the headers and the empty line
    let mut builder = builder(limits);
    if limits.headers < USUAL_HEADERS || !wire.limit_head_lines(USUAL_HEADERS + 2) {
        wire.resume(&[]);
        builder.max_headers(limits.headers);
    }
    let mut http = builder.serve_connection(TokioIo::new(wire), &answer);
    let mut watchdog = pin!(watchdog(&clock, limits, &connection.keep_alive));
    let mut ending = pin!(work.ending());
    let mut closing = false;
    let served = loop {
        tokio::select! {
            biased;
            served = &mut http => {
                if !clock.take_long_head() {
                    break Ok(served);
                }
                // nothing is lost: a head with many headers was about to be read
                let parts = http.into_parts();
                let mut wire = parts.io.into_inner();
                wire.resume(&parts.read_buf);
                http = builder.max_headers(limits.headers).serve_connection(TokioIo::new(wire), &answer);
                if closing {
                    Pin::new(&mut http).graceful_shutdown();
                }
            }
            timed_out = &mut watchdog => break Err(timed_out),
            () = &mut ending, if !closing => {
                closing = true;
                Pin::new(&mut http).graceful_shutdown();
            }
        }
    };
    // taken in any case, as it holds the connection
    let takeover = connection.takeover.lock_unpoisoned().take();
    match served {
        Ok(Ok(())) => {
            if let Some(takeover) = takeover {
                let parts = http.into_parts();
                let (stream, ahead) = parts.io.into_inner().into_stream(&parts.read_buf);
                takeover.serve(Upgraded { stream: Box::new(stream), ahead }).await;
            }
            None
        }
        Ok(Err(_)) => {
            let ending = connection.broken.lock_unpoisoned().take();
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

/// Returns a builder of connections that read up to [`USUAL_HEADERS`] headers.
fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .auto_date_header(false)
        // brittle clients look for `Content-Type` in this case
        .title_case_headers(true)
        // a client may close its side after its request and still wait for the response
        .half_close(true)
        .max_buf_size(limits.head);
    builder
}

/// Number of headers that hyper reads by default, which is cheaper than any other number.
const USUAL_HEADERS: usize = 100;

/// A response on HTTP/1.1 that tells its connection when it is ready or ends the connection.
///
/// An `async` block would do the same but move `answer` twice, several hundred bytes each time.
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
        // a service that is closing the connection does not read the request any more
        let polled = if self.connection.keep_alive.is_losing() {
            Poll::Ready(Err(Broken(ConnectionEnding::Reset)))
        } else {
            Pin::new(&mut self.answer).poll(context)
        };
        if let Poll::Ready(answer) = &polled {
            self.connection.clock.answered();
            if let Err(Broken(ending)) = answer {
                *self.connection.broken.lock_unpoisoned() = Some(ending.clone());
            }
        }
        polled
    }
}

/// Resolves when an HTTP/1.1 connection has been idle, or a head incomplete, for too long.
async fn watchdog(clock: &Clock, limits: Limits, keep_alive: &KeepAlive) -> TimedOut {
    loop {
        keep_alive.wait(poll_interval(limits), clock).await;
        match clock.head_pending() {
            Some(pending) if pending >= limits.read => return TimedOut::Head,
            None if keep_alive.is_over(clock.idle_for(), limits.idle) => return TimedOut::Idle,
            _ => {}
        }
    }
}
