//! Detection of incomplete HTTP/2 heads by the frame boundaries of the bytes read (RFC 9113, 4.1).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Clock, pass_on_writes};

/// The I/O of an HTTP/2 connection, which tells the connection's clock about incomplete heads and
/// control frames.
#[derive(Debug)]
pub(super) struct Framed<S> {
    stream: S,
    clock: Arc<Clock>,
    boundaries: Boundaries,
}

impl<S> Framed<S> {
    pub(super) fn new(stream: S, clock: Arc<Clock>) -> Self {
        Self { stream, clock, boundaries: Boundaries::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let fresh = &buffer.filled()[before..];
        if polled.is_ready() && !fresh.is_empty() {
            self.boundaries.advance(fresh);
            self.clock.frame_unfinished(self.boundaries.is_unfinished());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    pass_on_writes!();
}

/// The position of a reader among the frames of a connection.
#[derive(Debug)]
struct Boundaries {
    /// The number of bytes of the connection preface still to come.
    preface: usize,
    header: [u8; FRAME_HEADER_BYTES],
    /// The number of bytes of `header` received.
    filled: usize,
    /// The number of bytes of the frame's payload still to come.
    payload: usize,
    /// The type of the current frame.
    kind: u8,
    /// Set if the current frame ends its header block.
    ends_block: bool,
    /// Set while a header block is incomplete.
    in_block: bool,
}

impl Boundaries {
    fn new() -> Self {
        Self {
            preface: PREFACE.len(),
            header: [0; FRAME_HEADER_BYTES],
            filled: 0,
            payload: 0,
            kind: DATA,
            ends_block: false,
            in_block: false,
        }
    }

    fn advance(&mut self, bytes: &[u8]) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut rest = &bytes[skipped..];
        while !rest.is_empty() {
            if self.payload > 0 {
                let skipped = self.payload.min(rest.len());
                self.payload -= skipped;
                rest = &rest[skipped..];
            } else {
                let count = (FRAME_HEADER_BYTES - self.filled).min(rest.len());
                self.header[self.filled..self.filled + count].copy_from_slice(&rest[..count]);
                self.filled += count;
                rest = &rest[count..];
                if self.filled < FRAME_HEADER_BYTES {
                    return;
                }
                self.begin_frame();
            }
            if self.payload == 0 && self.ends_block {
                self.in_block = false;
            }
        }
    }

    fn begin_frame(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.header;
        self.filled = 0;
        self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.kind = kind;
        let is_block = matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION);
        self.in_block |= is_block;
        self.ends_block = is_block && flags & END_HEADERS != 0;
    }

    /// Returns whether a preface, a head or a control frame is incomplete. Data frames do not
    /// count: the time of a body has a limit of its own.
    fn is_unfinished(&self) -> bool {
        (1..PREFACE.len()).contains(&self.preface)
            || self.filled > 0
            || self.in_block
            || (self.payload > 0 && self.kind != DATA)
    }
}

/// The bytes with which a client begins to speak HTTP/2 (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of a frame header in bytes.
const FRAME_HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

/// The flag that marks the last frame of a header block.
const END_HEADERS: u8 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0, (length >> 8) as u8, length as u8, kind, flags, 0, 0, 0, 1];
        bytes.resize(FRAME_HEADER_BYTES + length, 7);
        bytes
    }

    #[test]
    fn heads_that_do_not_end_are_unfinished() {
        let mut boundaries = Boundaries::new();
        assert!(!boundaries.is_unfinished(), "nothing has come yet");
        for (bytes, unfinished) in [
            (PREFACE[..5].to_vec(), true),
            (PREFACE[5..].to_vec(), false),
            (frame(4, 0, 0), false),
            (frame(HEADERS, END_HEADERS, 20)[..15].to_vec(), true),
            (vec![7; 14], false),
            (frame(HEADERS, 0, 20), true),
            (frame(CONTINUATION, 0, 300), true),
            (frame(CONTINUATION, END_HEADERS, 0), false),
            (frame(DATA, 0, 300)[..100].to_vec(), false),
            (vec![7; 209], false),
            (frame(6, 0, 8)[..4].to_vec(), true),
            (frame(6, 0, 8)[4..12].to_vec(), true),
            (frame(6, 0, 8)[12..].to_vec(), false),
        ] {
            boundaries.advance(&bytes);
            assert_eq!(boundaries.is_unfinished(), unfinished, "{boundaries:?}");
        }
    }

    proptest! {
        #[test]
        fn frames_end_wherever_reads_cut_them(
            frames in proptest::collection::vec((0u8..12, any::<u8>(), 0usize..40), 0..12),
            cuts in proptest::collection::vec(1usize..30, 1..60),
        ) {
            let mut bytes = PREFACE.to_vec();
            let mut in_block = false;
            for (kind, flags, length) in frames {
                bytes.extend(frame(kind, flags, length));
                if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
                    in_block = flags & END_HEADERS == 0;
                }
            }
            let mut boundaries = Boundaries::new();
            let (mut rest, mut cut) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cut.next().expect("it goes round")));
                boundaries.advance(now);
                rest = later;
            }
            prop_assert_eq!(boundaries.is_unfinished(), in_block);
        }
    }
}
