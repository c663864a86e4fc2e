//! The thread that writes the tape: takes exchanges off the workers' hands, redacts them and appends them.
//!
//! Workers put exchanges into a bounded list and never wait; nobody is woken for one. Where the disk cannot keep up, exchanges
//! are dropped and counted. What was taken is with the system within a second.

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
use super::heads::Headers;
use super::redact::{Message, Redacted, Redactor};
use crate::exchange::{BodyRef, Exchange, Failure, Request, Response, Times};
use crate::tape::Writer;
use crate::tape::operations::Operations;

/// An exchange as a worker saw it, with its secrets.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) url: PathAndQuery,
    pub(super) headers: Headers,
    pub(super) body: Option<Capture>,
    pub(super) answer: Option<(StatusCode, Headers)>,
    /// The answer's body.
    pub(super) received: Capture,
    pub(super) failure: Option<Failure>,
    pub(super) times: Times,
    pub(super) in_flight: u32,
    pub(super) reused: bool,
}

/// The way to the tape.
#[derive(Debug)]
pub(super) struct Scribe {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

/// What is on the tape, so far.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Exchanges.
    pub exchanges: u64,
    /// Kinds of calls, as `standin fit` will tell them apart.
    pub operations: usize,
    /// How long the service took for half of the calls, and for all but one in a hundred.
    pub took: Option<(Duration, Duration)>,
    /// Exchanges that the disk could not keep up with.
    pub dropped: u64,
    /// Bodies whose coding cannot be looked into, so that they were not kept.
    pub unreadable: u64,
    /// Secrets that had to be forgotten, so that later exchanges may repeat them.
    pub forgotten: u64,
    /// What the disk said when it refused.
    pub broke: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    #[expect(clippy::vec_box, reason = "a worker hands over a pointer, under a short lock")]
    waiting: Mutex<Vec<Box<Entry>>>,
    dropped: AtomicU64,
    ending: AtomicBool,
    /// Counted when the tape ends.
    refused: AtomicU64,
    written: Mutex<Written>,
}

impl Scribe {
    /// Begins to write.
    pub(super) fn start(writer: Writer, redactor: Redactor) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let work = Work {
            shared: Arc::clone(&shared),
            writer,
            redactor,
            unreadable: 0,
            took: Histogram::new_with_max(LONGEST, 3).expect("three digits are fine"),
            kinds: Vec::new(),
            seen: HashSet::new(),
            hasher: foldhash::fast::RandomState::default(),
            operations: 0,
            counted: 0,
        };
        let thread = thread::Builder::new().name("standin-tape".to_owned()).spawn(move || work.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands over an exchange.
    pub(super) fn take(&self, entry: Box<Entry>) {
        let mut waiting = lock(&self.shared.waiting);
        if waiting.len() < WAITING {
            waiting.push(entry);
        } else {
            self.shared.dropped.fetch_add(1, Relaxed);
        }
    }

    /// What is on the tape.
    pub(super) fn written(&self) -> Written {
        let dropped = self.shared.dropped.load(Relaxed);
        Written { dropped, ..lock(&self.shared.written).clone() }
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

impl Drop for Scribe {
    fn drop(&mut self) {
        // an error was told by whoever asked for the end, or nobody wants to know
        let _ = self.finish(0);
    }
}

struct Work {
    shared: Arc<Shared>,
    writer: Writer,
    redactor: Redactor,
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

impl Work {
    fn run(mut self) -> io::Result<()> {
        let mut flushed = Instant::now();
        loop {
            let ending = self.shared.ending.load(Relaxed);
            let entries = mem::take(&mut *lock(&self.shared.waiting));
            for entry in entries {
                if let Err(error) = self.write(&entry) {
                    return self.broke(error);
                }
            }
            if ending || flushed.elapsed() >= FLUSH {
                if let Err(error) = self.writer.flush() {
                    return self.broke(error);
                }
                flushed = Instant::now();
                if self.kinds.len() > self.counted {
                    (self.operations, self.counted) = (self.count_operations(), self.kinds.len());
                }
                self.tell();
            }
            if ending {
                let (dropped, refused) = (self.shared.dropped.load(Relaxed), self.shared.refused.load(Relaxed));
                return self.writer.finish(dropped, refused);
            }
            thread::park_timeout(REST);
        }
    }

    /// Keeps counting what can no longer be written, and says why.
    fn broke(self, error: io::Error) -> io::Result<()> {
        lock(&self.shared.written).broke = Some(error.to_string());
        while !self.shared.ending.load(Relaxed) {
            let lost = mem::take(&mut *lock(&self.shared.waiting)).len();
            self.shared.dropped.fetch_add(lost as u64, Relaxed);
            thread::park_timeout(REST);
        }
        Err(error)
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        self.account(entry);
        let none = Headers::default();
        let call_body = entry.body.as_ref().and_then(Capture::bytes).unwrap_or_default();
        let answer_body = entry.received.bytes().unwrap_or_default();
        let messages = [
            Message { headers: &entry.headers, body: call_body },
            Message { headers: entry.answer.as_ref().map_or(&none, |(_, headers)| headers), body: answer_body },
        ];
        let (url, redacted) = self.redactor.redact(entry.url.as_str(), &messages);
        let mut redacted = redacted.into_iter();
        let (call, answer) = (redacted.next().unwrap_or_default(), redacted.next().unwrap_or_default());
        let request = Request {
            method: entry.method.as_str().to_owned(),
            url,
            body: self.keep(entry.body.as_ref(), &call)?,
            headers: call.headers,
        };
        let response = match &entry.answer {
            Some((status, _)) => {
                let body = self.keep(Some(&entry.received), &answer)?;
                Some(Response { status: status.as_u16(), headers: answer.headers, body })
            }
            None => None,
        };
        self.writer.write(&Exchange {
            number: entry.number,
            operation: None,
            request,
            response,
            failure: entry.failure.clone(),
            times: entry.times.clone(),
            in_flight: entry.in_flight,
            reused: entry.reused,
        })
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

    fn account(&mut self, entry: &Entry) {
        if let (None, Some(sent), Some(end)) = (&entry.failure, entry.times.sent, entry.times.last_byte) {
            self.took.saturating_record(end.saturating_sub(sent) / 1_000);
        }
        let (method, path) = (entry.method.as_str(), entry.url.path());
        if self.kinds.len() < MOST_KINDS && self.seen.insert(self.hasher.hash_one((method, path))) {
            self.kinds.push((method.to_owned(), path.to_owned()));
        }
        let mut written = lock(&self.shared.written);
        written.exchanges += 1;
    }

    fn count_operations(&self) -> usize {
        let calls = || self.kinds.iter().map(|(method, path)| (method.as_str(), path.as_str()));
        let operations = Operations::learn(calls());
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

/// What was written is with the system after this time.
const FLUSH: Duration = Duration::from_millis(500);

/// A day, in microseconds: what takes longer counts as a day.
const LONGEST: u64 = 86_400_000_000;

/// Distinct calls by which operations are counted while recording.
const MOST_KINDS: usize = 20_000;
