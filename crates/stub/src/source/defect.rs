//! [`Defect`], an error or warning about a file, with its place, a message and help.
//!
//! A defect is printed in one line (for logs and the API) or drawn under its source line (for a
//! terminal). Both contain names and values from files, so that control characters in them are
//! escaped.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Element, Level, Renderer, Snippet};
use standin_text::{LongWords, wrap};

use super::rule::Rule;

/// An error or warning about a file or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Severity: error or warning.
    pub severity: Severity,
    /// SourcePlace in a file, if it concerns one.
    pub place: Option<SourcePlace>,
    /// Path in the document, such as `/request/headers/A`. As in WireMock's API, names are joined
    /// without the escapes of RFC 6901.
    pub pointer: String,
    /// Error message: lower case, without a full stop.
    pub message: String,
    /// Way to correct it: lower case, without a full stop.
    pub help: Option<String>,
    /// Error code in WireMock's API.
    pub code: u16,
    /// Kind of the defect.
    pub rule: &'static Rule,
}

/// The severity of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file or the stub cannot be used, and is left out.
    Error,
    /// The stub is wrong, and is served nevertheless, as WireMock serves it.
    ServedError,
    /// The file can be used.
    Warning,
}

/// A span of a file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlace {
    /// Name of the file for messages.
    pub file: Arc<str>,
    /// Whole text of the file.
    pub text: Arc<str>,
    /// Span of the text, in bytes.
    pub span: Range<usize>,
}

impl Defect {
    /// Returns an error with this message.
    pub fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity: Severity::Error,
            place: None,
            pointer: "/".to_owned(),
            message,
            help: None,
            code: DEFAULT_CODE,
            rule: &Rule::INVALID,
        }
    }

    /// Returns an error of a stub that is served nevertheless.
    pub fn served_error(message: impl Into<String>) -> Self {
        Self { severity: Severity::ServedError, ..Self::error(message) }
    }

    /// Returns a warning with this message.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, rule: &Rule::SUSPICIOUS, ..Self::error(message) }
    }

    /// Sets the place in a file.
    #[must_use]
    pub fn at(mut self, place: SourcePlace) -> Self {
        self.place = Some(place);
        self
    }

    /// Sets the path in the document.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// Sets the sentence that helps on.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the error code in WireMock's API.
    #[must_use]
    pub fn code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// Sets the kind of the defect.
    #[must_use]
    pub fn rule(mut self, rule: &'static Rule) -> Self {
        self.rule = rule;
        self
    }

    /// Returns true for an error, false for a warning.
    pub fn is_error(&self) -> bool {
        self.severity != Severity::Warning
    }

    /// Returns true for an error by which a file or a stub is left out.
    pub fn leaves_out(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns the message and the help, without the place, as they are.
    pub fn summary(&self) -> String {
        let help = self.help.iter().map(|help| format!("; help: {help}"));
        std::iter::once(self.message.clone()).chain(help).collect()
    }

    /// Draws the defect, 80 columns wide, with its source line and the span underlined. The text
    /// has no line break at the end.
    pub fn draw(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error | Severity::ServedError => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let line = self.place.as_ref().map(SourcePlace::source_line);
        let snippet = self.place.as_ref().zip(line).map(|(place, line)| {
            let annotation = AnnotationKind::Primary.span(line.span);
            let snippet = Snippet::source(line.text).line_start(line.number).annotation(annotation);
            Element::from(snippet.path(printable(&place.file)))
        });
        let help = self.help.as_ref().map(|help| Element::from(Level::HELP.message(wrapped(help))));
        let group = level.primary_title(wrapped(&self.message)).elements(snippet.into_iter().chain(help));
        renderer.term_width(DRAWING_WIDTH).render(&[group])
    }
}

impl fmt::Display for Defect {
    /// Writes one line: the place, the message, the help.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(out, "{}:{}:{}: ", printable(&place.file), place.line(), place.column())?;
        }
        out.write_str(&printable(&self.summary()))
    }
}

impl Error for Defect {}

