//! The I/O of a connection, with time stamps and abnormal endings, which hyper does not offer.
//!
//! [`Wire`] stamps reads and writes, so that a request arrives when its last byte is read and the
//! lateness of a response is measured when its bytes are handed to the socket. It can also end a
//! connection as no HTTP server does: by a reset, or with bytes that are not HTTP.

mod clock;
mod head_lines;
mod head_names;
mod pass_on_writes;
mod request_line;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

pub use self::clock::{Clock, OnLateness, ReadySince};
use self::head_lines::HeadLines;
use self::head_names::HeadNames;
pub(crate) use self::pass_on_writes::pass_on_writes;
use self::request_line::{RequestLine, with_placeholders};

/// The I/O of a connection with its clock.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    clock: Arc<Clock>,
    /// Bytes read to detect the protocol, to be returned by the next reads.
    ahead: BytesMut,
    /// The request line of HTTP/1.1 that is being read.
    line: RequestLine,
    /// Set if the connection speaks HTTP/1.1.
    accepts_raw_targets: bool,
    /// The limit of lines of an HTTP/1.1 head, and what was read of it.
    head_lines: HeadLines,
    head_names: HeadNames,
}

impl<S> Wire<S> {
    /// Wraps `stream`; `clock` stamps its reads and writes.
    pub fn new(stream: S, clock: Arc<Clock>) -> Self {
        Self {
            stream,
            clock,
            ahead: BytesMut::new(),
            line: RequestLine::Beyond,
            accepts_raw_targets: false,
            head_lines: HeadLines::default(),
            head_names: HeadNames::default(),
        }
    }

    /// Returns the stream below, and all bytes that HTTP has not used: `unread` and those read
    /// ahead.
    pub fn into_stream(self, unread: &[u8]) -> (S, Bytes) {
        let mut ahead = BytesMut::from(unread);
        ahead.extend_from_slice(&self.ahead);
        (self.stream, ahead.freeze())
    }

    /// Returns the bytes that were read ahead.
    pub fn ahead(&self) -> &[u8] {
        &self.ahead
    }
}

impl<S> Wire<S> {
    /// Accepts characters in the targets of HTTP/1.1 requests that the HTTP library refuses, by
    /// placeholders. From now on, the clock is told the spelling of header names.
    pub fn accept_raw_targets(&mut self) {
        (self.accepts_raw_targets, self.line) = (true, RequestLine::Method);
        self.head_names.read(&self.ahead, true, &self.clock);
        if let Some(target) = self.line.advance(&self.ahead) {
            self.ahead = with_placeholders(&self.ahead, target);
        }
    }
}

impl<S> Wire<S> {
    /// Ends the stream for its reader before a head of HTTP/1.1 has more lines than `lines`. The
    /// bytes that it would have read stay here. Returns false if the bytes that were read ahead
    /// have more lines already.
    pub fn limit_head_lines(&mut self, lines: usize) -> bool {
        self.head_lines = HeadLines::limited(lines);
        !self.head_lines.exceed(&self.ahead, true)
    }

    /// Continues a stream that was ended by the limit of lines, which is removed. `unread` are the
    /// bytes of the head that had been read before.
    pub fn resume(&mut self, unread: &[u8]) {
        self.head_lines = HeadLines::default();
        let rest = std::mem::take(&mut self.ahead);
        self.ahead.extend_from_slice(unread);
        self.ahead.extend_from_slice(&rest);
        if self.accepts_raw_targets {
            self.accept_raw_targets();
        }
    }
}

impl<S: Transport> Wire<S> {
    /// Reads bytes that later reads return again. Returns their number; 0 at the end of the stream.
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
        // closing with a linger time of zero discards unsent bytes and sends RST; errors mean that
        // the client has disconnected already
        let _ = socket2::SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// Sends bytes as they are, then closes the connection. Errors are ignored: they mean that the
    /// client has disconnected.
    pub async fn send_raw(mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok() {
            self.close().await;
        }
    }

    /// Sends FIN, then reads what is left in the receive buffer: closing with unread bytes would
    /// send RST instead.
    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        let mut unread = [0; 4096];
        let drained = async { while self.stream.read(&mut unread).await.is_ok_and(|count| count > 0) {} };
        let _ = tokio::time::timeout(Duration::from_millis(200), drained).await;
    }
}

/// A byte stream over a TCP connection.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Returns the TCP connection, below TLS if there is TLS.
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
        if self.head_lines.have_exceeded() {
            return Poll::Ready(Ok(()));
        }
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            if self.ahead.is_empty() {
                // frees its memory, which an idle connection would hold
                self.ahead = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_ready() && buffer.filled().len() > before {
            let begins = self.clock.read_now();
            if begins && self.accepts_raw_targets {
                self.line = RequestLine::Method;
            }
            if self.clock.is_in_head() {
                let Self { clock, head_lines, head_names, ahead, accepts_raw_targets, .. } = &mut *self;
                let read = &buffer.filled()[before..];
                if *accepts_raw_targets {
                    head_names.read(read, begins, clock);
                }
                if head_lines.exceed(read, begins) {
                    ahead.extend_from_slice(read);
                    buffer.set_filled(before);
                    clock.long_head.store(true, Relaxed);
                    return Poll::Ready(Ok(()));
                }
            }
            if self.line != RequestLine::Beyond
                && let Some(target) = self.line.advance(&buffer.filled()[before..])
            {
                self.ahead = with_placeholders(&buffer.filled()[before..], target);
                buffer.set_filled(before);
                let count = self.ahead.len().min(buffer.remaining());
                buffer.put_slice(&self.ahead.split_to(count));
            }
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
        // hyper polls the flush even if it has nothing to read or to write
        if self.clock.watched.load(Relaxed) && has_gone(self.stream.tcp(), cx) {
            self.clock.gone.notify_waiters();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.head_lines.have_exceeded() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Size in bytes of the read that detects the protocol; nearly every head fits into it.
const READ_AHEAD: usize = 4096;

/// Returns whether a client that waits for a response has closed the connection or its side of it.
/// The task is woken when it does.
///
/// TLS announces this by an alert: a plain record of type 21 or, in TLS 1.3, an encrypted record of
/// 19 bytes (RFC 8446, 5.2: 2 bytes of alert, 1 of type, a tag of 16), which is too short for a
/// request. A pipelined request hides whatever follows it.
fn has_gone(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    let mut first = [0; 5];
    let mut first = ReadBuf::new(&mut first);
    match stream.poll_peek(cx, &mut first) {
        Poll::Pending => false,
        Poll::Ready(Ok(0) | Err(_)) => true,
        Poll::Ready(Ok(_)) => matches!(first.filled(), [21, 3, ..] | [23, 3, 3, 0, 19]),
    }
}
