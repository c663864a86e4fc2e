//! `/__admin/ui/events`: what the dashboard shows, twice a second, as server-sent events.
//!
//! An event `state` has the counters, the distributions and the stations; an event `calls` the
//! newest calls of the journal, at most [`MAX_CALLS`]. A feed reads and renders them on the control
//! thread, once for all streams of a set of stubs. A client that does not keep up misses events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::MissedTickBehavior;

use super::{calls, live_state};
use crate::admin::{AdminResponse, ControlPlane, text};
use crate::audit::AnswerTimes;
use crate::live::ServiceState;
use crate::locks::LockUnpoisoned as _;
use crate::panics::Part;
use standin_stub::memory::MemoryShare;

/// The streams that are open, and the feeds that they share.
#[derive(Debug)]
pub struct EventStreams {
    permits: Arc<Semaphore>,
    feeds: Mutex<Vec<FeedHandle>>,
}

impl Default for EventStreams {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_STREAMS)), feeds: Mutex::default() }
    }
}

impl EventStreams {
    /// Adds a stream to the feed of its stubs, which is started if there is none.
    fn subscribe(&self, control: &Arc<ControlPlane>, live: &Arc<ServiceState>, mut stream: EventStream) {
        let mut feeds = self.feeds.lock_unpoisoned();
        if let Some(feed) = feeds.iter().find(|feed| Arc::ptr_eq(&feed.live, live)) {
            match feed.joining.send(stream) {
                Ok(()) => return,
                // a panic has ended the feed
                Err(mpsc::error::SendError(returned)) => stream = returned,
            }
        }
        let (joining, joined) = mpsc::unbounded_channel();
        let feed = Feed {
            control: Arc::clone(control),
            live: Arc::clone(live),
            joined,
            streams: vec![stream],
            answer_times: VecDeque::new(),
            state: None,
        };
        feeds.retain(|feed| !Arc::ptr_eq(&feed.live, live));
        feeds.push(FeedHandle { live: Arc::clone(live), joining });
        let panics = Arc::clone(&control.panics);
        tokio::spawn(async move {
            // a panic ends these streams, and their pages open others
            let _ = panics.contain(Part::Control, feed.run()).await;
        });
    }

    /// Forgets the feed of a set of stubs, unless a stream has joined it in the meantime.
    fn forget(
        &self,
        live: &Arc<ServiceState>,
        joined: &mut mpsc::UnboundedReceiver<EventStream>,
    ) -> Option<EventStream> {
        let mut feeds = self.feeds.lock_unpoisoned();
        let late = joined.try_recv().ok();
        if late.is_none() {
            feeds.retain(|feed| !Arc::ptr_eq(&feed.live, live));
        }
        late
    }
}

/// The way into a feed that runs.
#[derive(Debug)]
struct FeedHandle {
    live: Arc<ServiceState>,
    joining: mpsc::UnboundedSender<EventStream>,
}

/// The query of a stream.
#[derive(Debug, Deserialize)]
pub(in crate::admin) struct EventQuery {
    /// True if the stream lists calls.
    #[serde(default)]
    calls: bool,
}

/// The events of a set of stubs, rendered once for all streams.
struct Feed {
    control: Arc<ControlPlane>,
    live: Arc<ServiceState>,
    joined: mpsc::UnboundedReceiver<EventStream>,
    streams: Vec<EventStream>,
    /// Answer times at the last events, oldest first.
    answer_times: VecDeque<AnswerTimes>,
    /// The newest `state`.
    state: Option<Bytes>,
}

/// One stream, and what it was sent.
#[derive(Debug)]
struct EventStream {
    memory: Arc<MemoryShare>,
    pieces: mpsc::Sender<Bytes>,
    lists_calls: bool,
    /// Ordinal of the newest call that was sent.
    newest_call: Option<u64>,
}

/// An event `calls`.
#[derive(Clone)]
struct CallsEvent {
    /// Ordinal of the newest call of the streams that it is for.
    after: Option<u64>,
    /// Ordinal of its newest call, and its text; `None` if there are no calls.
    newest: Option<(u64, Bytes)>,
}

