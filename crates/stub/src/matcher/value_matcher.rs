//! One value against one rule: equalTo, contains, matches, absent, and/or/not, equalToJson,
//! equalToXml, paths, schemas …
//!
//! A value may be missing (no such header, an empty body); each rule says what it makes of that, as
//! WireMock does.

use std::borrow::Cow;
use std::cell::Cell;

use bytes::Bytes;
use serde_json::Value;

use super::date_time::DateTimeRule;
use super::json_schema::JsonSchema;
use super::xml::XmlEquality;
use super::xpath::XPathRule;
use crate::call::{BodyPart, Call, JsonLookup};
use standin_dialect::PathTemplate;
use standin_dialect::SyntaxError;
use standin_dialect::java_regex::{JavaRegex, Outcome};
use standin_dialect::json::JsonEquality;
use standin_dialect::json_path::{self, Failure, JsonPath, Selection};
use standin_dialect::xml::Document;

/// A rule for one value.
#[derive(Clone, Debug)]
pub enum ValueMatcher {
    /// Absent only: there is no value.
    Absent,
    /// All of them hold.
    And(Vec<ValueMatcher>),
    /// Whatever the value, present or not.
    Anything,
    /// The raw bytes of a body.
    BinaryEqualTo(Bytes),
    /// A part of the text, case-sensitively.
    Contains(String),
    /// A date on one side of another.
    DateTime(Box<DateTimeRule>),
    /// The opposite of [`ValueMatcher::Contains`]; a missing value passes.
    DoesNotContain(String),
    /// The opposite of [`ValueMatcher::Matches`]; a missing value passes.
    DoesNotMatch(JavaRegex),
    /// The whole text.
    EqualTo {
        /// What it must be.
        value: String,
        /// True if upper and lower case are the same.
        case_insensitive: bool,
    },
    /// JSON that is equal by value.
    EqualToJson(Box<JsonEquality>),
    /// XML that is equal but for what does not count.
    EqualToXml(XmlEquality),
    /// The whole text matches a Java regular expression.
    Matches(JavaRegex),
    /// JSON in which a path finds something, or something that a further rule holds for.
    MatchesJsonPath {
        /// The path.
        path: JsonPath,
        /// The rule for what it finds; without one, finding is enough.
        rule: Option<Box<ValueMatcher>>,
    },
    /// JSON that a schema holds for.
    MatchesJsonSchema(Box<JsonSchema>),
    /// The text has the form of a path template.
    MatchesPathTemplate(PathTemplate),
    /// XML in which a path finds something, or something that a further rule holds for.
    MatchesXPath(Box<XPathRule>),
    /// The rule does not hold.
    Not(Box<ValueMatcher>),
    /// One of them holds.
    Or(Vec<ValueMatcher>),
}

/// What a rule is applied to.
#[derive(Clone, Copy, Debug)]
pub enum MatchInput<'a> {
    /// Nothing there: WireMock's null.
    Missing,
    /// A header, parameter, cookie or other text.
    Text(&'a str),
    /// The body of a call; missing when it is empty.
    Body(&'a Call),
    /// A part of a JSON document.
    Json(&'a Value),
    /// The body of a part of a multipart body; an empty one is there.
    Part(&'a BodyPart),
}

/// What happened while matching that the caller should count.
#[derive(Debug, Default)]
pub struct MatchStats {
    limit_hits: [Cell<u32>; MatchLimit::ALL.len()],
}

/// A limit of matching. What meets it does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchLimit {
    /// Steps back of a regular expression.
    Pattern,
    /// Steps of a JSONPath.
    JsonPath,
    /// Steps of a JSON Schema.
    Schema,
    /// Steps of an XPath, and the size of an XML document.
    XPath,
}

impl MatchLimit {
    /// All limits.
    pub const ALL: [Self; 4] = [Self::Pattern, Self::JsonPath, Self::Schema, Self::XPath];

    /// Returns the limit's name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pattern => "regex_backtracking",
            Self::JsonPath => "json_path",
            Self::Schema => "schema",
            Self::XPath => "xpath",
        }
    }
}

impl MatchStats {
    /// Returns how many evaluations reached their limit (and so did not match).
    pub fn limit_hits(&self) -> u32 {
        self.limit_hits.iter().map(Cell::get).sum()
    }

