//! Messages and help for errors of the YAML parser.
//!
//! The parser's own messages name the states of its scanner. Frequent errors get a message in terms
//! of the text and help; others keep the parser's message.

use std::ops::Range;

use saphyr_parser::ScanError;

use super::super::DocumentError;

/// Returns the error for a byte index of the text.
pub(super) fn explain(error: &ScanError, text: &str, at: usize) -> DocumentError {
    let info = error.info();
    let known = KNOWN_ERRORS.iter().find(|(parts, ..)| parts.iter().any(|part| info.contains(part)));
    let Some((parts, message, help)) = known else {
        let help = "check the indentation and the quotes here and in the line above";
        return DocumentError::new(span(text, at), info, help);
    };
    let tab = indenting_tab(text, at).filter(|_| *parts == TABS);
    DocumentError::new(tab.map_or_else(|| span(text, at), |tab| tab..tab + 1), *message, *help)
}

/// Returns the span of the character at `at`, or of the last visible one before it at a space or
/// the end.
fn span(text: &str, at: usize) -> Range<usize> {
    match text[at..].chars().next() {
        Some(c) if !c.is_whitespace() => at..at + c.len_utf8(),
        _ => {
            let before = text[..at].trim_end();
            let length = before.chars().next_back().map_or(0, char::len_utf8);
            before.len() - length..before.len()
        }
    }
}

/// Returns the first indenting tab from the line of `at` on. The parser's index is before or after
/// it.
fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut tabs = text[line..].match_indices('\t').map(|(distance, _)| line + distance);
    tabs.find(|tab| text[..*tab].trim_end_matches([' ', '\t']).ends_with('\n'))
}

/// Parts of the parser's messages about tabs.
const TABS: &[&str] = &["tabs disallowed", "tab cannot", "a tab"];

/// Parts of the parser's messages, with the message and the help for them.
const KNOWN_ERRORS: &[(&[&str], &str, &str)] = &[
    (
        &["expected <document start>"],
        "the document has ended before this",
        "align it with the lines above, or remove it",
    ),
    (&["expected node content"], "a value is missing here", "write one, such as `null`, or put the text in quotes"),
    (
        &["comments must be separated"],
        "a comment has a space before its `#`",
        "add the space, or put the text in quotes",
    ),
    (TABS, "a tab cannot indent YAML", "indent with spaces"),
    (
        &["mapping values are not allowed"],
        "a second `: ` in one value, or a deeper indentation than the line above",
        "put text that has `: ` in it in quotes, or align this line with its neighbours",
    ),
    (
        &[
            "did not find expected key",
            "did not find expected '-' indicator",
            "invalid indentation",
            "wrongly indented",
            "mapping keys are not allowed",
            "block sequence entries are not allowed",
        ],
        "this does not fit its neighbours",
        "align it with them, and write `name: value` in a map or `- value` in a list",
    ),
    (
        &["simple key expect"],
        "expected `:` after a name on this line",
        "write `name: value`, or indent the line if it continues a text",
    ),
    (
        &["illegal placement of ':'"],
        "a `:` cannot stand here; a `[` or `{` before it may not be closed",
        "add the missing `]` or `}`, or put the text in quotes",
    ),
    (&["unprintable"], "an invisible character stands here", "remove it, or write it as `\\u00…` in double quotes"),
    (
        &["flow mapping"],
        "expected `,` or `}` in this `{…}`",
        "add it; in `{…}` put text that has `,`, `{` or `}` in it in quotes",
    ),
    (
        &["flow sequence"],
        "expected `,` or `]` in this `[…]`",
        "add it; in `[…]` put text that has `,`, `[` or `]` in it in quotes",
    ),
    (&["misplaced bracket"], "this bracket closes nothing", "remove it, or put the text in quotes"),
    (&["found unexpected end of stream"], "a string is not closed before the text ends", "add the missing quote"),
    (
        &["unknown escape", "escape code", "hexadecimal number"],
        "a backslash in double quotes begins an escape, and this is none",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        &["after double-quoted scalar", "after single-quoted scalar"],
        "text follows a closing quote",
        "put all of the value in the quotes; within them write `\\\"` for a quote",
    ),
    (&["unknown anchor"], "this alias has no anchor before it", "name a value above it with `&name`"),
    (
        &["unexpected character: `@", "unexpected character: ``", "unexpected character: `%"],
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    (&["anchor or alias"], "`*` begins an alias and `&` an anchor", "put text that begins with them in quotes"),
    (&["recursion limit"], "too many `[…]` and `{…}` stand in each other", "make the document flatter"),
    (&["byte order mark"], "an invisible character (U+FEFF)", "remove it"),
];
