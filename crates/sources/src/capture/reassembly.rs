//! Reassembly of one direction of a TCP connection: its bytes in order, each with the time at which
//! all bytes up to it had passed.

use std::collections::BTreeMap;

use super::packet::TcpSegment;

/// A piece of a byte stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamPiece {
    /// Bytes, and the time at which they and all bytes before them had passed.
    Bytes(u64, Vec<u8>),
    /// A part that is missing from the capture.
    Gap,
    /// The sender has ended its stream, at this time.
    End(u64),
}

/// The reassembly of one direction.
#[derive(Debug, Default)]
pub(super) struct TcpReassembly {
    /// Sequence number of the next byte; `None` before the first segment.
    next: Option<u32>,
    /// Offset of the next byte in the stream.
    position: u64,
    /// Segments beyond a byte that has not come, by their offset.
    early: BTreeMap<u64, (u64, Vec<u8>)>,
    early_bytes: usize,
    /// Latest stamp of the bytes so far.
    latest: u64,
    /// Offset and stamp of the FIN, if it came.
    fin: Option<(u64, u64)>,
    /// Highest offset that the receiver has acknowledged.
    acknowledged: u64,
    /// Segments that came while a byte was missing that the receiver has acknowledged.
    waiting: u32,
    has_ended: bool,
}

impl TcpReassembly {
    /// Takes a segment of this direction, and returns what is in order now.
    pub(super) fn segment(&mut self, stamp: u64, segment: &TcpSegment<'_>) -> Vec<StreamPiece> {
        let mut pieces = Vec::new();
        let mut sequence = segment.sequence;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            if self.next.is_none() {
                self.next = Some(sequence);
            }
        }
        if segment.payload.is_empty() && !segment.fin {
            return pieces;
        }
        let next = *self.next.get_or_insert(sequence);
        let distance = i64::from(sequence.wrapping_sub(next) as i32);
        let Some(offset) = self.position.checked_add_signed(distance) else {
            // begins before the first byte that is known: only what reaches beyond it is new
            let before = distance.unsigned_abs().saturating_sub(self.position) as usize;
            if let Some(rest) = segment.payload.get(before..) {
                self.add(0, stamp, rest);
            }
            self.deliver(&mut pieces);
            return pieces;
        };
        if segment.fin && self.fin.is_none() {
            self.fin = Some((offset + segment.payload.len() as u64, stamp));
        }
        self.add(offset, stamp, segment.payload);
        self.deliver(&mut pieces);
        if !self.early.is_empty() {
            self.waiting += u32::from(self.acknowledged > self.position);
            if self.waiting >= MAX_WAITING_SEGMENTS
                || self.early_bytes > MAX_EARLY_BYTES
                || self.early.len() > MAX_EARLY_SEGMENTS
            {
                self.skip(&mut pieces);
            }
        }
        pieces
    }

    /// Notes what the receiver has acknowledged.
    pub(super) fn acknowledge(&mut self, acknowledged: u32) {
        let Some(next) = self.next else { return };
        let distance = i64::from(acknowledged.wrapping_sub(next) as i32);
        let offset = self.position.saturating_add_signed(distance);
        self.acknowledged = self.acknowledged.max(offset);
    }

    /// Returns all that is left, with its gaps, when no more segments come.
    pub(super) fn finish(&mut self) -> Vec<StreamPiece> {
        let mut pieces = Vec::new();
        while !self.early.is_empty() {
            self.skip(&mut pieces);
        }
        pieces
    }

    fn add(&mut self, offset: u64, stamp: u64, payload: &[u8]) {
        let known = self.position.saturating_sub(offset);
        if known >= payload.len() as u64 {
            return;
        }
        let (offset, payload) = (offset + known, &payload[known as usize..]);
        let entry = self.early.entry(offset).or_default();
        if entry.1.len() < payload.len() {
            self.early_bytes += payload.len() - entry.1.len();
            *entry = (stamp, payload.to_vec());
        }
    }

    /// Moves the segments that are in order from `early` to `pieces`.
    fn deliver(&mut self, pieces: &mut Vec<StreamPiece>) {
        while let Some(first) = self.early.first_entry() {
            if *first.key() > self.position {
                break;
            }
            let (offset, (stamp, mut bytes)) = first.remove_entry();
            self.early_bytes -= bytes.len();
            let known = self.position - offset;
            if known >= bytes.len() as u64 {
                continue;
            }
            bytes.drain(..known as usize);
            self.latest = self.latest.max(stamp);
            self.advance(bytes.len() as u64);
            self.waiting = 0;
            pieces.push(StreamPiece::Bytes(self.latest, bytes));
        }
        if let Some((_, stamp)) = self.fin.filter(|(offset, _)| *offset <= self.position && !self.has_ended) {
            self.has_ended = true;
            pieces.push(StreamPiece::End(self.latest.max(stamp)));
        }
    }

    /// Gives up what is missing before the first early segment.
    fn skip(&mut self, pieces: &mut Vec<StreamPiece>) {
        let Some(offset) = self.early.first_key_value().map(|(offset, _)| *offset) else { return };
        pieces.push(StreamPiece::Gap);
        self.advance(offset.saturating_sub(self.position));
        self.waiting = 0;
        self.deliver(pieces);
    }

    fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        self.next = self.next.map(|next| next.wrapping_add(bytes as u32));
    }
}

