//! A connection's clock and ending: what hyper tells neither of.
//!
//! [`Wire`] wraps a connection's I/O and stamps reads and writes, so that a call's arrival is the moment its last byte
//! came and an answer's lateness is measured where its bytes are handed to the socket. It can also end the connection
//! as no HTTP server would: by a reset, or with bytes that are no HTTP.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Called with how late an answer's first bytes were, and how long the call was meant to take.
pub type Witness = dyn Fn(Duration, Duration) + Send + Sync;

/// Tells since when what is read now could have been read, where that is known.
pub type Readiness = dyn Fn() -> Option<Instant> + Send + Sync;

/// When a connection last read and wrote.
///
/// Times are kept as nanoseconds since the connection was accepted; 0 is never.
pub struct Clock {
    base: Instant,
    read: AtomicU64,
    written: AtomicU64,
    /// When the next bytes are due, settled by the write that sends them.
    due: AtomicU64,
    intended: AtomicU64,
    /// When the first byte of a head that is not whole yet came.
    head_since: AtomicU64,
    /// How many calls are being answered.
    answering: AtomicU64,
    /// When the first byte of an HTTP/2 head or control frame that is not whole yet came.
    frame_since: AtomicU64,
    /// Whether a call came or part of an answer went since this was last asked; told on HTTP/2.
    progressed: AtomicBool,
    /// Whether anybody wants to know that the client has gone.
    watched: AtomicBool,
    gone: Notify,
    /// Since when what is read now could have been read.
    readiness: Option<Arc<Readiness>>,
    witness: Arc<Witness>,
}

impl Clock {
    /// A clock that starts now and tells `witness` how late each promised answer was. Where `readiness` knows since when
    /// its connection was ready, what is read counts from then.
    pub fn new(witness: Arc<Witness>, readiness: Option<Arc<Readiness>>) -> Self {
        Self {
            base: Instant::now(),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            due: AtomicU64::new(0),
            intended: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            answering: AtomicU64::new(0),
            frame_since: AtomicU64::new(0),
            progressed: AtomicBool::new(false),
            watched: AtomicBool::new(false),
            gone: Notify::new(),
            readiness,
            witness,
        }
    }

    /// When the last bytes came in, or could have been read; the start, before any.
    pub fn last_read(&self) -> Instant {
        self.instant(self.read.load(Relaxed))
    }

    /// When the last bytes went out; the start, before any.
    pub fn last_written(&self) -> Instant {
        self.instant(self.written.load(Relaxed))
    }

    /// How long nothing has gone either way, while no call is being answered.
    pub fn idle_for(&self) -> Duration {
        if self.answering.load(Relaxed) > 0 {
            return Duration::ZERO;
        }
        Instant::now().saturating_duration_since(self.last_read().max(self.last_written()))
    }

