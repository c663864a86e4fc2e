//! The request path: read the request, find its stub, render the reply, wait until it is due, send
//! it.
//!
//! An unmatched request is answered by `misses` (a file of `__files`, or a 404 that explains the
//! nearest stubs) or by `forward` (the real service).

mod channel;
mod contained;
mod cors;
mod forward;
pub(crate) mod misses;
mod observed;
mod paced;
mod proxied;
mod refusal;
mod render;
mod sending;
mod streamed;
mod upload;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;

pub(crate) use self::contained::contained;
use self::misses::MissSender;
use self::paced::Matched;
use self::proxied::Forwarded;
use self::render::held;
use crate::admin::{self, AdminRequest};
use crate::listen::body::{self, Bounds};
use crate::listen::connection::{Broken, Connection, Limits};
use crate::listen::host::host_problem;
use crate::live::ServiceState;
use crate::live::journal::AnswerInfo;
use crate::offload::Offload;
use crate::pacing::PacedRequest;
use crate::webhooks::{WebhookJob, WebhookSender, WebhookTrigger};
use crate::worker_context::WorkerContext;
use standin_stub::call::Call;
use standin_stub::memory::MemoryPermit;

use crate::audit::Audit;
use crate::panics::{self, Panics};
use crate::proxy::ProxyClient;
use crate::record::ForwardRule;
use crate::request_log::RequestLog;
use crate::send::Outgoing;
use crate::spans::SpanRecorder;
use standin_model::draws::Draws;
use standin_stub::Stub;
use standin_stub::reply::Reply;

/// A response that is ready, or a future of it.
enum Answering {
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Now(Answer),
}

/// A matched stub, the number of requests that it answered before, and the demands of the request
/// if a service of the active profile paces it.
struct Found {
    stub: Arc<Stub>,
    ordinal: u64,
    paced: Option<Box<PacedRequest>>,
}

type Answer = Result<Response<Outgoing>, Broken>;

impl Answering {
    /// Waits for the response.
    async fn wait(self) -> Answer {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

/// The request path of one worker for one set of stubs.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// The index of the worker, its tasks and its timer.
    pub(crate) context: WorkerContext,
    /// The stubs, settings and journal, shared with the control plane.
    pub(crate) live: Arc<ServiceState>,
    /// The lateness audit of the worker.
    pub(crate) audit: Arc<Audit>,
    /// The panic counters of the server.
    pub(crate) panics: Arc<Panics>,
    /// The source of random delays.
    pub(crate) draws: Draws,
    /// The limits of requests.
    pub(crate) limits: Limits,
    /// The threads for work that would block the worker.
    pub(crate) offload: Arc<Offload>,
    /// The queue of unmatched requests.
    pub(crate) misses: MissSender,
    /// The queue of admin requests.
    pub(crate) control: mpsc::Sender<AdminRequest>,
    /// The real service, if requests may be forwarded to it.
    pub(crate) forward: Option<ForwardRule>,
    /// The client of the services that stubs forward to.
    pub(crate) proxy: Arc<ProxyClient>,
    /// The request log, if requests are logged.
    pub(crate) request_log: Option<RequestLog>,
    /// The queue of spans, if calls have spans.
    pub(crate) spans: Option<SpanRecorder>,
    /// The queue of webhooks.
    pub(crate) webhooks: WebhookSender,
    /// True if web pages of every origin may call stubs.
    pub(crate) has_stub_cors: bool,
}

impl Answerer {
    /// Answers the request in `slot`, or says how its connection ends.
    ///
    /// A request without a body whose response needs no waiting is answered at once, and its head
    /// moves straight into the [`Call`]. Everything else becomes a future.
    ///
    /// The caller contains panics of this method and of the future: see [`contained`].
    #[inline]
    fn answer(self: Arc<Self>, slot: &mut Option<Request<Incoming>>, connection: Arc<Connection>) -> Answering {
        if self.has_stub_cors {
            return self.answer_with_cors(slot, connection);
        }
        self.answer_request(slot, connection)
    }

    #[inline]
    fn answer_request(self: Arc<Self>, slot: &mut Option<Request<Incoming>>, connection: Arc<Connection>) -> Answering {
        panics::planted("call");
        let request = slot.as_mut().expect("a request is answered once");
        let is_admin = admin::is_admin_path(request.uri().path());
        let recorder = self.forward.as_ref().filter(|forward| forward.forwards_all).map(|forward| &forward.recorder);
        if !is_admin && recorder.is_none() && request.body().is_end_stream() {
            if self.opens_channel(request, &connection) {
                return self.open_channel(request, &connection);
            }
            return match self.admit(request, &connection) {
                Ok(held) => {
                    let call = self.call(request, Bytes::new(), held, &connection);
                    self.answer_call(call, connection)
                }
                Err(refusal) => self.finish(*refusal, Method::GET, &connection.memory),
            };
        }
        if is_admin && let Some(why) = host_problem(request) {
            return self.finish(refusal::no_host(why), Method::GET, &connection.memory);
        }
        let recorder = recorder.map(Arc::clone);
        let request = slot.take().expect("it is still there");
        if is_admin && self.proxy.has_forwarded(request.headers()) {
            return self.finish(refusal::own_admin(), Method::GET, &connection.memory);
        }
        if is_admin {
            return Answering::Later(Box::pin(async move {
                Ok(admin::forward_request(&self.control, request, &connection, Arc::clone(&self.live)).await)
            }));
        }
        match recorder {
            Some(recorder) => Answering::Later(Box::pin(self.forward_all(recorder, request, connection))),
            None => Answering::Later(Box::pin(self.answer_with_body(request, connection))),
        }
    }

