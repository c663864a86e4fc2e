//! Texts as Java's libraries print them: numbers, and wrapped lines.

use std::fmt::Write as _;

/// Returns a number as Java's `Double.toString` prints it.
///
/// It has the fewest digits that tell the number from its neighbours, a decimal point, and an
/// exponent below 10^-3 and from 10^7 on.
///
/// ```
/// use standin_dialect::java_text::double_text;
///
/// assert_eq!(double_text(1.0), "1.0");
/// assert_eq!(double_text(1e7), "1.0E7");
/// ```
pub fn double_text(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    let is_plain = value == 0.0 || (-3..7).contains(&exponent);
    let mut text = if is_plain { value.to_string() } else { digits.to_owned() };
    if !text.contains('.') {
        text.push_str(".0");
    }
    if !is_plain {
        write!(text, "E{exponent}").expect("writing to a string cannot fail");
    }
    text
}

/// Returns a number as Java's `NumberFormat` prints it in English: digits in groups of three, and
/// at most three behind the point.
///
/// ```
/// use standin_dialect::java_text::grouped_text;
///
/// assert_eq!(grouped_text(2.0), "2");
/// assert_eq!(grouped_text(-1_234_567.875), "-1,234,567.875");
/// ```
pub fn grouped_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}∞");
    }
    let rounded = format!("{:.3}", value.abs());
    let (whole, fraction) = rounded.split_once('.').expect("`{:.3}` writes a point");
    let mut text = sign.to_owned();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Sorts distinct names, with what belongs to them, into the order in which a `HashMap` of Java
/// lists them after they were put into it in this order.
///
/// A bucket keeps the order of insertion. Java makes trees of buckets with more than seven names,
/// which keep it too.
pub fn sort_as_hash_map<T>(entries: &mut [(std::sync::Arc<str>, T)]) {
    let buckets = (entries.len() * 4).div_ceil(3).next_power_of_two().max(16) as u32;
    entries.sort_by_cached_key(|(name, _)| {
        let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
        (hash ^ hash >> 16) & (buckets - 1)
    });
}

/// Returns a text broken into lines of at most `columns` UTF-16 units, as `WordUtils.wrap` of
/// commons-text breaks it.
///
/// A line ends at the last space that lets it fit. A word that is longer than a line is broken if
/// `breaks_long_words` is true, and stays whole otherwise. Line breaks of the text count as
/// characters of a word. Spaces at the beginning of a line are left out. Zero columns are taken for
/// one.
///
/// ```
/// use standin_dialect::java_text::wrap_words;
///
/// assert_eq!(wrap_words("Joel is a slug", 5, false), "Joel\nis a\nslug");
/// assert_eq!(wrap_words("unbreakable x", 3, false), "unbreakable\nx");
/// assert_eq!(wrap_words("unbreakable", 6, true), "unbrea\nkable");
/// ```
pub fn wrap_words(text: &str, columns: usize, breaks_long_words: bool) -> String {
    let columns = columns.max(1);
    let mut wrapped = String::with_capacity(text.len() + text.len() / columns);
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix(' ') {
            rest = after;
            continue;
        }
        if fits(rest, columns) {
            wrapped.push_str(rest);
            return wrapped;
        }
        let end = fitting_bytes(rest, columns);
        let space = rest[..fitting_bytes(rest, columns + 1)].rfind(' ');
        let next_space = || rest[end..].find(' ').map(|at| end + at);
        let (line, after) = match space.or_else(|| if breaks_long_words { None } else { next_space() }) {
            Some(space) => (&rest[..space], &rest[space + 1..]),
            None if breaks_long_words => rest.split_at(end),
            None => {
                wrapped.push_str(rest);
                return wrapped;
            }
        };
        wrapped.push_str(line);
        wrapped.push('\n');
        rest = after;
    }
}

/// Returns the number of leading bytes of a text that fit into `columns`; at least one character.
fn fitting_bytes(text: &str, columns: usize) -> usize {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.len_utf16();
        taken <= columns
    };
    let bytes: usize = text.chars().take_while(fits).map(char::len_utf8).sum();
    bytes.max(text.chars().next().map_or(0, char::len_utf8))
}

/// Returns whether a text has at most `columns` UTF-16 units, which Java counts. A longer text is
/// not read to its end, so that wrapping takes linear time.
fn fits(text: &str, columns: usize) -> bool {
    let mut taken = 0;
    text.chars().all(|c| {
        taken += c.len_utf16();
        taken <= columns
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_printed_as_in_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (0.001, "0.001"),
            (0.00099, "9.9E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (-2.5e-7, "-2.5E-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), text);
        }
    }

    #[test]
    fn a_long_text_is_wrapped_in_linear_time() {
        // in quadratic time, this would take hours
        let text = "abc de ".repeat(1 << 19);
        let wrapped = wrap_words(&text, 6, false);
        assert!(wrapped.lines().all(|line| line == "abc de"), "{}", &wrapped[..100]);
        assert_eq!(wrapped.lines().count(), 1 << 19);
    }

    #[test]
    fn numbers_are_grouped_as_in_java() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (-0.0001, "-0"),
            (0.0015, "0.002"),
            (0.5, "0.5"),
            (0.0625, "0.062"),
            (999.9996, "1,000"),
            (1000.0, "1,000"),
            (-123_456.25, "-123,456.25"),
            (1e22, "10,000,000,000,000,000,000,000"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "-∞"),
        ] {
            assert_eq!(grouped_text(value), text);
        }
    }

    #[test]
    fn names_stand_as_in_a_hash_map_of_java() {
        let names = ["a", "filter[id]", "ids[]", "a.b", "n x", "e", "x/y", "@a"];
        let mut entries: Vec<(std::sync::Arc<str>, ())> = names.iter().map(|name| ((*name).into(), ())).collect();
        sort_as_hash_map(&mut entries);
        let sorted: Vec<&str> = entries.iter().map(|(name, ())| &**name).collect();
        assert_eq!(sorted, ["a", "@a", "x/y", "a.b", "e", "n x", "ids[]", "filter[id]"]);
    }

    proptest! {
        #[test]
        fn printed_numbers_are_read_again(value in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
            prop_assert_eq!(double_text(value).parse::<f64>().expect("a number").to_bits(), value.to_bits());
        }

        #[test]
        fn wrapped_lines_fit_and_lose_nothing_but_spaces(text in "[ab\u{1f600} ]{0,40}", columns in 2..9_usize) {
            let wrapped = wrap_words(&text, columns, true);
            prop_assert!(wrapped.split('\n').all(|line| fits(line, columns)), "{:?}", wrapped);
            prop_assert_eq!(wrapped.replace(['\n', ' '], ""), text.replace(' ', ""));
            let whole = wrap_words(&text, columns, false);
            prop_assert!(text.split(' ').all(|word| whole.contains(word)), "{:?}", whole);
        }
    }
}
