//! Answers of stubs that forward their requests to a real service.
//!
//! The response streams from the service to the client, and a long request streams to the service
//! if nothing looks at its body. Bodies are copied for the journal while they pass; that of a
//! response is held whole only for a chunked dribble delay. A client that disconnects ends the
//! request at the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;

use super::render::held;
use super::upload::{BodyCopy, Upload, UploadCopy};
use super::{Answer, Answerer, Found, refusal};
use crate::listen::body::{self, Bounds, Unread};
use crate::listen::connection::{Broken, Connection};
use crate::live::ServiceState;
use crate::live::journal::{AnswerInfo, JournaledAnswer};
use crate::proxy::{ProxiedResponse, ServiceCall};
use crate::send::Outgoing;
use crate::upstream::{self, ResponseBody, ResponseObserver};
use crate::webhooks::WebhookTrigger;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::memory::MemoryPermit;
use standin_stub::reply::{Body, ConnectionEnding, Dribble, Reply};
use standin_tape::exchange::ExchangeFailure;

/// A request with the stub that forwards it.
pub(super) struct Forwarded {
    pub(super) stub: Arc<Stub>,
    /// Number of requests that the stub answered before this one.
    pub(super) ordinal: u64,
    pub(super) call: Call,
    pub(super) connection: Arc<Connection>,
    /// Delay of the stub, which begins when the service has responded.
    pub(super) delay: Option<Duration>,
    /// Webhooks of the stub, if it has any.
    pub(super) webhooks: Option<WebhookTrigger>,
    /// Body of the request, if it has not arrived.
    pub(super) upload: Option<Incoming>,
}

impl Answerer {
    /// Finds the stub of a request whose body has not arrived. `None` without any effect, unless
    /// the stub forwards the request and nothing needs the body: no matcher on the way to the stub,
    /// no template, no webhook and no profile.
    pub(super) fn find_for_upload(&self, call: &Call) -> Option<Found> {
        if self.live.pacing().active().is_some() {
            return None;
        }
        let (stub, ordinal) = self.live.match_if(call, |found| {
            let forwards = found.is_some_and(|stub| {
                stub.response.is_fixed() && stub.webhooks.is_none() && stub.response.reply().proxy.is_some()
            });
            forwards && !call.missed_body()
        })?;
        Some(Found { stub, ordinal, paced: None })
    }

    /// Returns a request that is forwarded while its body arrives, or gives its head back.
    pub(super) fn start_upload(
        &self,
        head: &mut Request<()>,
        body: Incoming,
        held: Option<MemoryPermit>,
        connection: &Arc<Connection>,
    ) -> Result<Box<Forwarded>, (Incoming, Option<MemoryPermit>)> {
        let hint = http_body::Body::size_hint(&body);
        let is_short = hint.upper().is_some_and(|length| length <= MAX_GATHERED_BYTES);
        if is_short || hint.lower() > self.limits.body as u64 {
            return Err((body, held));
        }
        let mut call = self.call(head, Bytes::new(), held, connection);
        call.expect_body();
        let Some(Found { stub, ordinal, .. }) = self.find_for_upload(&call) else {
            return Err((body, call.give_back_head(head)));
        };
        let delay = self.delay_of(&stub, ordinal);
        let connection = Arc::clone(connection);
        Ok(Box::new(Forwarded { stub, ordinal, call, connection, delay, webhooks: None, upload: Some(body) }))
    }

    /// Forwards a request, and ends it at the service when its client goes away.
    pub(super) async fn answer_proxied(self: Arc<Self>, forwarded: Forwarded) -> Answer {
        if forwarded.connection.http2 {
            // a client that goes away drops the answer
            return self.proxy(forwarded).await;
        }
        let clock = Arc::clone(&forwarded.connection.clock);
        tokio::select! {
            biased;
            answer = self.proxy(forwarded) => answer,
            () = clock.client_gone() => Err(Broken(ConnectionEnding::Close)),
        }
    }

