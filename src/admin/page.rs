//! Long JSON answers, written piece by piece: an answer takes no more memory than what its client has not read yet.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::{HeaderValue, Response, header};
use http_body::Frame;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

/// Pieces that wait for the client.
const WAITING: usize = 4;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// An answer that `make` gives off the control plane's thread, in pretty JSON.
pub(super) fn streamed<T: Serialize>(make: impl FnOnce() -> T + Send + 'static) -> Response<Body> {
    let (pieces, body) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut page = Page { pieces, piece: Vec::with_capacity(PIECE) };
        // an error means that the client has gone
        let _ = serde_json::to_writer_pretty(&mut page, &make()).map_err(io::Error::from).and_then(|()| page.turn());
    });
    let mut response = Response::new(Body::new(Pieces(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A list whose items are made as they are written. It can be written once.
pub(super) struct Lazily<I>(RefCell<Option<I>>);

impl<I> Lazily<I> {
    pub(super) fn new(items: I) -> Self {
        Self(RefCell::new(Some(items)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for Lazily<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}

struct Page {
    pieces: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Page {
    fn turn(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.pieces.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for Page {
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

struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
