//! Forwards a request to the service, and its response to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{EXPECT, HOST, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Body as _;

use super::Recorder;
use super::download::{Download, DownloadBody};
use super::header_block::HeaderBlock;
use super::in_flight::{InFlightCall, path_and_query};
use super::upload::{RequestBody, UploadBody};
use crate::send::Outgoing;
use crate::tasks::Tasks;
use crate::upstream::{self, Exchanged, LimitExceeded, TargetUrl};
use crate::worker_context::WorkerContext;
use standin_stub::reply::Reply;
use standin_tape::exchange::{ExchangeFailure, FailureReason};

impl Recorder {
    /// Forwards a request, and returns the response while it arrives. A failure is a response as
    /// well (502, 503 or 504).
    pub async fn forward(
        self: Arc<Self>,
        mut parts: Parts,
        body: RequestBody,
        arrival: Instant,
        context: WorkerContext,
    ) -> Response<Outgoing> {
        self.rewrite_headers(&mut parts);
        let (mut call, upload) = InFlightCall::new(Arc::clone(&self), &parts, body, arrival, context.worker);
        if let Err(exceeded) = self.acquire_permit(&mut call, &context).await {
            self.counts.refused.fetch_add(1, Relaxed);
            let detail = limit_text(exceeded).to_owned();
            call.end(Some(ExchangeFailure { reason: FailureReason::Limit, detail }));
            return limit_response(exceeded, &self);
        }
        let is_head = parts.method == Method::HEAD;
        let tasks = context.tasks.clone();
        let exchange = exchange(Arc::clone(&self), call, self.upstream_request(parts, upload), context);
        match (RunToCompletion { exchange: Some(Box::pin(exchange)), tasks }).await {
            Ok(response) => client_response(response, is_head, self.upstream.target()),
            Err(failure) => failure_response(&failure, self.upstream.target()),
        }
    }

    /// Waits for a permit and for the rate limit, and records the time of the wait.
    async fn acquire_permit(&self, call: &mut InFlightCall, context: &WorkerContext) -> Result<(), LimitExceeded> {
        let asked = Instant::now();
        let permit = self.upstream.acquire_permit().await?;
        let passed = self.upstream.wait_for_rate(&permit, &context.timer).await;
        let waited = asked.elapsed();
        call.permit = Some(permit);
        if let Some(record) = &mut call.record {
            record.times.permit_wait = if waited > MIN_PERMIT_WAIT { waited.as_nanos() as u64 } else { 0 };
        }
        passed
    }

    /// Rewrites the headers of a request for the service.
    fn rewrite_headers(&self, parts: &mut Parts) {
        let headers = &mut parts.headers;
        upstream::remove_hop_by_hop(headers);
        headers.remove(EXPECT);
        headers.insert(HOST, self.host.clone());
        if self.reads_bodies {
            upstream::keep_decodable_codings(headers);
        }
        if parts.version == Version::HTTP_2 {
            upstream::join_cookies(headers);
        }
    }

    /// Builds the request to the service.
    fn upstream_request(&self, parts: Parts, upload: UploadBody) -> Request<UploadBody> {
        let mut request = Request::new(upload);
        let path = path_and_query(&parts.uri);
        let prefix = &self.upstream.target().path_prefix;
        let path = if prefix.is_empty() || !path.as_str().starts_with('/') {
            path
        } else {
            // both are parts of valid URLs
            format!("{prefix}{path}").parse().unwrap_or(path)
        };
        *request.uri_mut() = Uri::from(path);
        *request.method_mut() = parts.method;
        *request.headers_mut() = parts.headers;
        request
    }
}

/// Sends a request, and waits for the head of its response.
async fn exchange(
    recorder: Arc<Recorder>,
    mut call: InFlightCall,
    request: Request<UploadBody>,
    context: WorkerContext,
) -> Result<Response<DownloadBody>, ExchangeFailure> {
    match recorder.upstream.exchange(request, recorder.timeout, &context, &mut call).await {
        Ok(exchanged) => Ok(begin_download(call, exchanged, &recorder, context.tasks)),
        Err(failure) => fail(call, failure),
    }
}

