//! Large bodies: decoded off the workers, within the memory of all requests, and without a tree
//! where possible.

use bytes::Bytes;

use super::json_body::editable_bytes;
use super::{Call, JsonBody};
use crate::memory::MemoryExhausted;
use standin_dialect::json::{JsonTree, TextDigest, digest_of_node, digest_of_text};
use standin_dialect::json_path::JsonPath;

/// Size of a body, in bytes, up to which it is decoded for near misses.
const MAX_NEAR_MISS_BYTES: usize = 1 << 20;

/// The result of looking up a JSONPath in a body.
#[derive(Debug)]
pub enum JsonLookup {
    /// The body is not JSON.
    NotJson,
    /// The path leads to nothing.
    Missing,
    /// The path leads to this value.
    One(JsonBody),
}

impl Call {
    /// Returns whether decoding the body may occupy a worker for too long.
    pub fn is_large(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.is_large)
    }

    /// Runs `work`; returns `None` if it needs a decoded form of a large body.
    pub fn try_without_decoding<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        match &self.bounds {
            Some(bounds) if bounds.is_large => bounds.try_without_decoding(work),
            _ => Some(work()),
        }
    }

    /// Decodes the forms of the body that near misses look at, unless the body is larger than 1 MiB
    /// or takes too much memory.
    pub fn decode_for_near_misses(&self) {
        if self.body().len() > MAX_NEAR_MISS_BYTES {
            return;
        }
        match self.text() {
            Some(text) if text.trim_start().starts_with('<') => drop(self.xml()),
            Some(_) => drop(self.json()),
            None => {}
        }
        self.form();
        self.parts();
    }

    /// Returns the refusal, if a part of the body could not be decoded for want of memory.
    /// Conclusions from the missing part are then invalid.
    pub fn exhausted(&self) -> Option<MemoryExhausted> {
        self.bounds.as_ref()?.exhausted()
    }

    /// Takes the memory for a tree of a JSON text that is read only; returns whether there is room.
    pub(crate) fn allows_tree(&self, text: &str) -> bool {
        self.allows(|| JsonTree::estimated_bytes(text.as_bytes()))
    }

    /// Takes the memory for a tree of a JSON text that can be changed; returns whether there is
    /// room.
    pub(crate) fn allows_editable_tree(&self, text: &str) -> bool {
        self.allows(|| editable_bytes(text.as_bytes()))
    }

    /// Returns the digest of the body's JSON, computed once per request; for a large body without a
    /// tree.
    pub(crate) fn json_digest(&self) -> Option<u64> {
        let compute = || match self.text_digest() {
            Some(TextDigest::Of(digest)) => Some(digest),
            Some(TextDigest::NotJson) => None,
            Some(TextDigest::NameTwice) | None => self.json().map(digest_of_node),
        };
        *self.once(&self.decoded().json_digest, compute)?
    }

    /// Looks up a path in the text of a large body. Returns `None` if a tree is needed or exists
    /// already.
    pub(crate) fn find_json(&self, path: &JsonPath) -> Option<JsonLookup> {
        let bounds = self.bounds.as_ref().filter(|bounds| bounds.is_large)?;
        if !path.is_plain() || self.decoded().json.get().is_some() || bounds.puts_off() || !bounds.may_scan_path() {
            return None;
        }
        if self.text_digest() == Some(TextDigest::NotJson) {
            return Some(JsonLookup::NotJson);
        }
        let Some(text) = self.text() else { return Some(JsonLookup::NotJson) };
        let Ok(found) = path.find_in(text) else { return Some(JsonLookup::NotJson) };
        let Some(found) = found.filter(|found| bounds.allow(JsonBody::estimated_bytes(found.as_bytes()))) else {
            return Some(JsonLookup::Missing);
        };
        let found = self.shared_text(found).and_then(JsonBody::parse_shared);
        Some(found.map_or(JsonLookup::NotJson, JsonLookup::One))
    }

    /// Returns a part of the body's text as bytes that share the body; where the text is not the
    /// body, a copy if there is memory for it.
    pub(super) fn shared_text(&self, part: &str) -> Option<Bytes> {
        let body = self.body();
        if body.as_ptr_range().contains(&part.as_ptr()) {
            return Some(body.slice_ref(part.as_bytes()));
        }
        self.allows(|| part.len()).then(|| Bytes::copy_from_slice(part.as_bytes()))
    }

    /// Returns the digest of a large body, computed from its text; `None` if the body is small or a
    /// tree exists already.
    fn text_digest(&self) -> Option<TextDigest> {
        if !self.is_large() || self.decoded().json.get().is_some() {
            return None;
        }
        self.once(&self.decoded().text_digest, || self.text().map_or(TextDigest::NotJson, digest_of_text)).copied()
    }
}