    /// Says that a call is being answered, until [`Clock::answered`].
    pub fn answering(&self) {
        self.answering.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    /// Says that a call was answered: the next byte begins another head.
    pub fn answered(&self) {
        self.answering.fetch_sub(1, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    /// Returns whether a call is being answered.
    pub fn is_answering(&self) -> bool {
        self.answering.load(Relaxed) > 0
    }

    /// Notes that a call came or part of an answer went, as opposed to bytes that only keep a connection open.
    pub fn progress(&self) {
        self.progressed.store(true, Relaxed);
    }

    /// Returns whether there was progress since the last time that this was asked.
    pub fn take_progress(&self) -> bool {
        self.progressed.swap(false, Relaxed)
    }

    /// Notes after a read whether an HTTP/2 head or control frame is unfinished.
    pub fn frame_unfinished(&self, is_unfinished: bool) {
        match (is_unfinished, self.frame_since.load(Relaxed)) {
            (true, 0) => self.frame_since.store(self.read.load(Relaxed).max(1), Relaxed),
            (false, 1..) => self.frame_since.store(0, Relaxed),
            _ => {}
        }
    }

    /// Returns for how long an HTTP/2 head or control frame has been unfinished.
    pub fn frame_pending(&self) -> Option<Duration> {
        let since = self.frame_since.load(Relaxed);
        (since != 0).then(|| Instant::now().saturating_duration_since(self.instant(since)))
    }

    /// Resolves when the client has gone, or has closed its side; for a call that is being answered on HTTP/1.1. It is looked for
    /// only as long as this is waited for.
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

    /// Says when the next bytes should go out, for a call that was meant to take `intended`.
    pub fn promise(&self, deadline: Instant, intended: Duration) {
        self.intended.store(intended.as_nanos() as u64, Relaxed);
        self.due.store(self.nanos(deadline).max(1), Relaxed);
    }

    /// How long a head has been coming that is not whole yet.
    pub fn head_pending(&self) -> Option<Duration> {
        let since = self.head_since.load(Relaxed);
        (since != 0).then(|| Instant::now().saturating_duration_since(self.instant(since)))
    }

    fn read_now(&self) {
        let since = self.readiness.as_ref().and_then(|readiness| readiness());
        let now = self.nanos(since.unwrap_or_else(Instant::now));
        self.read.store(now, Relaxed);
        if self.head_since.load(Relaxed) == 0 && self.answering.load(Relaxed) == 0 {
            self.head_since.store(now.max(1), Relaxed);
        }
    }

    fn written_now(&self) {
        let now = self.nanos(Instant::now());
        self.written.store(now, Relaxed);
        let due = self.due.load(Relaxed);
        if due != 0 {
            self.due.store(0, Relaxed);
            let intended = Duration::from_nanos(self.intended.load(Relaxed));
            (self.witness)(Duration::from_nanos(now.saturating_sub(due)), intended);
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

/// A connection's I/O with its clock.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    clock: Arc<Clock>,
    /// Bytes that were read to find out the protocol, and are still to be handed on.
    ahead: BytesMut,
}

impl<S> Wire<S> {
    /// `stream`, stamped by `clock`.
    pub fn new(stream: S, clock: Arc<Clock>) -> Self {
        Self { stream, clock, ahead: BytesMut::new() }
    }

    /// Returns the bytes that were read ahead.
    pub fn ahead(&self) -> &[u8] {
        &self.ahead
    }
}

impl<S: Transport> Wire<S> {
    /// Reads some bytes that later reads will return again; returns how many, 0 at the end of the stream.
    pub async fn read_ahead(&mut self) -> io::Result<usize> {
        self.ahead.reserve(READ_AHEAD);
        let count = self.stream.read_buf(&mut self.ahead).await?;
        if count > 0 {
            self.clock.read_now();
        }
        Ok(count)
    }

    /// Resets the connection (RST).
    pub fn reset(self) {
        // a close with a linger time of zero throws away what is unsent and sends RST; a client that has gone needs neither
        let _ = socket2::SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// Sends these bytes as they are and closes. Errors are the client's: it has gone already.
    pub async fn send_raw(mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok() {
            self.close().await;
        }
    }

    /// Sends FIN, then reads what is still in the receive buffer: closing over unread bytes would send RST instead.
    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        let mut unread = [0; 4096];
        let drained = async { while self.stream.read(&mut unread).await.is_ok_and(|count| count > 0) {} };
        let _ = tokio::time::timeout(Duration::from_millis(200), drained).await;
    }
}

/// A stream with a TCP connection at its bottom.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The TCP connection below TLS, if there is any.
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_ready() && buffer.filled().len() > before {
            self.clock.read_now();
        }
        polled
    }
}

impl<S: Transport> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(1..)) = polled {
            self.clock.written_now();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(1..)) = polled {
            self.clock.written_now();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // an HTTP server that has nothing to read or to write still comes by here
        if self.clock.watched.load(Relaxed) && has_gone(self.stream.tcp(), cx) {
            self.clock.gone.notify_waiters();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Bytes that are read at a time to find out the protocol: nearly every head is whole then.
const READ_AHEAD: usize = 4096;

/// Whether a client that waits for an answer has closed the connection or its side of it; wakes the task when it does.
///
/// TLS says so in a record of its own: an alert, in the open (type 21) or, in TLS 1.3, as a record of 19 bytes (RFC 8446, 5.2: an
/// alert of 2, its type and a tag of 16), for which any call is too long. A call that comes before its turn hides what follows.
fn has_gone(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    let mut first = [0; 5];
    let mut first = ReadBuf::new(&mut first);
    match stream.poll_peek(cx, &mut first) {
        Poll::Pending => false,
        Poll::Ready(Ok(0) | Err(_)) => true,
        Poll::Ready(Ok(_)) => matches!(first.filled(), [21, 3, ..] | [23, 3, 3, 0, 19]),
    }
}
