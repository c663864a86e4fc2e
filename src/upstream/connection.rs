//! Connections to a service: kept open between calls, and stamped at the socket.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::UpstreamStream;
use crate::tasks::{Readiness, Tasks};

/// A connection that is free for a call.
#[derive(Debug)]
pub struct UpstreamConnection<B> {
    /// Where a request is put.
    pub sender: SendRequest<B>,
    /// When its bytes went and came.
    pub stamps: Arc<SocketTimes>,
}

/// Those that wait for a call, the latest used first.
#[derive(Debug)]
pub struct ConnectionPool<B> {
    idle: Mutex<Vec<UpstreamConnection<B>>>,
}

/// When bytes last went over a connection, in nanoseconds since the base, plus one; 0 is never.
#[derive(Debug)]
pub struct SocketTimes {
    base: Instant,
    readiness: Arc<Readiness>,
    first_written: AtomicU64,
    last_written: AtomicU64,
    first_read: AtomicU64,
    last_read: AtomicU64,
}

impl<B> Default for ConnectionPool<B> {
    fn default() -> Self {
        Self { idle: Mutex::default() }
    }
}

impl<B: Body + 'static> ConnectionPool<B> {
    /// One that is still open and takes a call at once.
    pub fn take(&self) -> Option<UpstreamConnection<B>> {
        let mut idle = self.idle();
        idle.retain(|connection| !connection.sender.is_closed());
        let place = idle.iter().rposition(|connection| connection.sender.is_ready())?;
        Some(idle.remove(place))
    }

    /// Keeps one for another call.
    pub fn put(&self, connection: UpstreamConnection<B>) {
        self.idle().push(connection);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<UpstreamConnection<B>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> UpstreamConnection<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// One over a stream that is connected already, whose times count from `base`. Its task ends with it, and drops
    /// `held` then.
    pub async fn over(
        stream: UpstreamStream,
        base: Instant,
        tasks: &Tasks,
        held: impl Send + 'static,
    ) -> io::Result<Self> {
        match stream {
            UpstreamStream::Plain(stream) => Self::stamped(stream, base, tasks, held).await,
            UpstreamStream::Tls(stream) => Self::stamped(stream, base, tasks, held).await,
        }
    }

    async fn stamped<S>(stream: S, base: Instant, tasks: &Tasks, held: impl Send + 'static) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stamps = Arc::new(SocketTimes::new(base, tasks.readiness()));
        let stamped = TokioIo::new(TimestampedStream { stream, stamps: Arc::clone(&stamps) });
        let (sender, connection) =
            http1::Builder::new().max_headers(MOST_HEADERS).handshake(stamped).await.map_err(io::Error::other)?;
        tasks.spawn(async move {
            // the call that was on it is told
            let _ = connection.await;
            drop(held);
        });
        Ok(Self { sender, stamps })
    }
}

impl SocketTimes {
    fn new(base: Instant, readiness: Arc<Readiness>) -> Self {
        let never = AtomicU64::default;
        Self { base, readiness, first_written: never(), last_written: never(), first_read: never(), last_read: never() }
    }

    /// Forgets the call before.
    pub fn clear(&self) {
        for stamp in [&self.first_written, &self.last_written, &self.first_read, &self.last_read] {
            stamp.store(0, Ordering::Relaxed);
        }
    }

    /// Nanoseconds since the base at which the first and the last byte of the call were handed to the socket: read
    /// before the write, and never later than the first byte of the answer. A write over loopback wakes the service,
    /// which may have answered on the same core before the write returns.
    pub fn written(&self) -> (Option<u64>, Option<u64>) {
        let answered = read(&self.first_read);
        let bounded = |stamp: &AtomicU64| read(stamp).map(|at| answered.map_or(at, |answered| at.min(answered)));
        (bounded(&self.first_written), bounded(&self.last_written))
    }

    /// When the first and the last byte of the answer came, or could have been read.
    pub fn read(&self) -> (Option<u64>, Option<u64>) {
        (read(&self.first_read), read(&self.last_read))
    }

    fn stamp(&self, at: Instant, first: &AtomicU64, last: &AtomicU64) {
        let at = at.saturating_duration_since(self.base).as_nanos() as u64 + 1;
        // one task at a time reads and writes
        if first.load(Ordering::Relaxed) == 0 {
            first.store(at, Ordering::Relaxed);
        }
        last.store(at, Ordering::Relaxed);
    }

    /// Stamps a write that began at `at`.
    fn wrote(&self, at: Instant) {
        self.stamp(at, &self.first_written, &self.last_written);
    }

    /// Stamps a read: by when the connection was ready, unless that was before the call itself went out.
    fn read_now(&self) {
        let sent = self.base + Duration::from_nanos(read(&self.last_written).unwrap_or(0));
        let at = self.readiness.take().filter(|ready| *ready > sent).unwrap_or_else(Instant::now);
        self.stamp(at, &self.first_read, &self.last_read);
    }
}

fn read(stamp: &AtomicU64) -> Option<u64> {
    stamp.load(Ordering::Relaxed).checked_sub(1)
}

/// A stream that says when bytes went over it.
struct TimestampedStream<S> {
    stream: S,
    stamps: Arc<SocketTimes>,
}

impl<S: AsyncRead + Unpin> AsyncRead for TimestampedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.stamps.read_now();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimestampedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let at = Instant::now();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.stamps.wrote(at);
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
            self.stamps.wrote(at);
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

/// Headers that an answer may have.
const MOST_HEADERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket whose write takes long, as when it wakes a service that then has the core.
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

    fn stamps(base: Instant) -> Arc<SocketTimes> {
        Arc::new(SocketTimes::new(base, Tasks::new().readiness()))
    }

    #[test]
    fn a_write_is_stamped_when_it_begins() {
        let base = Instant::now();
        let (stamps, began) = (stamps(base), Arc::default());
        let mut stream = TimestampedStream { stream: Slow { began: Arc::clone(&began) }, stamps: Arc::clone(&stamps) };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut stream).poll_write(&mut cx, b"GET / HTTP/1.1").is_ready());
        let began = began.lock().expect("not poisoned").expect("it was written") - base;
        let (first, last) = stamps.written();
        assert!(first == last && last.is_some_and(|sent| u128::from(sent) <= began.as_nanos()), "{last:?} {began:?}");
    }

    #[test]
    fn a_call_is_never_sent_after_its_answer_began() {
        let base = Instant::now();
        let stamps = stamps(base);
        let at = |ms| base + Duration::from_millis(ms);
        stamps.wrote(at(1));
        stamps.stamp(at(5), &stamps.first_read, &stamps.last_read);
        stamps.wrote(at(7));
        assert_eq!(stamps.written(), (Some(1_000_000), Some(5_000_000)));
    }
}
