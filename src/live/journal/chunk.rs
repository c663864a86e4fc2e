//! A chunk of journal entries in one allocation, with the stubs that answered them.

use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};

use bytes::Buf as _;
use hashbrown::HashMap;
use uuid::Uuid;

use super::entry::{self, JournalEntry, MatchOutcome, NewEntry};
use standin_stub::Stub;

/// Encoded entries one after the other, each with its length, its ordinal, its stub and its
/// request.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    entry_count: u64,
    first_ordinal: Option<u64>,
    /// Stubs that answered, each once.
    stubs: Vec<PinnedStub>,
    stub_indexes: HashMap<Uuid, u32>,
    /// Bytes of the stubs kept alive by `stubs`.
    stub_bytes: usize,
}

/// A stub that an entry refers to.
#[derive(Clone, Debug)]
enum PinnedStub {
    /// A stub kept alive; its bytes count.
    Kept(Arc<Stub>),
    /// A stub that is too large to be kept alive by the journal; known as long as it is served.
    Named(Uuid, Weak<Stub>),
}

impl Chunk {
    /// Creates a chunk with a capacity in bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    pub(super) fn has_room(&self, size: usize) -> bool {
        self.bytes.len() + size <= self.bytes.capacity() && u32::try_from(self.bytes.len() + size).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entry_count == 0
    }

    pub(super) fn entry_count(&self) -> u64 {
        self.entry_count
    }

    /// Returns the ordinal of the first entry.
    pub(super) fn first_ordinal(&self) -> Option<u64> {
        self.first_ordinal
    }

    /// Returns the bytes on the heap that the chunk holds.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.stub_bytes + self.stubs.len() * (size_of::<PinnedStub>() + MAP_ENTRY_BYTES)
    }

    /// Appends an entry; the caller checks that there is room for it.
    pub(super) fn append(&mut self, entry: NewEntry<'_>) {
        self.first_ordinal.get_or_insert(entry.ordinal);
        self.entry_count += 1;
        let stub_index = entry.answer.stub.map_or(NO_STUB, |stub| self.pin(stub));
        entry::encode(&mut self.bytes, entry, stub_index);
    }

    /// Returns the index of a stub in `stubs`, where it is added if it is new.
    fn pin(&mut self, stub: &Arc<Stub>) -> u32 {
        let known = self.stub_indexes.get(&stub.id).copied();
        if let Some(index) = known
            && self.stubs[index as usize].is(stub)
        {
            return index;
        }
        let weight = stub.heap_bytes();
        let kept = weight <= MAX_PINNED_BYTES;
        self.stubs.push(if kept {
            self.stub_bytes += weight;
            PinnedStub::Kept(Arc::clone(stub))
        } else {
            PinnedStub::Named(stub.id, Arc::downgrade(stub))
        });
        let index = (self.stubs.len() - 1) as u32;
        self.stub_indexes.insert(stub.id, index);
        index
    }

    /// Returns the ordinals of the entries, and their offsets in bytes.
    pub(super) fn offsets(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut entry = self.bytes.get(at..)?;
            if entry.len() < entry::PREFIX_BYTES {
                return None;
            }
            let (begin, length) = (at, entry.get_u32());
            at += length as usize;
            Some((entry.get_u64(), begin as u32))
        })
    }

    /// Returns the method and URL of the entry at this offset.
    pub(super) fn target(&self, at: u32) -> (&str, &str) {
        entry::decode_target(&self.bytes[at as usize..])
    }

    /// Decodes the entry at this offset.
    pub(super) fn entry(&self, at: u32, salt: u64, began: (Instant, SystemTime)) -> JournalEntry {
        entry::decode(&self.bytes[at as usize..], salt, began, |index| match self.stubs.get(index as usize) {
            None => MatchOutcome::Unmatched,
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

/// Stub index of a request that no stub answered.
const NO_STUB: u32 = u32::MAX;

/// Estimate of the bytes of an entry of `stub_indexes`.
const MAP_ENTRY_BYTES: usize = 40;

/// Maximum bytes of a stub that the journal keeps alive.
const MAX_PINNED_BYTES: usize = 64 << 10;
