//! The thread that writes the tape: takes exchanges off the workers' hands, redacts them and appends them.
//!
//! Workers put exchanges into a bounded list and never wait; nobody is woken for one. Where the disk cannot keep up or is full,
//! exchanges are dropped and counted, and the tape goes on, with the gap marked, once there is room. What was taken is with the
//! system within a second; where it is not, that is said.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};

use super::capture::Capture;
use super::heads::HeaderBlock;
use super::redact::{Message, Redacted, Redactor};
use crate::panics::{self, Panics, Part};
use standin_tape::exchange::{BodyRef, Exchange, ExchangeFailure, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::operations::OperationTree;
use standin_tape::{TapeGap, TapeWriter};

/// An exchange as a worker saw it, with its secrets.
#[derive(Debug)]
pub(super) struct RecordedCall {
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) url: PathAndQuery,
    pub(super) headers: HeaderBlock,
    pub(super) body: Option<Capture>,
    pub(super) answer: Option<(StatusCode, HeaderBlock)>,
    /// The answer's body.
    pub(super) received: Capture,
    pub(super) failure: Option<ExchangeFailure>,
    pub(super) times: ExchangeTimes,
    pub(super) in_flight: u32,
    pub(super) reused: bool,
}

/// The way to the tape.
#[derive(Debug)]
pub(super) struct TapeWriterThread {
    shared: Arc<TapeQueue>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

/// What is on the tape, so far.
#[derive(Clone, Debug, Default)]
pub struct TapeProgress {
    /// Exchanges that the system has.
    pub exchanges: u64,
    /// Kinds of calls, as `standin fit` will tell them apart.
    pub operations: usize,
    /// How long the service took for half of the calls, and for all but one in a hundred.
    pub took: Option<(Duration, Duration)>,
    /// Exchanges that are lost: the disk was full, or could not keep up.
    pub dropped: u64,
    /// Bodies whose coding cannot be looked into, so that they were not kept.
    pub unreadable: u64,
    /// Secrets that had to be forgotten, so that later exchanges may repeat them.
    pub forgotten: u64,
    /// What the disk says while it takes nothing.
    pub broke: Option<String>,
    /// The age of the oldest exchange that the system does not have yet: what a `kill -9` would lose.
    pub behind: Duration,
}

#[derive(Debug, Default)]
struct TapeQueue {
    /// Boxed, so that a worker hands over a pointer under a short lock.
    waiting: Mutex<Vec<(Instant, Box<RecordedCall>)>>,
    /// When the oldest exchange was taken that was handed on and that the system does not have yet.
    unwritten: Mutex<Option<Instant>>,
    dropped: AtomicU64,
    ending: AtomicBool,
    /// Counted when the tape ends.
    refused: AtomicU64,
    written: Mutex<TapeProgress>,
}

impl TapeWriterThread {
    /// Begins to write.
    pub(super) fn start(writer: TapeWriter, redactor: Redactor, panics: Arc<Panics>) -> io::Result<Self> {
        let shared = Arc::new(TapeQueue::default());
        let mut work = TapeWriterTask {
            panics: Arc::clone(&panics),
            shared: Arc::clone(&shared),
            writer,
            redactor,
            stuck: None,
            is_behind: false,
            unreadable: 0,
            took: Histogram::new_with_max(LONGEST, 3).expect("three digits are fine"),
            kinds: Vec::new(),
            seen: HashSet::new(),
            hasher: foldhash::fast::RandomState::default(),
            operations: 0,
            counted: 0,
        };
        let thread = thread::Builder::new().name("standin-tape".to_owned()).spawn(move || {
            let mut ended = Ok(());
            if panics.keep_running(Part::Tape, || ended = work.run()) { ended } else { Err(work.failed()) }
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands over an exchange.
    pub(super) fn take(&self, entry: Box<RecordedCall>) {
        let now = Instant::now();
        let mut waiting = lock(&self.shared.waiting);
        if waiting.len() < WAITING {
            waiting.push((now, entry));
        } else {
            self.shared.dropped.fetch_add(1, Relaxed);
        }
    }

    /// What is on the tape.
    pub(super) fn written(&self) -> TapeProgress {
        let (dropped, behind) = (self.shared.dropped.load(Relaxed), self.shared.behind());
        TapeProgress { dropped, behind, ..lock(&self.shared.written).clone() }
    }

    /// Ends the tape well, once; `refused` is the count of calls that never reached the service.
    pub(super) fn finish(&self, refused: u64) -> io::Result<()> {
        self.shared.refused.store(refused, Relaxed);
        self.shared.ending.store(true, Relaxed);
        let Some(thread) = lock(&self.thread).take() else { return Ok(()) };
        thread.thread().unpark();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes the tape broke")))
    }
}

impl Drop for TapeWriterThread {
    fn drop(&mut self) {
        // an error was told by whoever asked for the end, or nobody wants to know
        let _ = self.finish(0);
    }
}

impl TapeQueue {
    fn behind(&self) -> Duration {
        let waiting = lock(&self.waiting).first().map(|(taken, _)| *taken);
        let oldest = lock(&self.unwritten).iter().copied().chain(waiting).min();
        oldest.map_or(Duration::ZERO, |taken| taken.elapsed())
    }
}

struct TapeWriterTask {
    panics: Arc<Panics>,
    shared: Arc<TapeQueue>,
    writer: TapeWriter,
    redactor: Redactor,
    /// Since when the disk takes nothing, and what was lost by it.
    stuck: Option<(Instant, TapeGap)>,
    /// Whether it is said already that the tape is behind.
    is_behind: bool,
    unreadable: u64,
    /// In microseconds.
    took: Histogram<u64>,
    /// Methods and paths that were called, and their hashes.
    kinds: Vec<(String, String)>,
    seen: HashSet<u64>,
    hasher: foldhash::fast::RandomState,
    operations: usize,
    /// How many kinds there were when the operations were counted.
    counted: usize,
}

impl TapeWriterTask {
    fn run(&mut self) -> io::Result<()> {
        let mut next = Instant::now() + FLUSH;
        loop {
            panics::planted("tape-thread");
            let ending = self.shared.ending.load(Relaxed);
            let entries = mem::take(&mut *lock(&self.shared.waiting));
            for (taken, entry) in entries {
                self.put(taken, &entry);
                // a long list must not hold up what was taken first
                if Instant::now() >= next || self.stuck.is_none() && self.writer.is_full() {
                    self.flush();
                    next = Instant::now() + FLUSH;
                }
            }
            if ending || Instant::now() >= next {
                self.flush();
                next = Instant::now() + FLUSH;
                if self.kinds.len() > self.counted {
                    (self.operations, self.counted) = (self.count_operations(), self.kinds.len());
                }
                self.tell();
            }
            if ending {
                return self.end();
            }
            thread::park_timeout(REST);
        }
    }

    /// Writes an exchange, or counts it as lost where the disk takes nothing.
    fn put(&mut self, taken: Instant, entry: &RecordedCall) {
        if self.stuck.is_none() {
            let panics = Arc::clone(&self.panics);
            match panics.catch(Part::Tape, || self.write(entry)) {
                Ok(Ok(())) => {
                    lock(&self.shared.unwritten).get_or_insert(taken);
                    return;
                }
                Ok(Err(error)) => self.stop_writing(&error),
                // this exchange alone is lost
                Err(_) => {}
            }
        }
        if let Some((_, gap)) = &mut self.stuck {
            gap.exchanges += 1;
        }
        self.shared.dropped.fetch_add(1, Relaxed);
    }

    /// Hands what is buffered to the system. Where the disk takes nothing it is tried again with the next flush.
    fn flush(&mut self) {
        self.warn_if_behind();
        let flushed = self.writer.flush().and_then(|()| self.close_gap());
        match flushed {
            Ok(()) => *lock(&self.shared.unwritten) = None,
            Err(error) => self.stop_writing(&error),
        }
        lock(&self.shared.written).exchanges = self.writer.written();
    }

    /// The disk takes nothing from now on.
    fn stop_writing(&mut self, error: &io::Error) {
        let why = error.to_string();
        lock(&self.shared.written).broke = Some(why.clone());
        if self.stuck.is_none() {
            tracing::warn!(
                %error,
                "the tape cannot be written: calls pass and are not recorded until the disk has room again"
            );
            self.stuck = Some((Instant::now(), TapeGap { why, ..TapeGap::default() }));
        }
    }

    /// The disk takes what it is given: what was lost meanwhile is marked on the tape.
    fn close_gap(&mut self) -> io::Result<()> {
        let Some((since, mut gap)) = self.stuck.take() else { return Ok(()) };
        lock(&self.shared.written).broke = None;
        gap.seconds = since.elapsed().as_secs_f64();
        tracing::warn!(lost = gap.exchanges, seconds = gap.seconds, "the tape goes on, with a gap");
        if gap.exchanges == 0 {
            return Ok(());
        }
        self.writer.gap(&gap)?;
        self.writer.flush()
    }

    fn warn_if_behind(&mut self) {
        let behind = self.shared.behind();
        if behind > LATE && !self.is_behind && self.stuck.is_none() {
            tracing::warn!(
                seconds = behind.as_secs_f64(),
                "the tape is behind: a kill would lose what came since; record to a faster disk, or with --no-bodies"
            );
        }
        self.is_behind = behind > LATE;
    }

    /// Ends the tape; what never reached the disk is counted as lost.
    fn end(&mut self) -> io::Result<()> {
        let (dropped, refused) = (self.shared.dropped.load(Relaxed), self.shared.refused.load(Relaxed));
        let ended = self.writer.end(dropped, refused);
        let mut written = lock(&self.shared.written);
        let lost = self.writer.taken() - self.writer.written();
        written.exchanges = self.writer.written();
        self.shared.dropped.fetch_add(lost, Relaxed);
        ended
    }

    /// The error of a tape whose thread panicked again and again; what was buffered is lost.
    fn failed(&self) -> io::Error {
        let error = io::Error::other("the thread that writes the tape panicked again and again");
        lock(&self.shared.written).broke = Some(error.to_string());
        error
    }

    fn write(&mut self, entry: &RecordedCall) -> io::Result<()> {
        panics::planted("tape");
        let none = HeaderBlock::default();
        let call_body = entry.body.as_ref().and_then(Capture::bytes).unwrap_or_default();
        let answer_body = entry.received.bytes().unwrap_or_default();
        let messages = [
            Message { headers: &entry.headers, body: call_body },
            Message { headers: entry.answer.as_ref().map_or(&none, |(_, headers)| headers), body: answer_body },
        ];
        let (url, redacted) = self.redactor.redact(entry.url.as_str(), &messages);
        let mut redacted = redacted.into_iter();
        let (call, answer) = (redacted.next().unwrap_or_default(), redacted.next().unwrap_or_default());
        let request = ExchangeRequest {
            method: entry.method.as_str().to_owned(),
            url,
            body: self.keep(entry.body.as_ref(), &call)?,
            headers: call.headers,
        };
        let response = match &entry.answer {
            Some((status, _)) => {
                let body = self.keep(Some(&entry.received), &answer)?;
                Some(ExchangeResponse { status: status.as_u16(), headers: answer.headers, body })
            }
            None => None,
        };
        self.writer.take(&Exchange {
            number: entry.number,
            operation: None,
            request,
            response,
            failure: entry.failure.clone(),
            times: entry.times.clone(),
            in_flight: entry.in_flight,
            reused: entry.reused,
        })?;
        self.account(entry);
        Ok(())
    }

    fn keep(&mut self, capture: Option<&Capture>, redacted: &Redacted<'_>) -> io::Result<Option<BodyRef>> {
        let Some(capture) = capture.filter(|capture| capture.size > 0) else { return Ok(None) };
        let size = capture.size;
        match (&redacted.body, capture.bytes()) {
            (Some(body), Some(_)) => self.writer.body(body, size).map(Some),
            (None, Some(_)) => {
                self.unreadable += 1;
                Ok(Some(BodyRef { sha256: None, size }))
            }
            (_, None) => Ok(Some(BodyRef { sha256: None, size })),
        }
    }

    fn account(&mut self, entry: &RecordedCall) {
        if let (None, Some(sent), Some(end)) = (&entry.failure, entry.times.sent, entry.times.last_byte) {
            self.took.saturating_record(end.saturating_sub(sent) / 1_000);
        }
        let (method, path) = (entry.method.as_str(), entry.url.path());
        if self.kinds.len() < MOST_KINDS && self.seen.insert(self.hasher.hash_one((method, path))) {
            self.kinds.push((method.to_owned(), path.to_owned()));
        }
    }

    fn count_operations(&self) -> usize {
        let calls = || self.kinds.iter().map(|(method, path)| (method.as_str(), path.as_str()));
        let operations = OperationTree::learn(calls());
        calls().map(|(method, path)| operations.name(method, path)).collect::<HashSet<_>>().len()
    }

    fn tell(&self) {
        let at = |quantile| Duration::from_micros(self.took.value_at_quantile(quantile));
        let mut written = lock(&self.shared.written);
        written.operations = self.operations;
        written.took = (!self.took.is_empty()).then(|| (at(0.5), at(0.99)));
        written.unreadable = self.unreadable;
        written.forgotten = self.redactor.forgotten();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Exchanges that may wait for the thread.
const WAITING: usize = 50_000;

/// Between two looks for exchanges.
const REST: Duration = Duration::from_millis(20);

/// Between two times at which what was taken is handed to the system.
const FLUSH: Duration = Duration::from_millis(250);

/// An exchange that the system does not have after this time is late: a second is promised.
const LATE: Duration = Duration::from_secs(1);

/// A day, in microseconds: what takes longer counts as a day.
const LONGEST: u64 = 86_400_000_000;

/// Distinct calls by which operations are counted while recording.
const MOST_KINDS: usize = 20_000;
