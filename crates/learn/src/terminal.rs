//! Text for a terminal of 80 columns: what `fit`, `gap` and `import` tell people.

use std::fmt;

/// The beginning of a text that is too long.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Writes words in lines of 80 columns, those after the first indented as the text of the first.
pub(crate) fn wrapped(out: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let indent = label.chars().count();
    let mut line = label.to_owned();
    let mut column = indent;
    for word in words(text) {
        // a word longer than a line is cut into lines of its own
        for piece in word.chars().collect::<Vec<_>>().chunks(WIDTH - indent) {
            let piece: String = piece.iter().collect();
            let length = piece.chars().count();
            if column > indent && column + 1 + length > WIDTH {
                writeln!(out, "{line}")?;
                line = " ".repeat(indent);
                column = indent;
            }
            if column > indent {
                line.push(' ');
                column += 1;
            }
            line.push_str(&piece);
            column += length;
        }
    }
    writeln!(out, "{line}")
}

/// The words of a text, a number together with its unit.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%');
        match words.last_mut() {
            Some(last) if UNITS.contains(&unit) && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// What must not stand at the beginning of a line.
const UNITS: [&str; 5] = ["%", "ms", "s", "µs", "calls/s"];

/// Columns.
pub(crate) const WIDTH: usize = 80;