    async fn answer_with_body(self: Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>) -> Answer {
        let (parts, body) = request.into_parts();
        let mut head = Request::from_parts(parts, ());
        let bounds = Bounds {
            length: self.limits.body,
            time: self.limits.read,
            memory: &connection.memory,
            uncounted: connection.uncounted(),
        };
        let read = match self.admit(&head, &connection) {
            Ok(held) => {
                let (body, held) = match self.start_upload(&mut head, body, held, &connection) {
                    Ok(forwarded) => return self.answer_proxied(*forwarded).await,
                    Err(unchanged) => unchanged,
                };
                match body::read(body, bounds).await {
                    Ok(body) => {
                        connection.clock.body_read();
                        Ok((body, held))
                    }
                    Err(unread) => Err(self.unread(unread)),
                }
            }
            Err(refusal) => Err(refusal),
        };
        let call = match read {
            Ok((body, held)) => self.call(&mut head, body, held, &connection),
            Err(refusal) => return self.finish(*refusal, Method::GET, &connection.memory).wait().await,
        };
        if call.is_large() {
            return self.answer_large(call, connection).await;
        }
        self.answer_call(call, connection).wait().await
    }

    /// Answers a request with a large body: an offload thread decodes it.
    async fn answer_large(self: Arc<Self>, call: Call, connection: Arc<Connection>) -> Answer {
        let paces = self.live.pacing().active().is_some();
        if !paces && call.try_without_decoding(|| self.live.would_match(&call)) == Some(true) {
            return self.answer_call(call, connection).wait().await;
        }
        let answerer = Arc::clone(&self);
        let find = move || {
            let found = answerer.find(&call);
            if found.is_none() && answerer.forward.is_none() {
                // the thread that looks for near misses serves all workers
                call.decode_for_near_misses();
            }
            (call, found)
        };
        let (call, found) = self.offload.run(&connection.turns, find).await;
        self.answer_found(call, found, connection).wait().await
    }

    /// Finds the stub of a request and responds as it says.
    #[expect(clippy::inline_always, reason = "a call is large, and would be moved")]
    #[inline(always)]
    fn answer_call(self: Arc<Self>, call: Call, connection: Arc<Connection>) -> Answering {
        let found = self.find(&call);
        self.answer_found(call, found, connection)
    }

    #[inline]
    fn find(&self, call: &Call) -> Option<Found> {
        let (stub, ordinal) = self.live.match_and_advance(call)?;
        let paced = self.pace(&stub, call).map(Box::new);
        Some(Found { stub, ordinal, paced })
    }

