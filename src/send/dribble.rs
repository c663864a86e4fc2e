//! A chunked dribble: a body in equal pieces, evenly spread over a time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{Outgoing, SendError};
use standin_stub::reply::Dribble;

/// A function that sleeps until an instant by the worker's precise timer.
pub type Wait = Box<dyn Fn(Instant) -> Sleeping + Send>;

type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;

struct DribbleBody {
    rest: Bytes,
    /// The number of steps after the start at which the first piece leaves.
    lead: u32,
    piece: usize,
    count: usize,
    start: Instant,
    step: Duration,
    sent: usize,
    wait: Wait,
    sleeping: Option<Sleeping>,
}

/// Returns a body in the pieces that `dribble` asks for, at most one a byte, timed from `start`.
pub(super) fn body(bytes: Bytes, dribble: Dribble, start: Instant, wait: Wait) -> Outgoing {
    let count = dribble.chunks.clamp(1, bytes.len().max(1));
    let step = dribble.total / u32::try_from(count).unwrap_or(u32::MAX);
    stream(bytes, count, start, (1, step), wait)
}

/// Returns a body in `count` pieces: the first leaves at `start`, each other a `step` after the one
/// before.
pub(super) fn pieces(bytes: Bytes, count: usize, start: Instant, step: Duration, wait: Wait) -> Outgoing {
    stream(bytes, count, start, (0, step), wait)
}

fn stream(bytes: Bytes, count: usize, start: Instant, (lead, step): (u32, Duration), wait: Wait) -> Outgoing {
    let piece = bytes.len() / count;
    Outgoing::stream(DribbleBody { piece, rest: bytes, lead, count, start, step, sent: 0, wait, sleeping: None })
}

impl http_body::Body for DribbleBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        if self.sent == self.count {
            return Poll::Ready(None);
        }
        if self.sleeping.is_none() {
            let after = self.step.saturating_mul((self.sent as u32).saturating_add(self.lead));
            // an instant that the clock cannot represent is not waited for
            let due = self.start.checked_add(after).unwrap_or(self.start);
            self.sleeping = Some((self.wait)(due));
        }
        if let Some(sleeping) = &mut self.sleeping {
            ready!(sleeping.as_mut().poll(cx));
        }
        self.sleeping = None;
        self.sent += 1;
        // the last piece takes the remainder of the division
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
