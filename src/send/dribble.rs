//! A body in equal pieces, each after its share of the total time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{Outgoing, SendError};
use crate::reply::Dribble;

/// Sleeps until an instant: the worker's precise timer.
pub type Wait = Box<dyn Fn(Instant) -> Sleeping + Send>;

type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Pieces {
    rest: Bytes,
    piece: usize,
    count: usize,
    start: Instant,
    step: Duration,
    sent: usize,
    wait: Wait,
    sleeping: Option<Sleeping>,
}

/// `bytes` in as many pieces as `dribble` says (no more than there are bytes), counted from `start`.
pub(super) fn body(bytes: Bytes, dribble: Dribble, start: Instant, wait: Wait) -> Outgoing {
    let pieces = dribble.chunks.clamp(1, bytes.len().max(1));
    Outgoing::stream(Pieces {
        piece: bytes.len() / pieces,
        rest: bytes,
        count: pieces,
        start,
        step: dribble.total / u32::try_from(pieces).unwrap_or(u32::MAX),
        sent: 0,
        wait,
        sleeping: None,
    })
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        if self.sent == self.count {
            return Poll::Ready(None);
        }
        let due = self.start + self.step * (self.sent as u32 + 1);
        if self.sleeping.is_none() {
            self.sleeping = Some((self.wait)(due));
        }
        if let Some(sleeping) = &mut self.sleeping {
            ready!(sleeping.as_mut().poll(cx));
        }
        self.sleeping = None;
        self.sent += 1;
        // what does not divide evenly goes with the last piece
        let length = if self.sent == self.count { self.rest.len() } else { self.piece };
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.count
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
