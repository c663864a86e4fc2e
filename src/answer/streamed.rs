//! Streams: the chunks of a stub's `stream`, each sent at a deadline of its own.
//!
//! Deadlines count from the head of the response, so that a late chunk does not delay those behind
//! it. A stream keeps its request and one entry in the worker's timer, and renders a chunk when it
//! is due.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use rand::RngExt as _;
use serde_json::json;

use super::{Answer, Answerer};
use crate::listen::connection::Connection;
use crate::live::journal::SubEvent;
use crate::live::{ServiceState, StreamEnd};
use crate::send::{Outgoing, SendError};
use crate::timer::DeadlineWait;
use standin_model::draws::RandomStream;
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::render::stream::{ChunkError, StreamDefinition, StreamEnding};
use standin_stub::reply::Reply;

/// A request that a stub with a stream answers.
pub(super) struct StreamRequest<'r> {
    pub(super) stub: &'r Stub,
    /// Number of requests that the stub answered before this one.
    pub(super) ordinal: u64,
    pub(super) call: &'r Arc<Call>,
    pub(super) connection: &'r Arc<Connection>,
    /// Ordinal of the journal entry, if there is one.
    pub(super) entry: Option<u64>,
    /// Deadline of the head of the response.
    pub(super) due: Instant,
}

/// The chunks that follow the head of a response; `None` for a response without a body.
pub(super) struct OpenStream(Option<StreamBody>);

/// A body whose chunks leave at their deadlines.
struct StreamBody {
    stream: Arc<StreamDefinition>,
    answerer: Arc<Answerer>,
    call: Arc<Call>,
    connection: Arc<Connection>,
    stub: uuid::Uuid,
    ordinal: u64,
    /// Random bytes of `request.id`, the same for all chunks.
    id: [u8; 16],
    delays: RandomStream,
    /// 0-based index of the next chunk.
    index: u64,
    /// Deadline of the last chunk, or of the head.
    due: Instant,
    /// Latest deadline of a chunk.
    limit: Instant,
    state: StreamState,
    /// Resolves when the client has gone or the server shuts down.
    interrupted: Pin<Box<dyn Future<Output = StreamEnd> + Send>>,
    record: StreamRecord,
}

/// A chunk that is being rendered beside the worker.
type Rendering = Pin<Box<dyn Future<Output = Result<Bytes, ChunkError>> + Send>>;

type PolledFrame = Poll<Option<Result<Frame<Bytes>, SendError>>>;

/// The work for the next chunk.
enum StreamState {
    /// The deadline of the chunk is not yet known.
    Next,
    /// The wait for its deadline, with its delay; the wait is `None` for a chunk without a delay.
    Waiting(Option<DeadlineWait>, Duration),
    /// The wait for the end of a stream that has reached its longest time.
    Closing(DeadlineWait),
    /// The rendering beside the worker, with the delay.
    Rendering(Rendering, Duration),
    /// The stream breaks off once the connection has sent what it was given: an error makes it
    /// drop the rest.
    Breaking,
    /// The stream has ended.
    Ended,
}

/// The outcome of a stream for the journal and the metrics, written when it is dropped.
struct StreamRecord {
    live: Arc<ServiceState>,
    connection: Arc<Connection>,
    entry: Option<u64>,
    begin: Instant,
    chunks: u64,
    bytes: u64,
    end: StreamEnd,
    error: Option<String>,
}

