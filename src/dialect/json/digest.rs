//! A hash that equal documents share, whatever the order of their members and the spelling of their numbers.
//!
//! It is taken of every JSON body that meets an `equalToJson`, so it walks the document once and allocates nothing.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FixedState, FoldHasher};
use serde_json::Value;

use super::number;

/// A hash that equal documents share: members in any order, numbers by their value. It is the same in every run.
pub fn digest(value: &Value) -> u64 {
    hash::<false>(value)
}

/// A hash that documents share that are equal but for the order of their lists.
pub fn digest_ignoring_order(value: &Value) -> u64 {
    hash::<true>(value)
}

fn hash<const BAGS: bool>(value: &Value) -> u64 {
    let mut hasher = STATE.build_hasher();
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(value) => hasher.write_u8(1 + u8::from(*value)),
        Value::Number(number) => {
            hasher.write_u8(3);
            number::hash(number.as_str(), &mut hasher);
        }
        Value::String(text) => write_text(4, text, &mut hasher),
        Value::Array(items) => {
            hasher.write_u64((items.len() as u64) << 8 | 5);
            if BAGS {
                // a sum does not depend on the order of its terms
                hasher.write_u64(items.iter().fold(0, |sum: u64, item| sum.wrapping_add(hash::<BAGS>(item))));
            } else {
                for item in items {
                    hasher.write_u64(hash::<BAGS>(item));
                }
            }
        }
        Value::Object(members) => {
            hasher.write_u64((members.len() as u64) << 8 | 6);
            hasher.write_u64(members.iter().fold(0, |sum: u64, (key, value)| {
                let mut member = STATE.build_hasher();
                write_text(7, key, &mut member);
                member.write_u64(hash::<BAGS>(value));
                sum.wrapping_add(member.finish())
            }));
        }
    }
    hasher.finish()
}

fn write_text(kind: u64, text: &str, hasher: &mut FoldHasher<'_>) {
    // the length goes first, so that texts one after the other cannot run together
    hasher.write_u64((text.len() as u64) << 8 | kind);
    hasher.write(text.as_bytes());
}

const STATE: FixedState = FixedState::with_seed(0x7374_616e_6469_6e21);
