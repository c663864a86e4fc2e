//! A body as JSON: a tree of `serde_json` if it is small, and a compact one if it is large.

use bytes::Bytes;
use serde_json::Value;

use super::decode_budget::LARGE_BODY_BYTES;
use standin_dialect::json::{JsonNode, JsonTree};

/// A parsed JSON text.
#[derive(Debug)]
pub enum JsonBody {
    /// A small document, or one that lenient reading has made.
    Value(Value),
    /// A large document, read only.
    Tree(JsonTree),
}

impl JsonBody {
    /// Parses a text strictly; `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() <= LARGE_BODY_BYTES {
            return serde_json::from_str(text).ok().map(Self::Value);
        }
        JsonTree::parse(Bytes::copy_from_slice(text.as_bytes())).map(Self::Tree)
    }

    /// Parses the bytes of a text without a copy of them; `None` if it is not JSON.
    pub(super) fn parse_shared(text: Bytes) -> Option<Self> {
        if text.len() <= LARGE_BODY_BYTES {
            return serde_json::from_slice(&text).ok().map(Self::Value);
        }
        JsonTree::parse(text).map(Self::Tree)
    }

    /// Returns an upper estimate of the memory that the document of a text takes, in bytes.
    pub(super) fn estimated_bytes(text: &[u8]) -> usize {
        if text.len() <= LARGE_BODY_BYTES { value_bytes(text) } else { JsonTree::estimated_bytes(text) }
    }

    /// Returns the whole document.
    pub fn node(&self) -> JsonNode<'_> {
        match self {
            Self::Value(value) => JsonNode::from(value),
            Self::Tree(tree) => JsonNode::from(tree),
        }
    }
}

/// Returns an upper estimate of the bytes that the tree of a text takes if it can be changed,
/// together with the values that are made of it.
pub(super) fn editable_bytes(text: &[u8]) -> usize {
    value_bytes(text) / 2 * 3
}

/// Returns an upper estimate of the bytes that a tree of `serde_json` takes. Lists grow by
/// doubling, and small ones have room for four items.
fn value_bytes(text: &[u8]) -> usize {
    const VALUE: usize = size_of::<Value>();
    const MEMBER: usize = VALUE + size_of::<String>() + size_of::<u64>();
    // the smallest allocation
    const TEXT: usize = 16;
    let count = |mark: u8| memchr::memchr_iter(mark, text).count();
    text.len()
        + count(b',') * (2 * VALUE + TEXT)
        + count(b':') * (2 * (MEMBER - VALUE) + TEXT)
        + count(b'[') * 4 * VALUE
        + count(b'{') * (4 * MEMBER + 64)
}
