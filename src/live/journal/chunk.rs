//! A run of journal entries in one allocation, with the stubs that answered them.

use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};

use bytes::Buf as _;
use hashbrown::HashMap;
use uuid::Uuid;

use super::record::{self, JournalEntry, MatchOutcome, NewEntry};
use standin_stub::Stub;

/// Entries one after the other: each its length, its ordinal, its stub and the call.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    entries: u64,
    first: Option<u64>,
    /// The stubs that answered, each once.
    pinned: Vec<PinnedStub>,
    places: HashMap<Uuid, u32>,
    /// What the pinned stubs hold.
    pinned_bytes: usize,
}

/// A stub that an entry speaks of.
#[derive(Clone, Debug)]
enum PinnedStub {
    /// Kept, and counted.
    Kept(Arc<Stub>),
    /// Too large to be kept on behalf of the journal: known as long as it is served.
    Named(Uuid, Weak<Stub>),
}

impl Chunk {
    /// A chunk that can take this many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    pub(super) fn has_room(&self, size: usize) -> bool {
        self.bytes.len() + size <= self.bytes.capacity() && u32::try_from(self.bytes.len() + size).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// The ordinal of the first entry.
    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Bytes that it holds on to.
    pub(super) fn weight(&self) -> usize {
        self.bytes.capacity() + self.pinned_bytes + self.pinned.len() * (size_of::<PinnedStub>() + 40)
    }

    /// Adds an entry of a size that there is room for.
    pub(super) fn append(&mut self, entry: NewEntry<'_>) {
        self.first.get_or_insert(entry.ordinal);
        self.entries += 1;
        let place = entry.answered.stub.map_or(NO_STUB, |stub| self.pin(stub));
        record::write(&mut self.bytes, entry, place);
    }

    /// Where a stub stands among the pinned ones.
    fn pin(&mut self, stub: &Arc<Stub>) -> u32 {
        let known = self.places.get(&stub.id).copied();
        if let Some(place) = known
            && self.pinned[place as usize].is(stub)
        {
            return place;
        }
        let weight = stub.heap_bytes();
        let kept = weight <= MOST_PINNED;
        self.pinned.push(if kept {
            self.pinned_bytes += weight;
            PinnedStub::Kept(Arc::clone(stub))
        } else {
            PinnedStub::Named(stub.id, Arc::downgrade(stub))
        });
        let place = (self.pinned.len() - 1) as u32;
        self.places.insert(stub.id, place);
        place
    }

    /// The ordinals of the entries, and where each begins.
    pub(super) fn places(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut entry = self.bytes.get(at..)?;
            if entry.len() < record::HEAD {
                return None;
            }
            let (begin, length) = (at, entry.get_u32());
            at += length as usize;
            Some((entry.get_u64(), begin as u32))
        })
    }

    /// Method and url of the entry that begins here.
    pub(super) fn target(&self, at: u32) -> (&str, &str) {
        record::target(&self.bytes[at as usize..])
    }

    /// The entry that begins here.
    pub(super) fn record(&self, at: u32, salt: u64, began: (Instant, SystemTime)) -> JournalEntry {
        record::read(&self.bytes[at as usize..], salt, began, |place| match self.pinned.get(place as usize) {
            None => MatchOutcome::Missed,
            Some(PinnedStub::Kept(stub)) => MatchOutcome::Matched(stub.id, Some(Arc::clone(stub))),
            Some(PinnedStub::Named(id, stub)) => MatchOutcome::Matched(*id, stub.upgrade()),
        })
    }
}

impl PinnedStub {
    fn is(&self, stub: &Arc<Stub>) -> bool {
        match self {
            Self::Kept(known) => Arc::ptr_eq(known, stub),
            Self::Named(_, known) => std::ptr::eq(known.as_ptr(), Arc::as_ptr(stub)),
        }
    }
}

/// The place of no stub.
const NO_STUB: u32 = u32::MAX;

/// A stub of more bytes than this is not kept alive by the journal.
const MOST_PINNED: usize = 64 << 10;