impl SourcePlace {
    /// Returns the line of the start, from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// Returns the column of the start in characters, from 1.
    pub fn column(&self) -> usize {
        let line = self.before().rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1
    }

    fn before(&self) -> &str {
        &self.text[..boundary(&self.text, self.span.start)]
    }

    /// Returns the line and column of the end of the span, from 1, counted as for the start.
    pub fn end(&self) -> (usize, usize) {
        let end = Self { span: self.span.end.max(self.span.start)..self.span.end, ..self.clone() };
        (end.line(), end.column())
    }

    /// Returns the line in which the span begins, with the part of the span that is in it.
    fn source_line(&self) -> SourceLine<'_> {
        let start = boundary(&self.text, self.span.start);
        let end = boundary(&self.text, self.span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let line = self.text[line_start..line_end].trim_end();
        let text = line.trim_start_matches(BYTE_ORDER_MARK);
        let offset = line_start + (line.len() - text.len());
        let within = |at: usize| at.saturating_sub(offset).min(text.len());
        let end = text[within(start)..within(end)].char_indices().nth(MAX_UNDERLINE).map_or(end, |(at, _)| start + at);
        SourceLine { number: self.line(), text, span: within(start)..within(end) }
    }
}

/// Returns the known name that was probably meant: the nearest by optimal string alignment
/// distance, ignoring case, if at most a third of the letters differ.
pub fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed_length = typed.chars().count();
    let lower = typed.to_lowercase();
    let near = known.iter().filter_map(|name| {
        let length = name.chars().count();
        let bound = length.max(typed_length) / 3;
        // this also avoids the quadratic comparison of very long names
        if length.abs_diff(typed_length) > bound {
            return None;
        }
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        (distance <= bound).then_some((distance, *name))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A source line for a drawing.
struct SourceLine<'t> {
    number: usize,
    text: &'t str,
    /// Underlined span, in bytes of the line.
    span: Range<usize>,
}

/// Returns the greatest character boundary that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Escapes characters that break lines, move the cursor or change the direction of text.
fn printable(text: &str) -> Cow<'_, str> {
    let unsafe_to_print = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(unsafe_to_print) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_to_print(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Returns the text in lines that fit behind `warning: ` or `= help: `.
fn wrapped(text: &str) -> String {
    wrap(&printable(text), DRAWING_WIDTH - TITLE_WIDTH, LongWords::Keep).join("\n")
}

/// Error code of WireMock's API for unreadable input.
const DEFAULT_CODE: u16 = 10;

/// Width of a drawing in columns.
const DRAWING_WIDTH: usize = 80;

/// Maximum number of underlined characters, which leaves room for the text around them.
const MAX_UNDERLINE: usize = 56;

/// Width in columns of the text before a message: `      = help: ` in a file of less than 100,000
/// lines.
const TITLE_WIDTH: usize = 14;

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, part: &str) -> SourcePlace {
        let start = text.find(part).expect("the part stands in the text");
        SourcePlace { file: "stubs/pay.json".into(), text: text.into(), span: start..start + part.len() }
    }

    fn unknown_matcher() -> Defect {
        Defect::error("unknown matcher `equal`").help("did you mean `equalTo`?")
    }

    #[test]
    fn a_line_has_place_message_and_help() {
        let text = "{\n  \"é\": {\"equal\": \"x\"}\n}";
        let defect = unknown_matcher().at(place(text, "\"equal\""));
        assert_eq!(defect.to_string(), "stubs/pay.json:2:9: unknown matcher `equal`; help: did you mean `equalTo`?");
        assert_eq!(Defect::error("no stubs").to_string(), "no stubs");
    }

    #[test]
    fn a_drawing_shows_the_line_and_the_help() {
        let text = "{\n  \"é\": {\"equal\": \"x\"}\n}";
        let expected = "\
error: unknown matcher `equal`
 --> stubs/pay.json:2:9
  |
2 |   \"é\": {\"equal\": \"x\"}
  |         ^^^^^^^
  |
  = help: did you mean `equalTo`?";
        assert_eq!(unknown_matcher().at(place(text, "\"equal\"")).draw(false), expected);
    }

    #[test]
    fn a_defect_without_a_place_is_drawn_too() {
        assert_eq!(Defect::warning("no stubs in `stubs`").draw(false), "warning: no stubs in `stubs`");
        assert_eq!(
            unknown_matcher().draw(false),
            "error: unknown matcher `equal`\n |\n = help: did you mean `equalTo`?"
        );
    }

    #[test]
    fn a_drawing_fits_80_columns() {
        let filler = "lorem ipsum ".repeat(100);
        let text = format!("{{\"a\": \"{filler}\", \"b\": {{\"equal\": \"x\"}}, \"c\": \"{filler}\"}}");
        let known = ["equalTo", "contains", "matches", "doesNotMatch", "absent"].repeat(5).join(", ");
        let defect = Defect::error("word ".repeat(40)).help(format!("known here: {known}"));
        for part in ["\"equal\"", &filler, &text] {
            let drawn = defect.clone().at(place(&text, part)).draw(false);
            assert!(drawn.lines().all(|line| line.chars().count() <= DRAWING_WIDTH), "{drawn}");
            assert!(drawn.contains("^^^"), "{drawn}");
        }
        let drawn = unknown_matcher().at(place(&text, "\"equal\"")).draw(false);
        assert!(drawn.contains("... \"b\": {\"equal\": \"x\"}") || drawn.contains("{\"equal\": \"x\"}"), "{drawn}");
    }

    #[test]
    fn a_span_of_several_lines_is_marked_in_the_first() {
        let drawn = unknown_matcher().at(place("{\r\n  \"a\": [\r\n  1]\r\n}", "[\r\n  1]")).draw(false);
        assert!(drawn.contains("\n2 |   \"a\": [\n  |        ^\n"), "{drawn}");
    }

    #[test]
    fn every_place_can_be_drawn() {
        let text: Arc<str> = "\u{feff}aé\n\r\n😀".into();
        for start in 0..=text.len() + 2 {
            for end in 0..=text.len() + 2 {
                let place = SourcePlace { file: "f".into(), text: Arc::clone(&text), span: start..end };
                assert!(place.line() <= 3 && place.column() <= 3);
                assert!(unknown_matcher().at(place).draw(true).contains("help"));
            }
        }
        assert_eq!(place("\u{feff}{}", "{}").column(), 1);
        assert_eq!(place("", "").line(), 1);
    }

    #[test]
    fn typed_text_cannot_break_a_line_or_steer_a_terminal() {
        let defect =
            Defect::error("unknown field `a\nb\u{1b}[31m\u{202e}`").help("remove\rit").at(place("\u{1b}[31m", "["));
        assert_eq!(
            defect.to_string(),
            "stubs/pay.json:1:2: unknown field `a\\nb\\u{1b}[31m\\u{202e}`; help: remove\\rit"
        );
        assert!(!defect.draw(false).contains(['\u{1b}', '\r', '\u{202e}']));
    }

    #[test]
    fn colour_is_only_drawn_when_asked_for() {
        let defect = unknown_matcher().at(place("equal", "equal"));
        assert!(defect.draw(true).contains("\u{1b}["));
        assert!(!defect.draw(false).contains('\u{1b}'));
    }

    #[test]
    fn the_nearest_name_is_told_only_when_it_is_near() {
        let known = ["request", "response", "equalTo", "urlPath", "urlPattern", "matches", "headers", "id"];
        for (typed, expected) in [
            ("equal", Some("equalTo")),
            ("respnse", Some("response")),
            ("reponse", Some("response")),
            ("url_path", Some("urlPath")),
            ("URLPATH", Some("urlPath")),
            ("match", Some("matches")),
            ("haeders", Some("headers")),
            ("zzz", None),
            ("in", None),
            ("", None),
            ("body", None),
        ] {
            assert_eq!(nearest(typed, &known), expected, "{typed}");
        }
        assert_eq!(nearest(&"a".repeat(1 << 20), &known), None);
        assert_eq!(nearest("a", &[]), None);
    }
}