impl Answerer {
    /// Takes the stream from a reply. A client of server-sent events that has received the last one
    /// gets a 204, by which it does not connect again.
    pub(super) fn open_stream(
        self: &Arc<Self>,
        reply: &mut Reply,
        method: &Method,
        request: &StreamRequest<'_>,
    ) -> Option<OpenStream> {
        let stream = reply.stream.take()?;
        let StreamRequest { stub, ordinal, call, connection, entry, due } = *request;
        if *method == Method::HEAD || matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Some(OpenStream(None));
        }
        let mut values = standin_model::stub_random_stream(stub.id, self.draws, ordinal);
        let mut id = [0; 16];
        values.fill(&mut id);
        let index = stream.first_index(call, &mut values);
        if index > 0 && !stream.has_chunk(index) {
            reply.status = StatusCode::NO_CONTENT;
            reply.headers.remove(header::CONTENT_TYPE);
            return Some(OpenStream(None));
        }
        if !reply.headers.contains_key(header::CACHE_CONTROL) {
            reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        // the connection is in use, and not idle, as long as the stream is open
        connection.clock.answering();
        self.live.counts().streams.begun.fetch_add(1, Relaxed);
        let (watched, is_http2) = (Arc::clone(connection), connection.http2);
        let interrupted = Box::pin(async move {
            let mut work = watched.work.clone();
            tokio::select! {
                // on HTTP/2 a client that goes away drops the body
                () = watched.clock.client_gone(), if !is_http2 => StreamEnd::ClientGone,
                () = work.ending() => StreamEnd::Shutdown,
            }
        });
        let record = StreamRecord {
            live: Arc::clone(&self.live),
            connection: Arc::clone(connection),
            entry,
            begin: Instant::now(),
            chunks: 0,
            bytes: 0,
            end: StreamEnd::ClientGone,
            error: None,
        };
        Some(OpenStream(Some(StreamBody {
            answerer: Arc::clone(self),
            // the head of an HTTP/1.1 request is a part of a read buffer
            call: if is_http2 { Arc::clone(call) } else { Arc::new(call.detached()) },
            connection: Arc::clone(connection),
            stub: stub.id,
            ordinal,
            id,
            delays: standin_model::stream_delays(stub.id, self.draws, ordinal),
            index,
            due,
            limit: due.checked_add(stream.max_duration).unwrap_or(due + YEARS),
            state: StreamState::Next,
            interrupted,
            record,
            stream,
        })))
    }
}

impl OpenStream {
    /// Puts the chunks in the place of the body of a response.
    pub(super) fn attach(self, answer: Answer) -> Answer {
        answer.map(|mut response| {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            match self.0 {
                Some(body) => response.map(|_| Outgoing::stream(body)),
                None => response,
            }
        })
    }
}

impl StreamBody {
    /// Decides what the next chunk waits for.
    fn next_state(&mut self) -> StreamState {
        let is_last = !self.stream.has_chunk(self.index)
            || self.stream.max_chunks.is_some_and(|max_chunks| self.record.chunks >= max_chunks);
        let timer = || Arc::clone(&self.answerer.context.timer);
        if is_last {
            self.record.end = match self.stream.ending {
                StreamEnding::Complete => StreamEnd::Complete,
                StreamEnding::Abort => StreamEnd::Aborted,
            };
            return StreamState::Ended;
        }
        let delay = self.stream.draw_delay(self.index, &mut self.delays);
        match self.due.checked_add(delay).filter(|due| *due <= self.limit) {
            Some(due) => {
                self.due = due;
                let is_ahead = !delay.is_zero() && due > Instant::now();
                StreamState::Waiting(is_ahead.then(|| timer().wait_until(due)), delay)
            }
            None => StreamState::Closing(timer().wait_until(self.limit)),
        }
    }

    /// Renders the chunk on the worker; `None` if that takes long or has to decode a large body.
    fn render(&self) -> Option<Result<Bytes, ChunkError>> {
        let mut values = standin_model::chunk_values(self.stub, self.answerer.draws, self.ordinal, self.index);
        let rendered =
            self.call.try_without_decoding(|| self.stream.render(self.index, &self.call, self.id, &mut values, true));
        rendered.filter(|rendered| *rendered != Err(ChunkError::TooLong))
    }

    /// Renders the chunk beside the worker.
    fn render_offloaded(&self) -> Rendering {
        let (stream, call, index, id) = (Arc::clone(&self.stream), Arc::clone(&self.call), self.index, self.id);
        let mut values = standin_model::chunk_values(self.stub, self.answerer.draws, self.ordinal, index);
        let (offload, connection) = (Arc::clone(&self.answerer.offload), Arc::clone(&self.connection));
        let render = move || stream.render(index, &call, id, &mut values, false);
        Box::pin(async move { offload.run(&connection.turns, render).await })
    }

