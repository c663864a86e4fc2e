//! `/__admin/ui/events`: what the dashboard shows, twice a second, as server-sent events.
//!
//! An event `state` has the counters, the distributions and the stations; an event `calls` the
//! newest calls of the journal, at most [`MAX_CALLS`]. All of it is read on the control thread. A
//! client that does not keep up misses events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::MissedTickBehavior;

use super::{calls, live_state};
use crate::admin::{AdminResponse, ControlPlane, text};
use crate::audit::AnswerTimes;
use crate::live::ServiceState;
use crate::panics::Part;
use standin_stub::memory::MemoryShare;

/// The streams that may be open at once.
#[derive(Debug)]
pub struct EventStreams(Arc<Semaphore>);

impl Default for EventStreams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

/// The query of a stream: whether it lists calls.
#[derive(Debug, Deserialize)]
pub(in crate::admin) struct EventQuery {
    #[serde(default)]
    calls: bool,
}

/// One stream, and what it has sent.
struct EventStream {
    control: Arc<ControlPlane>,
    live: Arc<ServiceState>,
    memory: Arc<MemoryShare>,
    pieces: mpsc::Sender<Bytes>,
    /// Answer times at the last events, oldest first.
    answer_times: VecDeque<AnswerTimes>,
    lists_calls: bool,
    /// Ordinal of the newest call that was sent.
    newest_call: Option<u64>,
}

/// Sends events until the client disconnects or standin shuts down.
pub(in crate::admin) async fn stream(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(query): Query<EventQuery>,
) -> AdminResponse {
    let Ok(permit) = Arc::clone(&control.event_streams.0).try_acquire_owned() else {
        let why = format!("{MAX_STREAMS} dashboards are open already; help: close one of them\n");
        return text(StatusCode::SERVICE_UNAVAILABLE, why);
    };
    let (pieces, body) = mpsc::channel(MAX_EVENTS_AHEAD);
    let panics = Arc::clone(&control.panics);
    let events = EventStream {
        control,
        live,
        memory,
        pieces,
        answer_times: VecDeque::new(),
        lists_calls: query.calls,
        newest_call: None,
    };
    tokio::spawn(async move {
        // a panic ends this stream, and its page opens another
        let _ = panics.contain(Part::Control, events.run()).await;
        drop(permit);
    });
    let mut response = Response::new(Body::new(EventBody(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl EventStream {
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut ending, closed) = (self.control.ending.clone(), self.pieces.clone());
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = ending.ending() => return,
                () = closed.closed() => return,
            }
            // a client that does not keep up misses what is newest now
            if self.pieces.capacity() < EVENTS_PER_TICK {
                continue;
            }
            if self.send_state().is_none() || (self.lists_calls && self.send_calls().is_none()) {
                return;
            }
        }
    }

    fn send_state(&mut self) -> Option<()> {
        let now = AnswerTimes::of(&self.control.stats.audits);
        let recent = self.answer_times.front().map_or_else(|| now.since(&now), |oldest| now.since(oldest));
        self.answer_times.push_back(now);
        if self.answer_times.len() > TICKS_OF_DISTRIBUTIONS {
            self.answer_times.pop_front();
        }
        self.send("state", &live_state::json(&self.control, &self.live, &recent))
    }

    fn send_calls(&mut self) -> Option<()> {
        let journal = self.live.journal();
        let entries = journal.newest(self.newest_call, MAX_CALLS);
        let Some(newest) = entries.first().map(|entry| entry.ordinal) else { return Some(()) };
        let came = self.newest_call.map_or(entries.len() as u64, |before| newest - before);
        self.newest_call = Some(newest);
        let has_recorder = self.control.recorder.is_some();
        let listed: Vec<Value> = entries.iter().map(|entry| calls::summary(entry, has_recorder)).collect();
        let left_out = came.saturating_sub(listed.len() as u64);
        self.send("calls", &json!({"calls": listed, "leftOut": left_out}))
    }

    /// Sends an event; `None` if the client is gone, or the memory budget is exhausted.
    fn send(&self, name: &str, data: &Value) -> Option<()> {
        let event = format!("event: {name}\ndata: {data}\n\n");
        let event = self.memory.hold(event.into()).ok()?;
        self.pieces.try_send(event).ok()
    }
}

/// The body of a stream.
struct EventBody(mpsc::Receiver<Bytes>);

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

/// Maximum number of streams at once.
const MAX_STREAMS: usize = 16;

/// Time between two events of a kind.
const INTERVAL: Duration = Duration::from_millis(500);

/// Number of events between two waits.
const EVENTS_PER_TICK: usize = 2;

/// Number of events that may wait for the client.
const MAX_EVENTS_AHEAD: usize = 4;

/// Number of ticks whose answers the distributions show: the last ten seconds.
const TICKS_OF_DISTRIBUTIONS: usize = 20;

/// Maximum number of calls in one event.
const MAX_CALLS: usize = 50;