fn fail<T>(call: InFlightCall, failure: ExchangeFailure) -> Result<T, ExchangeFailure> {
    call.end(Some(failure.clone()));
    Err(failure)
}

fn begin_download(
    mut call: InFlightCall,
    Exchanged { response, connection }: Exchanged<UploadBody>,
    recorder: &Recorder,
    tasks: Tasks,
) -> Response<DownloadBody> {
    let (mut parts, body) = response.into_parts();
    let closes = upstream::closes_connection(parts.version, &parts.headers);
    upstream::remove_hop_by_hop(&mut parts.headers);
    if let Some(location) = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok())
        && let Some(path) = recorder.upstream.target().strip_base(location)
        && let Ok(path) = HeaderValue::from_str(if path.is_empty() { "/" } else { path })
    {
        // a redirect to the service itself would lead clients past the recorder
        parts.headers.insert(LOCATION, path);
    }
    call.connection = Some(connection);
    if let Some(record) = call.record.as_mut().filter(|_| recorder.tape.is_some()) {
        record.response_head = Some((parts.status, HeaderBlock::of(&parts.headers)));
        record.reason = parts.extensions.get().cloned();
        record.times.closes = closes;
    }
    let timeout = recorder.timeout;
    Response::from_parts(parts, DownloadBody::new(body, Download { call, timeout, tasks }, timeout))
}

/// An exchange that continues when its client has disconnected: the service still works on it, so
/// it keeps its permit and its latency is measured.
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
            // dropping the response body drains it
            self.tasks.spawn(async move { drop(exchange.await) });
        }
    }
}

fn client_response(response: Response<DownloadBody>, is_head: bool, target: &TargetUrl) -> Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    if parts.status.is_informational() {
        let detail = format!("its last response was {}", parts.status);
        return failure_response(&ExchangeFailure { reason: FailureReason::Protocol, detail }, target);
    }
    let empty = is_head || body.is_end_stream();
    let body = if empty { Outgoing::whole(Bytes::new()) } else { Outgoing::stream(body) };
    Response::from_parts(parts, body)
}

/// Returns the response to a request that the service did not answer.
fn failure_response(failure: &ExchangeFailure, target: &TargetUrl) -> Response<Outgoing> {
    let (status, what) = match failure.reason {
        FailureReason::Connect => (StatusCode::BAD_GATEWAY, "cannot connect to"),
        FailureReason::Tls => (StatusCode::BAD_GATEWAY, "cannot agree on TLS with"),
        FailureReason::Timeout => (StatusCode::GATEWAY_TIMEOUT, "waited too long for"),
        FailureReason::Protocol => (StatusCode::BAD_GATEWAY, "cannot understand"),
        _ => (StatusCode::BAD_GATEWAY, "lost the connection to"),
    };
    text_response(status, format!("standin {what} {target}: {}\n", failure.detail))
}

/// Returns the response to a request that a limit refused.
fn limit_response(exceeded: LimitExceeded, recorder: &Recorder) -> Response<Outgoing> {
    let help = match exceeded {
        LimitExceeded::InFlight => "raise --max-in-flight or --max-connections",
        LimitExceeded::Rate => "raise --max-per-second",
    };
    let (target, why) = (recorder.upstream.target(), limit_text(exceeded));
    let text = format!("standin protects {target}: {why}; {help}, or let calls wait longer by --queue-timeout\n");
    let mut response = text_response(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn limit_text(exceeded: LimitExceeded) -> &'static str {
    match exceeded {
        LimitExceeded::InFlight => "too many calls were in flight",
        LimitExceeded::Rate => "calls came faster than the rate allows",
    }
}

fn text_response(status: StatusCode, text: String) -> Response<Outgoing> {
    let Reply { headers, .. } = Reply::text(status, Bytes::new());
    let mut response = Response::new(Outgoing::whole(text.into()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Shorter waits for a permit are recorded as none: they are the cost of the clock and the
/// semaphore.
const MIN_PERMIT_WAIT: Duration = Duration::from_micros(20);