/// Segments that may come behind a missing one that the receiver has acknowledged, before it counts
/// as lost.
const MAX_WAITING_SEGMENTS: u32 = 64;
/// Bytes that may wait for a missing segment of one direction.
const MAX_EARLY_BYTES: usize = 4 << 20;
/// Segments that may wait for a missing one.
const MAX_EARLY_SEGMENTS: usize = 4_096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(sequence: u32, payload: &[u8]) -> TcpSegment<'_> {
        let address = "127.0.0.1:1".parse().expect("an address");
        TcpSegment {
            from: address,
            to: address,
            sequence,
            acknowledged: None,
            syn: false,
            fin: false,
            rst: false,
            payload,
        }
    }

    fn joined(pieces: &[StreamPiece]) -> Vec<u8> {
        let bytes = pieces.iter().filter_map(|piece| match piece {
            StreamPiece::Bytes(_, bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        bytes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_missing_segment_is_a_gap_once_the_receiver_has_acknowledged_it() {
        let mut stream = TcpReassembly::default();
        let mut pieces = stream.segment(1, &TcpSegment { syn: true, ..segment(9, b"") });
        pieces.extend(stream.segment(2, &segment(10, b"ab")));
        stream.acknowledge(100);
        for number in 0..MAX_WAITING_SEGMENTS {
            pieces.extend(stream.segment(3, &segment(20 + number, b"x")));
        }
        assert!(pieces.contains(&StreamPiece::Gap), "{pieces:?}");
        assert_eq!(joined(&pieces).len(), 2 + MAX_WAITING_SEGMENTS as usize);
    }

    proptest! {
        /// Segments in any order, twice or overlapping, give the bytes in order, and each byte the
        /// stamp at which all bytes up to it had passed.
        #[test]
        fn any_order_gives_the_same_stream(
            bytes in proptest::collection::vec(any::<u8>(), 1..400),
            cuts in proptest::collection::vec(1usize..40, 1..40),
            order in any::<u64>(),
            first in any::<u32>(),
        ) {
            let mut parts = Vec::new();
            let mut at = 0;
            for cut in cuts.iter().cycle() {
                if at >= bytes.len() { break; }
                let end = (at + cut).min(bytes.len());
                parts.push((at.saturating_sub(cut % 3), end));
                at = end;
            }
            let again = parts.len() / 3;
            let mut sent: Vec<(usize, (usize, usize))> = parts.iter().copied().enumerate().collect();
            sent.extend(parts.iter().copied().enumerate().take(again));
            sent.sort_by_key(|(number, (from, _))| (*number as u64 + 1).wrapping_mul(order | 1).rotate_left(*from as u32 % 64));
            let mut stream = TcpReassembly::default();
            let mut pieces = stream.segment(0, &TcpSegment { syn: true, ..segment(first.wrapping_sub(1), b"") });
            for (number, (from, to)) in sent {
                let sequence = first.wrapping_add(from as u32);
                pieces.extend(stream.segment(number as u64 + 1, &segment(sequence, &bytes[from..to])));
            }
            prop_assert_eq!(joined(&pieces), bytes);
            let last = pieces.iter().filter_map(|piece| match piece {
                StreamPiece::Bytes(stamp, _) => Some(*stamp),
                _ => None,
            }).max();
            prop_assert_eq!(last, Some(parts.len() as u64));
            prop_assert!(!pieces.contains(&StreamPiece::Gap));
        }
    }
}
