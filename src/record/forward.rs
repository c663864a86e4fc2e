//! A call's way through the recorder: let in, put on a connection, sent, answered, and taped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{COOKIE, EXPECT, HOST, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};

use super::Recorder;
use super::body::{Download, Seen, Source, Upload, silent};
use super::capture::Capture;
use super::scribe::Entry;
use crate::exchange::{Failure, Reason, Times};
use crate::pace::timer::Timer;
use crate::reply::Reply;
use crate::send::Outgoing;
use crate::tasks::Tasks;
use crate::upstream::{self, Connection, Origin, Permit, Refused};

/// What a worker lends to a call.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Its place among the workers.
    pub worker: usize,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// What wakes it.
    pub timer: Arc<Timer>,
}

/// A call at the service; what is known of it goes on the tape when it ends.
#[derive(Debug)]
pub(super) struct Open {
    recorder: Arc<Recorder>,
    worker: usize,
    number: u64,
    asked: Asked,
    seen: Arc<Seen>,
    times: Times,
    in_flight: u32,
    reused: bool,
    connection: Option<Connection<Upload>>,
    permit: Option<Permit>,
    answer: Option<(StatusCode, HeaderMap)>,
    received: Capture,
    /// Whether the service is still counted as working on it.
    at_service: bool,
    ended: bool,
}

/// What the tape says of a call's head.
#[derive(Debug)]
struct Asked {
    method: Method,
    url: String,
    headers: HeaderMap,
}

impl Recorder {
    /// Sends a call to the service, and gives back its answer as it comes; what went wrong is an answer as well.
    pub async fn forward(
        self: Arc<Self>,
        parts: Parts,
        body: Source,
        arrival: Instant,
        desk: Desk,
    ) -> Response<Outgoing> {
        let method = parts.method.clone();
        let open = Open::new(Arc::clone(&self), &parts, body, arrival, desk.worker);
        let (mut open, upload) = open;
        let request = self.request(&parts, &open.asked.headers, upload);
        if let Err(refused) = self.let_in(&mut open, &desk).await {
            self.counts.refused.fetch_add(1, Relaxed);
            let reply = refusal(refused, &self);
            open.end(Some(Failure { reason: Reason::Limit, detail: told(refused).to_owned() }));
            return reply;
        }
        let exchange = exchange(Arc::clone(&self), open, request, desk.clone());
        let exchanged = KeepGoing { exchange: Some(Box::pin(exchange)), tasks: desk.tasks.clone() }.await;
        match exchanged {
            Ok(response) => client_response(response, &method, self.upstream.origin()),
            Err(failure) => broken(&failure, self.upstream.origin()),
        }
    }

    async fn let_in(&self, open: &mut Open, desk: &Desk) -> Result<(), Refused> {
        let asked = Instant::now();
        let permit = self.upstream.admit().await?;
        let passed = self.upstream.pass(&permit, &desk.timer).await;
        open.times.permit_wait = asked.elapsed().as_nanos() as u64;
        if open.times.permit_wait < IS_A_WAIT {
            open.times.permit_wait = 0;
        }
        open.permit = Some(permit);
        passed
    }

    /// The call as the service gets it.
    fn request(&self, parts: &Parts, headers: &HeaderMap, upload: Upload) -> Request<Upload> {
        let mut request = Request::new(upload);
        *request.method_mut() = parts.method.clone();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // both were parts of urls before
        *request.uri_mut() = self.upstream.origin().path_of(path).parse().unwrap_or_else(|_| parts.uri.clone());
        *request.headers_mut() = headers.clone();
        request
    }

    /// The call's headers, for the service.
    fn headers(&self, parts: &Parts) -> HeaderMap {
        let mut headers = upstream::end_to_end(&parts.headers);
        headers.remove(EXPECT);
        headers.insert(HOST, self.host.clone());
        if self.reads_bodies {
            upstream::keep_codings(&mut headers);
        }
        if parts.version == Version::HTTP_2 {
            join_cookies(&mut headers);
        }
        headers
    }
}

