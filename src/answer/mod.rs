//! From a request to its answer, in one sentence: read the call, find its stub, render the reply, wait until it is due,
//! send it. What becomes of a miss is found out elsewhere.

mod contained;
mod elsewhere;
pub(crate) mod misses;
mod paced;
mod refusal;

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
use crate::admin::{self, AdminRequest};
use crate::listen::body::{self, Bounds};
use crate::listen::connection::{Broken, Connection, Limits};
use crate::listen::host::host_problem;
use crate::live::ServiceState;
use crate::live::journal::AnswerInfo;
use crate::offload::Offload;
use crate::pacing::PacedRequest;
use crate::worker_context::WorkerContext;
use standin_stub::call::Call;
use standin_stub::memory::{MemoryExhausted, MemoryPermit, MemoryShare};

use crate::audit::Audit;
use crate::panics::{self, Panics};
use crate::record::ForwardRule;
use crate::send::{self, Outgoing, Transfer, Wait};
use standin_model::draws::Draws;
use standin_stub::Stub;
use standin_stub::render::Cancellation;
use standin_stub::reply::{Body, Reply};

/// An answer that is there, or on its way.
enum Answering {
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Now(Answer),
}

/// The stub of a call, how many calls it answered before, and its demands if a service paces it.
struct Found {
    stub: Arc<Stub>,
    ordinal: u64,
    paced: Option<Box<PacedRequest>>,
}

type Answer = Result<Response<Outgoing>, Broken>;

