//! What is wrong in a file: where, what, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Columns that a drawing may take.
const WIDTH: usize = 80;

/// Whether a defect stops its file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but someone should know.
    Warning,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file, as it should stand in messages.
    pub file: Arc<str>,
    /// Its whole text.
    pub text: Arc<str>,
    /// The part, in bytes.
    pub span: Range<usize>,
}

impl Place {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column, in characters, from 1.
    pub fn column(&self) -> usize {
        self.before().rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1
    }

    fn before(&self) -> &str {
        self.text.get(..self.span.start).unwrap_or_default()
    }
}

/// Something wrong.
#[derive(Clone, Debug)]
pub struct Defect {
    /// Whether it stops the file from being used.
    pub severity: Severity,
    /// Where it is, if it is in a file.
    pub place: Option<Place>,
    /// Where it is in the document, as a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: Option<String>,
    /// Its code in WireMock's API.
    pub code: u16,
}

impl Defect {
    /// A defect that stops its file from being used.
    pub fn error(what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: None,
            pointer: "/".to_owned(),
            what: what.into(),
            mend: None,
            code: 10,
        }
    }

    /// A defect that does not.
    pub fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what) }
    }

    /// With how to mend it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// With its code in WireMock's API.
    #[must_use]
    pub fn code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// With its place in the document, as a JSON pointer.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// With its place in a file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Whether it stops its file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The defect under the line that it is about.
    pub fn draw(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let Some(place) = &self.place else {
            let mut group = level.primary_title(self.what.as_str()).elements(None::<annotate_snippets::Element<'_>>);
            if let Some(mend) = &self.mend {
                group = group.element(Level::HELP.message(mend.as_str()));
            }
            return renderer.term_width(WIDTH).render(&[group]);
        };
        let end = place.span.end.min(place.text.len());
        // what goes over several lines is marked where it begins
        let span = match place.text.get(place.span.start..end).and_then(|part| part.find('\n')) {
            Some(line) => place.span.start..place.span.start + line.max(1),
            None => place.span.start.min(end)..end,
        };
        let snippet = Snippet::source(&*place.text).path(&*place.file).annotation(AnnotationKind::Primary.span(span));
        let mut group = level.primary_title(self.what.as_str()).element(snippet);
        if let Some(mend) = &self.mend {
            group = group.element(Level::HELP.message(mend.as_str()));
        }
        renderer.term_width(WIDTH).render(&[group])
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(out, "{}:{}:{}: ", place.file, place.line(), place.column())?;
        }
        out.write_str(&self.what)?;
        match &self.mend {
            Some(mend) => write!(out, "; {mend}"),
            None => Ok(()),
        }
    }
}

/// The known name that was probably meant, if one is near.
pub fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = typed.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), *name))
        .filter(|(likeness, _)| *likeness > 0.84)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, part: &str) -> Place {
        let start = text.find(part).expect("it is there");
        Place { file: "stubs/pay.json".into(), text: text.into(), span: start..start + part.len() }
    }

    #[test]
    fn a_line_says_where_what_and_how_to_mend_it() {
        let text = "{\n  \"é\": {\"equal\": \"x\"}\n}";
        let defect =
            Defect::error("unknown matcher `equal`").mend("did you mean `equalTo`?").at(place(text, "\"equal\""));
        assert_eq!(defect.to_string(), "stubs/pay.json:2:9: unknown matcher `equal`; did you mean `equalTo`?");
    }

    #[test]
    fn a_drawing_shows_the_line_and_the_cure() {
        let text = "{\n  \"a\": {\"equal\": \"x\"}\n}";
        let drawn =
            Defect::error("unknown matcher").mend("did you mean `equalTo`?").at(place(text, "\"equal\"")).draw(false);
        for part in ["error: unknown matcher", "stubs/pay.json:2:9", "^^^^^^^", "help: did you mean `equalTo`?"] {
            assert!(drawn.contains(part), "{part} in\n{drawn}");
        }
    }

    #[test]
    fn the_nearest_name_is_told_only_when_it_is_near() {
        assert_eq!(nearest("equal", &["contains", "equalTo"]), Some("equalTo"));
        assert_eq!(nearest("respnse", &["request", "response"]), Some("response"));
        assert_eq!(nearest("zzz", &["request", "response"]), None);
    }
}