/// Sends events until the client disconnects or standin shuts down.
pub(in crate::admin) async fn stream(
    Extension(control): Extension<Arc<ControlPlane>>,
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(memory): Extension<Arc<MemoryShare>>,
    Query(query): Query<EventQuery>,
) -> AdminResponse {
    let streams = &control.event_streams;
    let Ok(permit) = Arc::clone(&streams.permits).try_acquire_owned() else {
        let why = format!("{MAX_STREAMS} dashboards are open already; help: close one of them\n");
        return text(StatusCode::SERVICE_UNAVAILABLE, why);
    };
    let (pieces, events) = mpsc::channel(MAX_EVENTS_AHEAD);
    let stream = EventStream { memory, pieces, lists_calls: query.calls, newest_call: None };
    streams.subscribe(&control, &live, stream);
    let mut response = Response::new(Body::new(EventBody { events, _permit: permit }));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Feed {
    /// Sends events until the last stream has ended.
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ending = self.control.ending.clone();
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    self.state = Some(self.render_state());
                    self.send_to_all();
                }
                Some(stream) = self.joined.recv() => {
                    self.streams.push(stream);
                    self.welcome();
                }
                () = ending.ending() => return,
            }
            if self.streams.is_empty() {
                let Some(stream) = self.control.event_streams.forget(&self.live, &mut self.joined) else { return };
                self.streams.push(stream);
                self.welcome();
            }
        }
    }

    /// Sends the newest events to every stream; those whose clients are gone end.
    fn send_to_all(&mut self) {
        let mut rendered = Vec::new();
        let mut streams = std::mem::take(&mut self.streams);
        streams.retain_mut(|stream| self.send_to(stream, &mut rendered).is_some());
        self.streams = streams;
    }

    /// Sends the newest events to the stream that joined last; the first tick does it if there are
    /// none yet.
    fn welcome(&mut self) {
        if self.state.is_some()
            && let Some(mut stream) = self.streams.pop()
            && self.send_to(&mut stream, &mut Vec::new()).is_some()
        {
            self.streams.push(stream);
        }
    }

    /// Sends the newest events to a stream; `None` if its client is gone, or the memory budget is
    /// exhausted. `rendered` keeps events for the streams that are as far.
    fn send_to(&self, stream: &mut EventStream, rendered: &mut Vec<CallsEvent>) -> Option<()> {
        if stream.pieces.is_closed() {
            return None;
        }
        // a client that does not keep up misses what is newest now
        if stream.pieces.capacity() < EVENTS_PER_TICK {
            return Some(());
        }
        stream.send(self.state.as_ref()?)?;
        if !stream.lists_calls {
            return Some(());
        }
        let known = rendered.iter().find(|event| event.after == stream.newest_call).cloned();
        let event = known.unwrap_or_else(|| {
            let event = self.render_calls(stream.newest_call);
            rendered.push(event.clone());
            event
        });
        let Some((newest, text)) = event.newest else { return Some(()) };
        stream.newest_call = Some(newest);
        stream.send(&text)
    }

    fn render_state(&mut self) -> Bytes {
        let now = AnswerTimes::of(&self.control.stats.audits);
        let recent = self.answer_times.front().map_or_else(|| now.since(&now), |oldest| now.since(oldest));
        self.answer_times.push_back(now);
        if self.answer_times.len() > TICKS_OF_DISTRIBUTIONS {
            self.answer_times.pop_front();
        }
        event_text("state", &live_state::json(&self.control, &self.live, &recent))
    }

    /// Renders the newest calls of the journal after the one with the ordinal `after`.
    fn render_calls(&self, after: Option<u64>) -> CallsEvent {
        let journal = self.live.journal();
        let entries = journal.newest(after, MAX_CALLS);
        let newest = entries.first().map(|entry| entry.ordinal).map(|newest| {
            let came = after.map_or(entries.len() as u64, |before| newest - before);
            let has_recorder = self.control.recorder.is_some();
            let listed: Vec<Value> = entries.iter().map(|entry| calls::summary(entry, has_recorder)).collect();
            let left_out = came.saturating_sub(listed.len() as u64);
            (newest, event_text("calls", &json!({"calls": listed, "leftOut": left_out})))
        });
        CallsEvent { after, newest }
    }
}

impl EventStream {
    /// Sends an event; `None` if the client is gone, or the memory budget is exhausted.
    fn send(&self, event: &Bytes) -> Option<()> {
        let event = self.memory.hold(event.clone()).ok()?;
        self.pieces.try_send(event).ok()
    }
}

fn event_text(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// The body of a stream; its place is free when it is dropped.
struct EventBody {
    events: mpsc::Receiver<Bytes>,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.events.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
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
