//! Long JSON answers, written piece by piece as their clients read them.
//!
//! A writer that is ahead of its client waits for it, but not for long: a client that does not read
//! would hold its thread. What is left is then written at once, and counted like all bodies that
//! are not sent yet.

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

/// Pieces that the writer may be ahead of the client.
const AHEAD: usize = 4;

/// Time that the writer of one answer waits for its client, all in all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// An answer that `make` gives off the control plane's thread, in pretty JSON.
///
/// It breaks off where there is no memory left for what the client has not read.
pub(super) fn streamed<T: Serialize>(
    memory: Arc<MemoryShare>,
    make: impl FnOnce() -> T + Send + 'static,
) -> Response<Body> {
    let (pieces, body) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(AHEAD));
    let pieces_of = PieceReceiver { pieces: body, room: Arc::clone(&room) };
    tokio::task::spawn_blocking(move || {
        let mut page = PieceWriter { pieces, piece: Vec::with_capacity(PIECE), room, patience: PATIENCE, memory };
        // an error means that the client has gone, or is told
        let _ = serde_json::to_writer_pretty(&mut page, &make()).map_err(io::Error::from).and_then(|()| page.turn());
    });
    let mut response = Response::new(Body::new(pieces_of));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A list whose items are made as they are written. It can be written once.
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

struct PieceWriter {
    pieces: mpsc::UnboundedSender<Result<Bytes, MemoryExhausted>>,
    piece: Vec<u8>,
    /// A permit for each piece that may be written ahead.
    room: Arc<Semaphore>,
    /// What is left of it.
    patience: Duration,
    memory: Arc<MemoryShare>,
}

impl PieceWriter {
    fn turn(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.wait();
        let piece = self.memory.hold(piece.into());
        let failed = piece.as_ref().err().copied().map(io::Error::other);
        self.pieces.send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        failed.map_or(Ok(()), Err)
    }

    /// Waits for the client, as long as there is patience left.
    fn wait(&mut self) {
        if let Ok(permit) = self.room.try_acquire() {
            permit.forget();
        } else if !self.patience.is_zero() {
            let begin = Instant::now();
            let wait = tokio::time::timeout(self.patience, self.room.acquire());
            if let Ok(Ok(permit)) = Handle::current().block_on(wait) {
                permit.forget();
            }
            self.patience = self.patience.saturating_sub(begin.elapsed());
        }
    }
}

impl io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.turn()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct PieceReceiver {
    pieces: mpsc::UnboundedReceiver<Result<Bytes, MemoryExhausted>>,
    room: Arc<Semaphore>,
}

impl Drop for PieceReceiver {
    fn drop(&mut self) {
        // nobody is to wait for a client that has gone
        self.room.close();
    }
}

impl http_body::Body for PieceReceiver {
    type Data = Bytes;
    type Error = MemoryExhausted;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pieces.poll_recv(cx).map(|piece| {
            self.room.add_permits(1);
            piece.map(|piece| piece.map(Frame::data))
        })
    }
}
