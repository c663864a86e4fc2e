//! Substitutes of values that are anonymised: of the same form, so that what reads them works, and
//! equal for equal values.

/// Returns a value of the same form: a letter for each letter, a digit for each digit. `hash` is a
/// salted hash of the value.
pub(super) fn of(value: &str, hash: u64) -> String {
    // a generator of its own keeps the substitute a function of the hash alone (splitmix64)
    let mut state = hash;
    let mut next = |range: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % range
    };
    let letter = |first: u8, place: u64| char::from(first + u8::try_from(place).unwrap_or(0));
    let substitute = value.chars().enumerate().map(|(place, c)| match c {
        // a number keeps its length
        '1'..='9' if place == 0 => letter(b'1', next(9)),
        '0'..='9' => letter(b'0', next(10)),
        'A'..='Z' => letter(b'A', next(26)),
        c if c.is_alphabetic() => letter(b'a', next(26)),
        c => c,
    });
    substitute.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_has_the_form_of_the_value() {
        let substitute = of("Ann.Lee+7@example.org", 1);
        assert_eq!(substitute.len(), 21);
        assert!(substitute.starts_with(|c: char| c.is_ascii_uppercase()) && substitute.contains('@'), "{substitute}");
        assert_eq!(substitute, of("Ann.Lee+7@example.org", 1));
        assert_ne!(substitute, of("Ann.Lee+7@example.org", 2));
        assert!(!of("1000", 3).starts_with('0'));
    }
}
