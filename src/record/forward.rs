//! A call's way through the recorder: let in, put on a connection, sent, answered, and taped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{COOKIE, EXPECT, HOST, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};

use super::body::{DownloadBody, RequestBody, UploadBody, UploadProgress, silent};
use super::capture::Capture;
use super::heads::HeaderBlock;
use super::scribe::RecordedCall;
use super::{CallEvent, FinishedCall, Recorder};
use crate::send::Outgoing;
use crate::tasks::Tasks;
use crate::timer::Timer;
use crate::upstream::{self, Checkout, LimitExceeded, TargetUrl, UpstreamConnection, UpstreamPermit};
use standin_stub::reply::Reply;
use standin_tape::exchange::{ExchangeFailure, ExchangeTimes, FailureReason};

/// What a worker lends to a call.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    /// Its place among the workers.
    pub worker: usize,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// What wakes it.
    pub timer: Arc<Timer>,
}

/// A call at the service; what is known of it goes on the tape when it ends.
#[derive(Debug)]
pub(super) struct InFlightCall {
    recorder: Arc<Recorder>,
    worker: usize,
    /// None once it has ended.
    entry: Option<Box<RecordedCall>>,
    seen: Arc<UploadProgress>,
    connection: Option<UpstreamConnection<UploadBody>>,
    permit: Option<UpstreamPermit>,
    /// Whether the service is still counted as working on it.
    at_service: bool,
}

impl Recorder {
    /// Sends a call to the service, and gives back its answer as it comes; what went wrong is an answer as well.
    pub async fn forward(
        self: Arc<Self>,
        mut parts: Parts,
        body: RequestBody,
        arrival: Instant,
        desk: WorkerContext,
    ) -> Response<Outgoing> {
        self.for_service(&mut parts);
        let (mut open, upload) = InFlightCall::new(Arc::clone(&self), &parts, body, arrival, desk.worker);
        if let Err(refused) = self.let_in(&mut open, &desk).await {
            self.counts.refused.fetch_add(1, Relaxed);
            open.end(Some(ExchangeFailure { reason: FailureReason::Limit, detail: told(refused).to_owned() }));
            return refusal(refused, &self);
        }
        let is_head = parts.method == Method::HEAD;
        let tasks = desk.tasks.clone();
        let exchange = exchange(Arc::clone(&self), open, self.request(parts, upload), desk);
        match (RunToCompletion { exchange: Some(Box::pin(exchange)), tasks }).await {
            Ok(response) => client_response(response, is_head, self.upstream.origin()),
            Err(failure) => broken(&failure, self.upstream.origin()),
        }
    }

    async fn let_in(&self, open: &mut InFlightCall, desk: &WorkerContext) -> Result<(), LimitExceeded> {
        let asked = Instant::now();
        let permit = self.upstream.admit().await?;
        let passed = self.upstream.pass(&permit, &desk.timer).await;
        let waited = asked.elapsed();
        open.permit = Some(permit);
        if let Some(entry) = &mut open.entry {
            entry.times.permit_wait = if waited > IS_A_WAIT { waited.as_nanos() as u64 } else { 0 };
        }
        passed
    }

    /// Makes the head of a call fit for the service.
    fn for_service(&self, parts: &mut Parts) {
        let headers = &mut parts.headers;
        upstream::end_to_end(headers);
        headers.remove(EXPECT);
        headers.insert(HOST, self.host.clone());
        if self.reads_bodies {
            upstream::keep_codings(headers);
        }
        if parts.version == Version::HTTP_2 {
            join_cookies(headers);
        }
    }

    /// The call as the service gets it.
    fn request(&self, parts: Parts, upload: UploadBody) -> Request<UploadBody> {
        let mut request = Request::new(upload);
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let prefix = &self.upstream.origin().prefix;
        let path = if prefix.is_empty() || !path.as_str().starts_with('/') {
            path
        } else {
            // both were parts of urls before
            format!("{prefix}{path}").parse().unwrap_or(path)
        };
        *request.uri_mut() = Uri::from(path);
        *request.method_mut() = parts.method;
        *request.headers_mut() = parts.headers;
        request
    }
}

