//! What is wrong in a file: where it stands, what it is, and how to mend it.
//!
//! A defect is said in one line (for logs and the API) or drawn under its source line (for a person at a terminal).
//! Names and values that people typed go into both, so nothing in them may break a line or steer a terminal.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Element, Level, Renderer, Snippet};
use standin_text::{LongWords, wrap};

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Whether it stops its file from being used.
    pub severity: Severity,
    /// Where it stands, if it stands in a file.
    pub place: Option<Place>,
    /// Where it stands in the document: the names and indices that lead to it, such as `/request/headers/A`. They are
    /// joined as they are, without the escapes of RFC 6901, because that is what WireMock's API answers.
    pub pointer: String,
    /// What is wrong: lower case, without a full stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Its error code in WireMock's API.
    pub code: u16,
}

/// Whether a defect stops its file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but someone should know.
    Warning,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it should stand in messages.
    pub file: Arc<str>,
    /// Its whole text.
    pub text: Arc<str>,
    /// The part, in bytes of the text.
    pub span: Range<usize>,
}

impl Defect {
    /// A defect that stops its file from being used.
    pub fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, place: None, pointer: "/".to_owned(), message, help: None, code: CODE }
    }

    /// A defect that does not.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// With its place in a file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// With its place in the document.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// With how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With its error code in WireMock's API.
    #[must_use]
    pub fn code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// Whether it stops its file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The defect under the source line that it is about, with the offending part underlined, 80 columns wide. There is
    /// no line break at the end.
    pub fn draw(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let line = self.place.as_ref().map(Place::source_line);
        let snippet = self.place.as_ref().zip(line).map(|(place, line)| {
            let annotation = AnnotationKind::Primary.span(line.span);
            let snippet = Snippet::source(line.text).line_start(line.number).annotation(annotation);
            Element::from(snippet.path(printable(&place.file)))
        });
        let help = self.help.as_ref().map(|help| Element::from(Level::HELP.message(wrapped(help))));
        let group = level.primary_title(wrapped(&self.message)).elements(snippet.into_iter().chain(help));
        renderer.term_width(WIDTH).render(&[group])
    }
}

impl fmt::Display for Defect {
    /// One line: the place, what is wrong, how to mend it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(out, "{}:{}:{}: ", printable(&place.file), place.line(), place.column())?;
        }
        out.write_str(&printable(&self.message))?;
        match &self.help {
            Some(help) => write!(out, "; {}", printable(help)),
            None => Ok(()),
        }
    }
}

impl Error for Defect {}

impl Place {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column, in characters, from 1.
    pub fn column(&self) -> usize {
        let line = self.before().rsplit('\n').next().unwrap_or_default();
        line.trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1
    }

    fn before(&self) -> &str {
        &self.text[..boundary(&self.text, self.span.start)]
    }

    /// The line that the part begins in; what goes over several lines is shown by its first.
    fn source_line(&self) -> SourceLine<'_> {
        let start = boundary(&self.text, self.span.start);
        let end = boundary(&self.text, self.span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let line = self.text[line_start..line_end].trim_end();
        let text = line.trim_start_matches(BYTE_ORDER_MARK);
        let offset = line_start + (line.len() - text.len());
        let within = |at: usize| at.saturating_sub(offset).min(text.len());
        let end =
            text[within(start)..within(end)].char_indices().nth(LONGEST_UNDERLINE).map_or(end, |(at, _)| start + at);
        SourceLine { number: self.line(), text, span: within(start)..within(end) }
    }
}

/// The known name that was probably meant, if one is near: at most a third of its letters differ, whatever their case.
pub fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed_length = typed.chars().count();
    let lower = typed.to_lowercase();
    let near = known.iter().filter_map(|name| {
        let length = name.chars().count();
        let bound = length.max(typed_length) / 3;
        // also keeps a name of a megabyte from being compared letter by letter
        if length.abs_diff(typed_length) > bound {
            return None;
        }
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        (distance <= bound).then_some((distance, *name))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A line as it is drawn.
struct SourceLine<'t> {
    number: usize,
    text: &'t str,
    /// What is underlined, in bytes of the line.
    span: Range<usize>,
}

/// The nearest character boundary that is not after `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The text without characters that break lines, move the cursor or change the order of letters.
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
    wrap(&printable(text), WIDTH - TITLE_WIDTH, LongWords::Keep).join("\n")
}

/// The code that WireMock's API gives to what it cannot read.
const CODE: u16 = 10;

/// Columns that a drawing may take.
const WIDTH: usize = 80;

/// Characters that are underlined at most: some room is left for what stands around them.
const LONGEST_UNDERLINE: usize = 56;

/// Columns that stand before a message: `      = help: ` in a file of less than 100,000 lines.
const TITLE_WIDTH: usize = 14;

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, part: &str) -> Place {
        let start = text.find(part).expect("the part stands in the text");
        Place { file: "stubs/pay.json".into(), text: text.into(), span: start..start + part.len() }
    }

    fn unknown_matcher() -> Defect {
        Defect::error("unknown matcher `equal`").help("did you mean `equalTo`?")
    }

    #[test]
    fn a_line_says_where_what_and_how_to_mend_it() {
        let text = "{\n  \"é\": {\"equal\": \"x\"}\n}";
        let defect = unknown_matcher().at(place(text, "\"equal\""));
        assert_eq!(defect.to_string(), "stubs/pay.json:2:9: unknown matcher `equal`; did you mean `equalTo`?");
        assert_eq!(Defect::error("no stubs").to_string(), "no stubs");
    }

    #[test]
    fn a_drawing_shows_the_line_and_the_cure() {
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
            assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH), "{drawn}");
            assert!(drawn.contains("^^^"), "{drawn}");
        }
        let drawn = unknown_matcher().at(place(&text, "\"equal\"")).draw(false);
        assert!(drawn.contains("... \"b\": {\"equal\": \"x\"}") || drawn.contains("{\"equal\": \"x\"}"), "{drawn}");
    }

    #[test]
    fn what_goes_over_several_lines_is_marked_in_the_first() {
        let drawn = unknown_matcher().at(place("{\r\n  \"a\": [\r\n  1]\r\n}", "[\r\n  1]")).draw(false);
        assert!(drawn.contains("\n2 |   \"a\": [\n  |        ^\n"), "{drawn}");
    }

    #[test]
    fn no_place_is_too_odd() {
        let text: Arc<str> = "\u{feff}aé\n\r\n😀".into();
        for start in 0..=text.len() + 2 {
            for end in 0..=text.len() + 2 {
                let place = Place { file: "f".into(), text: Arc::clone(&text), span: start..end };
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
        assert_eq!(defect.to_string(), "stubs/pay.json:1:2: unknown field `a\\nb\\u{1b}[31m\\u{202e}`; remove\\rit");
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
