//! [`Clock`]: when a connection reads and writes, and what it waits for.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::locks::LockUnpoisoned as _;

/// A callback that receives the lateness of a response's first bytes and the intended delay.
pub type OnLateness = dyn Fn(Duration, Duration) + Send + Sync;

/// A callback that returns the instant since which a connection has been readable, if known.
pub type ReadySince = dyn Fn() -> Option<Instant> + Send + Sync;

/// The times at which a connection last read and wrote.
///
/// Times are kept in nanoseconds since the connection was accepted; 0 means never.
pub struct Clock {
    base: Instant,
    read: AtomicU64,
    written: AtomicU64,
    /// The deadline of the next bytes; the write that sends them clears it.
    due: AtomicU64,
    intended: AtomicU64,
    /// The lateness of the last response with a deadline; [`NONE`] if there was none.
    lateness: AtomicU64,
    /// The time of the first byte of an incomplete request head.
    head_since: AtomicU64,
    /// The number of requests that are being answered.
    answering: AtomicU64,
    /// The time of the first byte of an incomplete HTTP/2 head or control frame.
    frame_since: AtomicU64,
    /// Set on HTTP/2 when a request comes or a part of a response leaves.
    progressed: AtomicBool,
    /// Set from the head of an HTTP/1.1 request to the end of its body.
    in_body: AtomicBool,
    /// Set if the stream was ended before a head with many lines.
    pub(super) long_head: AtomicBool,
    /// Set while somebody waits for the client to disconnect.
    pub(super) watched: AtomicBool,
    pub(super) gone: Notify,
    /// Set if `spelt_names` is not empty.
    has_spelt_names: AtomicBool,
    /// Header names of the request that were not sent in title case, separated by line breaks.
    spelt_names: Mutex<String>,
    ready_since: Option<Arc<ReadySince>>,
    on_lateness: Arc<OnLateness>,
}

impl Clock {
    /// Creates a clock that starts now and reports the lateness of each promised response to
    /// `on_lateness`. Bytes that are read count from the instant that `ready_since` returns, if
    /// any.
    pub fn new(on_lateness: Arc<OnLateness>, ready_since: Option<Arc<ReadySince>>) -> Self {
        Self {
            base: Instant::now(),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            due: AtomicU64::new(0),
            intended: AtomicU64::new(0),
            lateness: AtomicU64::new(NONE),
            head_since: AtomicU64::new(0),
            answering: AtomicU64::new(0),
            frame_since: AtomicU64::new(0),
            progressed: AtomicBool::new(false),
            in_body: AtomicBool::new(false),
            long_head: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            gone: Notify::new(),
            has_spelt_names: AtomicBool::new(false),
            spelt_names: Mutex::default(),
            ready_since,
            on_lateness,
        }
    }

    /// Returns the time of the last read, or since when it was possible; the start if there was
    /// none.
    pub fn last_read(&self) -> Instant {
        self.instant(self.read.load(Relaxed))
    }

    /// Returns the time of the last write; the start if there was none.
    pub fn last_written(&self) -> Instant {
        self.instant(self.written.load(Relaxed))
    }

    /// Returns the time since the last read or write; zero while a request is being answered.
    pub fn idle_for(&self) -> Duration {
        if self.answering.load(Relaxed) > 0 {
            return Duration::ZERO;
        }
        Instant::now().saturating_duration_since(self.last_read().max(self.last_written()))
    }