impl InFlightCall {
    fn new(
        recorder: Arc<Recorder>,
        parts: &Parts,
        body: RequestBody,
        arrival: Instant,
        worker: usize,
    ) -> (Self, UploadBody) {
        let number = recorder.counts.calls.fetch_add(1, Relaxed) + 1;
        let (upload, seen) = UploadBody::new(body, arrival, recorder.upstream.base(), &recorder.room);
        let entry = Box::new(RecordedCall {
            number,
            method: parts.method.clone(),
            url: parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            headers: recorder.scribe.as_ref().map(|_| HeaderBlock::of(&parts.headers)).unwrap_or_default(),
            body: None,
            answer: None,
            received: Capture::new(&recorder.room),
            failure: None,
            times: ExchangeTimes::default(),
            in_flight: 0,
            reused: false,
        });
        let open =
            Self { recorder, worker, entry: Some(entry), seen, connection: None, permit: None, at_service: false };
        (open, upload)
    }

    /// Copies what came of the answer.
    pub(super) fn push(&mut self, data: &[u8]) {
        if let Some(entry) = &mut self.entry {
            entry.received.push(data);
        }
    }

    /// Puts the exchange on the tape, and frees what it held.
    pub(super) fn end(mut self, failure: Option<ExchangeFailure>) {
        self.finish(failure);
    }

    /// Has a connection, and sends the call now.
    fn arrive(&mut self, taken: &Checkout<UploadBody>) {
        taken.connection.stamps.clear();
        self.at_service = true;
        let in_flight = self.recorder.upstream.arrive();
        if let Some(entry) = &mut self.entry {
            entry.in_flight = in_flight;
            entry.reused = taken.reused;
            entry.times.connect = taken.took.connect.as_nanos() as u64;
            entry.times.tls = taken.took.tls.as_nanos() as u64;
            if let Some(witness) = &self.recorder.witness {
                witness.tell(CallEvent::Arrived(entry.number));
            }
        }
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.at_service) {
            self.recorder.upstream.leave();
        }
    }

    fn stamp(&mut self, connection: &UpstreamConnection<UploadBody>) {
        if let Some(entry) = &mut self.entry {
            entry.times.sent = connection.stamps.written().1;
            (entry.times.first_byte, entry.times.last_byte) = connection.stamps.read();
        }
    }

    fn finish(&mut self, failure: Option<ExchangeFailure>) {
        self.leave();
        if let Some(connection) = self.connection.take() {
            self.stamp(&connection);
            if failure.is_none() {
                self.recorder.upstream.put(self.worker, connection);
            }
        }
        drop(self.permit.take());
        let Some(mut entry) = self.entry.take() else { return };
        if failure.as_ref().is_some_and(|failure| failure.reason != FailureReason::Limit) {
            self.recorder.counts.failed.fetch_add(1, Relaxed);
        }
        if let Some(witness) = &self.recorder.witness {
            witness.tell(CallEvent::Finished(FinishedCall::new(&entry, failure.as_ref())));
        }
        if let Some(scribe) = &self.recorder.scribe {
            entry.body = self.seen.take();
            entry.times.received = self.seen.received();
            entry.failure = failure;
            scribe.take(entry);
        }
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        self.finish(Some(ExchangeFailure {
            reason: FailureReason::ClientGone,
            detail: "nobody waited for it any more".to_owned(),
        }));
    }
}

/// Sends a call, and waits for the head of its answer. A kept connection that closes before it took anything is replaced.
async fn exchange(
    recorder: Arc<Recorder>,
    mut open: InFlightCall,
    mut request: Request<UploadBody>,
    desk: WorkerContext,
) -> Result<Response<DownloadBody>, ExchangeFailure> {
    let upstream = &recorder.upstream;
    let patience = recorder.timeout;
    let mut fresh = false;
    loop {
        let idle = if fresh { None } else { upstream.take_idle(desk.worker) };
        let taken = match idle {
            Some(taken) => taken,
            None => match tokio::time::timeout(patience, upstream.take_new(&desk.tasks)).await {
                Ok(Ok(taken)) => taken,
                Ok(Err(failure)) => return failed(open, failure),
                Err(_) => return failed(open, unreachable_in(patience)),
            },
        };
        open.arrive(&taken);
        let Checkout { mut connection, reused, .. } = taken;
        let sent = tokio::time::timeout(patience, connection.sender.try_send_request(request)).await;
        let failure = match sent {
            Ok(Ok(response)) => return Ok(answered(open, connection, response, &recorder, desk.tasks)),
            Ok(Err(mut error)) => match error.take_message() {
                Some(unsent) if reused => {
                    open.leave();
                    (request, fresh) = (unsent, true);
                    continue;
                }
                _ => upstream::failure(&error.into_error()),
            },
            Err(_) => silent(patience),
        };
        open.stamp(&connection);
        return failed(open, failure);
    }
}

