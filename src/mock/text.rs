//! Texts of requests in messages: in one line, and short.

/// Returns the text in one line, with control characters escaped.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(|word| word.chars().flat_map(visible).collect()).collect();
    words.join(" ")
}

fn visible(letter: char) -> impl Iterator<Item = char> {
    let hidden = letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = hidden.then(|| letter.escape_default());
    escaped.into_iter().flatten().chain((!hidden).then_some(letter))
}

/// Returns the first `most` characters of a text.
pub(super) fn truncate(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
