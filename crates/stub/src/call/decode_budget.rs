//! Limits for decoding a body: no large body is decoded on a worker, and the decoded forms count
//! toward the memory of all requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use crate::memory::{MemoryExhausted, MemoryPermit, MemoryShare};
use standin_dialect::SyntaxError;
use standin_dialect::xml::Document;

/// Size of a body, in bytes, beyond which it is decoded off the workers: parsing so many bytes
/// takes up to a few milliseconds.
pub(super) const LARGE_BODY_BYTES: usize = 16 << 10;

/// Number of JSONPaths per request that are evaluated on the text. For further ones a tree is
/// built, since each evaluation scans the text.
const MAX_TEXT_PATHS: usize = 8;

/// The limits for decoding the body of one request.
#[derive(Debug)]
pub(super) struct DecodeBudget {
    memory: Arc<MemoryShare>,
    /// The memory of the decoded forms.
    permit: Mutex<Option<MemoryPermit>>,
    exhausted: OnceLock<MemoryExhausted>,
    pub(super) is_large: bool,
    /// True while decoding is deferred.
    puts_off: AtomicBool,
    has_put_off: AtomicBool,
    /// Number of JSONPaths that were evaluated on the text.
    text_paths: AtomicUsize,
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
            text_paths: AtomicUsize::new(0),
        }
    }

    /// Takes `bytes` more for decoded forms; returns whether there was room. After the first
    /// refusal all further ones are refused too: a response is made from all parts of a request or
    /// not at all.
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

    /// Returns the refusal, if something could not be decoded for want of memory.
    pub(super) fn exhausted(&self) -> Option<MemoryExhausted> {
        self.exhausted.get().copied()
    }

    /// Counts one more JSONPath on the text; returns whether it may be evaluated there.
    pub(super) fn may_scan_path(&self) -> bool {
        self.text_paths.fetch_add(1, Relaxed) < MAX_TEXT_PATHS
    }

    /// Runs `work` with decoding deferred; returns `None` if it asked for a decoded form.
    pub(super) fn try_without_decoding<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.has_put_off.store(false, Relaxed);
        self.puts_off.store(true, Relaxed);
        let result = work();
        self.puts_off.store(false, Relaxed);
        (!self.has_put_off.load(Relaxed)).then_some(result)
    }

    /// Returns whether decoding is deferred, and records that it was asked for.
    pub(super) fn puts_off(&self) -> bool {
        let puts_off = self.puts_off.load(Relaxed);
        if puts_off {
            self.has_put_off.store(true, Relaxed);
        }
        puts_off
    }
}

/// Takes `bytes()` more if there is a budget; returns whether there was room.
pub(super) fn allow(bounds: Option<&Arc<DecodeBudget>>, bytes: impl FnOnce() -> usize) -> bool {
    bounds.is_none_or(|bounds| bounds.allow(bytes()))
}

/// Returns the content of the cell, which is made first if it is empty; `None` if decoding is
/// deferred.
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

/// Returns an upper estimate of the bytes that the tree of an XML text takes.
fn xml_size(text: &[u8]) -> usize {
    let marks = memchr::memchr2_iter(b'<', b'=', text).count();
    2 * text.len() + marks * 256
}

/// Parses an XML document if there is memory for its tree.
pub(super) fn read_xml(bounds: Option<&Arc<DecodeBudget>>, text: &str) -> Result<Document, SyntaxError> {
    if allow(bounds, || xml_size(text.as_bytes())) { Document::parse(text) } else { Err(NOT_READ.clone()) }
}

/// Returns an upper estimate of the bytes that the names and values of a form take.
pub(super) fn form_size(text: &[u8]) -> usize {
    let pairs = 1 + memchr::memchr_iter(b'&', text).count();
    2 * text.len() + pairs * (4 * size_of::<String>() + 32)
}

/// The error for a document that was not parsed for want of memory.
pub(super) static NOT_READ: LazyLock<SyntaxError> =
    LazyLock::new(|| SyntaxError::limit(0, "the document was not read", "raise --max-memory"));
