//! A hash that equal documents share, whatever the order of their members and the spelling of their
//! numbers.
//!
//! It is taken of every JSON body that meets an `equalToJson`, so it walks the document once and
//! allocates nothing.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FixedState, FoldHasher};
use serde_json::Value;

use super::number;
use super::{JsonNode, JsonShape};

/// Returns a hash that equal documents share: members in any order, numbers by their value. It is
/// the same in every run.
pub fn digest(value: &Value) -> u64 {
    hash::<false>(value.into())
}

/// Returns the [`digest`] of a value of any document.
pub fn digest_of_node(node: JsonNode<'_>) -> u64 {
    hash::<false>(node)
}

/// Returns a hash that documents share which are equal but for the order of their lists.
pub fn digest_ignoring_order<'a>(value: impl Into<JsonNode<'a>>) -> u64 {
    hash::<true>(value.into())
}

fn hash<const BAGS: bool>(node: JsonNode<'_>) -> u64 {
    let mut length = 0;
    match node.shape() {
        JsonShape::Null => of_null(),
        JsonShape::Bool(value) => of_bool(value),
        JsonShape::Number(spelling) => of_number(spelling),
        JsonShape::String(text) => of_string(&text),
        JsonShape::Array(items) => {
            let mut hasher = list();
            // a sum does not depend on the order of its terms
            let mut sum: u64 = 0;
            for item in items {
                length += 1;
                if BAGS {
                    sum = sum.wrapping_add(hash::<BAGS>(item));
                } else {
                    hasher.write_u64(hash::<BAGS>(item));
                }
            }
            if BAGS {
                hasher.write_u64(sum);
            }
            end_list(hasher, length)
        }
        JsonShape::Object(members) => {
            let sum = members.fold(0, |sum: u64, (name, value)| {
                length += 1;
                let mut member = member(&name);
                member.write_u64(hash::<BAGS>(value));
                sum.wrapping_add(member.finish())
            });
            of_members(length, sum)
        }
    }
}

pub(super) fn of_null() -> u64 {
    of_kind(0)
}

pub(super) fn of_bool(value: bool) -> u64 {
    of_kind(1 + u8::from(value))
}

pub(super) fn of_number(spelling: &str) -> u64 {
    let mut hasher = STATE.build_hasher();
    hasher.write_u8(3);
    number::hash(spelling, &mut hasher);
    hasher.finish()
}

pub(super) fn of_string(text: &str) -> u64 {
    let mut hasher = STATE.build_hasher();
    write_text(4, text, &mut hasher);
    hasher.finish()
}

/// Returns the hasher of a list, which is then given the digests of the items.
pub(super) fn list() -> FoldHasher<'static> {
    let mut hasher = STATE.build_hasher();
    hasher.write_u8(5);
    hasher
}

/// Returns the digest of a list from the hasher that has been given the items.
pub(super) fn end_list(mut hasher: FoldHasher<'_>, length: usize) -> u64 {
    hasher.write_u64(length as u64);
    hasher.finish()
}

/// Returns the hasher of a member, which is then given the digest of the value.
pub(super) fn member(name: &str) -> FoldHasher<'static> {
    let mut hasher = STATE.build_hasher();
    write_text(7, name, &mut hasher);
    hasher
}

/// Returns the digest of an object from the sum of the digests of its members.
pub(super) fn of_members(length: usize, sum: u64) -> u64 {
    let mut hasher = STATE.build_hasher();
    hasher.write_u64((length as u64) << 8 | 6);
    hasher.write_u64(sum);
    hasher.finish()
}

fn of_kind(kind: u8) -> u64 {
    let mut hasher = STATE.build_hasher();
    hasher.write_u8(kind);
    hasher.finish()
}

fn write_text(kind: u64, text: &str, hasher: &mut FoldHasher<'_>) {
    // the length goes first, so that texts one after the other cannot run together
    hasher.write_u64((text.len() as u64) << 8 | kind);
    hasher.write(text.as_bytes());
}

static STATE: FixedState = FixedState::with_seed(0x7374_616e_6469_6e21);
