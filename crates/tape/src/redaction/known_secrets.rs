//! Known secrets, and the search for them in a text: plain, in base64 at any offset,
//! percent-encoded or escaped as JSON.
//!
//! The search looks up the last four bytes of a secret, with one probe for each byte of the text,
//! and then compares the whole secret. So the cost hardly grows with the number of secrets, and
//! tokens with a common beginning (JWTs) do not collide.

use std::hash::BuildHasher as _;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use hashbrown::HashMap;

/// The secrets seen in a recording.
#[derive(Debug)]
pub(super) struct KnownSecrets {
    /// Encoded secrets by their last bytes.
    by_tail: HashMap<[u8; TAIL_BYTES], Vec<EncodedSecret>>,
    /// Bloom filter of the keys of `by_tail`.
    filter: Vec<u64>,
    hasher: foldhash::fast::RandomState,
    bytes: usize,
    /// Number of secrets forgotten to bound the memory.
    pub(super) forgotten: u64,
    known: u64,
}

/// One encoding of a secret.
#[derive(Debug)]
struct EncodedSecret {
    bytes: Box<[u8]>,
    marker: u32,
}

/// An occurrence of a secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretOccurrence {
    pub(super) at: Range<usize>,
    pub(super) marker: u32,
}

impl KnownSecrets {
    pub(super) fn new() -> Self {
        Self {
            by_tail: HashMap::new(),
            filter: vec![0; FILTER_BITS / 64],
            hasher: foldhash::fast::RandomState::default(),
            bytes: 0,
            forgotten: 0,
            known: 0,
        }
    }

    /// Adds a secret. Secrets of fewer than four bytes are ignored: they occur by chance.
    pub(super) fn add(&mut self, secret: &[u8], marker: u32) {
        if secret.len() < TAIL_BYTES || self.knows(secret) {
            return;
        }
        if self.bytes > MAX_SECRET_BYTES {
            self.by_tail.clear();
            self.filter.fill(0);
            self.forgotten += self.known;
            (self.known, self.bytes) = (0, 0);
        }
        self.known += 1;
        self.add_encoded(secret.to_vec(), marker);
        if secret.len() >= MIN_BASE64_BYTES {
            for engine in [&STANDARD, &URL_SAFE] {
                self.add_encoded(engine.encode(secret).into_bytes(), marker);
                for offset in 0..3 {
                    self.add_encoded(base64_core(engine, secret, offset), marker);
                }
            }
        }
    }

    /// Finds the secrets in a text, in order and without overlaps.
    pub(super) fn find(&self, text: &[u8]) -> Vec<SecretOccurrence> {
        if self.by_tail.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        self.find_in(text, |at| at, &mut found);
        if text.contains(&b'%') || text.contains(&b'+') {
            let view = UnescapedText::percent_decoded(text);
            self.find_in(&view.bytes, |at| view.original_range(&at), &mut found);
        }
        if text.contains(&b'\\') {
            let view = UnescapedText::json_unescaped(text);
            self.find_in(&view.bytes, |at| view.original_range(&at), &mut found);
        }
        merge_overlaps(found)
    }

    fn knows(&self, secret: &[u8]) -> bool {
        self.by_tail.get(&tail(secret)).is_some_and(|shapes| shapes.iter().any(|shape| *shape.bytes == *secret))
    }

    fn add_encoded(&mut self, bytes: Vec<u8>, marker: u32) {
        if bytes.len() < TAIL_BYTES {
            return;
        }
        let tail = tail(&bytes);
        let bit = self.bit(tail);
        self.filter[bit / 64] |= 1 << (bit % 64);
        self.bytes += bytes.len();
        self.by_tail.entry(tail).or_default().push(EncodedSecret { bytes: bytes.into(), marker });
    }

