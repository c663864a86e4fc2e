//! Long JSON responses, written in pieces while their clients read them.
//!
//! A writer that is ahead of its client waits, for a limited time in total, because a client that
//! does not read would occupy the thread. After that, the rest is written to memory, which counts
//! in the memory budget.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http::{HeaderValue, Response, header};
use http_body::Frame;
use serde::{Serialize, Serializer};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use standin_stub::memory::{MemoryExhausted, MemoryShare};

/// Number of pieces that the writer may be ahead of the client.
const MAX_PIECES_AHEAD: usize = 4;

/// Total time for which the writer of a response waits for its client.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Size of a piece in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Returns a response with the value of `make` as indented JSON, which a blocking task writes.
///
/// The response is cut off if the memory budget is exhausted by data that the client has not read.
pub(super) fn stream_json<T: Serialize>(
    memory: Arc<MemoryShare>,
    make: impl FnOnce() -> T + Send + 'static,
) -> Response<Body> {
    let (pieces, body) = mpsc::unbounded_channel();
    let ahead = Arc::new(Semaphore::new(MAX_PIECES_AHEAD));
    let receiver = PieceReceiver { pieces: body, ahead: Arc::clone(&ahead) };
    tokio::task::spawn_blocking(move || {
        let mut writer =
            PieceWriter { pieces, piece: Vec::with_capacity(PIECE_BYTES), ahead, wait_left: MAX_WAIT, memory };
        // an error means that the client has disconnected, or sees an incomplete response
        let _ = serde_json::to_writer_pretty(&mut writer, &make())
            .map_err(io::Error::from)
            .and_then(|()| writer.send_piece());
    });
    let mut response = Response::new(Body::new(receiver));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A list whose items are created while they are serialized. It can be serialized once.
pub(super) struct LazySequence<I>(RefCell<Option<I>>);

impl<I> LazySequence<I> {
    pub(super) fn new(items: I) -> Self {
        Self(RefCell::new(Some(items)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for LazySequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}

/// A writer that sends pieces to the body of the response.
struct PieceWriter {
    pieces: mpsc::UnboundedSender<Result<Bytes, MemoryExhausted>>,
    piece: Vec<u8>,
    /// Permit for each piece that may be written ahead.
    ahead: Arc<Semaphore>,
    /// Time left to wait for the client.
    wait_left: Duration,
    memory: Arc<MemoryShare>,
}

impl PieceWriter {
    fn send_piece(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.wait_for_client();
        let piece = self.memory.hold(piece.into());
        let failed = piece.as_ref().err().copied().map(io::Error::other);
        self.pieces.send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        failed.map_or(Ok(()), Err)
    }

    /// Waits until the client has read enough, or the time to wait is used up.
    fn wait_for_client(&mut self) {
        if let Ok(permit) = self.ahead.try_acquire() {
            permit.forget();
        } else if !self.wait_left.is_zero() {
            let begin = Instant::now();
            let wait = tokio::time::timeout(self.wait_left, self.ahead.acquire());
            if let Ok(Ok(permit)) = Handle::current().block_on(wait) {
                permit.forget();
            }
            self.wait_left = self.wait_left.saturating_sub(begin.elapsed());
        }
    }
}

impl io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.send_piece()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body of a streamed response.
struct PieceReceiver {
    pieces: mpsc::UnboundedReceiver<Result<Bytes, MemoryExhausted>>,
    ahead: Arc<Semaphore>,
}

impl Drop for PieceReceiver {
    fn drop(&mut self) {
        // the writer must not wait for a client that has disconnected
        self.ahead.close();
    }
}

impl http_body::Body for PieceReceiver {
    type Data = Bytes;
    type Error = MemoryExhausted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pieces.poll_recv(cx).map(|piece| {
            self.ahead.add_permits(1);
            piece.map(|piece| piece.map(Frame::data))
        })
    }
}
