//! The journal: the received requests and the stubs that answered them, limited by the bytes that
//! it holds.
//!
//! A request is copied to the chunk of its worker before the first byte of its response is sent,
//! without an allocation, without a lock that another worker holds, and without keeping a read
//! buffer alive. Full chunks are shared with readers; the oldest are dropped when the limit is
//! reached. Entries beyond a maximum number are hidden at once. The counters of the metrics are
//! exact; the journal reports how many entries were evicted.

mod answer_info;
mod chunk;
mod entry;
mod newest;
mod sub_events;
#[cfg(test)]
mod tests;
mod times;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use hashbrown::HashSet;
use uuid::Uuid;

pub use self::answer_info::AnswerInfo;
use self::chunk::Chunk;
use self::entry::NewEntry;
pub use self::entry::{JournalEntry, JournaledAnswer, MatchOutcome};
pub use self::sub_events::SubEvent;
use self::sub_events::SubEventStore;
use crate::locks::LockUnpoisoned as _;
use standin_stub::call::Call;
use standin_stub::call::raw_target::has_placeholder;
use standin_stub::matcher::{MatchStats, RequestPattern};

/// The most recent requests.
#[derive(Debug)]
pub struct Journal {
    /// Maximum bytes of all chunks; 0 turns the journal off.
    max_bytes: usize,
    /// Maximum number of entries that are shown, the newest.
    max_entries: u64,
    /// Capacity of an open chunk in bytes.
    chunk_bytes: usize,
    /// First half of the entry ids, to distinguish journals.
    salt: u64,
    began: (Instant, SystemTime),
    next_ordinal: AtomicU64,
    /// Open chunk of each worker, so that workers do not share a lock.
    open_chunks: Vec<Mutex<Chunk>>,
    sealed: Mutex<SealedChunks>,
    /// Ordinals of entries that were removed one by one.
    removed: Mutex<HashSet<u64>>,
    sub_events: Mutex<SubEventStore>,
    /// Number of bodies and sub-events that were left out for want of room.
    left_out: AtomicU64,
    is_eviction_reported: AtomicBool,
}

/// The full chunks, oldest first.
#[derive(Debug, Default)]
struct SealedChunks {
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
    evicted: u64,
    omitted_bodies: u64,
}

/// The entries of the journal at one moment.
#[derive(Debug)]
pub struct JournalSnapshot {
    chunks: Vec<Arc<Chunk>>,
    removed: HashSet<u64>,
    /// Ordinal of the oldest entry that is shown.
    oldest: u64,
    sub_events: SubEventStore,
    salt: u64,
    began: (Instant, SystemTime),
    /// Number of entries evicted or hidden since the last reset.
    pub evicted: u64,
    /// Number of entries without their body, because it was longer than the journal.
    pub omitted_bodies: u64,
}

impl Journal {
    /// Creates a journal of at most `max_bytes` for this number of workers.
    pub fn new(max_bytes: usize, workers: usize) -> Self {
        let chunk_bytes = (max_bytes / 8 / workers.max(1)).min(MAX_CHUNK_BYTES);
        Self {
            max_bytes,
            max_entries: u64::MAX,
            chunk_bytes,
            salt: rand::random(),
            began: (Instant::now(), SystemTime::now()),
            next_ordinal: AtomicU64::new(0),
            open_chunks: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            sealed: Mutex::default(),
            removed: Mutex::default(),
            sub_events: Mutex::default(),
            left_out: AtomicU64::new(0),
            is_eviction_reported: AtomicBool::new(false),
        }
    }

    /// Sets the number of entries beyond which the oldest are hidden.
    pub fn with_max_entries(self, max_entries: u64) -> Self {
        Self { max_entries, ..self }
    }

    /// Returns true if requests are kept.
    pub fn is_on(&self) -> bool {
        self.max_bytes > 0
    }

    /// Appends a request that a worker has read, with its answer. Returns its ordinal; `None` if
    /// the journal is off.
    pub fn append(&self, worker: usize, call: &Call, answer: AnswerInfo<'_>) -> Option<u64> {
        if !self.is_on() {
            return None;
        }
        let full_size = entry::encoded_bytes(call, answer, true);
        let with_body = full_size <= self.sealed_limit() && !answer.lacks_request_body;
        let size = if with_body { full_size } else { entry::encoded_bytes(call, answer, false) };
        let arrival = call.arrival.saturating_duration_since(self.began.0);
        let mut open = self.open_chunks[worker % self.open_chunks.len()].lock_unpoisoned();
        if !open.has_room(size) {
            let full = std::mem::replace(&mut *open, Chunk::with_capacity(size.max(self.chunk_bytes)));
            self.seal(full);
        }
        // drawn under the lock, so that the entries of a chunk are in order
        let ordinal = self.next_ordinal.fetch_add(1, Relaxed);
        open.append(NewEntry { ordinal, arrival, call, with_body, answer });
        if size > self.chunk_bytes {
            let large = std::mem::take(&mut *open);
            self.seal(large);
        }
        if !with_body {
            self.sealed.lock_unpoisoned().omitted_bodies += 1;
        }
        if !with_body || answer.shown.is_some_and(|shown| shown.is_body_omitted) {
            self.left_out.fetch_add(1, Relaxed);
        }
        Some(ordinal)
    }