    fn find_in(&self, text: &[u8], place: impl Fn(Range<usize>) -> Range<usize>, found: &mut Vec<SecretOccurrence>) {
        for (start, tail) in text.windows(TAIL_BYTES).enumerate() {
            let tail: [u8; TAIL_BYTES] = tail.try_into().expect("a window has that many");
            let bit = self.bit(tail);
            if self.filter[bit / 64] & (1 << (bit % 64)) == 0 {
                continue;
            }
            let end = start + TAIL_BYTES;
            let shapes = self.by_tail.get(&tail).into_iter().flatten();
            let longest =
                shapes.filter(|shape| text[..end].ends_with(&shape.bytes)).max_by_key(|shape| shape.bytes.len());
            if let Some(shape) = longest {
                found.push(SecretOccurrence { at: place(end - shape.bytes.len()..end), marker: shape.marker });
            }
        }
    }

    fn bit(&self, tail: [u8; TAIL_BYTES]) -> usize {
        self.hasher.hash_one(u32::from_le_bytes(tail)) as usize % FILTER_BITS
    }
}

/// Returns the base64 characters of a secret that do not depend on the bytes around it, if the
/// secret begins at this offset of a group of three bytes.
fn base64_core(engine: &GeneralPurpose, secret: &[u8], offset: usize) -> Vec<u8> {
    let mut shifted = vec![0; offset];
    shifted.extend_from_slice(secret);
    let encoded = engine.encode(&shifted).into_bytes();
    // leaves out the characters that also encode bits of neighbouring bytes
    let begin = [0, 2, 3][offset];
    let end = if shifted.len().is_multiple_of(3) { encoded.len() } else { encoded.len() - 1 };
    encoded[begin..end].to_vec()
}

/// Merges overlapping occurrences, so that no part of a secret is left.
fn merge_overlaps(mut found: Vec<SecretOccurrence>) -> Vec<SecretOccurrence> {
    found.sort_by_key(|one| (one.at.start, std::cmp::Reverse(one.at.end)));
    let mut kept: Vec<SecretOccurrence> = Vec::with_capacity(found.len());
    for one in found {
        match kept.last_mut() {
            Some(last) if one.at.start < last.at.end => last.at.end = last.at.end.max(one.at.end),
            _ => kept.push(one),
        }
    }
    kept
}

fn tail(bytes: &[u8]) -> [u8; TAIL_BYTES] {
    bytes[bytes.len() - TAIL_BYTES..].try_into().expect("it is that long")
}

/// A text without its escapes, with the origin of each byte.
struct UnescapedText {
    bytes: Vec<u8>,
    /// Offset in the escaped text for each byte, and the end of the last one.
    from: Vec<usize>,
}

impl UnescapedText {
    fn original_range(&self, at: &Range<usize>) -> Range<usize> {
        self.from[at.start]..self.from[at.end]
    }

    fn percent_decoded(text: &[u8]) -> Self {
        Self::unescaped_by(text, |rest, out| match rest {
            [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high * 16 + low);
                    3
                }
                _ => {
                    out.push(b'%');
                    1
                }
            },
            [b'+', ..] => {
                out.push(b' ');
                1
            }
            _ => {
                out.push(rest[0]);
                1
            }
        })
    }

    fn json_unescaped(text: &[u8]) -> Self {
        Self::unescaped_by(text, |rest, out| match rest {
            [b'\\', b'u', ..] if rest.len() >= 6 => {
                let unit =
                    |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|d| u16::from_str_radix(d, 16).ok());
                let Some(first) = unit(&rest[2..6]) else {
                    out.push(b'\\');
                    return 1;
                };
                let second = match rest.get(6..12) {
                    Some([b'\\', b'u', digits @ ..]) if (0xd800..0xdc00).contains(&first) => unit(digits),
                    _ => None,
                };
                let units: Vec<u16> = [first].into_iter().chain(second).collect();
                out.extend_from_slice(String::from_utf16_lossy(&units).as_bytes());
                if second.is_some() { 12 } else { 6 }
            }
            [b'\\', escaped, ..] => {
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                2
            }
            _ => {
                out.push(rest[0]);
                1
            }
        })
    }

    /// Unescapes a text with a function that decodes the beginning of a text and returns the number
    /// of bytes it consumed.
    fn unescaped_by(text: &[u8], decode: impl Fn(&[u8], &mut Vec<u8>) -> usize) -> Self {
        let mut view = Self { bytes: Vec::with_capacity(text.len()), from: Vec::with_capacity(text.len() + 1) };
        let mut at = 0;
        while at < text.len() {
            let read = decode(&text[at..], &mut view.bytes);
            view.from.resize(view.bytes.len(), at);
            at += read;
        }
        view.from.push(text.len());
        view
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD);

