//! Large bodies: decoded beside the workers, within the memory of all calls, and into no tree where
//! none is needed.

use serde_json::Value;

use super::Call;
use super::decode_budget::json_size;
use crate::memory::MemoryExhausted;
use standin_dialect::json::{TextDigest, digest, digest_of_text};
use standin_dialect::json_path::JsonPath;

/// Bytes of a body up to which all of it is decoded for near misses.
const NEAR_MISSES: usize = 1 << 20;

/// What a path leads to in a body.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonLookup {
    /// The body is no JSON.
    NotJson,
    /// Nothing.
    Missing,
    /// This value.
    One(Value),
}

impl Call {
    /// Returns whether decoding the body may take longer than a worker should be held.
    pub fn is_large(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.is_large)
    }

    /// Does `work` unless it has to decode a large body for it; then it returns `None`.
    pub fn without_decoding<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        match &self.bounds {
            Some(bounds) if bounds.is_large => bounds.without_decoding(work),
            _ => Some(work()),
        }
    }

    /// Decodes the body as what near misses may look at, unless that takes too much memory.
    pub fn decode_for_near_misses(&self) {
        if self.body().len() > NEAR_MISSES {
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

    /// Why a part of the body could not be decoded: whatever was concluded from that does not hold.
    pub fn exhausted(&self) -> Option<MemoryExhausted> {
        self.bounds.as_ref()?.exhausted()
    }

    /// Returns the digest of the body's JSON, computed once a call; of a large body without a tree.
    pub(crate) fn json_digest(&self) -> Option<u64> {
        let compute = || match self.text_digest() {
            Some(TextDigest::Of(digest)) => Some(digest),
            Some(TextDigest::NotJson) => None,
            Some(TextDigest::NameTwice) | None => self.json().map(digest),
        };
        *self.once(&self.decoded().json_digest, compute)?
    }

    /// What a path leads to in a large body, found without a tree; `None` if a tree is needed, or
    /// is there already.
    pub(crate) fn json_at(&self, path: &JsonPath) -> Option<JsonLookup> {
        let bounds = self.bounds.as_ref().filter(|bounds| bounds.is_large)?;
        if !path.is_plain() || self.decoded().json.get().is_some() || bounds.puts_off() || !bounds.may_pick() {
            return None;
        }
        if self.text_digest() == Some(TextDigest::NotJson) {
            return Some(JsonLookup::NotJson);
        }
        let Some(text) = self.text() else { return Some(JsonLookup::NotJson) };
        let Ok(found) = path.find_in(text) else { return Some(JsonLookup::NotJson) };
        let Some(found) = found.filter(|found| bounds.allow(json_size(found.as_bytes()))) else {
            return Some(JsonLookup::Missing);
        };
        Some(serde_json::from_str(found).map_or(JsonLookup::NotJson, JsonLookup::One))
    }

    /// Returns the digest of a large body from its text; `None` if it is small, or a tree is there
    /// already.
    fn text_digest(&self) -> Option<TextDigest> {
        if !self.is_large() || self.decoded().json.get().is_some() {
            return None;
        }
        self.once(&self.decoded().text_digest, || self.text().map_or(TextDigest::NotJson, digest_of_text)).copied()
    }
}
