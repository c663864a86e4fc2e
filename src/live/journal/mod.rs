//! The journal: which calls came and what answered them, bounded by real bytes.
//!
//! A call is copied into the chunk of its worker before its first response byte leaves: no allocation, no lock that another
//! worker holds, nothing that pins a read buffer. Full chunks are shared with readers and dropped oldest first, so the
//! bound holds whatever the calls are like. Counters elsewhere are exact; here it is said what was evicted.

mod chunk;
mod record;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashSet;
use uuid::Uuid;

use self::chunk::Chunk;
use self::record::NewEntry;
pub use self::record::{JournalEntry, MatchOutcome};
use standin_stub::Stub;
use standin_stub::call::Call;
use standin_stub::matcher::{MatchStats, RequestPattern};

/// The calls that came, newest kept longest.
#[derive(Debug)]
pub struct Journal {
    /// Bytes of all chunks together; 0 keeps nothing.
    bound: usize,
    /// Bytes of a chunk that is being written.
    chunk: usize,
    /// Told apart from other journals by ids of its own.
    salt: u64,
    began: (Instant, SystemTime),
    next: AtomicU64,
    /// A chunk for each worker, so that they do not meet.
    pens: Vec<Mutex<Chunk>>,
    sealed: Mutex<SealedChunks>,
    /// Entries that were removed one by one.
    removed: Mutex<HashSet<u64>>,
    warned: AtomicBool,
}

/// What answers a call.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is to be noted"]
pub struct AnswerInfo<'s> {
    stub: Option<&'s Arc<Stub>>,
    delay: Option<Duration>,
    beyond: bool,
}

impl<'s> AnswerInfo<'s> {
    /// No stub.
    pub fn by_none() -> Self {
        Self { stub: None, delay: None, beyond: false }
    }

    /// A stub.
    pub fn by(stub: &'s Arc<Stub>) -> Self {
        Self { stub: Some(stub), ..Self::by_none() }
    }

    /// After this time, as far as it is known.
    pub fn after(self, delay: Option<Duration>) -> Self {
        Self { delay, ..self }
    }

    /// Beyond the range in which the profile's service was observed, or within.
    pub fn beyond(self, beyond: bool) -> Self {
        Self { beyond, ..self }
    }
}

/// The chunks that are full, oldest first.
#[derive(Debug, Default)]
struct SealedChunks {
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
    evicted: u64,
    without_body: u64,
}

/// The journal as it was at one moment.
#[derive(Debug)]
pub struct JournalSnapshot {
    chunks: Vec<Arc<Chunk>>,
    removed: HashSet<u64>,
    salt: u64,
    began: (Instant, SystemTime),
    /// Calls that came since the last reset and are no longer here.
    pub evicted: u64,
    /// Calls that are here without their body, as they were longer than the whole journal.
    pub without_body: u64,
}

impl Journal {
    /// A journal of at most `bound` bytes for calls of this many workers.
    pub fn new(bound: usize, workers: usize) -> Self {
        let chunk = (bound / 8 / workers.max(1)).min(MOST_CHUNK);
        Self {
            bound,
            chunk,
            salt: rand::random(),
            began: (Instant::now(), SystemTime::now()),
            next: AtomicU64::new(0),
            pens: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            sealed: Mutex::default(),
            removed: Mutex::default(),
            warned: AtomicBool::new(false),
        }
    }

    /// Whether calls are kept at all.
    pub fn is_on(&self) -> bool {
        self.bound > 0
    }

    /// Keeps a call that a worker has read, with what answers it.
    pub fn note(&self, worker: usize, call: &Call, answered: AnswerInfo<'_>) {
        if !self.is_on() {
            return;
        }
        let whole = record::size(call, true);
        let with_body = whole <= self.room();
        let size = if with_body { whole } else { record::size(call, false) };
        let arrival = call.arrival.saturating_duration_since(self.began.0);
        let mut pen = lock(&self.pens[worker % self.pens.len()]);
        if !pen.has_room(size) {
            let full = std::mem::replace(&mut *pen, Chunk::with_capacity(size.max(self.chunk)));
            self.seal(full);
        }
        // drawn under the lock, so that the entries of a chunk are in order
        let ordinal = self.next.fetch_add(1, Relaxed);
        pen.append(NewEntry { ordinal, arrival, call, with_body, answered });
        if size > self.chunk {
            let large = std::mem::take(&mut *pen);
            self.seal(large);
        }
        if !with_body {
            lock(&self.sealed).without_body += 1;
        }
    }

    /// Puts a chunk that is full to the others, and evicts what is too much.
    fn seal(&self, full: Chunk) {
        if full.is_empty() {
            return;
        }
        let mut sealed = lock(&self.sealed);
        sealed.bytes += full.weight();
        sealed.chunks.push_back(Arc::new(full));
        let mut evicted = Vec::new();
        while sealed.bytes > self.room()
            && let Some(oldest) = sealed.chunks.pop_front()
        {
            sealed.bytes -= oldest.weight();
            sealed.evicted += oldest.entries();
            evicted.push(oldest);
        }
        // freed only when the lock is
        drop(sealed);
        drop(evicted);
    }

    /// Bytes for the chunks that are full.
    fn room(&self) -> usize {
        self.bound.saturating_sub(self.pens.len() * self.chunk)
    }

