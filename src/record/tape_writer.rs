//! The thread that writes the tape: redacts exchanges and appends them.
//!
//! Workers push exchanges to a bounded queue and never wait; the thread polls the queue. If the
//! disk is full or too slow, exchanges are dropped and counted. The tape continues when the disk
//! accepts writes again, and the gap is marked on it. An exchange is written within a second; a
//! longer delay is logged.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use hyper::ext::ReasonPhrase;

use super::capture::BodyCapture;
use super::header_block::HeaderBlock;
use super::load_counts::RecordingSize;
use super::tape_statistics::TapeStatistics;
use crate::locks::LockUnpoisoned as _;
use crate::panics::{self, Panics, Part};
use standin_tape::exchange::{
    BodyRef, Exchange, ExchangeFailure, ExchangeRequest, ExchangeResponse, ExchangeTimes, FailureReason,
};
use standin_tape::{PlainMessage, RedactedMessage, Redactor, TapeGap, TapeWriter};

/// An exchange before redaction, with its secrets.
#[derive(Debug)]
pub(super) struct RecordedCall {
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) url: PathAndQuery,
    pub(super) request_headers: HeaderBlock,
    pub(super) request_body: Option<BodyCapture>,
    pub(super) response_head: Option<(StatusCode, HeaderBlock)>,
    /// Status text of the response, if it is not the usual one.
    pub(super) reason: Option<ReasonPhrase>,
    pub(super) response_body: BodyCapture,
    pub(super) failure: Option<ExchangeFailure>,
    pub(super) times: ExchangeTimes,
    pub(super) in_flight: u32,
    pub(super) reused: bool,
}

