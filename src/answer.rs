//! From a request to its answer, in one sentence: read the call, find its stub, render the reply, wait until it is due,
//! send it. A miss says so in plain words.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;

use crate::call::Call;
use crate::listen::connection::{Broken, Connection, Limits};
use crate::live::Live;
use crate::live::handover::{self, Handover};
use crate::pace;
use crate::pace::audit::Audit;
use crate::pace::draws::Draws;
use crate::pace::timer::Timer;
use crate::reply::Reply;
use crate::send::{self, Outgoing, Wait};
use crate::stub::{Stub, files};

/// Answers the calls of one worker for one set of stubs.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// What the planes share.
    pub(crate) live: Arc<Live>,
    /// The worker's timer.
    pub(crate) timer: Arc<Timer>,
    /// The worker's audit.
    pub(crate) audit: Arc<Audit>,
    /// Where random delays come from.
    pub(crate) draws: Draws,
    /// What a client may send.
    pub(crate) limits: Limits,
    /// Whether an unmatched GET may be answered from `__files`.
    pub(crate) serves_files: bool,
    /// The way to the control plane.
    pub(crate) control: mpsc::Sender<Handover>,
}

impl Answerer {
    /// Answers a request, or says how its connection breaks.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response<Outgoing>, Broken> {
        if handover::is_admin(request.uri().path()) {
            return Ok(handover::hand_over(&self.control, request, connection.peers, Arc::clone(&self.live)).await);
        }
        let method = request.method().clone();
        let reply = match self.read(request, &connection).await {
            Ok(call) => self.reply(call, &connection).await,
            Err(refusal) => refusal,
        };
        self.timer.fire_due();
        if let Some(ending) = reply.ending {
            return Err(Broken(ending));
        }
        let wait = || -> Wait {
            let timer = Arc::clone(&self.timer);
            Box::new(move |due| Box::pin(Arc::clone(&timer).until(due)))
        };
        let response = match send::respond(reply, &method, wait).await {
            Ok(response) => response,
            Err(error) => unreadable(&error),
        };
        Ok(response)
    }

    /// The whole call, or the answer to one that is too long or too slow.
    async fn read(&self, request: Request<Incoming>, connection: &Connection) -> Result<Call, Reply> {
        let (parts, body) = request.into_parts();
        if head_size(&parts) > self.limits.head {
            self.live.counts().head_too_large.fetch_add(1, Relaxed);
            let text = format!("the head is longer than {} bytes; raise --max-head\n", self.limits.head);
            return Err(closing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text));
        }
        let body = if body.is_end_stream() { Bytes::new() } else { self.read_body(body).await? };
        let clock = &connection.clock;
        let arrival = if connection.http2 { clock.last_read() } else { clock.last_read().max(clock.last_written()) };
        Ok(Call::new(parts, body, connection.peers, arrival, self.limits.body))
    }

    async fn read_body(&self, body: Incoming) -> Result<Bytes, Reply> {
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

    fn too_large(&self) -> Reply {
        self.live.counts().body_too_large.fetch_add(1, Relaxed);
        let text = format!("the body is longer than {} bytes; raise --max-body\n", self.limits.body);
        closing(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// The reply to a call, at the time when it is due.
    async fn reply(&self, call: Call, connection: &Connection) -> Reply {
        let Some((stub, ordinal)) = self.live.take(&call) else { return self.miss(&call).await };
        let delay = {
            let settings = self.live.settings();
            pace::stub_delay(stub.id, stub.recipe.delays(), &settings.delays, &self.draws, ordinal)
        };
        let arrival = call.arrival;
        let reply = render(stub, call).await;
        if let Some(delay) = delay {
            self.wait(arrival, delay, connection).await;
        }
        reply
    }

    /// Waits until the reply is due. One that was ready too late is sent at once, and counted.
    async fn wait(&self, arrival: Instant, delay: Duration, connection: &Connection) {
        let deadline = arrival + delay;
        let ready = Instant::now();
        if ready < deadline {
            Arc::clone(&self.timer).until(deadline).await;
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

    /// A file of `__files` for a GET that no stub matched, else a 404.
    async fn miss(&self, call: &Call) -> Reply {
        if self.serves_files
            && call.method == Method::GET
            && let Some(home) = self.live.home()
            && let Some(reply) = files::static_file(home.files(), call.path()).await
        {
            return reply;
        }
        let text = if self.live.catalog().is_empty() {
            "No response could be served as there are no stub mappings in this standin.\n".to_owned()
        } else {
            format!(
                "Request was not matched: no stub of {} answers {} {}\n",
                self.live.catalog().len(),
                call.method,
                call.url()
            )
        };
        Reply::text(StatusCode::NOT_FOUND, text)
    }
}

/// The bytes of a head as HTTP/1.1 sends it.
fn head_size(parts: &http::request::Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    parts.headers.iter().fold(target + 16, |size, (name, value)| size + name.as_str().len() + value.len() + 4)
}

/// Renders on the worker, or off it where that takes long.
async fn render(stub: Arc<Stub>, call: Call) -> Reply {
    if !stub.recipe.is_slow(&call) {
        return stub.recipe.render(&call);
    }
    match tokio::task::spawn_blocking(move || stub.recipe.render(&call)).await {
        Ok(reply) => reply,
        Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the reply could not be made: {error}\n")),
    }
}

/// A refusal after which the rest of the request is not read.
fn closing(status: StatusCode, text: String) -> Reply {
    let mut reply = Reply::text(status, text);
    reply.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn unreadable(error: &std::io::Error) -> Response<Outgoing> {
    let text = format!("the stub's body file cannot be read: {error}\n");
    let mut response = Response::new(Outgoing::whole(text.into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
