//! Placeholders of XMLUnit such as `${xmlunit.ignore}` in an expected document.

use hashbrown::HashMap;

use super::{NamespaceAwareness, view};
use standin_dialect::SyntaxError;
use standin_dialect::dates::DateFormat;
use standin_dialect::java_regex::{Flags, JavaRegex, MatchOutcome};
use standin_dialect::xml::{Document, NodeId, NodeKind};

/// The delimiters of placeholders, compiled.
#[derive(Clone, Debug)]
pub struct PlaceholderDelimiters {
    /// Matches a placeholder with the white space around it; a group captures its words.
    regex: JavaRegex,
    words: usize,
}

/// A condition that replaces the equality of a text.
#[derive(Clone, Debug)]
pub(super) enum Placeholder {
    /// Any text, or none.
    Anything,
    /// A date in one of the default formats.
    Date,
    /// A date of this format.
    DateOf(DateFormat),
    /// A text that contains a match of the pattern.
    Found(JavaRegex),
    /// An invalid placeholder, which nothing satisfies.
    Unsatisfiable,
    Number,
}

impl PlaceholderDelimiters {
    /// Compiles the delimiters, which are regular expressions. The defaults stand for `${` and `}`.
    pub fn new(opening: Option<&str>, closing: Option<&str>) -> Result<Self, SyntaxError> {
        let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let opening = given(opening).unwrap_or_else(|| r"\$\{".to_owned());
        let closing = given(closing).unwrap_or_else(|| r"\}".to_owned());
        // each is compiled by itself first, so that an error refers to what the user wrote
        JavaRegex::with_flags(&opening, Flags::NONE)?;
        JavaRegex::with_flags(&closing, Flags::NONE)?;
        let pattern = format!(r"\s*(?:{opening})\s*xmlunit\.(?<words>.+)\s*(?:{closing})\s*");
        let regex = JavaRegex::with_flags(&pattern, Flags::NONE)?;
        let words = regex.group_number("words").unwrap_or(1);
        Ok(Self { regex, words })
    }

    /// Parses the placeholder in a text; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the placeholder is invalid.
    fn read(&self, text: &str) -> Option<Result<Placeholder, String>> {
        let captures = self.regex.captures(text).ok()??;
        let words = text[captures.group(self.words)?].trim();
        let (keyword, argument) = match words.strip_suffix(')').and_then(|words| words.split_once('(')) {
            Some((keyword, argument)) => {
                (keyword.trim(), Some(argument.trim()).filter(|argument| !argument.is_empty()))
            }
            None => (words, None),
        };
        let placeholder = match (keyword, argument) {
            ("ignore", _) => Ok(Placeholder::Anything),
            ("isDateTime", None) => Ok(Placeholder::Date),
            ("isDateTime", Some(format)) => {
                DateFormat::parse(format).map(Placeholder::DateOf).map_err(|error| error.message)
            }
            ("isNumber", _) => Ok(Placeholder::Number),
            ("matchesRegex", None) => Err("`matchesRegex` has no pattern".to_owned()),
            ("matchesRegex", Some(pattern)) => JavaRegex::with_flags(pattern, Flags::NONE)
                .map(Placeholder::Found)
                .map_err(|error| format!("{} at index {} of the pattern `{pattern}`", error.message, error.at)),
            // anything else is an ordinary text
            _ => return None,
        };
        if text[captures.range()].trim() != text.trim() {
            return Some(Err(format!("the placeholder in `{text}` has other text beside it")));
        }
        Some(placeholder)
    }
}

impl Placeholder {
    /// Returns whether the placeholder accepts a text, or the absence of one.
    pub(super) fn accepts(&self, text: Option<&str>) -> MatchOutcome {
        let holds = match (self, text) {
            (Self::Anything, _) => true,
            (Self::Unsatisfiable, _) | (_, None) => false,
            (Self::Date, Some(text)) => begins_as_date(text),
            (Self::DateOf(format), Some(text)) => format.matches_prefix(text),
            (Self::Found(regex), Some(text)) => return regex.finds(text.trim()),
            (Self::Number, Some(text)) => is_number(text.trim()),
        };
        if holds { MatchOutcome::Match } else { MatchOutcome::NoMatch }
    }
}

/// Returns the placeholders of a document, and the errors of invalid ones, which accept nothing.
pub(super) fn all(
    document: &Document,
    delimiters: &PlaceholderDelimiters,
) -> (HashMap<NodeId, Placeholder>, Vec<String>) {
    let mut placeholders = HashMap::new();
    let mut odd = Vec::new();
    for node in std::iter::once(NodeId::DOCUMENT).chain(document.descendants(NodeId::DOCUMENT)) {
        let mut note = |place: NodeId, text: &str| match delimiters.read(text) {
            None => {}
            Some(Ok(placeholder)) => {
                placeholders.insert(place, placeholder);
            }
            Some(Err(message)) => {
                placeholders.insert(place, Placeholder::Unsatisfiable);
                odd.push(message);
            }
        };
        // texts as they are compared: those on both sides of a comment are joined
        for child in
            view::children(document, node, NamespaceAwareness::None).iter().filter(|child| child.class.is_text())
        {
            note(child.place, &child.label);
        }
        if let NodeKind::Element(element) = document.kind(node) {
            for (place, attribute) in document.attribute_places(node).zip(document.attributes(element)) {
                note(place, &attribute.value);
            }
        }
    }
    (placeholders, odd)
}

/// Returns whether a text matches `[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?`.
fn is_number(text: &str) -> bool {
    let unsigned = |text: &str| text.strip_prefix(['-', '+']).unwrap_or(text).to_owned();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = unsigned(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa.to_owned(), Some(unsigned(exponent))),
        None => (text, None),
    };
    let is_mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => whole.bytes().all(|byte| byte.is_ascii_digit()) && is_digits(fraction),
        None => is_digits(&mantissa),
    };
    is_mantissa && exponent.is_none_or(|exponent| is_digits(&exponent))
}

/// Returns whether a text begins as a date. Java checks the beginning only, and no calendar:
/// `2026-1-31…`, `1/31/26…`.
fn begins_as_date(text: &str) -> bool {
    ['-', '/'].into_iter().any(|separator| {
        let mut parts = text.splitn(3, separator);
        let mut is_digits =
            || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        is_digits() && is_digits() && parts.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}
