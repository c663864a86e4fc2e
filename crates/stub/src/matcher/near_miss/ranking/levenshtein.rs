//! Levenshtein distance, divided by the length of the longer text.
//!
//! Myers' bit-parallel algorithm in Hyyrö's form for long patterns ("A bit-vector algorithm for
//! computing Levenshtein and Damerau edit distances", 2003): 64 cells per step, so that two texts
//! of [`MAX_COMPARED_BYTES`] take about a millisecond and two URLs far less than a microsecond.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::matcher::near_miss::char_boundary::floor_char_boundary;

/// Returns 0 for equal texts and 1 for texts with nothing in common. Characters are UTF-16 units,
/// as in Java. Beyond [`MAX_COMPARED_BYTES`], texts are compared byte by byte.
pub(super) fn normalized_distance(one: &str, other: &str) -> f64 {
    if one == other {
        return 0.0;
    }
    if one.len() <= MAX_COMPARED_BYTES && other.len() <= MAX_COMPARED_BYTES {
        let (one, other) = (units(one), units(other));
        return edit_distance(&one, &other) as f64 / one.len().max(other.len()) as f64;
    }
    let (one_head, one_rest) = one.split_at(floor_char_boundary(one, MAX_COMPARED_BYTES));
    let (other_head, other_rest) = other.split_at(floor_char_boundary(other, MAX_COMPARED_BYTES));
    let heads = edit_distance(&units(one_head), &units(other_head));
    let changed = one_rest.bytes().zip(other_rest.bytes()).filter(|(one, other)| one != other).count();
    let rests = changed + one_rest.len().abs_diff(other_rest.len());
    ((heads + rests) as f64 / one.len().max(other.len()) as f64).min(1.0)
}

/// Returns a lower bound of [`normalized_distance`], computed from the lengths.
pub(super) fn lower_bound(one: &str, other: &str) -> f64 {
    // only for ASCII is the number of bytes that of UTF-16 units
    if one.len() > MAX_COMPARED_BYTES || other.len() > MAX_COMPARED_BYTES || !one.is_ascii() || !other.is_ascii() {
        return 0.0;
    }
    match one.len().max(other.len()) {
        0 => 0.0,
        longer => one.len().abs_diff(other.len()) as f64 / longer as f64,
    }
}

type Units = SmallVec<[u16; 64]>;

fn units(text: &str) -> Units {
    text.encode_utf16().collect()
}

fn edit_distance(one: &[u16], other: &[u16]) -> usize {
    let front = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[front..], &other[front..]);
    let back = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[..one.len() - back], &other[..other.len() - back]);
    let (pattern, text) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if pattern.is_empty() { text.len() } else { columns(pattern, text) }
}

/// 64 rows of one column of the matrix, as differences between neighbouring cells.
#[derive(Clone, Copy)]
struct BlockColumn {
    up: u64,
    down: u64,
}

fn columns(pattern: &[u16], text: &[u16]) -> usize {
    let count = pattern.len().div_ceil(BITS);
    let mut places: HashMap<u16, usize> = HashMap::new();
    let mut masks: Vec<u64> = Vec::new();
    for (row, unit) in pattern.iter().enumerate() {
        let place = *places.entry(*unit).or_insert_with(|| {
            masks.resize(masks.len() + count, 0);
            masks.len() - count
        });
        masks[place + row / BITS] |= 1 << (row % BITS);
    }
    let none = vec![0; count];
    let mut blocks = vec![BlockColumn { up: u64::MAX, down: 0 }; count];
    let last = 1 << ((pattern.len() - 1) % BITS);
    let mut score = pattern.len();
    for unit in text {
        let equal = places.get(unit).map_or(&none[..], |place| &masks[*place..*place + count]);
        // the first row of the matrix grows by one per column
        let (mut up, mut down) = (1, 0);
        for (place, (block, equal)) in blocks.iter_mut().zip(equal).enumerate() {
            let vertical = equal | block.down;
            let equal = equal | down;
            let horizontal = ((equal & block.up).wrapping_add(block.up) ^ block.up) | equal;
            let rises = block.down | !(horizontal | block.up);
            let falls = block.up & horizontal;
            if place + 1 == count {
                score += usize::from(rises & last != 0);
                score -= usize::from(falls & last != 0);
            }
            let (rises_in, falls_in) = (rises << 1 | up, falls << 1 | down);
            (up, down) = (rises >> (BITS - 1), falls >> (BITS - 1));
            block.up = falls_in | !(vertical | rises_in);
            block.down = rises_in & vertical;
        }
    }
    score
}

const BITS: usize = u64::BITS as usize;

/// Length in bytes up to which texts are compared by edit distance.
const MAX_COMPARED_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_distances() {
        assert_eq!(normalized_distance("/one", "/onf"), 0.25);
        assert_eq!(normalized_distance("", "abc"), 1.0);
        assert_eq!(normalized_distance("", ""), 0.0);
        // three units, one of which differs: half of a surrogate pair
        assert_eq!(normalized_distance("😀a", "😁a"), 1.0 / 3.0);
    }

    #[test]
    fn long_texts_are_never_equal_unless_they_are() {
        let long = "x".repeat(1 << 20);
        let other = format!("{}y", &long[1..]);
        assert_eq!(normalized_distance(&long, &long.clone()), 0.0);
        let distance = normalized_distance(&long, &other);
        assert!(distance > 0.0 && distance < 1e-5, "{distance}");
    }

    proptest! {
        #[test]
        fn the_same_as_the_textbook_algorithm(one in "[ab]{0,200}", other in "[abc]{0,150}") {
            let expected = strsim::levenshtein(&one, &other);
            prop_assert_eq!(edit_distance(&units(&one), &units(&other)), expected);
            prop_assert!(lower_bound(&one, &other) <= normalized_distance(&one, &other));
        }
    }
}
