//! Copies of bodies on their way: bounded one by one and all together, and let go where there is no room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What all copies together may take.
#[derive(Debug)]
pub(super) struct CaptureBudget {
    /// Whether bodies are copied at all.
    keeps: bool,
    /// Bytes of one body.
    longest: usize,
    /// Bytes of all that are not on the disk yet.
    most: usize,
    taken: AtomicUsize,
    /// Bodies that were let go.
    lost: AtomicU64,
}

/// A body, as far as it has come.
#[derive(Debug)]
pub(super) struct Capture {
    room: Arc<CaptureBudget>,
    bytes: Vec<u8>,
    /// Whether it is kept, so far.
    whole: bool,
    /// Bytes that have gone by.
    pub(super) size: u64,
}

impl CaptureBudget {
    pub(super) fn new(keeps: bool, longest: usize) -> Self {
        let (most, taken) = (longest.saturating_mul(BODIES_AT_ONCE), AtomicUsize::new(0));
        Self { keeps, longest, most, taken, lost: AtomicU64::new(0) }
    }

    /// Bodies that were too long to be kept, or too many at once.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl Capture {
    pub(super) fn new(room: &Arc<CaptureBudget>) -> Self {
        Self { room: Arc::clone(room), bytes: Vec::new(), whole: room.keeps, size: 0 }
    }

    /// Copies what goes by.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        if !self.whole {
            return;
        }
        let before = self.room.taken.fetch_add(data.len(), Relaxed);
        self.bytes.extend_from_slice(data);
        if self.bytes.len() > self.room.longest || before + data.len() > self.room.most {
            self.whole = false;
            self.room.lost.fetch_add(1, Relaxed);
            self.free();
        }
    }

    /// The whole body; none if it was let go.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.whole.then_some(&self.bytes[..])
    }

    fn free(&mut self) {
        self.room.taken.fetch_sub(self.bytes.len(), Relaxed);
        self.bytes = Vec::new();
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.free();
    }
}

/// So many bodies of the longest kind may wait for the disk.
const BODIES_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_counted_but_not_kept() {
        let room = Arc::new(CaptureBudget::new(true, 10));
        let mut long = Capture::new(&room);
        long.push(b"123456");
        assert_eq!((long.bytes(), room.taken.load(Relaxed)), (Some(&b"123456"[..]), 6));
        long.push(b"78901");
        assert_eq!((long.bytes(), long.size, room.lost(), room.taken.load(Relaxed)), (None, 11, 1, 0));
        drop(long);
        assert_eq!(room.taken.load(Relaxed), 0);
    }

    #[test]
    fn all_together_have_a_bound_and_give_their_room_back() {
        let room = Arc::new(CaptureBudget::new(true, 10));
        let mut many: Vec<Capture> = (0..20).map(|_| Capture::new(&room)).collect();
        for capture in &mut many {
            capture.push(b"1234567890");
        }
        assert_eq!(many.iter().filter(|capture| capture.bytes().is_some()).count(), 16);
        many.clear();
        assert_eq!((room.taken.load(Relaxed), room.lost()), (0, 4));
    }

    #[test]
    fn without_bodies_only_their_lengths_are_known() {
        let room = Arc::new(CaptureBudget::new(false, 10));
        let mut capture = Capture::new(&room);
        capture.push(b"123");
        assert_eq!((capture.bytes(), capture.size, room.lost()), (None, 3, 0));
    }
}
