//! DecodeBudget of what is decoded of a body: nothing large on a worker, and nothing beyond the
//! memory of all calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::memory::{MemoryExhausted, MemoryPermit, MemoryShare};
use standin_dialect::SyntaxError;
use standin_dialect::xml::Document;

/// Bytes beyond which a body is decoded beside the workers: parsing as many takes up to some
/// milliseconds.
pub(super) const LARGE: usize = 16 << 10;

/// Paths of one call that are looked for without a tree; for more of them a tree is made.
const PICKS: usize = 8;

/// What bounds the decoding of one call's body.
#[derive(Debug)]
pub(super) struct DecodeBudget {
    memory: Arc<MemoryShare>,
    /// What the decoded forms hold.
    permit: Mutex<Option<MemoryPermit>>,
    exhausted: OnceLock<MemoryExhausted>,
    pub(super) is_large: bool,
    /// True if decoding is put off for now, and whether any was.
    puts_off: AtomicBool,
    has_put_off: AtomicBool,
    /// Paths that were looked for without a tree.
    picks: AtomicUsize,
}

impl DecodeBudget {
    pub(super) fn new(memory: Arc<MemoryShare>, is_large: bool) -> Self {
        Self {
            memory,
            permit: Mutex::default(),
            exhausted: OnceLock::new(),
            is_large,
            puts_off: AtomicBool::new(false),
            has_put_off: AtomicBool::new(false),
            picks: AtomicUsize::new(0),
        }
    }

    /// Returns whether `bytes` more may be held. Once there is no room, none is found later either:
    /// an answer is made of all parts of a call or not at all.
    pub(super) fn allow(&self, bytes: usize) -> bool {
        if self.exhausted.get().is_some() {
            return false;
        }
        let mut permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match &mut *permit {
            Some(permit) => permit.grow(bytes),
            none => self.memory.take(bytes).map(|permit| *none = Some(permit)),
        };
        taken.map_err(|exhausted| self.exhausted.set(exhausted)).is_ok()
    }

    /// Why something could not be decoded.
    pub(super) fn exhausted(&self) -> Option<MemoryExhausted> {
        self.exhausted.get().copied()
    }

    /// Returns whether one more path may be looked for without a tree: each look goes through the
    /// text.
    pub(super) fn may_pick(&self) -> bool {
        self.picks.fetch_add(1, Relaxed) < PICKS
    }

    /// Does `work` with all decoding put off; `None` if it asked for any.
    pub(super) fn without_decoding<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.has_put_off.store(false, Relaxed);
        self.puts_off.store(true, Relaxed);
        let result = work();
        self.puts_off.store(false, Relaxed);
        (!self.has_put_off.load(Relaxed)).then_some(result)
    }

    /// Returns whether decoding has to wait; notes that it was asked for.
    pub(super) fn puts_off(&self) -> bool {
        let puts_off = self.puts_off.load(Relaxed);
        if puts_off {
            self.has_put_off.store(true, Relaxed);
        }
        puts_off
    }
}

/// Returns whether `bytes` more may be held.
pub(super) fn allow(bounds: Option<&Arc<DecodeBudget>>, bytes: impl FnOnce() -> usize) -> bool {
    bounds.is_none_or(|bounds| bounds.allow(bytes()))
}

/// Returns what is in the cell, or makes it; `None` if that has to wait.
pub(super) fn once<'c, T>(
    bounds: Option<&Arc<DecodeBudget>>,
    cell: &'c OnceLock<T>,
    make: impl FnOnce() -> T,
) -> Option<&'c T> {
    match cell.get() {
        None if bounds.is_some_and(|bounds| bounds.puts_off()) => None,
        _ => Some(cell.get_or_init(make)),
    }
}

/// Bytes that the tree of a JSON text takes at most, or nearly: lists grow by doubling, and small
/// ones have room for four.
pub(super) fn json_size(text: &[u8]) -> usize {
    const VALUE: usize = size_of::<Value>();
    const MEMBER: usize = VALUE + size_of::<String>() + size_of::<u64>();
    // the shortest allocation
    const TEXT: usize = 16;
    let count = |mark: u8| memchr::memchr_iter(mark, text).count();
    text.len()
        + count(b',') * (2 * VALUE + TEXT)
        + count(b':') * (2 * (MEMBER - VALUE) + TEXT)
        + count(b'[') * 4 * VALUE
        + count(b'{') * (4 * MEMBER + 64)
}

/// Bytes that the tree of an XML text takes at most, or nearly.
fn xml_size(text: &[u8]) -> usize {
    let marks = memchr::memchr2_iter(b'<', b'=', text).count();
    2 * text.len() + marks * 256
}

/// Reads a document if there is memory for it.
pub(super) fn read_xml(bounds: Option<&Arc<DecodeBudget>>, text: &str) -> Result<Document, SyntaxError> {
    if allow(bounds, || xml_size(text.as_bytes())) { Document::parse(text) } else { Err(NOT_READ.clone()) }
}

/// Bytes that the names and values of a form take.
pub(super) fn form_size(text: &[u8]) -> usize {
    let pairs = 1 + memchr::memchr_iter(b'&', text).count();
    2 * text.len() + pairs * (4 * size_of::<String>() + 32)
}

/// The error of a document that was not read.
pub(super) static NOT_READ: LazyLock<SyntaxError> =
    LazyLock::new(|| SyntaxError::limit(0, "the document was not read", "raise --max-memory"));