    /// Hands a chunk to the connection; `None` if it is empty.
    fn send(&mut self, rendered: Result<Bytes, ChunkError>, delay: Duration, cx: &Context<'_>) -> Option<PolledFrame> {
        match rendered {
            Ok(chunk) => {
                self.state = StreamState::Next;
                self.count(&chunk, delay);
                (!chunk.is_empty()).then(|| Poll::Ready(Some(Ok(Frame::data(chunk)))))
            }
            Err(error) => {
                self.record.error = Some(error.to_string());
                Some(self.end(StreamEnd::Failed, cx))
            }
        }
    }

    /// Counts a chunk that is handed to the connection. The write that sends it shows how late it
    /// is; the writes of an HTTP/2 connection carry many responses.
    fn count(&mut self, chunk: &Bytes, delay: Duration) {
        self.index += 1;
        self.record.chunks += 1;
        self.record.bytes += chunk.len() as u64;
        self.record.live.counts().streams.chunks.fetch_add(1, Relaxed);
        if delay.is_zero() {
            return;
        }
        if self.connection.http2 {
            self.answerer.audit.record(Instant::now().saturating_duration_since(self.due), delay);
        } else {
            self.connection.clock.promise(self.due, delay);
        }
    }

    fn end(&mut self, end: StreamEnd, cx: &Context<'_>) -> PolledFrame {
        self.record.end = end;
        match end {
            StreamEnd::Complete | StreamEnd::TimeLimit | StreamEnd::Shutdown => {
                self.state = StreamState::Ended;
                Poll::Ready(None)
            }
            StreamEnd::Aborted | StreamEnd::ClientGone | StreamEnd::Failed => {
                self.state = StreamState::Breaking;
                // the connection flushes a body that is not ready, and is polled again
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        let body = &mut *self;
        match body.state {
            StreamState::Ended => return Poll::Ready(None),
            StreamState::Breaking => {
                body.state = StreamState::Ended;
                return Poll::Ready(Some(Err(body.record.end.name().into())));
            }
            _ => {}
        }
        if let Poll::Ready(end) = body.interrupted.as_mut().poll(cx) {
            return body.end(end, cx);
        }
        loop {
            match &mut body.state {
                StreamState::Next => {
                    body.state = body.next_state();
                    if matches!(body.state, StreamState::Ended) {
                        return body.end(body.record.end, cx);
                    }
                }
                StreamState::Waiting(wait, delay) => {
                    if let Some(wait) = wait {
                        ready!(Pin::new(wait).poll(cx));
                    }
                    let delay = *delay;
                    match body.render() {
                        Some(rendered) => {
                            if let Some(frame) = body.send(rendered, delay, cx) {
                                return frame;
                            }
                        }
                        None => body.state = StreamState::Rendering(body.render_offloaded(), delay),
                    }
                }
                StreamState::Closing(wait) => {
                    ready!(Pin::new(wait).poll(cx));
                    return body.end(StreamEnd::TimeLimit, cx);
                }
                StreamState::Rendering(rendering, delay) => {
                    let (rendered, delay) = (ready!(rendering.as_mut().poll(cx)), *delay);
                    if let Some(frame) = body.send(rendered, delay, cx) {
                        return frame;
                    }
                }
                StreamState::Breaking | StreamState::Ended => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for StreamRecord {
    fn drop(&mut self) {
        self.connection.clock.answered();
        self.live.counts().streams.count_end(self.end);
        let Some(entry) = self.entry else { return };
        let mut data = json!({"end": self.end.name(), "chunks": self.chunks, "bytes": self.bytes});
        if let Some(error) = &self.error {
            data["error"] = error.as_str().into();
        }
        self.live
            .journal()
            .add_sub_event(entry, SubEvent { kind: "STREAM_END", offset: Some(self.begin.elapsed()), data });
    }
}

/// Upper bound of the time of a stream.
const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
