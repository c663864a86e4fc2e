//! Lines of limited width.

/// Treatment of a word that is longer than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongWords {
    /// The word is split at the width.
    Split,
    /// The word stays whole on a line of its own, so that it can be copied.
    Keep,
}

/// Returns the text in lines of at most `columns` characters (1 or more), broken at spaces but
/// never between a number and its unit. An empty text is one empty line.
pub fn wrap(text: &str, columns: usize, long_words: LongWords) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut width) = (String::new(), 0);
    let mut add = |piece: &str, length: usize| {
        if width > 0 && width + 1 + length > columns {
            lines.push(std::mem::take(&mut line));
            width = 0;
        }
        if width > 0 {
            line.push(' ');
            width += 1;
        }
        line.push_str(piece);
        width += length;
    };
    for word in words(text, ' ') {
        let length = word.chars().count();
        if long_words == LongWords::Keep || length <= columns {
            add(&word, length);
            continue;
        }
        for piece in word.chars().collect::<Vec<_>>().chunks(columns.max(1)) {
            add(&piece.iter().collect::<String>(), piece.len());
        }
    }
    lines.push(line);
    lines
}

/// Returns the text with a no-break space (U+00A0) between each number and its unit.
pub fn unbroken_units(text: &str) -> String {
    words(text, '\u{a0}').join(" ")
}

/// Returns the beginning of the text, with `…` at its end if it is longer than `columns` characters
/// (1 or more).
pub fn truncate(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Splits a text at its spaces, but joins a number and its unit by `joint`.
fn words(text: &str, joint: char) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%');
        match words.last_mut() {
            Some(last) if UNITS.contains(&unit) && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(joint);
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Units that stay on the line of their number.
const UNITS: [&str; 7] = ["%", "ms", "s", "µs", "pt", "points", "calls/s"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_but_not_before_a_unit() {
        assert_eq!(wrap("up to 7 %, but", 8, LongWords::Keep), ["up to", "7 %, but"]);
        assert_eq!(wrap("", 8, LongWords::Keep), [""]);
        assert_eq!(unbroken_units("up to 7 %, 5 ms; all % of"), "up to 7\u{a0}%, 5\u{a0}ms; all % of");
    }

    #[test]
    fn long_words_are_split_or_kept() {
        assert_eq!(wrap("a abcdef b", 4, LongWords::Split), ["a", "abcd", "ef b"]);
        assert_eq!(wrap("a abcdef b", 4, LongWords::Keep), ["a", "abcdef", "b"]);
    }

    #[test]
    fn long_texts_are_truncated() {
        assert_eq!((truncate("äbcd", 4), truncate("äbcde", 4)), ("äbcd".to_owned(), "äbc…".to_owned()));
    }
}
