//! Connections to a service, kept open between requests, with the times of their reads and writes.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Arrivals, UpstreamStream};
use crate::locks::LockUnpoisoned as _;
use crate::tasks::{Readiness, Tasks};
use standin_tape::exchange::ClosedConnection;

/// A connection that carries no request.
#[derive(Debug)]
pub struct UpstreamConnection<B> {
    pub sender: SendRequest<B>,
    /// Times of the reads and writes of the current request.
    pub times: Arc<SocketTimes>,
}

/// Idle connections; the last used is taken first.
#[derive(Debug)]
pub struct ConnectionPool<B> {
    idle: Mutex<Vec<UpstreamConnection<B>>>,
}

/// Times of the first and last read and write of a request on a connection.
///
/// Each field is in nanoseconds since the base, plus one; 0 is never.
#[derive(Debug)]
pub struct SocketTimes {
    base: Instant,
    readiness: Arc<Readiness>,
    first_written: AtomicU64,
    last_written: AtomicU64,
    first_read: AtomicU64,
    last_read: AtomicU64,
    /// Time at which the service was found to have closed its side.
    closed: AtomicU64,
    /// Number of requests that the connection has carried.
    requests: AtomicU32,
    /// Duration for which the connection was idle before the current request.
    idle: AtomicU64,
}

impl<B> Default for ConnectionPool<B> {
    fn default() -> Self {
        Self { idle: Mutex::default() }
    }
}

impl<B: Body + 'static> ConnectionPool<B> {
    /// Takes a connection that is open and ready for a request.
    pub fn take(&self) -> Option<UpstreamConnection<B>> {
        self.take_noting_closed(|_| {})
    }

    /// Takes a connection that is open and ready for a request. `note` gets the connections that
    /// the service has closed since the last time.
    pub fn take_noting_closed(&self, mut note: impl FnMut(ClosedConnection)) -> Option<UpstreamConnection<B>> {
        let mut idle = self.idle();
        idle.retain(|connection| {
            let is_closed = connection.sender.is_closed();
            if is_closed && let Some(closed) = connection.times.idle_close() {
                note(closed);
            }
            !is_closed
        });
        let place = idle.iter().rposition(|connection| connection.sender.is_ready())?;
        Some(idle.remove(place))
    }

    /// Returns a connection to the pool.
    pub fn put(&self, connection: UpstreamConnection<B>) {
        self.idle().push(connection);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<UpstreamConnection<B>>> {
        self.idle.lock_unpoisoned()
    }
}

impl<B> UpstreamConnection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Opens an HTTP connection over a connected stream. Times count from `base`. The connection
    /// runs as a task, which drops `held` at its end.
    pub async fn open(
        stream: UpstreamStream,
        base: Instant,
        tasks: &Tasks,
        held: impl Send + 'static,
    ) -> io::Result<Self> {
        match stream {
            UpstreamStream::Plain(stream) => Self::with_times(stream, base, tasks, held).await,
            UpstreamStream::Tls(stream) => Self::with_times(*stream, base, tasks, held).await,
        }
    }

    async fn with_times<S>(stream: S, base: Instant, tasks: &Tasks, held: impl Send + 'static) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Arrivals + Unpin + Send + 'static,
    {
        let times = Arc::new(SocketTimes::new(base, tasks.readiness()));
        let io = TokioIo::new(TimestampedStream { stream, times: Arc::clone(&times) });
        let (sender, connection) =
            http1::Builder::new().max_headers(MAX_HEADERS).handshake(io).await.map_err(io::Error::other)?;
        tasks.spawn(async move {
            // an error also ends the request on the connection, which reports it
            let _ = connection.await;
            drop(held);
        });
        Ok(Self { sender, times })
    }
}

impl SocketTimes {
    fn new(base: Instant, readiness: Arc<Readiness>) -> Self {
        let never = AtomicU64::default;
        Self {
            base,
            readiness,
            first_written: never(),
            last_written: never(),
            first_read: never(),
            last_read: never(),
            closed: never(),
            requests: AtomicU32::new(0),
            idle: never(),
        }
    }