impl Answering {
    /// Waits for the answer.
    async fn wait(self) -> Answer {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

/// Answers the calls of one worker for one set of stubs.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// The worker's place among all, its tasks and its timer.
    pub(crate) context: WorkerContext,
    /// What the planes share.
    pub(crate) live: Arc<ServiceState>,
    /// The worker's audit.
    pub(crate) audit: Arc<Audit>,
    /// The panics of the server.
    pub(crate) panics: Arc<Panics>,
    /// Where random delays come from.
    pub(crate) draws: Draws,
    /// What a client may send.
    pub(crate) limits: Limits,
    /// The threads for what would hold up the worker.
    pub(crate) offload: Arc<Offload>,
    /// The way to whatever becomes of a miss.
    pub(crate) misses: MissSender,
    /// The way to the control plane.
    pub(crate) control: mpsc::Sender<AdminRequest>,
    /// The way to the real service, if calls may go there.
    pub(crate) forward: Option<ForwardRule>,
}

impl Answerer {
    /// Answers a request, or says how its connection breaks. The request is taken out of `slot`.
    ///
    /// A request without a body whose answer is at hand is answered at once: its head moves straight into the call.
    /// Everything else is a future.
    ///
    /// A panic here, or in the future, is the caller's to contain: see [`contained`].
    #[inline]
    fn answer(self: Arc<Self>, slot: &mut Option<Request<Incoming>>, connection: Arc<Connection>) -> Answering {
        panics::planted("call");
        let request = slot.as_mut().expect("a request is answered once");
        let is_admin = admin::is_admin_path(request.uri().path());
        let recorder = self.forward.as_ref().filter(|forward| forward.forwards_all).map(|forward| &forward.recorder);
        if !is_admin && recorder.is_none() && request.body().is_end_stream() {
            return match self.let_in(request, &connection) {
                Ok(held) => {
                    let call = self.call(request, Bytes::new(), held, &connection);
                    self.answer_call(call, connection)
                }
                Err(refusal) => self.answer_at_once(*refusal, Method::GET, &connection.memory),
            };
        }
        if is_admin && let Some(why) = host_problem(request) {
            return self.answer_at_once(refusal::no_host(why), Method::GET, &connection.memory);
        }
        let recorder = recorder.map(Arc::clone);
        let request = slot.take().expect("it is still there");
        if is_admin {
            return Answering::Later(Box::pin(async move {
                Ok(admin::forward_request(&self.control, request, &connection, Arc::clone(&self.live)).await)
            }));
        }
        match recorder {
            Some(recorder) => Answering::Later(Box::pin(self.pass_on(recorder, request, connection))),
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
        let read = match self.let_in(&head, &connection) {
            Ok(held) => body::read(body, bounds).await.map(|body| (body, held)).map_err(|unread| self.unread(unread)),
            Err(refusal) => Err(refusal),
        };
        let call = match read {
            Ok((body, held)) => self.call(&mut head, body, held, &connection),
            Err(refusal) => return self.answer_at_once(*refusal, Method::GET, &connection.memory).wait().await,
        };
        if call.is_large() {
            return self.answer_large(call, connection).await;
        }
        self.answer_call(call, connection).wait().await
    }

    /// Answers a call with a large body: what has to decode it is done beside the worker.
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

    /// Finds the stub of a call, and answers as it says.
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
            return self.answer_at_once(*refusal::exhausted(exhausted), call.method, &connection.memory);
        }
        let Some(Found { stub, ordinal, paced }) = found else {
            self.live.journal().append(self.context.worker, &call, AnswerInfo::unmatched());
            if let Some(forward) = &self.forward {
                let recorder = Arc::clone(&forward.recorder);
                return Answering::Later(Box::pin(self.answer_elsewhere(
                    recorder,
                    call,
                    Arc::clone(&connection.memory),
                )));
            }
            if let Some(reply) = self.misses.reply_if_overloaded(&call, &self.live) {
                return self.answer_at_once(reply, call.method, &connection.memory);
            }
            return Answering::Later(Box::pin(async move {
                let method = call.method.clone();
                let reply = held(self.misses.reply_to(call, Arc::clone(&self.live)).await, &connection);
                self.send(reply, &method, None, &connection.memory).await
            }));
        };
        let delay = {
            let settings = self.live.settings();
            standin_model::draw_stub_delay(stub.id, stub.response.delays(), &settings.delays, &self.draws, ordinal)
        };
        let explains = call.headers.contains_key(paced::DEBUG);
        if paced.is_some() || explains {
            // on HTTP/2 a client that goes away drops the answer
            let can_renege = !connection.http2 && paced.as_ref().is_some_and(|paced| paced.can_renege());
            let matched = Matched { stub, ordinal, call, connection, paced, own_delay: delay, explains };
            return Answering::Later(if can_renege {
                Box::pin(self.answer_unless_gone(matched))
            } else {
                Box::pin(self.answer_paced(matched))
            });
        }
        self.live.journal().append(self.context.worker, &call, AnswerInfo::matched(&stub).with_delay(delay));
        if delay.is_none()
            && let Some(reply) = self.render_at_once(&stub, ordinal, &call, &connection)
        {
            return self.answer_at_once(reply, call.method, &connection.memory);
        }
        Answering::Later(Box::pin(async move {
            let (arrival, method) = (call.arrival, call.method.clone());
            let reply = self.render(stub, ordinal, call, &connection).await;
            if let Some(delay) = delay {
                self.wait(arrival, delay, &connection).await;
            }
            self.send(reply, &method, None, &connection.memory).await
        }))
    }

    /// Sends a reply that is due: now, unless its body has to be fetched or spread over time.
    fn answer_at_once(self: Arc<Self>, reply: Reply, method: Method, memory: &Arc<MemoryShare>) -> Answering {
        self.context.timer.fire_due();
        self.count(&reply);
        match send::respond_at_once(reply, &method) {
            Ok(Ok(response)) => Answering::Now(Ok(response)),
            Ok(Err(ending)) => Answering::Now(Err(Broken(ending))),
            Err(reply) => {
                let memory = Arc::clone(memory);
                Answering::Later(Box::pin(async move { self.respond(*reply, &method, None, &memory).await }))
            }
        }
    }

    /// Sends a reply that is due; its body leaves at the rate of `transfer`, if there is one.
    async fn send(
        &self,
        reply: Reply,
        method: &Method,
        transfer: Option<Transfer>,
        memory: &Arc<MemoryShare>,
    ) -> Answer {
        self.context.timer.fire_due();
        self.count(&reply);
        self.respond(reply, method, transfer, memory).await
    }