    /// Adds what happened to a request after its entry was appended.
    pub fn add_sub_event(&self, ordinal: u64, event: SubEvent) {
        let dropped = self.sub_events.lock_unpoisoned().push(ordinal, event);
        self.left_out.fetch_add(dropped, Relaxed);
    }

    /// Returns the number of bodies and sub-events that were left out for want of room.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// Returns the ordinal of the next request.
    pub fn next_ordinal(&self) -> u64 {
        self.next_ordinal.load(Relaxed)
    }

    /// Returns the maximum bytes of a body that is worth a copy; 0 if the journal is off.
    pub fn body_limit(&self) -> usize {
        self.sealed_limit().min(MAX_BODY_COPY_BYTES)
    }

    /// Adds a full chunk, and evicts the oldest ones over the limit.
    fn seal(&self, full: Chunk) {
        if full.is_empty() {
            return;
        }
        let mut sealed = self.sealed.lock_unpoisoned();
        sealed.bytes += full.heap_bytes();
        sealed.chunks.push_back(Arc::new(full));
        let mut evicted = Vec::new();
        while sealed.bytes > self.sealed_limit()
            && let Some(oldest) = sealed.chunks.pop_front()
        {
            sealed.bytes -= oldest.heap_bytes();
            sealed.evicted += oldest.entry_count();
            evicted.push(oldest);
        }
        // evicted chunks are freed after the lock
        drop(sealed);
        drop(evicted);
    }

    /// Returns the maximum bytes of the full chunks.
    fn sealed_limit(&self) -> usize {
        self.max_bytes.saturating_sub(self.open_chunks.len() * self.chunk_bytes)
    }

    /// Returns the current entries. Full chunks are shared, and the open chunk of each worker is
    /// copied.
    pub fn snapshot(&self) -> Arc<JournalSnapshot> {
        // open chunks first: a chunk that is sealed in between is seen twice, and found by its
        // first ordinal
        let open: Vec<Arc<Chunk>> =
            self.open_chunks.iter().map(|open| Arc::new(open.lock_unpoisoned().clone())).collect();
        let sealed = self.sealed.lock_unpoisoned();
        let known: HashSet<u64> = sealed.chunks.iter().filter_map(|chunk| chunk.first_ordinal()).collect();
        let mut chunks: Vec<Arc<Chunk>> = sealed.chunks.iter().cloned().collect();
        let (evicted, omitted_bodies) = (sealed.evicted, sealed.omitted_bodies);
        drop(sealed);
        chunks.extend(
            open.into_iter().filter(|chunk| chunk.first_ordinal().is_some_and(|first| !known.contains(&first))),
        );
        let removed = self.removed.lock_unpoisoned().clone();
        let sub_events = self.sub_events.lock_unpoisoned().clone();
        let oldest = self.next_ordinal().saturating_sub(self.max_entries);
        let hidden = offsets(&chunks).filter(|(ordinal, ..)| *ordinal < oldest).count() as u64;
        Arc::new(JournalSnapshot {
            chunks,
            removed,
            oldest,
            sub_events,
            salt: self.salt,
            began: self.began,
            evicted: evicted + hidden,
            omitted_bodies,
        })
    }

    /// Removes all entries, and resets the number of evicted ones.
    pub fn reset(&self) {
        for open in &self.open_chunks {
            *open.lock_unpoisoned() = Chunk::default();
        }
        let before = std::mem::take(&mut *self.sealed.lock_unpoisoned());
        self.removed.lock_unpoisoned().clear();
        *self.sub_events.lock_unpoisoned() = SubEventStore::default();
        self.is_eviction_reported.store(false, Relaxed);
        drop(before);
    }

    /// Removes the entries with these ordinals.
    pub fn remove(&self, ordinals: impl IntoIterator<Item = u64>) {
        let oldest = {
            let sealed = self.sealed.lock_unpoisoned();
            sealed.chunks.iter().filter_map(|chunk| chunk.first_ordinal()).min()
        };
        let mut removed = self.removed.lock_unpoisoned();
        let ordinals: Vec<u64> = ordinals.into_iter().collect();
        let mut sub_events = self.sub_events.lock_unpoisoned();
        for ordinal in &ordinals {
            sub_events.remove(*ordinal);
        }
        drop(sub_events);
        removed.extend(ordinals);
        if let Some(oldest) = oldest {
            removed.retain(|ordinal| *ordinal >= oldest);
        }
    }

    /// Returns the number of entries evicted since the last reset, only once after the first
    /// eviction.
    pub fn unreported_evictions(&self) -> Option<u64> {
        let evicted = self.sealed.lock_unpoisoned().evicted;
        (evicted > 0 && !self.is_eviction_reported.swap(true, Relaxed)).then_some(evicted)
    }