    /// Begins a request: counts it, and clears the times of the previous one.
    pub fn clear(&self) {
        let now = Instant::now().saturating_duration_since(self.base).as_nanos() as u64;
        let idle = read(&self.last_read).map_or(0, |last| now.saturating_sub(last));
        self.idle.store(idle, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        for stamp in [&self.first_written, &self.last_written, &self.first_read, &self.last_read] {
            stamp.store(0, Ordering::Relaxed);
        }
    }

    /// Returns the times at which the first and the last byte of the request were written, in
    /// nanoseconds since the base.
    ///
    /// The clock is read before the write, because a write over loopback wakes the service, which
    /// may respond on the same core before the write returns. A time is never later than the first
    /// byte of the response.
    pub fn written(&self) -> (Option<u64>, Option<u64>) {
        let answered = read(&self.first_read);
        let bounded = |stamp: &AtomicU64| read(stamp).map(|at| answered.map_or(at, |answered| at.min(answered)));
        (bounded(&self.first_written), bounded(&self.last_written))
    }

    /// Returns the times at which the first and the last byte of the response could be read, in
    /// nanoseconds since the base.
    pub fn read(&self) -> (Option<u64>, Option<u64>) {
        (read(&self.first_read), read(&self.last_read))
    }

    /// Returns the number of the current request on the connection, from 1, and the nanoseconds for
    /// which the connection was idle before it.
    pub fn reuse(&self) -> (u32, u64) {
        (self.requests.load(Ordering::Relaxed), self.idle.load(Ordering::Relaxed))
    }

    /// Returns the end of a connection that the service closed while it was idle.
    fn idle_close(&self) -> Option<ClosedConnection> {
        let (closed, answered) = (read(&self.closed)?, read(&self.last_read)?);
        let is_answered = read(&self.last_written).is_some_and(|sent| sent <= answered);
        is_answered.then(|| ClosedConnection {
            requests: self.requests.load(Ordering::Relaxed),
            idle: closed.saturating_sub(answered),
        })
    }

    /// Records that the service has closed its side.
    fn record_close(&self) {
        let now = Instant::now().saturating_duration_since(self.base).as_nanos() as u64;
        if self.closed.load(Ordering::Relaxed) == 0 {
            self.closed.store(now + 1, Ordering::Relaxed);
        }
    }

    fn record(&self, at: Instant, first: &AtomicU64, last: &AtomicU64) {
        let at = at.saturating_duration_since(self.base).as_nanos() as u64 + 1;
        // only one task reads and writes at a time
        if first.load(Ordering::Relaxed) == 0 {
            first.store(at, Ordering::Relaxed);
        }
        last.store(at, Ordering::Relaxed);
    }

    /// Records a write that began at `at`.
    fn record_write(&self, at: Instant) {
        self.record(at, &self.first_written, &self.last_written);
    }

    /// Records a read, at the time at which the kernel received the data, or else the connection
    /// became ready, unless the request was sent later.
    fn record_read(&self, arrival: Option<Instant>) {
        let sent = self.base + Duration::from_nanos(read(&self.last_written).unwrap_or(0));
        let ready = self.readiness.take();
        let at = [arrival, ready].into_iter().flatten().find(|at| *at > sent).unwrap_or_else(Instant::now);
        self.record(at, &self.first_read, &self.last_read);
    }
}

fn read(stamp: &AtomicU64) -> Option<u64> {
    stamp.load(Ordering::Relaxed).checked_sub(1)
}

/// A stream that records the times of its reads and writes.
struct TimestampedStream<S> {
    stream: S,
    times: Arc<SocketTimes>,
}

impl<S: AsyncRead + Arrivals + Unpin> AsyncRead for TimestampedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.times.record_read(self.stream.last_arrival());
            }
            Poll::Ready(Ok(())) if buffer.remaining() == 0 => {}
            Poll::Ready(_) => self.times.record_close(),
            Poll::Pending => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimestampedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let at = Instant::now();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.times.record_write(at);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let at = Instant::now();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.times.record_write(at);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Maximum number of headers of a response. hyper clears memory for so many at each response.
const MAX_HEADERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket with slow writes, as on a core that the service takes over.
    struct Slow {
        began: Arc<Mutex<Option<Instant>>>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            *self.began.lock().expect("not poisoned") = Some(Instant::now());
            std::thread::sleep(Duration::from_millis(20));
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn times(base: Instant) -> Arc<SocketTimes> {
        Arc::new(SocketTimes::new(base, Tasks::new().readiness()))
    }

    #[test]
    fn a_write_has_the_time_of_its_begin() {
        let base = Instant::now();
        let (times, began) = (times(base), Arc::default());
        let mut stream = TimestampedStream { stream: Slow { began: Arc::clone(&began) }, times: Arc::clone(&times) };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut stream).poll_write(&mut cx, b"GET / HTTP/1.1").is_ready());
        let began = began.lock().expect("not poisoned").expect("it was written") - base;
        let (first, last) = times.written();
        assert!(first == last && last.is_some_and(|sent| u128::from(sent) <= began.as_nanos()), "{last:?} {began:?}");
    }

    #[test]
    fn a_request_is_never_sent_after_its_response_began() {
        let base = Instant::now();
        let times = times(base);
        let at = |ms| base + Duration::from_millis(ms);
        times.record_write(at(1));
        times.record(at(5), &times.first_read, &times.last_read);
        times.record_write(at(7));
        assert_eq!(times.written(), (Some(1_000_000), Some(5_000_000)));
    }
}