    /// Returns how many evaluations reached each of [`MatchLimit::ALL`].
    pub fn hits_by_limit(&self) -> [u32; MatchLimit::ALL.len()] {
        self.limit_hits.each_ref().map(Cell::get)
    }

    /// Counts an evaluation that reached its limit; returns whether it matched.
    pub(super) fn record(&self, limit: MatchLimit, outcome: Outcome) -> bool {
        if outcome == Outcome::GaveUp {
            let count = &self.limit_hits[limit as usize];
            count.set(count.get().saturating_add(1));
        }
        outcome == Outcome::Match
    }
}

impl ValueMatcher {
    /// Returns whether the rule holds for the value.
    pub fn matches(&self, input: MatchInput<'_>, stats: &MatchStats) -> bool {
        match self {
            Self::Absent => input.is_missing(),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(input, stats)),
            Self::Anything => true,
            Self::BinaryEqualTo(expected) => input.bytes().is_some_and(|bytes| bytes == &expected[..]),
            Self::Contains(part) => input.text().is_some_and(|text| text.contains(part)),
            Self::DateTime(rule) => input.text().is_some_and(|text| rule.matches(&text)),
            Self::DoesNotContain(part) => input.text().is_none_or(|text| !text.contains(part)),
            Self::DoesNotMatch(regex) => {
                input.text().is_none_or(|text| !stats.record(MatchLimit::Pattern, regex.matches(&text)))
            }
            Self::EqualTo { value, case_insensitive: false } => input.text().is_some_and(|text| text == *value),
            Self::EqualTo { value, case_insensitive: true } => {
                input.text().is_some_and(|text| equal_ignoring_case(&text, value))
            }
            Self::EqualToJson(expected) => input.equals_json(expected),
            Self::EqualToXml(expected) => stats.record(MatchLimit::XPath, input.equals_xml(expected)),
            Self::Matches(regex) => {
                input.text().is_some_and(|text| stats.record(MatchLimit::Pattern, regex.matches(&text)))
            }
            Self::MatchesJsonPath { path, rule } => matches_json_path(path, rule.as_deref(), input, stats),
            Self::MatchesJsonSchema(schema) => input.text().is_some_and(|text| {
                let json = input.json();
                stats.record(MatchLimit::Schema, schema.matches(json.as_deref(), &text))
            }),
            Self::MatchesPathTemplate(template) => input.text().is_some_and(|text| template.matches(&text)),
            Self::MatchesXPath(rule) => rule.matches(input, stats),
            Self::Not(rule) => !rule.matches(input, stats),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(input, stats)),
        }
    }

    /// Returns the text that a value must be equal to for this rule to hold, if that is all there
    /// is to it.
    pub(super) fn exact_text(&self) -> Option<&str> {
        match self {
            Self::EqualTo { value, case_insensitive: false } => Some(value),
            _ => None,
        }
    }

    /// How dear it is to try: the cheap clauses of a stub are tried first.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Absent | Self::Anything | Self::EqualTo { .. } | Self::BinaryEqualTo(_) => 1,
            Self::Contains(_) | Self::DoesNotContain(_) | Self::MatchesPathTemplate(_) => 2,
            Self::Matches(_) | Self::DoesNotMatch(_) | Self::DateTime(_) => 5,
            Self::EqualToJson(_) => 6,
            Self::MatchesJsonSchema(_) => 9,
            Self::EqualToXml(_) => 10,
            Self::MatchesXPath(rule) => 12 + rule.rule.as_ref().map_or(0, |rule| rule.cost()),
            Self::MatchesJsonPath { rule, .. } => 8 + rule.as_ref().map_or(0, |rule| rule.cost()),
            Self::Not(rule) => rule.cost(),
            Self::And(rules) | Self::Or(rules) => rules.iter().map(Self::cost).sum(),
        }
    }
}