    async fn proxy(self: Arc<Self>, forwarded: Forwarded) -> Answer {
        let Forwarded { stub, ordinal, call, connection, delay, webhooks, upload } = forwarded;
        let (method, call) = (call.method.clone(), Arc::new(call));
        let reply = self.render(Arc::clone(&stub), ordinal, Arc::clone(&call), &connection).await;
        let body_limit = self.live.journal().body_limit();
        let (body, uploaded) = match upload {
            Some(upload) => {
                let (body, copy) = Upload::new(upload, &connection, BodyCopy::new(body_limit, &connection.memory));
                (Outgoing::stream(body), Some(copy))
            }
            None => (Outgoing::whole(call.raw_body.clone()), None),
        };
        let mut record = ProxyRecord {
            live: Arc::clone(&self.live),
            worker: self.context.worker,
            stub,
            call: Arc::clone(&call),
            delay,
            webhooks,
            since: Instant::now(),
            answer: None,
            copy: BodyCopy::new(body_limit, &connection.memory),
            uploaded,
        };
        let sent = match &reply.proxy {
            Some(proxy) => self.proxy.send(proxy, &call, body, &self.context).await,
            // a template has failed
            None => Err(Box::new(reply.clone())),
        };
        let ProxiedResponse { response, call: service_call } = match sent {
            Ok(responded) => responded,
            Err(reply) => {
                record.answered_by(&reply);
                drop(record);
                self.delay_proxied(delay, &connection).await;
                return self.send(*reply, &method, None, &connection.memory).await;
            }
        };
        let response = with_stub_headers(response, &reply.headers);
        record.begin(&response);
        self.delay_proxied(delay, &connection).await;
        record.since = Instant::now();
        let (parts, incoming) = response.into_parts();
        let body = ResponseBody::new(incoming, Journaled { record, service_call }, self.proxy.timeout());
        match reply.dribble {
            Some(dribble) if method != Method::HEAD => {
                let head = Response::from_parts(parts, ());
                self.dribble_proxied(head, body, dribble, &method, &connection).await
            }
            _ => {
                let is_empty = method == Method::HEAD || http_body::Body::is_end_stream(&body);
                let body = if is_empty { Outgoing::whole(Bytes::new()) } else { Outgoing::stream(body) };
                self.context.timer.fire_due();
                self.live.response_counts().count(self.context.worker, Some(parts.status));
                Ok(Response::from_parts(parts, body))
            }
        }
    }

    /// Waits for the delay of a stub whose service has just responded.
    async fn delay_proxied(&self, delay: Option<Duration>, connection: &Connection) {
        if let Some(delay) = delay {
            self.wait(Instant::now(), delay, connection).await;
        }
    }

    /// Reads the whole body of a response, and sends it in the pieces of a dribble.
    async fn dribble_proxied(
        &self,
        mut head: Response<()>,
        body: ResponseBody<Journaled>,
        dribble: Dribble,
        method: &Method,
        connection: &Connection,
    ) -> Answer {
        let bounds = Bounds {
            length: MAX_DRIBBLED_BYTES,
            time: self.proxy.timeout(),
            memory: &connection.memory,
            uncounted: connection.uncounted(),
        };
        let reply = match body::read(body, bounds).await {
            Ok(bytes) => Reply {
                status: head.status(),
                reason: head.extensions_mut().remove(),
                headers: std::mem::take(head.headers_mut()),
                body: Body::Bytes(bytes),
                dribble: Some(dribble),
                ending: None,
                proxy: None,
                stream: None,
            },
            Err(Unread::Memory(why)) => *refusal::exhausted(why),
            Err(unread) => *refusal::undribbled(&unread),
        };
        self.send(held(reply, connection), method, None, &connection.memory).await
    }
}