    #[expect(clippy::inline_always, reason = "a call is large, and would be moved")]
    #[inline(always)]
    fn answer_found(self: Arc<Self>, call: Call, found: Option<Found>, connection: Arc<Connection>) -> Answering {
        if let Some(exhausted) = call.exhausted() {
            return self.finish(*refusal::exhausted(exhausted), call.method, &connection.memory);
        }
        if self.live.messaging().has_http_triggers() {
            self.trigger_messages(&call, found.as_ref().map(|found| found.stub.id));
        }
        let Some(Found { stub, ordinal, paced }) = found else {
            self.live.journal().append(self.context.worker, &call, AnswerInfo::unmatched());
            if call.method == Method::CONNECT {
                return self.finish(refusal::no_tunnel(), call.method, &connection.memory);
            }
            if let Some(forward) = &self.forward {
                let recorder = Arc::clone(&forward.recorder);
                return Answering::Later(Box::pin(self.forward_unmatched(
                    recorder,
                    call,
                    Arc::clone(&connection.memory),
                )));
            }
            if let Some(reply) = self.misses.reply_if_overloaded(&call, &self.live) {
                return self.finish(reply, call.method, &connection.memory);
            }
            return Answering::Later(Box::pin(async move {
                let method = call.method.clone();
                let reply = held(self.misses.reply_to(call, Arc::clone(&self.live)).await, &connection);
                self.send(reply, &method, None, &connection.memory).await
            }));
        };
        let delay = self.delay_of(&stub, ordinal);
        let webhooks = stub.webhooks.as_ref().map(|_| self.trigger(&stub, ordinal, &call));
        if stub.response.reply().proxy.is_some() {
            let forwarded = Forwarded { stub, ordinal, call, connection, delay, webhooks, upload: None };
            return Answering::Later(Box::pin(self.answer_proxied(forwarded)));
        }
        let explains = call.headers.contains_key(paced::DEBUG);
        if paced.is_some() || explains || stub.response.reply().stream.is_some() {
            // on HTTP/2 a client that goes away drops the answer
            let can_renege = !connection.http2 && paced.as_ref().is_some_and(|paced| paced.can_renege());
            let matched = Matched { stub, ordinal, call, connection, paced, own_delay: delay, explains, webhooks };
            return Answering::Later(if can_renege {
                Box::pin(self.answer_unless_gone(matched))
            } else {
                Box::pin(self.answer_paced(matched))
            });
        }
        let is_fixed = stub.response.is_fixed();
        let mut entry = None;
        if is_fixed {
            let answered = AnswerInfo::matched(&stub).with_delay(delay);
            entry = self.live.journal().append(self.context.worker, &call, answered);
        }
        if delay.is_none()
            && webhooks.is_none()
            && let Some(reply) = self.try_render_inline(&stub, ordinal, &call, &connection)
        {
            if !is_fixed {
                self.journal_reply(&call, AnswerInfo::matched(&stub), &reply);
            }
            return self.finish(reply, call.method, &connection.memory);
        }
        Answering::Later(Box::pin(async move {
            let (arrival, method) = (call.arrival, call.method.clone());
            let reply = if is_fixed {
                self.render(stub, ordinal, call, &connection).await
            } else {
                let call = Arc::new(call);
                let reply = self.render(Arc::clone(&stub), ordinal, Arc::clone(&call), &connection).await;
                entry = self.journal_reply(&call, AnswerInfo::matched(&stub).with_delay(delay), &reply);
                reply
            };
            let webhooks = webhooks.map(|webhooks| webhooks.of_entry(entry));
            if let Some(delay) = delay {
                self.wait(arrival, delay, &connection).await;
            }
            let answer = self.send(reply, &method, None, &connection.memory).await;
            trigger_at_end(webhooks, answer)
        }))
    }

    /// Draws the delay of a stub that answered `ordinal` requests before this one.
    fn delay_of(&self, stub: &Stub, ordinal: u64) -> Option<Duration> {
        let settings = self.live.settings();
        standin_model::draw_stub_delay(stub.id, stub.response.delays(), &settings.delays, &self.draws, ordinal)
    }

    /// Returns the trigger of the webhooks of a stub that answers a request.
    fn trigger(&self, stub: &Arc<Stub>, ordinal: u64, call: &Call) -> WebhookTrigger {
        let job = WebhookJob {
            stub: Arc::clone(stub),
            call: call.copy(),
            ordinal,
            draws: self.draws,
            live: Arc::clone(&self.live),
            entry: None,
        };
        self.webhooks.trigger(job, &self.context.tasks)
    }

    /// Appends a request to the journal with the reply that was made for it alone. Returns the
    /// number of the entry, if requests are kept.
    fn journal_reply(&self, call: &Call, answer: AnswerInfo<'_>, reply: &Reply) -> Option<u64> {
        let journal = self.live.journal();
        journal.append(self.context.worker, call, answer.with_reply(reply, journal.body_limit()))
    }

    /// Moves the head of a request into a call. `held` is the memory permit for that head.
    #[expect(clippy::inline_always, reason = "a call is large, and would be moved")]
    #[inline(always)]
    fn call<B>(&self, head: &mut Request<B>, body: Bytes, held: Option<MemoryPermit>, connection: &Connection) -> Call {
        let mut call = Call::taking(head, body, connection.peers, connection.arrival(), self.limits.body);
        call.spelt_names = connection.clock.spelt_names();
        call.count(&connection.memory, connection.uncounted());
        if held.is_some() {
            call.head_permit = held;
        }
        call
    }

    /// Waits until the reply is due. A reply that is ready after its deadline is counted as late
    /// work.
    async fn wait(&self, arrival: Instant, delay: Duration, connection: &Connection) {
        let deadline = arrival + delay;
        let ready = Instant::now();
        if ready < deadline {
            Arc::clone(&self.context.timer).wait_until(deadline).await;
        }
        if connection.http2 {
            // the writes of an HTTP/2 connection carry many responses, so that one cannot be told
            // at the socket
            self.audit.record(Instant::now().saturating_duration_since(deadline), delay);
        } else {
            if ready >= deadline {
                self.audit.count_late_work();
            }
            connection.clock.promise(deadline, delay);
        }
    }
}

/// Lets the webhooks of a stub wait for the end of its answer.
fn trigger_at_end(webhooks: Option<WebhookTrigger>, answer: Answer) -> Answer {
    match webhooks {
        Some(webhooks) => answer.map(|response| webhooks.attach(response)),
        None => answer,
    }
}