fn failed<T>(open: InFlightCall, failure: ExchangeFailure) -> Result<T, ExchangeFailure> {
    open.end(Some(failure.clone()));
    Err(failure)
}

fn answered(
    mut open: InFlightCall,
    connection: UpstreamConnection<UploadBody>,
    response: Response<Incoming>,
    recorder: &Recorder,
    tasks: Tasks,
) -> Response<DownloadBody> {
    let (mut parts, body) = response.into_parts();
    upstream::end_to_end(&mut parts.headers);
    if let Some(location) = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok())
        && let Some(path) = recorder.upstream.origin().strip(location)
        && let Ok(path) = HeaderValue::from_str(if path.is_empty() { "/" } else { path })
    {
        // a redirect to the service itself would lead clients around us
        parts.headers.insert(LOCATION, path);
    }
    open.connection = Some(connection);
    if let Some(entry) = open.entry.as_mut().filter(|_| recorder.scribe.is_some()) {
        entry.answer = Some((parts.status, HeaderBlock::of(&parts.headers)));
    }
    let mut download = DownloadBody::new(body, open, recorder.timeout, tasks);
    download.end_if_empty();
    Response::from_parts(parts, download)
}

/// An exchange that goes on when its client has gone: the service is at work on it, holds its place, and is measured.
struct RunToCompletion<F>
where
    F: Future + Send + 'static,
{
    exchange: Option<Pin<Box<F>>>,
    tasks: Tasks,
}

impl<F> Future for RunToCompletion<F>
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

impl<F> Drop for RunToCompletion<F>
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

fn client_response(response: Response<DownloadBody>, is_head: bool, origin: &TargetUrl) -> Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    if parts.status.is_informational() {
        let failure =
            ExchangeFailure { reason: FailureReason::Protocol, detail: format!("its last word was {}", parts.status) };
        return broken(&failure, origin);
    }
    let empty = is_head || body.is_end_stream();
    let body = if empty { Outgoing::whole(Bytes::new()) } else { Outgoing::stream(body) };
    Response::from_parts(parts, body)
}

/// What a client is told when the service gave no answer.
fn broken(failure: &ExchangeFailure, origin: &TargetUrl) -> Response<Outgoing> {
    let (status, what) = match failure.reason {
        FailureReason::Connect => (StatusCode::BAD_GATEWAY, "cannot connect to"),
        FailureReason::Tls => (StatusCode::BAD_GATEWAY, "cannot agree on TLS with"),
        FailureReason::Timeout => (StatusCode::GATEWAY_TIMEOUT, "waited too long for"),
        FailureReason::Protocol => (StatusCode::BAD_GATEWAY, "cannot understand"),
        _ => (StatusCode::BAD_GATEWAY, "lost the connection to"),
    };
    respond(status, format!("standin {what} {origin}: {}\n", failure.detail))
}

fn refusal(refused: LimitExceeded, recorder: &Recorder) -> Response<Outgoing> {
    let help = match refused {
        LimitExceeded::InFlight => "raise --max-in-flight or --max-connections",
        LimitExceeded::Rate => "raise --max-per-second",
    };
    let origin = recorder.upstream.origin();
    let text =
        format!("standin protects {origin}: {}; {help}, or let calls wait longer by --queue-timeout\n", told(refused));
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn told(refused: LimitExceeded) -> &'static str {
    match refused {
        LimitExceeded::InFlight => "too many calls were in flight",
        LimitExceeded::Rate => "calls came faster than the rate allows",
    }
}

fn respond(status: StatusCode, text: String) -> Response<Outgoing> {
    let Reply { headers, .. } = Reply::text(status, Bytes::new());
    let mut response = Response::new(Outgoing::whole(text.into()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn unreachable_in(patience: Duration) -> ExchangeFailure {
    ExchangeFailure { reason: FailureReason::Timeout, detail: format!("no connection within {patience:?}") }
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

/// What takes less was no wait.
const IS_A_WAIT: Duration = Duration::from_micros(20);