/// Returns the response with the headers of the stub, and without those of the connection to the
/// service.
fn with_stub_headers(response: Response<Incoming>, added: &HeaderMap) -> Response<Incoming> {
    let (mut parts, body) = response.into_parts();
    upstream::remove_hop_by_hop(&mut parts.headers);
    // a message has one Content-Type, and its length is that of the service's body
    if added.contains_key(CONTENT_TYPE) {
        parts.headers.remove(CONTENT_TYPE);
    }
    for (name, value) in added.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
        parts.headers.append(name, value.clone());
    }
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    if let Some(reason) = parts.extensions.remove::<ReasonPhrase>() {
        response.extensions_mut().insert(reason);
    }
    response
}

/// The journal entry of a proxied request, appended when it is dropped: when the response has
/// passed, or when its client or its service has gone.
struct ProxyRecord {
    live: Arc<ServiceState>,
    worker: usize,
    stub: Arc<Stub>,
    call: Arc<Call>,
    delay: Option<Duration>,
    webhooks: Option<WebhookTrigger>,
    /// Begin of the time that counts as the service's.
    since: Instant,
    answer: Option<JournaledAnswer>,
    copy: BodyCopy,
    /// Copy of the body of the request, if it passed as it came.
    uploaded: Option<Arc<UploadCopy>>,
}

impl ProxyRecord {
    /// Notes the head of a response.
    fn begin(&mut self, response: &Response<Incoming>) {
        self.answer = Some(JournaledAnswer {
            status: response.status(),
            headers: response.headers().clone(),
            body: Bytes::new(),
            is_body_omitted: true,
            process_time: self.since.elapsed(),
        });
    }

    /// Notes a reply in place of a response.
    fn answered_by(&mut self, reply: &Reply) {
        let body = if let Body::Bytes(bytes) = &reply.body { bytes.clone() } else { Bytes::new() };
        self.answer = Some(JournaledAnswer {
            status: reply.status,
            headers: reply.headers.clone(),
            body,
            is_body_omitted: false,
            process_time: self.since.elapsed(),
        });
    }

    /// Notes the end of the body.
    fn end(&mut self, is_complete: bool) {
        let Some(answer) = &mut self.answer else { return };
        answer.process_time += self.since.elapsed();
        let body = self.copy.take();
        answer.is_body_omitted = !is_complete || body.is_none();
        answer.body = body.unwrap_or_default();
    }
}

impl Drop for ProxyRecord {
    fn drop(&mut self) {
        let answer = AnswerInfo::matched(&self.stub).with_delay(self.delay).with_answer(self.answer.as_ref());
        let entry = match &self.uploaded {
            None => self.live.journal().append(self.worker, &self.call, answer),
            Some(uploaded) => {
                let (mut call, body) = (self.call.copy(), uploaded.take());
                let answer = answer.with_request_body_left_out(body.is_none());
                call.raw_body = body.unwrap_or_default();
                self.live.journal().append(self.worker, &call, answer)
            }
        };
        // dropped now, with the end of the response
        drop(self.webhooks.take().map(|webhooks| webhooks.of_entry(entry)));
    }
}

/// A proxied response that is being copied to the journal.
struct Journaled {
    record: ProxyRecord,
    service_call: ServiceCall,
}

impl ResponseObserver for Journaled {
    fn data(&mut self, data: &Bytes) {
        self.record.copy.push(data);
    }

    fn end(mut self, failure: Option<ExchangeFailure>) {
        self.record.end(failure.is_none());
        if failure.is_none() {
            self.service_call.complete();
        }
    }

    fn abandon(mut self, rest: Incoming) {
        self.record.end(false);
        // closes the connection, so that the service learns that nobody waits
        drop(rest);
    }
}

/// Length of a request body, in bytes, up to which it is read before the request is forwarded. A
/// body of unknown length streams.
const MAX_GATHERED_BYTES: u64 = 16 << 10;

/// Maximum bytes of a body that is held whole for a chunked dribble delay.
const MAX_DRIBBLED_BYTES: usize = 256 << 20;