/// Number of last bytes by which a secret is looked up.
const TAIL_BYTES: usize = 4;

/// Minimum length of a secret that is searched for in base64; shorter ones occur by chance.
const MIN_BASE64_BYTES: usize = 6;

/// Bits of the Bloom filter.
const FILTER_BITS: usize = 1 << 20;

/// Upper limit for the bytes of all encoded secrets in memory.
const MAX_SECRET_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn secrets(of: &[&str]) -> KnownSecrets {
        let mut secrets = KnownSecrets::new();
        for (marker, secret) in (0..).zip(of) {
            secrets.add(secret.as_bytes(), marker);
        }
        secrets
    }

    #[test]
    fn secrets_that_overlap_are_covered_together() {
        let secrets = secrets(&["abcdef", "cdefgh", "token"]);
        let found = secrets.find(b"x abcdefgh token-token");
        let at: Vec<_> = found.iter().map(|one| (one.at.clone(), one.marker)).collect();
        assert_eq!(at, [(2..10, 0), (11..16, 2), (17..22, 2)]);
        assert!(secrets.find(b"abcde toke").is_empty());
    }

    #[test]
    fn what_is_too_short_is_not_looked_for() {
        assert!(secrets(&["abc", ""]).find(b"abc").is_empty());
    }

    #[test]
    fn old_secrets_are_forgotten_before_they_fill_the_memory() {
        let mut secrets = KnownSecrets::new();
        let long = "x".repeat(1 << 20);
        for number in 0..20 {
            secrets.add(format!("{long}{number:08}").as_bytes(), number);
            assert!(secrets.bytes < MAX_SECRET_BYTES * 2);
        }
        assert!(secrets.forgotten > 0);
        assert_eq!(secrets.find(format!("a{long}00000019").as_bytes()).len(), 1);
    }

    proptest! {
        /// Every encoding of a secret is found, with any text around it.
        #[test]
        fn every_shape_is_found(secret in "[ -~é😀]{6,40}", before in "[a-z0-9 ]{0,9}", after in "[a-z0-9 ]{0,9}") {
            let secrets = secrets(&[&secret]);
            let whole = format!("{before}{secret}{after}");
            let escaped = serde_json::to_string(&whole).unwrap();
            let ascii = whole.encode_utf16().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}"));
            let percent = utf8_percent_encode(&whole, NON_ALPHANUMERIC).to_string();
            let form = format!("{before}{}{after}", percent_encode_form(&secret));
            for text in [whole.clone(), escaped, ascii, percent, form, STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                let found = secrets.find(text.as_bytes());
                prop_assert!(!found.is_empty(), "{text}");
                for one in &found {
                    prop_assert!(one.at.end <= text.len());
                }
            }
            let plain = secrets.find(whole.as_bytes());
            prop_assert!(plain.iter().any(|one| one.at.start <= before.len() && one.at.end >= before.len() + secret.len()));
        }

        #[test]
        fn views_know_where_their_bytes_came_from(text in prop::collection::vec(any::<u8>(), 0..200)) {
            for view in [UnescapedText::percent_decoded(&text), UnescapedText::json_unescaped(&text)] {
                prop_assert_eq!(view.from.len(), view.bytes.len() + 1);
                prop_assert!(view.from.is_sorted());
            }
        }
    }

    fn percent_encode_form(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%20", "+")
    }
}