impl Open {
    fn new(recorder: Arc<Recorder>, parts: &Parts, body: Source, arrival: Instant, worker: usize) -> (Self, Upload) {
        let number = recorder.counts.calls.fetch_add(1, Relaxed) + 1;
        let (upload, seen) = Upload::new(body, arrival, recorder.upstream.base(), &recorder.room);
        let url = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let asked = Asked { method: parts.method.clone(), url, headers: recorder.headers(parts) };
        let open = Self {
            received: Capture::new(&recorder.room),
            recorder,
            worker,
            number,
            asked,
            seen,
            times: Times::default(),
            in_flight: 0,
            reused: false,
            connection: None,
            permit: None,
            answer: None,
            at_service: false,
            ended: false,
        };
        (open, upload)
    }

    /// Copies what came of the answer.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.received.push(data);
    }

    /// Puts the exchange on the tape, and frees what it held.
    pub(super) fn end(mut self, failure: Option<Failure>) {
        self.finish(failure);
    }

    fn arrive(&mut self, connection: &Connection<Upload>) {
        connection.stamps.clear();
        self.in_flight = self.recorder.upstream.arrive();
        self.at_service = true;
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.at_service) {
            self.recorder.upstream.leave();
        }
    }

    fn stamp(&mut self, connection: &Connection<Upload>) {
        self.times.sent = connection.stamps.written().1;
        (self.times.first_byte, self.times.last_byte) = connection.stamps.read();
    }

    fn finish(&mut self, failure: Option<Failure>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.leave();
        if let Some(connection) = self.connection.take() {
            self.stamp(&connection);
            if failure.is_none() {
                self.recorder.upstream.put(self.worker, connection);
            }
        }
        drop(self.permit.take());
        if failure.as_ref().is_some_and(|failure| failure.reason != Reason::Limit) {
            self.recorder.counts.failed.fetch_add(1, Relaxed);
        }
        let Some(scribe) = &self.recorder.scribe else { return };
        let nothing = Capture::new(&self.recorder.room);
        let received = std::mem::replace(&mut self.received, nothing);
        scribe.take(Entry {
            number: self.number,
            method: self.asked.method.clone(),
            url: std::mem::take(&mut self.asked.url),
            headers: std::mem::take(&mut self.asked.headers),
            body: self.seen.take(),
            answer: self.answer.take().map(|(status, headers)| (status, headers, Some(received))),
            failure,
            times: Times { received: self.seen.received(), ..std::mem::take(&mut self.times) },
            in_flight: self.in_flight,
            reused: self.reused,
        });
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.finish(Some(Failure { reason: Reason::ClientGone, detail: "standin was ended meanwhile".to_owned() }));
    }
}

/// Sends a call, and waits for the head of its answer. A kept connection that closes before it took anything is replaced.
async fn exchange(
    recorder: Arc<Recorder>,
    mut open: Open,
    mut request: Request<Upload>,
    desk: Desk,
) -> Result<Response<Download>, Failure> {
    let upstream = &recorder.upstream;
    let patience = recorder.timeout;
    loop {
        let fresh = open.reused;
        let taken = tokio::time::timeout(patience, upstream.take(desk.worker, &desk.tasks, fresh)).await;
        let taken = match taken.unwrap_or_else(|_| Err(unreachable_in(patience))) {
            Ok(taken) => taken,
            Err(failure) => {
                open.end(Some(failure.clone()));
                return Err(failure);
            }
        };
        open.times.connect = taken.took.connect.as_nanos() as u64;
        open.times.tls = taken.took.tls.as_nanos() as u64;
        open.reused = taken.reused;
        let mut connection = taken.connection;
        open.arrive(&connection);
        let sent = tokio::time::timeout(patience, connection.sender.try_send_request(request)).await;
        let failure = match sent {
            Ok(Ok(response)) => return Ok(answered(open, connection, response, &recorder, desk.tasks)),
            Ok(Err(mut error)) => match error.take_message() {
                Some(unsent) if open.reused => {
                    open.leave();
                    request = unsent;
                    continue;
                }
                _ => upstream::failure(&error.into_error()),
            },
            Err(_) => silent(patience),
        };
        open.stamp(&connection);
        open.end(Some(failure.clone()));
        return Err(failure);
    }
}

