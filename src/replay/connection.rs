//! Connections to the target: kept open between calls, and stamped at the socket.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tasks::Tasks;

/// A connection that is free for a call.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) stamps: Arc<Stamps>,
}

/// Those that wait for a call, the latest used first.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
}

/// When bytes last went over a connection, in nanoseconds since the first call was due, plus one; 0 is never.
#[derive(Debug)]
pub(super) struct Stamps {
    base: Instant,
    first_written: AtomicU64,
    last_written: AtomicU64,
    first_read: AtomicU64,
    last_read: AtomicU64,
}

impl Pool {
    /// One that is still open.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

impl Connection {
    /// Opens one, whose times count from `base`. Its task ends with it.
    pub(super) async fn open(address: SocketAddr, base: Instant, tasks: &Tasks) -> io::Result<Self> {
        Self::over(socket(address).await?, base, tasks).await
    }

    /// The same over a socket that is connected already.
    pub(super) async fn over(stream: TcpStream, base: Instant, tasks: &Tasks) -> io::Result<Self> {
        let stamps = Arc::new(Stamps::new(base));
        let stamped = TokioIo::new(Stamped { stream, stamps: Arc::clone(&stamps) });
        let (sender, connection) =
            http1::Builder::new().max_headers(1_000).handshake(stamped).await.map_err(io::Error::other)?;
        tasks.spawn(async move {
            // the call that was on it is told
            let _ = connection.await;
        });
        Ok(Self { sender, stamps })
    }
}

/// A connected socket.
pub(super) async fn socket(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Stamps {
    fn new(base: Instant) -> Self {
        let never = AtomicU64::default;
        Self { base, first_written: never(), last_written: never(), first_read: never(), last_read: never() }
    }

    /// Forgets the call before.
    pub(super) fn clear(&self) {
        for stamp in [&self.first_written, &self.last_written, &self.first_read, &self.last_read] {
            stamp.store(0, Ordering::Relaxed);
        }
    }

    /// Nanoseconds since the start of the run at which the first and the last byte of the call were written.
    pub(super) fn written(&self) -> (Option<u64>, Option<u64>) {
        (read(&self.first_written), read(&self.last_written))
    }

    /// When the first and the last byte of the answer were read.
    pub(super) fn read(&self) -> (Option<u64>, Option<u64>) {
        (read(&self.first_read), read(&self.last_read))
    }

    fn stamp(&self, first: &AtomicU64, last: &AtomicU64) {
        let now = self.base.elapsed().as_nanos() as u64 + 1;
        // one task at a time reads and writes
        if first.load(Ordering::Relaxed) == 0 {
            first.store(now, Ordering::Relaxed);
        }
        last.store(now, Ordering::Relaxed);
    }
}

fn read(stamp: &AtomicU64) -> Option<u64> {
    stamp.load(Ordering::Relaxed).checked_sub(1)
}

/// A socket that says when bytes went over it.
struct Stamped {
    stream: TcpStream,
    stamps: Arc<Stamps>,
}

impl Stamped {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.stamps.stamp(&self.stamps.first_written, &self.stamps.last_written);
        }
        written
    }
}

impl AsyncRead for Stamped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.stamps.stamp(&self.stamps.first_read, &self.stamps.last_read);
        }
        read
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written)
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
