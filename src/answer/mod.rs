//! From a request to its answer, in one sentence: read the call, find its stub, render the reply, wait until it is due,
//! send it. What becomes of a miss is found out elsewhere.

mod elsewhere;
mod paced;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;

use self::paced::Matched;
use crate::call::Call;
use crate::listen::connection::{Broken, Connection, Limits};
use crate::live::Live;
use crate::live::handover::{self, Handover};
use crate::live::journal::Answered;
use crate::live::misses::Misses;
use crate::live::pacing::Passage;
use crate::pace;
use crate::pace::audit::Audit;
use crate::pace::draws::Draws;
use crate::record::{Desk, Forward};
use crate::render::Cancellation;
use crate::reply::Reply;
use crate::send::{self, Outgoing, Transfer, Wait};
use crate::stub::Stub;

/// An answer that is there, or on its way.
pub(crate) enum Answering {
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// Taken by the first poll.
    Now(Option<Answer>),
}

type Answer = Result<Response<Outgoing>, Broken>;

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut *self {
            Self::Later(answer) => answer.as_mut().poll(cx),
            Self::Now(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

/// Answers the calls of one worker for one set of stubs.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// The worker's place among all, its tasks and its timer.
    pub(crate) desk: Desk,
    /// What the planes share.
    pub(crate) live: Arc<Live>,
    /// The worker's audit.
    pub(crate) audit: Arc<Audit>,
    /// Where random delays come from.
    pub(crate) draws: Draws,
    /// What a client may send.
    pub(crate) limits: Limits,
    /// The way to whatever becomes of a miss.
    pub(crate) misses: Misses,
    /// The way to the control plane.
    pub(crate) control: mpsc::Sender<Handover>,
    /// The way to the real service, if calls may go there.
    pub(crate) forward: Option<Forward>,
}

impl Answerer {
    /// Answers a request, or says how its connection breaks.
    ///
    /// A call without a body whose answer is at hand is answered on the spot; what waits for anything is a future.
    pub(crate) fn answer(self: Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>) -> Answering {
        if handover::is_admin(request.uri().path()) {
            return Answering::Later(Box::pin(async move {
                Ok(handover::hand_over(&self.control, request, connection.peers, Arc::clone(&self.live)).await)
            }));
        }
        if let Some(Forward { recorder, everything: true }) = &self.forward {
            let recorder = Arc::clone(recorder);
            return Answering::Later(Box::pin(self.pass_on(recorder, request, connection)));
        }
        if !request.body().is_end_stream() {
            return Answering::Later(Box::pin(self.answer_with_body(request, connection)));
        }
        let (parts, _) = request.into_parts();
        match self.call(parts, Bytes::new(), &connection) {
            Ok(call) => self.answer_call(call, connection),
            Err(refusal) => self.answer_at_once(*refusal, Method::GET),
        }
    }

    async fn answer_with_body(self: Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>) -> Answer {
        let (parts, body) = request.into_parts();
        let read = self.read_body(body).await.and_then(|body| self.call(parts, body, &connection));
        match read {
            Ok(call) => self.answer_call(call, connection).await,
            Err(refusal) => self.answer_at_once(*refusal, Method::GET).await,
        }
    }

    /// Finds the stub of a call, and answers as it says.
    fn answer_call(self: Arc<Self>, call: Call, connection: Arc<Connection>) -> Answering {
        let Some((stub, ordinal)) = self.live.take(&call) else {
            self.live.journal().note(self.desk.worker, &call, Answered::by_none());
            if let Some(forward) = &self.forward {
                let recorder = Arc::clone(&forward.recorder);
                return Answering::Later(Box::pin(self.answer_elsewhere(recorder, call)));
            }
            if let Some(reply) = self.misses.reply_at_once(&call, &self.live) {
                return self.answer_at_once(reply, call.method);
            }
            return Answering::Later(Box::pin(async move {
                let method = call.method.clone();
                let reply = self.misses.reply_to(call, Arc::clone(&self.live)).await;
                self.send(reply, &method).await
            }));
        };
        let delay = {
            let settings = self.live.settings();
            pace::stub_delay(stub.id, stub.recipe.delays(), &settings.delays, &self.draws, ordinal)
        };
        let passage = self.passage(&stub, &call);
        let explains = call.headers.contains_key(paced::DEBUG);
        if passage.is_some() || explains {
            // on HTTP/2, whoever goes away takes the answer along
            let is_freed = !connection.http2 && passage.as_ref().is_some_and(Passage::is_freed);
            let matched = Matched { stub, ordinal, call, connection, passage, own_delay: delay, explains };
            return Answering::Later(if is_freed {
                Box::pin(self.answer_unless_gone(matched))
            } else {
                Box::pin(self.answer_paced(matched))
            });
        }
        self.live.journal().note(self.desk.worker, &call, Answered::by(&stub).after(delay));
        if delay.is_none()
            && let Some(reply) = stub.recipe.at_once(&call, || pace::stub_values(stub.id, self.draws, ordinal))
        {
            return self.answer_at_once(reply, call.method);
        }
        Answering::Later(Box::pin(async move {
            let (arrival, method) = (call.arrival, call.method.clone());
            let reply = self.render(stub, ordinal, call).await;
            if let Some(delay) = delay {
                self.wait(arrival, delay, &connection).await;
            }
            self.send(reply, &method).await
        }))
    }

    /// Sends a reply that is due: now, unless its body has to be fetched or spread over time.
    fn answer_at_once(self: Arc<Self>, reply: Reply, method: Method) -> Answering {
        self.desk.timer.fire_due();
        self.count(&reply);
        match send::respond_at_once(reply, &method) {
            Ok(Ok(response)) => Answering::Now(Some(Ok(response))),
            Ok(Err(ending)) => Answering::Now(Some(Err(Broken(ending)))),
            Err(reply) => Answering::Later(Box::pin(async move { self.send_counted(*reply, &method, None).await })),
        }
    }

    async fn send(&self, reply: Reply, method: &Method) -> Answer {
        self.send_at_rate(reply, method, None).await
    }

    /// Sends a reply whose body leaves at the rate of `transfer`, if there is one.
    async fn send_at_rate(&self, reply: Reply, method: &Method, transfer: Option<Transfer>) -> Answer {
        self.desk.timer.fire_due();
        self.count(&reply);
        self.send_counted(reply, method, transfer).await
    }

    async fn send_counted(&self, reply: Reply, method: &Method, transfer: Option<Transfer>) -> Answer {
        if let Some(ending) = reply.ending {
            return Err(Broken(ending));
        }
        let wait = || -> Wait {
            let timer = Arc::clone(&self.desk.timer);
            Box::new(move |due| Box::pin(Arc::clone(&timer).until(due)))
        };
        match send::respond(reply, method, transfer, wait).await {
            Ok(response) => Ok(response),
            Err(error) => Ok(unreadable(&error)),
        }
    }

    fn count(&self, reply: &Reply) {
        let status = if reply.ending.is_some() { None } else { Some(reply.status) };
        self.live.statuses().count(self.desk.worker, status);
    }

    /// A call from the parts of its request; the refusal of one whose head is too long.
    fn call(&self, parts: http::request::Parts, body: Bytes, connection: &Connection) -> Result<Call, Box<Reply>> {
        self.check_head(&parts)?;
        Ok(Call::new(parts, body, connection.peers, connection.arrival(), self.limits.body))
    }

    fn check_head(&self, parts: &http::request::Parts) -> Result<(), Box<Reply>> {
        if head_size(parts) <= self.limits.head {
            return Ok(());
        }
        self.live.counts().head_too_large.fetch_add(1, Relaxed);
        let text = format!("the head is longer than {} bytes; raise --max-head\n", self.limits.head);
        Err(closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text))
    }

    async fn read_body(&self, body: Incoming) -> Result<Bytes, Box<Reply>> {
        let limit = self.limits.body;
        if body.size_hint().lower() > limit as u64 {
            return Err(self.too_large());
        }
        match tokio::time::timeout(self.limits.read, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Ok(Err(error)) => Err(closing(StatusCode::BAD_REQUEST, format!("the body broke off: {error}\n"))),
            Err(_) => {
                self.live.counts().read_timeout.fetch_add(1, Relaxed);
                let text = format!("the body did not come within {:?}; raise --read-timeout\n", self.limits.read);
                Err(closing(StatusCode::REQUEST_TIMEOUT, text))
            }
        }
    }

    fn too_large(&self) -> Box<Reply> {
        self.live.counts().body_too_large.fetch_add(1, Relaxed);
        let text = format!("the body is longer than {} bytes; raise --max-body\n", self.limits.body);
        closing(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// Renders on the worker, or off it where that takes long.
    async fn render(&self, stub: Arc<Stub>, ordinal: u64, call: Call) -> Reply {
        let values = pace::stub_values(stub.id, self.draws, ordinal);
        if let Some(reply) = stub.recipe.at_once(&call, || values.clone()) {
            return reply;
        }
        let cancellation = Cancellation::default();
        // this future is dropped when the client goes away
        let _cancel = cancellation.on_drop();
        let render = move || stub.recipe.render(&call, || values, cancellation);
        match tokio::task::spawn_blocking(render).await {
            Ok(reply) => reply,
            Err(error) => {
                Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the reply could not be made: {error}\n"))
            }
        }
    }

    /// Waits until the reply is due. One that was ready too late is sent at once, and counted.
    async fn wait(&self, arrival: Instant, delay: Duration, connection: &Connection) {
        let deadline = arrival + delay;
        let ready = Instant::now();
        if ready < deadline {
            Arc::clone(&self.desk.timer).until(deadline).await;
        }
        if connection.http2 {
            // many answers share the connection's writes: this is as near to the socket as one of them can be told
            self.audit.record(Instant::now().saturating_duration_since(deadline), delay);
        } else {
            if ready >= deadline {
                self.audit.late_work();
            }
            connection.clock.promise(deadline, delay);
        }
    }
}

/// The bytes of a head as HTTP/1.1 sends it.
fn head_size(parts: &http::request::Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    parts.headers.iter().fold(target + 16, |size, (name, value)| size + name.as_str().len() + value.len() + 4)
}

/// A refusal after which the rest of the request is not read.
fn closing(status: StatusCode, text: String) -> Box<Reply> {
    let mut reply = Reply::text(status, text);
    reply.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Box::new(reply)
}

fn unreadable(error: &std::io::Error) -> Response<Outgoing> {
    let text = format!("the stub's body file cannot be read: {error}\n");
    let mut response = Response::new(Outgoing::whole(text.into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