fn answered(
    mut open: Open,
    connection: Connection<Upload>,
    response: Response<Incoming>,
    recorder: &Recorder,
    tasks: Tasks,
) -> Response<Download> {
    let (mut parts, body) = response.into_parts();
    parts.headers = upstream::end_to_end(&parts.headers);
    if let Some(location) = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok())
        && let Some(path) = recorder.upstream.origin().strip(location)
        && let Ok(path) = HeaderValue::from_str(if path.is_empty() { "/" } else { path })
    {
        // a redirect to the service itself would lead clients around us
        parts.headers.insert(LOCATION, path);
    }
    open.connection = Some(connection);
    open.answer = Some((parts.status, parts.headers.clone()));
    let mut download = Download::new(body, open, recorder.timeout, tasks);
    download.end_if_empty();
    Response::from_parts(parts, download)
}

/// An exchange that goes on when its client has gone: the service is at work on it, holds its place, and is measured.
struct KeepGoing<F>
where
    F: Future + Send + 'static,
{
    exchange: Option<Pin<Box<F>>>,
    tasks: Tasks,
}

impl<F> Future for KeepGoing<F>
where
    F: Future + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(exchange) = &mut self.exchange else { return Poll::Pending };
        let polled = exchange.as_mut().poll(cx);
        if polled.is_ready() {
            self.exchange = None;
        }
        polled
    }
}

impl<F> Drop for KeepGoing<F>
where
    F: Future + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            // its answer is dropped, and drained by that
            self.tasks.spawn(async move { drop(exchange.await) });
        }
    }
}

fn client_response(response: Response<Download>, method: &Method, origin: &Origin) -> Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    if parts.status.is_informational() {
        let failure = Failure { reason: Reason::Protocol, detail: format!("its last word was {}", parts.status) };
        return broken(&failure, origin);
    }
    let empty = *method == Method::HEAD || body.is_end_stream();
    let body = if empty { Outgoing::whole(Bytes::new()) } else { Outgoing::stream(body) };
    Response::from_parts(parts, body)
}

/// What a client is told when the service gave no answer.
fn broken(failure: &Failure, origin: &Origin) -> Response<Outgoing> {
    let (status, what) = match failure.reason {
        Reason::Connect => (StatusCode::BAD_GATEWAY, "cannot connect to"),
        Reason::Tls => (StatusCode::BAD_GATEWAY, "cannot agree on TLS with"),
        Reason::Timeout => (StatusCode::GATEWAY_TIMEOUT, "waited too long for"),
        Reason::Protocol => (StatusCode::BAD_GATEWAY, "cannot understand"),
        _ => (StatusCode::BAD_GATEWAY, "lost the connection to"),
    };
    respond(status, format!("standin {what} {origin}: {}\n", failure.detail))
}

fn refusal(refused: Refused, recorder: &Recorder) -> Response<Outgoing> {
    let mend = match refused {
        Refused::InFlight => "raise --max-in-flight or --max-connections",
        Refused::Rate => "raise --max-per-second",
    };
    let origin = recorder.upstream.origin();
    let text =
        format!("standin protects {origin}: {}; {mend}, or let calls wait longer by --queue-timeout\n", told(refused));
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn told(refused: Refused) -> &'static str {
    match refused {
        Refused::InFlight => "too many calls were in flight",
        Refused::Rate => "calls came faster than the rate allows",
    }
}

fn respond(status: StatusCode, text: String) -> Response<Outgoing> {
    let Reply { headers, .. } = Reply::text(status, Bytes::new());
    let mut response = Response::new(Outgoing::whole(text.into()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn unreachable_in(patience: Duration) -> Failure {
    Failure { reason: Reason::Timeout, detail: format!("no connection within {patience:?}") }
}

/// HTTP/2 may send a cookie a line; HTTP/1.1 has one line (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// What takes less, in nanoseconds, was no wait.
const IS_A_WAIT: u64 = 20_000;
