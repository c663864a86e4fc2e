//! Text for a terminal of 80 columns, as `fit`, `gap` and `import` write it.

use std::fmt;

use standin_text::{LongWords, wrap};

/// Writes a label and a text in lines of 80 columns; the lines after the first are indented by the
/// width of the label.
pub(crate) fn write_wrapped(out: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let indent = label.chars().count();
    for (number, line) in wrap(text, WIDTH - indent, LongWords::Split).iter().enumerate() {
        let begin = if number == 0 { label } else { &format!("{:indent$}", "") };
        writeln!(out, "{begin}{line}")?;
    }
    Ok(())
}

/// Columns of the terminal.
pub(crate) const WIDTH: usize = 80;