    /// Counts a request that is being answered, until [`Clock::answered`].
    pub fn answering(&self) {
        self.answering.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    /// Records that the request that is being answered has a body.
    pub fn body_follows(&self) {
        self.in_body.store(true, Relaxed);
    }

    /// Records that the body of the request that is being answered was read to its end.
    pub fn body_read(&self) {
        self.in_body.store(false, Relaxed);
    }

    /// Returns whether the stream was ended before a head with many lines since the last call of
    /// this method: see [`Wire::limit_head_lines`].
    pub fn take_long_head(&self) -> bool {
        self.long_head.swap(false, Relaxed)
    }

    /// Returns whether bytes that are read now belong to a head of HTTP/1.1.
    pub(super) fn is_in_head(&self) -> bool {
        !self.is_answering() && !self.in_body.load(Relaxed)
    }

    /// Counts a request as answered: the next byte begins another head.
    pub fn answered(&self) {
        self.answering.fetch_sub(1, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    /// Notes a header name that was not sent in title case.
    pub(super) fn add_spelt_name(&self, name: &[u8]) {
        let mut names = self.spelt_names.lock_unpoisoned();
        if !names.is_empty() {
            names.push('\n');
        }
        names.push_str(&String::from_utf8_lossy(name));
        self.has_spelt_names.store(true, Relaxed);
    }

    pub(super) fn forget_spelt_names(&self) {
        if self.has_spelt_names.swap(false, Relaxed) {
            self.spelt_names.lock_unpoisoned().clear();
        }
    }

    /// Returns the header names of the request that were not sent in title case, separated by line
    /// breaks; `None` if there are none.
    pub fn spelt_names(&self) -> Option<Box<str>> {
        if !self.has_spelt_names.load(Relaxed) {
            return None;
        }
        Some(self.spelt_names.lock_unpoisoned().as_str().into())
    }

    /// Returns whether a request is being answered.
    pub fn is_answering(&self) -> bool {
        self.answering.load(Relaxed) > 0
    }

    /// Records that a request came or a part of a response left. Bytes that only keep a connection
    /// open are no progress.
    pub fn progress(&self) {
        self.progressed.store(true, Relaxed);
    }

    /// Returns whether there was progress since the last call of this method.
    pub fn take_progress(&self) -> bool {
        self.progressed.swap(false, Relaxed)
    }

    /// Records after a read whether an HTTP/2 head or control frame is incomplete.
    pub fn frame_unfinished(&self, is_unfinished: bool) {
        match (is_unfinished, self.frame_since.load(Relaxed)) {
            (true, 0) => self.frame_since.store(self.read.load(Relaxed).max(1), Relaxed),
            (false, 1..) => self.frame_since.store(0, Relaxed),
            _ => {}
        }
    }

    /// Returns how long an HTTP/2 head or control frame has been incomplete; `None` if none is.
    pub fn frame_pending(&self) -> Option<Duration> {
        let since = self.frame_since.load(Relaxed);
        (since != 0).then(|| Instant::now().saturating_duration_since(self.instant(since)))
    }

    /// Resolves when the client of an HTTP/1.1 request that is being answered has disconnected or
    /// has closed its side. The connection is checked only while this is waited for.
    pub async fn client_gone(&self) {
        struct Watch<'c>(&'c AtomicBool);
        impl Drop for Watch<'_> {
            fn drop(&mut self) {
                self.0.store(false, Relaxed);
            }
        }
        self.watched.store(true, Relaxed);
        let _watch = Watch(&self.watched);
        self.gone.notified().await;
    }

    /// Sets the deadline of the next bytes, for a response with an intended delay.
    pub fn promise(&self, deadline: Instant, intended: Duration) {
        self.intended.store(intended.as_nanos() as u64, Relaxed);
        self.due.store(self.nanos(deadline).max(1), Relaxed);
    }

    /// Forgets the lateness of earlier responses.
    pub fn forget_lateness(&self) {
        self.lateness.store(NONE, Relaxed);
    }

    /// Returns the lateness and the intended delay of the last response with a deadline, unless it
    /// was forgotten.
    pub fn last_lateness(&self) -> Option<(Duration, Duration)> {
        let lateness = self.lateness.load(Relaxed);
        let intended = Duration::from_nanos(self.intended.load(Relaxed));
        (lateness != NONE).then(|| (Duration::from_nanos(lateness), intended))
    }

    /// Returns how long a request head has been incomplete; `None` if none is.
    pub fn head_pending(&self) -> Option<Duration> {
        let since = self.head_since.load(Relaxed);
        (since != 0).then(|| Instant::now().saturating_duration_since(self.instant(since)))
    }

    /// Stamps a read, and returns whether its first byte begins a request head.
    pub(super) fn read_now(&self) -> bool {
        let since = self.ready_since.as_ref().and_then(|ready_since| ready_since());
        let now = self.nanos(since.unwrap_or_else(Instant::now));
        self.read.store(now, Relaxed);
        let begins = self.head_since.load(Relaxed) == 0 && self.answering.load(Relaxed) == 0;
        if begins {
            self.head_since.store(now.max(1), Relaxed);
        }
        begins
    }

    pub(super) fn written_now(&self) {
        let now = self.nanos(Instant::now());
        self.written.store(now, Relaxed);
        let due = self.due.load(Relaxed);
        if due != 0 {
            self.due.store(0, Relaxed);
            let intended = Duration::from_nanos(self.intended.load(Relaxed));
            let lateness = now.saturating_sub(due);
            self.lateness.store(lateness, Relaxed);
            (self.on_lateness)(Duration::from_nanos(lateness), intended);
        }
    }

    fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_nanos() as u64
    }

    fn instant(&self, nanos: u64) -> Instant {
        self.base + Duration::from_nanos(nanos)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Clock").field("read", &self.last_read()).field("written", &self.last_written()).finish()
    }
}

/// Lateness of a connection that has sent no response with a deadline.
const NONE: u64 = u64::MAX;
