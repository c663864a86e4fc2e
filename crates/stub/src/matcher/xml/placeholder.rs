//! `${xmlunit.ignore}` and its kin: texts of an expected document that stand for something else.

use hashbrown::HashMap;

use super::{NamespaceAwareness, view};
use crate::matcher::date_time::DateFormat;
use standin_dialect::SyntaxError;
use standin_dialect::java_regex::{Flags, JavaRegex, Outcome};
use standin_dialect::xml::{Document, Kind, Place};

/// What placeholders stand in.
#[derive(Clone, Debug)]
pub struct PlaceholderDelimiters {
    /// A placeholder with the blanks around it; its words are a group.
    regex: JavaRegex,
    words: usize,
}

/// What a text must be like instead of being equal.
#[derive(Clone, Debug)]
pub(super) enum Placeholder {
    /// Anything, or nothing.
    Anything,
    /// A date in one of the usual spellings.
    Date,
    /// A date of this format.
    DateOf(DateFormat),
    /// A text in which this is found.
    Found(JavaRegex),
    /// Nothing: what was meant cannot be told.
    Unsatisfiable,
    /// A number.
    Number,
}

impl PlaceholderDelimiters {
    /// Placeholders between these regular expressions; those that are not given mean `${` and `}`.
    pub fn new(opening: Option<&str>, closing: Option<&str>) -> Result<Self, SyntaxError> {
        let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let opening = given(opening).unwrap_or_else(|| r"\$\{".to_owned());
        let closing = given(closing).unwrap_or_else(|| r"\}".to_owned());
        // each by itself first, so that what is wrong is told of what was written
        JavaRegex::with_flags(&opening, Flags::NONE)?;
        JavaRegex::with_flags(&closing, Flags::NONE)?;
        let pattern = format!(r"\s*(?:{opening})\s*xmlunit\.(?<words>.+)\s*(?:{closing})\s*");
        let regex = JavaRegex::with_flags(&pattern, Flags::NONE)?;
        let words = regex.group_number("words").unwrap_or(1);
        Ok(Self { regex, words })
    }

    /// Returns the placeholder that a text is, or what is odd about the one in it.
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
                DateFormat::new(format).map(Placeholder::DateOf).map_err(|error| error.message)
            }
            ("isNumber", _) => Ok(Placeholder::Number),
            ("matchesRegex", None) => Err("`matchesRegex` has no pattern".to_owned()),
            ("matchesRegex", Some(pattern)) => JavaRegex::with_flags(pattern, Flags::NONE)
                .map(Placeholder::Found)
                .map_err(|error| format!("{} at index {} of the pattern `{pattern}`", error.message, error.at)),
            // whatever else is there is a text like any other
            _ => return None,
        };
        if text[captures.range()].trim() != text.trim() {
            return Some(Err(format!("the placeholder in `{text}` has other text beside it")));
        }
        Some(placeholder)
    }
}

impl Placeholder {
    /// Returns whether a text, or none, is as it says.
    pub(super) fn accepts(&self, text: Option<&str>) -> Outcome {
        let holds = match (self, text) {
            (Self::Anything, _) => true,
            (Self::Unsatisfiable, _) | (_, None) => false,
            (Self::Date, Some(text)) => begins_as_date(text),
            (Self::DateOf(format), Some(text)) => format.begins(text),
            (Self::Found(regex), Some(text)) => return regex.finds(text.trim()),
            (Self::Number, Some(text)) => is_number(text.trim()),
        };
        if holds { Outcome::Match } else { Outcome::NoMatch }
    }
}

/// Returns the placeholders of a document, and what is odd about them. An odd one accepts nothing.
pub(super) fn all(
    document: &Document,
    delimiters: &PlaceholderDelimiters,
) -> (HashMap<Place, Placeholder>, Vec<String>) {
    let mut placeholders = HashMap::new();
    let mut odd = Vec::new();
    for node in std::iter::once(Place::DOCUMENT).chain(document.descendants(Place::DOCUMENT)) {
        let mut note = |place: Place, text: &str| match delimiters.read(text) {
            None => {}
            Some(Ok(placeholder)) => {
                placeholders.insert(place, placeholder);
            }
            Some(Err(message)) => {
                placeholders.insert(place, Placeholder::Unsatisfiable);
                odd.push(message);
            }
        };
        // texts as they are compared: those on both sides of a comment are one
        for child in
            view::children(document, node, NamespaceAwareness::None).iter().filter(|child| child.class.is_text())
        {
            note(child.place, &child.label);
        }
        if let Kind::Element(element) = document.kind(node) {
            for (place, attribute) in document.attribute_places(node).zip(document.attributes(element)) {
                note(place, &attribute.value);
            }
        }
    }
    (placeholders, odd)
}

/// `[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?`
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

/// Java looks at the beginning only, and at no calendar: `2026-1-31…`, `1/31/26…`.
fn begins_as_date(text: &str) -> bool {
    ['-', '/'].into_iter().any(|separator| {
        let mut parts = text.splitn(3, separator);
        let mut is_digits =
            || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        is_digits() && is_digits() && parts.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}