    /// Makes the response of a reply that is counted already.
    async fn respond(
        &self,
        reply: Reply,
        method: &Method,
        transfer: Option<Transfer>,
        memory: &Arc<MemoryShare>,
    ) -> Answer {
        if let Some(ending) = reply.ending {
            return Err(Broken(ending));
        }
        let wait = || -> Wait {
            let timer = Arc::clone(&self.context.timer);
            Box::new(move |due| Box::pin(Arc::clone(&timer).wait_until(due)))
        };
        match send::respond(reply, method, transfer, memory, wait).await {
            Ok(response) => Ok(response),
            Err(why) => send::respond_at_once(*refusal::unsendable(&why), method)
                .unwrap_or_else(|_| unreachable!("a refusal is a text"))
                .map_err(Broken),
        }
    }

    fn count(&self, reply: &Reply) {
        let status = if reply.ending.is_some() { None } else { Some(reply.status) };
        self.live.response_counts().count(self.context.worker, status);
    }

    /// Moves the head of a request into a call; `held` is the permit for that head.
    #[expect(clippy::inline_always, reason = "a call is large, and would be moved")]
    #[inline(always)]
    fn call<B>(&self, head: &mut Request<B>, body: Bytes, held: Option<MemoryPermit>, connection: &Connection) -> Call {
        let mut call = Call::taking(head, body, connection.peers, connection.arrival(), self.limits.body);
        call.count(&connection.memory, connection.uncounted());
        if held.is_some() {
            call.head_permit = held;
        }
        call
    }

    /// Renders at once, unless that takes long or has to decode a large body.
    #[inline]
    fn render_at_once(&self, stub: &Stub, ordinal: u64, call: &Call, connection: &Connection) -> Option<Reply> {
        let values = || standin_model::stub_random_stream(stub.id, self.draws, ordinal);
        if stub.response.is_fixed() {
            return stub.response.try_render_inline(call, values);
        }
        let reply = call.try_without_decoding(|| stub.response.try_render_inline(call, values))??;
        Some(if stub.response.shares_body_of(&reply) { reply } else { made(reply, call.exhausted(), connection) })
    }

    /// Renders on the worker, or off it where that takes long.
    async fn render(&self, stub: Arc<Stub>, ordinal: u64, call: Call, connection: &Connection) -> Reply {
        if let Some(reply) = self.render_at_once(&stub, ordinal, &call, connection) {
            return reply;
        }
        let values = standin_model::stub_random_stream(stub.id, self.draws, ordinal);
        let cancellation = Cancellation::default();
        // this future is dropped when the call is cancelled
        let _cancel = cancellation.on_drop();
        let render = move || {
            let reply = stub.response.render(&call, || values, cancellation);
            let is_shared = stub.response.shares_body_of(&reply);
            (reply, is_shared, call.exhausted())
        };
        match self.offload.run(&connection.turns, render).await {
            (reply, true, None) => reply,
            (reply, _, exhausted) => made(reply, exhausted, connection),
        }
    }

    /// Waits until the reply is due. One that was ready too late is sent at once, and counted.
    async fn wait(&self, arrival: Instant, delay: Duration, connection: &Connection) {
        let deadline = arrival + delay;
        let ready = Instant::now();
        if ready < deadline {
            Arc::clone(&self.context.timer).wait_until(deadline).await;
        }
        if connection.http2 {
            // many answers share the connection's writes: this is as near to the socket as one of them can be told
            self.audit.record(Instant::now().saturating_duration_since(deadline), delay);
        } else {
            if ready >= deadline {
                self.audit.count_late_work();
            }
            connection.clock.promise(deadline, delay);
        }
    }
}

/// A reply that was made for one call: its body is counted until it is sent. There is none if what it was made of was not
/// whole.
fn made(reply: Reply, exhausted: Option<MemoryExhausted>, connection: &Connection) -> Reply {
    match exhausted {
        Some(exhausted) => *refusal::exhausted(exhausted),
        None => held(reply, connection),
    }
}

/// A reply whose body is counted until it is sent; a refusal if there is no memory for it.
fn held(mut reply: Reply, connection: &Connection) -> Reply {
    if let Body::Bytes(bytes) = &mut reply.body
        && bytes.len() > connection.uncounted()
    {
        match connection.memory.hold(std::mem::take(bytes)) {
            Ok(held) => *bytes = held,
            Err(exhausted) => return *refusal::exhausted(exhausted),
        }
    }
    reply
}
