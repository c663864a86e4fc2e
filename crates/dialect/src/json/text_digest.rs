//! The digest of a document from its text, without a tree: a large body costs no more memory than
//! its widest object.

use std::cell::Cell;
use std::fmt;
use std::hash::Hasher as _;

use foldhash::fast::FoldHasher;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::digest;

/// The digest of a document that was read as text, or the reason why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextDigest {
    /// The digest of the document.
    Of(u64),
    /// The text is no JSON document.
    NotJson,
    /// JSON in which an object has a name twice, or so it seems: only a tree tells which of its
    /// values counts.
    NameTwice,
}

/// Returns the [`digest()`](super::digest()) of the document that `text` is.
pub fn digest_of_text(text: &str) -> TextDigest {
    let name_twice = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_str(text);
    let digest = DigestVisitor { name_twice: &name_twice }.deserialize(&mut reader).and_then(|digest| {
        reader.end()?;
        Ok(digest)
    });
    match digest {
        Err(_) => TextDigest::NotJson,
        Ok(_) if name_twice.get() => TextDigest::NameTwice,
        Ok(digest) => TextDigest::Of(digest),
    }
}

/// Reads a value as its digest.
#[derive(Clone, Copy)]
struct DigestVisitor<'f> {
    name_twice: &'f Cell<bool>,
}

/// Reads the name of a member.
struct MemberName;

/// The hasher of a member that has seen its name; `is_number` if the member is serde_json's way to
/// say a number.
struct MemberHasher {
    hasher: FoldHasher<'static>,
    is_number: bool,
}

impl<'de> DeserializeSeed<'de> for DigestVisitor<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DigestVisitor<'_> {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(digest::of_null())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<u64, E> {
        Ok(digest::of_bool(value))
    }

    // integers of up to 64 bits come as such, all other numbers with their spelling as a map
    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        Ok(digest::of_number(&number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(digest::of_number(&number.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        Ok(digest::of_string(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut hasher = digest::list();
        let mut length = 0;
        while let Some(item) = items.next_element_seed(self)? {
            hasher.write_u64(item);
            length += 1;
        }
        Ok(digest::end_list(hasher, length))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u64, A::Error> {
        let mut names: SmallVec<[u64; 8]> = SmallVec::new();
        let mut sum: u64 = 0;
        while let Some(MemberHasher { mut hasher, is_number }) = members.next_key_seed(MemberName)? {
            if is_number {
                return Ok(digest::of_number(&members.next_value::<String>()?));
            }
            names.push(hasher.finish());
            hasher.write_u64(members.next_value_seed(self)?);
            sum = sum.wrapping_add(hasher.finish());
        }
        let length = names.len();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            self.name_twice.set(true);
        }
        Ok(digest::of_members(length, sum))
    }
}

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = MemberHasher;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MemberHasher, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName {
    type Value = MemberHasher;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<MemberHasher, E> {
        Ok(MemberHasher { hasher: digest::member(name), is_number: name == NUMBER })
    }
}

/// The name under which serde_json hands out a number with its spelling.
const NUMBER: &str = "$serde_json::private::Number";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::digest;

    #[test]
    fn a_text_has_the_digest_of_its_tree() {
        let texts = [
            "null",
            "true",
            "false",
            "1",
            "-1.50e3",
            "\"a\\u00e4\\n\"",
            "[]",
            "{}",
            "[1,2,[3,{}],\"x\"]",
            r#"{"a":1,"b":{"c":[true,null,1e400,0.1]},"":""}"#,
            r#" {"b" : {"c": [true, null, 10e399, 0.10]}, "": "", "a": 1.0} "#,
            "[[],[[]]]",
            "[[[]],[]]",
            "12345678901234567890123456789.000",
        ];
        for text in texts {
            let tree = serde_json::from_str(text).expect("JSON");
            assert_eq!(digest_of_text(text), TextDigest::Of(digest(&tree)), "{text}");
        }
        assert_ne!(digest_of_text("[[],[[]]]"), digest_of_text("[[[]],[]]"));
    }

    #[test]
    fn what_only_a_tree_can_tell_is_left_to_it() {
        for text in ["", "{", "[1,]", "nul", "1 2", "\"\\ud800\"", "{\"a\":}"] {
            assert_eq!(digest_of_text(text), TextDigest::NotJson, "{text}");
        }
        assert_eq!(digest_of_text(&"[".repeat(200)), TextDigest::NotJson);
        assert_eq!(digest_of_text(&("[".repeat(200) + &"]".repeat(200))), TextDigest::NotJson, "as deep as no tree is");
        assert_eq!(digest_of_text(r#"[{"a":1,"b":2,"a":3}]"#), TextDigest::NameTwice);
    }
}
