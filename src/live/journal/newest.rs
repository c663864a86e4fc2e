//! The newest entries of the journal, found without a look at all others.

use std::sync::Arc;

use super::chunk::Chunk;
use super::{Journal, JournalEntry};
use crate::locks::LockUnpoisoned as _;

impl Journal {
    /// Returns the newest entries, newest first: at most `limit`, of those that came after the
    /// ordinal `after`.
    ///
    /// The cost does not depend on the size of the journal, as only its newest chunks are searched.
    pub fn newest(&self, after: Option<u64>, limit: usize) -> Vec<JournalEntry> {
        let mut chunks: Vec<Arc<Chunk>> =
            self.open_chunks.iter().map(|open| Arc::new(open.lock_unpoisoned().clone())).collect();
        let newest_chunks = self.open_chunks.len() * NEWEST_CHUNKS_PER_WORKER;
        chunks.extend(self.sealed.lock_unpoisoned().chunks.iter().rev().take(newest_chunks).cloned());
        let removed = self.removed.lock_unpoisoned().clone();
        let oldest = self.next_ordinal().saturating_sub(self.max_entries);
        let is_shown = |ordinal: u64| {
            ordinal >= oldest && after.is_none_or(|after| ordinal > after) && !removed.contains(&ordinal)
        };
        let mut found: Vec<(u64, usize, u32)> = chunks
            .iter()
            .enumerate()
            .flat_map(|(number, chunk)| chunk.offsets().map(move |(ordinal, at)| (ordinal, number, at)))
            .filter(|(ordinal, ..)| is_shown(*ordinal))
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        // a chunk that is sealed in between is seen twice
        found.dedup_by_key(|(ordinal, ..)| *ordinal);
        found.truncate(limit);
        found.into_iter().map(|(_, number, at)| chunks[number].entry(at, self.salt, self.began)).collect()
    }
}

/// Number of full chunks of each worker in which the newest entries are searched.
const NEWEST_CHUNKS_PER_WORKER: usize = 4;
