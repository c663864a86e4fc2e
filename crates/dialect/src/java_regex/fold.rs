//! Upper and lower case as Java's flags `i` and `u` see them: only ASCII letters, or all of
//! Unicode's simple pairs.
//!
//! The engines' own case-insensitivity always follows Unicode, so cases are spelled out as
//! characters instead.

use std::sync::LazyLock;

use super::Flags;

/// Characters that have another case: the character, its upper case, and the lower case of that.
static CASED: LazyLock<Vec<(u32, u32, u32)>> = LazyLock::new(|| {
    ('\0'..='\u{1ffff}')
        .map(|c| (c as u32, upper(c) as u32, lower(upper(c)) as u32))
        .filter(|(c, upper, key)| c != upper || c != key)
        .collect()
});

/// Returns every character that equals `code` under the flags, itself included.
pub(super) fn variants(code: u32, flags: Flags) -> Vec<(u32, u32)> {
    let Some(c) = char::from_u32(code) else { return Vec::new() };
    if !flags.has(Flags::CASE_INSENSITIVE) {
        return vec![(code, code)];
    }
    if !flags.has(Flags::UNICODE_CASE) {
        let other = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() } as u32;
        return if other == code { vec![(code, code)] } else { vec![(code, code), (other, other)] };
    }
    let key = lower(upper(c)) as u32;
    // as in Java, a letter without an upper case of its own is no other's lower case: `ß`
    if key == upper(c) as u32 {
        return vec![(code, code)];
    }
    let equal = CASED.iter().filter(|&&(other, _, theirs)| other != code && theirs == key);
    let key_itself = (key != code && lower(upper(as_char(key))) as u32 == key).then_some((key, key));
    let mut spans: Vec<_> = equal.map(|&(other, ..)| (other, other)).chain(key_itself).collect();
    spans.push((code, code));
    spans.sort_unstable();
    spans.dedup();
    spans
}

/// Returns every character that is within the range under the flags.
pub(super) fn range(low: u32, high: u32, flags: Flags) -> Vec<(u32, u32)> {
    let mut spans = vec![(low, high)];
    if !flags.has(Flags::CASE_INSENSITIVE) {
        return spans;
    }
    let within = |code: u32| (low..=high).contains(&code);
    if flags.has(Flags::UNICODE_CASE) {
        let others = CASED.iter().filter(|&&(_, upper, key)| within(upper) || within(key));
        spans.extend(others.map(|&(c, ..)| (c, c)));
    } else {
        for (from, to) in [(u32::from('a'), u32::from('A')), (u32::from('A'), u32::from('a'))] {
            let (start, end) = (low.max(from), high.min(from + 25));
            if start <= end {
                spans.push((start - from + to, end - from + to));
            }
        }
    }
    spans
}

/// Returns the simple upper case; a character whose upper case is several characters stays as it
/// is.
fn upper(c: char) -> char {
    single(c.to_uppercase()).unwrap_or(c)
}

/// Returns the simple lower case; that of the dotted capital I is the plain `i`.
fn lower(c: char) -> char {
    if c == '\u{130}' { 'i' } else { single(c.to_lowercase()).unwrap_or(c) }
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    if chars.next().is_none() { first } else { None }
}

fn as_char(code: u32) -> char {
    char::from_u32(code).unwrap_or('\0')
}