impl<'a> MatchInput<'a> {
    /// Returns whether there is no value.
    pub fn is_missing(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(_) | Self::Json(_) | Self::Part(_) => false,
            Self::Body(call) => call.body().is_empty(),
        }
    }

    /// Returns the value as text.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Body(call) => call.text().map(Cow::Borrowed),
            Self::Json(Value::String(text)) => Some(Cow::Borrowed(text)),
            Self::Json(value) => Some(Cow::Owned(json_path::text_of(value))),
            Self::Part(part) => Some(part.text()),
        }
    }

    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(text.as_bytes()),
            Self::Body(call) => (!call.body().is_empty()).then(|| &call.body()[..]),
            Self::Json(value) => value.as_str().map(str::as_bytes),
            Self::Part(part) => Some(&part.body),
        }
    }

    pub(super) fn json(self) -> Option<Cow<'a, Value>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => serde_json::from_str(text).ok().map(Cow::Owned),
            Self::Body(call) => call.json().map(Cow::Borrowed),
            // a text within a document may be a document itself
            Self::Json(value) => match value.as_str() {
                Some(text) => serde_json::from_str(text).ok().map(Cow::Owned),
                None => Some(Cow::Borrowed(value)),
            },
            Self::Part(part) => part.json().map(Cow::Borrowed),
        }
    }

    /// Looks at the value as XML, or at why it is none.
    pub(super) fn with_xml<T>(self, look: impl FnOnce(Result<&Document, &SyntaxError>) -> T) -> T {
        match self {
            Self::Body(call) => look(call.xml()),
            Self::Part(part) => look(part.xml()),
            Self::Missing | Self::Text(_) | Self::Json(_) => {
                look(Document::parse(&self.text().unwrap_or_default()).as_ref())
            }
        }
    }

    fn equals_xml(self, expected: &XmlEquality) -> Outcome {
        self.with_xml(|document| match document {
            Ok(document) => expected.matches(document),
            Err(SyntaxError { is_limit: true, .. }) => Outcome::GaveUp,
            Err(_) => Outcome::NoMatch,
        })
    }

    fn equals_json(self, expected: &JsonEquality) -> bool {
        // a body is hashed once a call: a stub with another hash is dismissed without a walk
        if let (Self::Body(call), Some(digest)) = (self, expected.digest())
            && call.json_digest() != Some(digest)
        {
            return false;
        }
        self.json().is_some_and(|actual| expected.matches(&actual))
    }
}

fn matches_json_path(path: &JsonPath, rule: Option<&ValueMatcher>, input: MatchInput<'_>, stats: &MatchStats) -> bool {
    // a document that is plainly XML is never tried
    if input.text().is_none_or(|text| text.trim_start().starts_with('<')) {
        return false;
    }
    if let MatchInput::Body(call) = input
        && let Some(picked) = call.json_at(path)
    {
        return match picked {
            JsonLookup::NotJson => false,
            JsonLookup::Missing => fits_selection(Selection::Missing, rule, stats),
            JsonLookup::One(value) => fits_selection(Selection::One(Cow::Owned(value)), rule, stats),
        };
    }
    let Some(document) = input.json() else { return false };
    match path.try_select(&document) {
        Ok(selection) => fits_selection(selection, rule, stats),
        Err(Failure::GaveUp) => stats.record(MatchLimit::JsonPath, Outcome::GaveUp),
        Err(Failure::NotApplicable) => false,
    }
}

fn fits_selection(selection: Selection<'_>, rule: Option<&ValueMatcher>, stats: &MatchStats) -> bool {
    let Some(rule) = rule else { return selection.is_found() };
    if !selection.is_found() && matches!(rule, ValueMatcher::Absent) {
        return true;
    }
    match selection {
        Selection::Missing => false,
        Selection::One(value) => match &*value {
            Value::Array(items) => any_item(rule, &value, items.iter(), stats),
            Value::Null => false,
            value => rule.matches(MatchInput::Json(value), stats),
        },
        Selection::Many(items) => {
            if matches!(rule, ValueMatcher::EqualToJson(_)) {
                let list = Value::Array(items.into_iter().map(Cow::into_owned).collect());
                return rule.matches(MatchInput::Json(&list), stats);
            }
            items.iter().any(|item| rule.matches(MatchInput::Json(item), stats))
        }
    }
}

/// A list passes if one of its items does, but as JSON it is compared whole.
fn any_item<'v>(
    rule: &ValueMatcher,
    list: &Value,
    mut items: impl Iterator<Item = &'v Value>,
    stats: &MatchStats,
) -> bool {
    if matches!(rule, ValueMatcher::EqualToJson(_)) {
        return rule.matches(MatchInput::Json(list), stats);
    }
    items.any(|item| rule.matches(MatchInput::Json(item), stats))
}

/// Java's `equalsIgnoreCase`: character by character.
fn equal_ignoring_case(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}