    /// What is here now. Cheap: full chunks are shared, and of each worker's own one a copy is made.
    pub fn snapshot(&self) -> Arc<JournalSnapshot> {
        // pens before sealed: a chunk that is sealed in between is seen twice, and told apart by its first entry
        let open: Vec<Arc<Chunk>> = self.pens.iter().map(|pen| Arc::new(lock(pen).clone())).collect();
        let sealed = lock(&self.sealed);
        let known: HashSet<u64> = sealed.chunks.iter().filter_map(|chunk| chunk.first()).collect();
        let mut chunks: Vec<Arc<Chunk>> = sealed.chunks.iter().cloned().collect();
        let (evicted, without_body) = (sealed.evicted, sealed.without_body);
        drop(sealed);
        chunks.extend(open.into_iter().filter(|chunk| chunk.first().is_some_and(|first| !known.contains(&first))));
        let removed = lock(&self.removed).clone();
        Arc::new(JournalSnapshot { chunks, removed, salt: self.salt, began: self.began, evicted, without_body })
    }

    /// Forgets all calls; what was evicted before no longer counts.
    pub fn reset(&self) {
        for pen in &self.pens {
            *lock(pen) = Chunk::default();
        }
        let before = std::mem::take(&mut *lock(&self.sealed));
        lock(&self.removed).clear();
        self.warned.store(false, Relaxed);
        drop(before);
    }

    /// Forgets these calls.
    pub fn remove(&self, records: impl IntoIterator<Item = u64>) {
        let oldest = {
            let sealed = lock(&self.sealed);
            sealed.chunks.iter().filter_map(|chunk| chunk.first()).min()
        };
        let mut removed = lock(&self.removed);
        removed.extend(records);
        if let Some(oldest) = oldest {
            removed.retain(|ordinal| *ordinal >= oldest);
        }
    }

    /// How many calls were evicted since the last reset, told once.
    pub fn first_eviction(&self) -> Option<u64> {
        let evicted = lock(&self.sealed).evicted;
        (evicted > 0 && !self.warned.swap(true, Relaxed)).then_some(evicted)
    }

    /// The bytes that are held now, and how many calls were evicted since the last reset.
    pub fn usage(&self) -> (usize, u64) {
        let open: usize = self.pens.iter().map(|pen| lock(pen).weight()).sum();
        let sealed = lock(&self.sealed);
        (open + sealed.bytes, sealed.evicted)
    }
}

impl JournalSnapshot {
    /// How many calls are here.
    pub fn len(&self) -> usize {
        self.places().count()
    }

    /// The calls, oldest first; each is read when it is asked for.
    pub fn records(self: &Arc<Self>) -> impl DoubleEndedIterator<Item = JournalEntry> + use<> {
        let mut places: Vec<_> = self.places().collect();
        places.sort_unstable();
        let snapshot = Arc::clone(self);
        places.into_iter().map(move |(_, chunk, at)| snapshot.record(chunk, at))
    }

    /// Returns the calls that a pattern matches, oldest first, as long as `goes_on`, which is asked
    /// before each call.
    pub fn matching<G: FnMut() -> bool>(
        self: &Arc<Self>,
        pattern: RequestPattern,
        mut goes_on: G,
    ) -> impl Iterator<Item = JournalEntry> + use<G> {
        let mut places: Vec<_> = self.places().collect();
        places.sort_unstable();
        let snapshot = Arc::clone(self);
        let examined = places.into_iter().take_while(move |_| goes_on());
        examined.filter_map(move |(_, chunk, at)| {
            // most are passed over for their method or url, which is cheap to read
            if snapshot.tell(&pattern, chunk, at) == Some(false) {
                return None;
            }
            let record = snapshot.record(chunk, at);
            pattern.matches(&record.call, &MatchStats::default()).then_some(record)
        })
    }

    /// Counts the calls that a pattern matches, as long as `goes_on`, which is asked before each
    /// call.
    pub fn count(&self, pattern: &RequestPattern, mut goes_on: impl FnMut() -> bool) -> usize {
        let matches = |chunk, at| {
            let told = self.tell(pattern, chunk, at);
            told.unwrap_or_else(|| pattern.matches(&self.record(chunk, at).call, &MatchStats::default()))
        };
        self.places().take_while(|_| goes_on()).filter(|(_, chunk, at)| matches(*chunk, *at)).count()
    }

    fn tell(&self, pattern: &RequestPattern, chunk: u32, at: u32) -> Option<bool> {
        let (method, url) = self.chunks[chunk as usize].target(at);
        pattern.matches_target(method, url, &MatchStats::default())
    }

    /// The call of this id, if it is here.
    pub fn by_id(&self, id: Uuid) -> Option<JournalEntry> {
        let wanted = id.as_u64_pair().1 & ORDINAL_BITS;
        if record::id(self.salt, wanted) != id {
            return None;
        }
        self.places().find(|(ordinal, ..)| *ordinal == wanted).map(|(_, chunk, at)| self.record(chunk, at))
    }

    /// When the oldest call that is here came.
    pub fn oldest(&self) -> Option<SystemTime> {
        self.places().min().map(|(_, chunk, at)| self.record(chunk, at).at)
    }

    /// The ordinal of each call, its chunk, and where it begins there.
    fn places(&self) -> impl Iterator<Item = (u64, u32, u32)> + '_ {
        let chunks = self.chunks.iter().enumerate();
        chunks
            .flat_map(|(number, chunk)| chunk.places().map(move |(ordinal, at)| (ordinal, number as u32, at)))
            .filter(|(ordinal, ..)| !self.removed.contains(ordinal))
    }

    fn record(&self, chunk: u32, at: u32) -> JournalEntry {
        self.chunks[chunk as usize].record(at, self.salt, self.began)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of a chunk at most: a reader copies one while its worker waits, in some ten microseconds.
const MOST_CHUNK: usize = 256 << 10;

/// What of a UUID's second half is free: two bits tell its variant.
const ORDINAL_BITS: u64 = (1 << 62) - 1;