/// A handle to the thread that writes the tape. Dropping it ends the tape.
#[derive(Debug)]
pub(super) struct TapeWriterThread {
    queue: Arc<TapeQueue>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

/// The progress of a tape.
#[derive(Clone, Debug, Default)]
pub struct TapeProgress {
    /// Number of exchanges handed to the operating system.
    pub exchanges: u64,
    /// Number of operations, as `standin fit` groups the requests.
    pub operations: usize,
    /// Size of the recording against what `fit` and `gap` need.
    pub size: RecordingSize,
    /// Median and 99 % quantile of the latency of the service.
    pub latency_p50_p99: Option<(Duration, Duration)>,
    /// Number of exchanges that are lost because the disk was full or too slow.
    pub dropped: u64,
    /// Number of bodies that were not kept because their content coding is not supported.
    pub undecodable_bodies: u64,
    /// Number of secrets that were forgotten to bound the memory; later exchanges may repeat them.
    pub forgotten_secrets: u64,
    /// Error text of the operating system while the disk accepts no writes.
    pub write_error: Option<String>,
    /// Age of the oldest exchange that is not written: a `kill -9` loses the exchanges of this
    /// time.
    pub lag: Duration,
}

/// The state that the thread shares with its handle.
#[derive(Debug, Default)]
struct TapeQueue {
    /// Exchanges with the time of their push. Boxed, so that a push moves a pointer under a short
    /// lock.
    waiting: Mutex<Vec<(Instant, Box<RecordedCall>)>>,
    /// Push time of the oldest exchange in the buffer of the writer.
    oldest_buffered: Mutex<Option<Instant>>,
    dropped: AtomicU64,
    ending: AtomicBool,
    /// Number of refused requests, set at the end of the tape.
    refused: AtomicU64,
    progress: Mutex<TapeProgress>,
}

impl TapeWriterThread {
    pub(super) fn start(writer: TapeWriter, redactor: Redactor, panics: Arc<Panics>) -> io::Result<Self> {
        let queue = Arc::new(TapeQueue::default());
        let mut task = TapeWriterTask {
            panics: Arc::clone(&panics),
            queue: Arc::clone(&queue),
            writer,
            redactor,
            gap: None,
            is_lagging: false,
            undecodable_bodies: 0,
            statistics: TapeStatistics::new(),
        };
        let thread = thread::Builder::new().name("standin-tape".to_owned()).spawn(move || {
            let mut ended = Ok(());
            if panics.keep_running(Part::Tape, || ended = task.run()) { ended } else { Err(task.fail()) }
        })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Pushes an exchange. A full queue drops and counts it.
    pub(super) fn push(&self, record: Box<RecordedCall>) {
        let now = Instant::now();
        let mut waiting = self.queue.waiting.lock_unpoisoned();
        if waiting.len() < MAX_WAITING {
            waiting.push((now, record));
        } else {
            self.queue.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Returns the progress of the tape.
    pub(super) fn progress(&self) -> TapeProgress {
        let (dropped, lag) = (self.queue.dropped.load(Relaxed), self.queue.lag());
        TapeProgress { dropped, lag, ..self.queue.progress.lock_unpoisoned().clone() }
    }

    /// Ends the tape with its foot, and waits for the thread; later calls do nothing. `refused` is
    /// the number of requests that never reached the service.
    pub(super) fn finish(&self, refused: u64) -> io::Result<()> {
        self.queue.refused.store(refused, Relaxed);
        self.queue.ending.store(true, Relaxed);
        let Some(thread) = self.thread.lock_unpoisoned().take() else { return Ok(()) };
        thread.thread().unpark();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes the tape panicked")))
    }
}

impl Drop for TapeWriterThread {
    fn drop(&mut self) {
        // a caller who needs the error calls `finish` before the drop
        let _ = self.finish(0);
    }
}

impl TapeQueue {
    fn lag(&self) -> Duration {
        let waiting = self.waiting.lock_unpoisoned().first().map(|(pushed, _)| *pushed);
        let oldest = self.oldest_buffered.lock_unpoisoned().iter().copied().chain(waiting).min();
        oldest.map_or(Duration::ZERO, |pushed| pushed.elapsed())
    }
}

/// The state of the thread.
struct TapeWriterTask {
    panics: Arc<Panics>,
    queue: Arc<TapeQueue>,
    writer: TapeWriter,
    redactor: Redactor,
    /// Begin of the current gap, and the losses in it; `None` while the disk accepts writes.
    gap: Option<(Instant, TapeGap)>,
    /// True if the lag was logged.
    is_lagging: bool,
    undecodable_bodies: u64,
    statistics: TapeStatistics,
}

impl TapeWriterTask {
    fn run(&mut self) -> io::Result<()> {
        let mut next_flush = Instant::now() + FLUSH_INTERVAL;
        loop {
            panics::planted("tape-thread");
            let ending = self.queue.ending.load(Relaxed);
            let records = mem::take(&mut *self.queue.waiting.lock_unpoisoned());
            for (pushed, record) in records {
                self.write_or_drop(pushed, &record);
                // a long list must not delay the flush of its first records
                if Instant::now() >= next_flush || self.gap.is_none() && self.writer.is_full() {
                    self.flush();
                    next_flush = Instant::now() + FLUSH_INTERVAL;
                }
            }
            if ending || Instant::now() >= next_flush {
                self.flush();
                next_flush = Instant::now() + FLUSH_INTERVAL;
                self.statistics.load.group();
                self.publish();
            }
            if ending {
                return self.end();
            }
            thread::park_timeout(POLL_INTERVAL);
        }
    }

    /// Appends an exchange, or counts it as lost while the disk accepts no writes.
    fn write_or_drop(&mut self, pushed: Instant, record: &RecordedCall) {
        if self.gap.is_none() {
            let panics = Arc::clone(&self.panics);
            match panics.catch(Part::Tape, || self.append(record)) {
                Ok(Ok(())) => {
                    self.queue.oldest_buffered.lock_unpoisoned().get_or_insert(pushed);
                    return;
                }
                Ok(Err(error)) => self.begin_gap(&error),
                // a panic loses this exchange only
                Err(_) => {}
            }
        }
        if let Some((_, gap)) = &mut self.gap {
            gap.exchanges += 1;
        }
        self.queue.dropped.fetch_add(1, Relaxed);
    }

    /// Writes the buffer. After an error, the next flush retries.
    fn flush(&mut self) {
        self.warn_if_lagging();
        let flushed = self.writer.flush().and_then(|()| self.end_gap());
        match flushed {
            Ok(()) => *self.queue.oldest_buffered.lock_unpoisoned() = None,
            Err(error) => self.begin_gap(&error),
        }
        self.queue.progress.lock_unpoisoned().exchanges = self.writer.written_count();
    }

    /// Begins a gap, because the disk accepts no writes.
    fn begin_gap(&mut self, error: &io::Error) {
        let why = error.to_string();
        self.queue.progress.lock_unpoisoned().write_error = Some(why.clone());
        if self.gap.is_none() {
            tracing::warn!(
                %error,
                "the tape cannot be written: requests are forwarded but not recorded until the disk has space again"
            );
            self.gap = Some((Instant::now(), TapeGap { why, ..TapeGap::default() }));
        }
    }

    /// Ends the gap after a successful write, and marks it on the tape.
    fn end_gap(&mut self) -> io::Result<()> {
        let Some((since, mut gap)) = self.gap.take() else { return Ok(()) };
        self.queue.progress.lock_unpoisoned().write_error = None;
        gap.seconds = since.elapsed().as_secs_f64();
        tracing::warn!(lost = gap.exchanges, seconds = gap.seconds, "the tape continues, with a gap");
        if gap.exchanges == 0 {
            return Ok(());
        }
        self.writer.append_gap(&gap)?;
        self.writer.flush()
    }

    fn warn_if_lagging(&mut self) {
        let lag = self.queue.lag();
        if lag > MAX_LAG && !self.is_lagging && self.gap.is_none() {
            tracing::warn!(
                seconds = lag.as_secs_f64(),
                "the tape is behind: a kill loses the exchanges of this time; record to a faster disk, or with --no-bodies"
            );
        }
        self.is_lagging = lag > MAX_LAG;
    }

    /// Ends the tape. Exchanges that were not written count as lost.
    fn end(&mut self) -> io::Result<()> {
        let (dropped, refused) = (self.queue.dropped.load(Relaxed), self.queue.refused.load(Relaxed));
        let ended = self.writer.end(dropped, refused);
        let mut progress = self.queue.progress.lock_unpoisoned();
        let lost = self.writer.appended_count() - self.writer.written_count();
        progress.exchanges = self.writer.written_count();
        self.queue.dropped.fetch_add(lost, Relaxed);
        ended
    }

    /// Returns the error of a thread that panicked repeatedly, and publishes it. The buffer is
    /// lost.
    fn fail(&self) -> io::Error {
        let error = io::Error::other("the thread that writes the tape panicked repeatedly");
        self.queue.progress.lock_unpoisoned().write_error = Some(error.to_string());
        error
    }

    fn append(&mut self, record: &RecordedCall) -> io::Result<()> {
        panics::planted("tape");
        let none = HeaderBlock::default();
        let response_headers = record.response_head.as_ref().map_or(&none, |(_, headers)| headers);
        let messages = vec![
            PlainMessage {
                headers: record.request_headers.iter().collect(),
                body: record.request_body.as_ref().and_then(BodyCapture::bytes).unwrap_or_default(),
            },
            PlainMessage {
                headers: response_headers.iter().collect(),
                body: record.response_body.bytes().unwrap_or_default(),
            },
        ];
        let (url, redacted) = self.redactor.redact(record.url.as_str(), messages);
        let mut redacted = redacted.into_iter();
        let (call, answer) = (redacted.next().unwrap_or_default(), redacted.next().unwrap_or_default());
        let request = ExchangeRequest {
            method: record.method.as_str().to_owned(),
            url,
            body: self.append_body(record.request_body.as_ref(), &call)?,
            headers: call.headers,
        };
        let response = match &record.response_head {
            Some((status, _)) => {
                let body = self.append_body(Some(&record.response_body), &answer)?;
                let reason =
                    record.reason.as_ref().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
                Some(ExchangeResponse { status: status.as_u16(), reason, headers: answer.headers, body })
            }
            None => None,
        };
        self.writer.append(&Exchange {
            number: record.number,
            operation: None,
            request,
            response,
            failure: record.failure.clone(),
            times: record.times.clone(),
            in_flight: record.in_flight,
            reused: record.reused,
        })?;
        if let (None, Some(sent), Some(end)) = (&record.failure, record.times.sent, record.times.last_byte) {
            self.statistics.record_latency(Duration::from_nanos(end.saturating_sub(sent)));
        }
        let is_refused = record.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::Limit);
        let sent = record.times.sent.filter(|_| !is_refused);
        self.statistics.load.add(record.method.as_str(), record.url.path(), sent);
        Ok(())
    }

    fn append_body(
        &mut self,
        capture: Option<&BodyCapture>,
        redacted: &RedactedMessage<'_>,
    ) -> io::Result<Option<BodyRef>> {
        let Some(capture) = capture.filter(|capture| capture.size > 0) else { return Ok(None) };
        let size = capture.size;
        match (&redacted.body, capture.bytes()) {
            (Some(body), Some(_)) => self.writer.append_body(body, size).map(Some),
            (None, Some(_)) => {
                self.undecodable_bodies += 1;
                Ok(Some(BodyRef { sha256: None, size }))
            }
            (_, None) => Ok(Some(BodyRef { sha256: None, size })),
        }
    }

    fn publish(&self) {
        let mut progress = self.queue.progress.lock_unpoisoned();
        progress.operations = self.statistics.load.operations();
        progress.size = self.statistics.load.size();
        progress.latency_p50_p99 = self.statistics.latency_p50_p99();
        progress.undecodable_bodies = self.undecodable_bodies;
        progress.forgotten_secrets = self.redactor.forgotten_count();
    }
}

/// Maximum number of exchanges in the queue.
const MAX_WAITING: usize = 50_000;

/// Interval at which the thread polls the queue.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Interval at which the buffer is written.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// Lag from which on a warning is logged: exchanges are promised to be written within a second.
const MAX_LAG: Duration = Duration::from_secs(1);