    /// Returns the bytes held now, and the number of entries evicted since the last reset.
    pub fn usage(&self) -> (usize, u64) {
        let open: usize = self.open_chunks.iter().map(|open| open.lock_unpoisoned().heap_bytes()).sum();
        let sealed = self.sealed.lock_unpoisoned();
        (open + sealed.bytes, sealed.evicted)
    }
}

impl JournalSnapshot {
    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.offsets().count()
    }

    /// Returns the entries, oldest first. Each is decoded on demand.
    pub fn entries(self: &Arc<Self>) -> impl DoubleEndedIterator<Item = JournalEntry> + use<> {
        let mut offsets: Vec<_> = self.offsets().collect();
        offsets.sort_unstable();
        let snapshot = Arc::clone(self);
        offsets.into_iter().map(move |(_, chunk, at)| snapshot.entry(chunk, at))
    }

    /// Returns the entries that a pattern matches, oldest first. It stops when `continues` returns
    /// false, which is called before each entry.
    pub fn matching<G: FnMut() -> bool>(
        self: &Arc<Self>,
        pattern: RequestPattern,
        mut continues: G,
    ) -> impl Iterator<Item = JournalEntry> + use<G> {
        let mut offsets: Vec<_> = self.offsets().collect();
        offsets.sort_unstable();
        let snapshot = Arc::clone(self);
        let examined = offsets.into_iter().take_while(move |_| continues());
        examined.filter_map(move |(_, chunk, at)| {
            // most entries differ in method or URL, which is cheap to decode
            if snapshot.matches_target(&pattern, chunk, at) == Some(false) {
                return None;
            }
            let entry = snapshot.entry(chunk, at);
            pattern.matches(&entry.call, &MatchStats::default()).then_some(entry)
        })
    }

    /// Counts the entries that a pattern matches. It stops when `continues` returns false, which is
    /// called before each entry.
    pub fn count(&self, pattern: &RequestPattern, mut continues: impl FnMut() -> bool) -> usize {
        let matches = |chunk, at| {
            let by_target = self.matches_target(pattern, chunk, at);
            by_target.unwrap_or_else(|| pattern.matches(&self.entry(chunk, at).call, &MatchStats::default()))
        };
        self.offsets().take_while(|_| continues()).filter(|(_, chunk, at)| matches(*chunk, *at)).count()
    }

    /// Matches a pattern by method and URL only; `None` if that does not decide it.
    fn matches_target(&self, pattern: &RequestPattern, chunk: u32, at: u32) -> Option<bool> {
        let (method, url) = self.chunks[chunk as usize].target(at);
        if has_placeholder(url) {
            return None;
        }
        pattern.matches_target(method, url, &MatchStats::default())
    }

    /// Returns the entry with this id.
    pub fn by_id(&self, id: Uuid) -> Option<JournalEntry> {
        let wanted = id.as_u64_pair().1 & ORDINAL_BITS;
        if entry::entry_id(self.salt, wanted) != id {
            return None;
        }
        self.offsets().find(|(ordinal, ..)| *ordinal == wanted).map(|(_, chunk, at)| self.entry(chunk, at))
    }

    /// Returns the arrival of the oldest entry.
    pub fn oldest(&self) -> Option<SystemTime> {
        self.offsets().min().map(|(_, chunk, at)| self.entry(chunk, at).at)
    }

    /// Returns the ordinal of each entry that is shown, the index of its chunk, and its offset in
    /// the chunk.
    fn offsets(&self) -> impl Iterator<Item = (u64, u32, u32)> + '_ {
        offsets(&self.chunks).filter(|(ordinal, ..)| *ordinal >= self.oldest && !self.removed.contains(ordinal))
    }

    fn entry(&self, chunk: u32, at: u32) -> JournalEntry {
        let mut entry = self.chunks[chunk as usize].entry(at, self.salt, self.began);
        entry.sub_events = self.sub_events.of(entry.ordinal).to_vec();
        entry
    }
}

/// Returns the ordinal of each entry, the index of its chunk, and its offset in the chunk.
fn offsets(chunks: &[Arc<Chunk>]) -> impl Iterator<Item = (u64, u32, u32)> + '_ {
    let chunks = chunks.iter().enumerate();
    chunks.flat_map(|(number, chunk)| chunk.offsets().map(move |(ordinal, at)| (ordinal, number as u32, at)))
}

/// Maximum capacity of a chunk in bytes. A reader copies one while its worker waits, for about ten
/// microseconds.
const MAX_CHUNK_BYTES: usize = 256 << 10;

/// Maximum bytes of a copied body.
const MAX_BODY_COPY_BYTES: usize = 16 << 20;

/// Bits of the second half of a UUID that are free; two bits are its variant.
const ORDINAL_BITS: u64 = (1 << 62) - 1;
