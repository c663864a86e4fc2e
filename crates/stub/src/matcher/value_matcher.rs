//! Matchers for one value: equalTo, contains, matches, absent, and/or/not, equalToJson, equalToXml,
//! paths, schemas and dates.
//!
//! A value may be missing (no such header, an empty body). Each matcher treats a missing value as
//! WireMock does.

use std::borrow::Cow;
use std::cell::Cell;

use bytes::Bytes;
use serde_json::Value;

use super::date_time::DateTimeRule;
use super::json_schema::JsonSchema;
use super::xml::XmlEquality;
use super::xpath::XPathRule;
use crate::call::{BodyPart, Call, JsonBody, JsonLookup};
use standin_dialect::PathTemplate;
use standin_dialect::SyntaxError;
use standin_dialect::java_regex::{JavaRegex, MatchOutcome};
use standin_dialect::json::{JsonEquality, JsonNode, pretty_text};
use standin_dialect::json_path::{self, JsonPath, PathFailure, PathSelection, SelectedValue};
use standin_dialect::xml::Document;

/// A matcher for one value.
#[derive(Clone, Debug)]
pub enum ValueMatcher {
    /// Matches a missing value only.
    Absent,
    /// Matches if all matchers do.
    And(Vec<ValueMatcher>),
    /// Matches every value, and a missing one.
    Anything,
    /// Matches a body with these bytes.
    BinaryEqualTo(Bytes),
    /// Matches a text that contains this one, case-sensitively.
    Contains(String),
    /// Matches a date before, after or equal to another.
    DateTime(Box<DateTimeRule>),
    /// Matches a text that does not contain this one, and a missing value.
    DoesNotContain(String),
    /// Matches a text that does not match the pattern, and a missing value.
    DoesNotMatch(JavaRegex),
    /// Matches a text that is equal to `value`.
    EqualTo {
        /// Text that is expected.
        value: String,
        /// True if letter case does not count.
        case_insensitive: bool,
    },
    /// Matches JSON that is equal by value.
    EqualToJson(Box<JsonEquality>),
    /// Matches XML that is equal, apart from the differences that do not count.
    EqualToXml(XmlEquality),
    /// Matches a text that the Java regular expression matches as a whole.
    Matches(JavaRegex),
    /// Matches JSON in which the path finds something that `rule` matches.
    MatchesJsonPath {
        /// Path to the value in the document.
        path: JsonPath,
        /// The matcher for the found value. Without one, any found value matches.
        rule: Option<Box<ValueMatcher>>,
    },
    /// Matches JSON that is valid by a JSON Schema.
    MatchesJsonSchema(Box<JsonSchema>),
    /// Matches a text that has the form of a path template.
    MatchesPathTemplate(PathTemplate),
    /// Matches XML in which the path finds something that a further matcher matches.
    MatchesXPath(Box<XPathRule>),
    /// Matches if the inner matcher does not.
    Not(Box<ValueMatcher>),
    /// Matches if one of the matchers does.
    Or(Vec<ValueMatcher>),
}

/// The value that a matcher is applied to.
#[derive(Clone, Copy, Debug)]
pub enum MatchInput<'a> {
    /// A missing value: WireMock's null.
    Missing,
    /// A header, parameter, cookie or other text.
    Text(&'a str),
    /// The body of a request; an empty body is a missing value.
    Body(&'a Call),
    /// A value inside a JSON document.
    Json(JsonNode<'a>),
    /// The body of one part of a multipart body; an empty one is not missing.
    Part(&'a BodyPart),
}

/// A value as JSON: a part of a document, or a document of its own that was made of a text.
pub(super) enum JsonInput<'a> {
    Node(JsonNode<'a>),
    Parsed(JsonBody),
}

/// Counts of the evaluations that reached a limit during matching.
#[derive(Debug, Default)]
pub struct MatchStats {
    limit_hits: [Cell<u32>; MatchLimit::ALL.len()],
}

/// A limit of an evaluation. An evaluation that reaches its limit does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchLimit {
    /// Backtracking steps of a regular expression.
    Pattern,
    /// Items tried by `equalToJson` where the order of lists does not matter.
    JsonItems,
    /// Steps of a JSONPath.
    JsonPath,
    /// Parts of a multipart body.
    Parts,
    /// Size and depth of a GraphQL document.
    GraphQl,
    /// Steps of a JSON Schema.
    Schema,
    /// Steps of an XPath, and the size of an XML document.
    XPath,
}

impl MatchLimit {
    /// All limits, in the order of their counts.
    pub const ALL: [Self; 7] =
        [Self::Pattern, Self::JsonItems, Self::JsonPath, Self::Parts, Self::GraphQl, Self::Schema, Self::XPath];

    /// Returns the name of the limit in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pattern => "regex_backtracking",
            Self::JsonItems => "json_items",
            Self::JsonPath => "json_path",
            Self::Parts => "multipart",
            Self::GraphQl => "graphql",
            Self::Schema => "schema",
            Self::XPath => "xpath",
        }
    }
}

impl MatchStats {
    /// Returns the number of evaluations that reached a limit.
    pub fn limit_hits(&self) -> u32 {
        self.limit_hits.iter().map(Cell::get).sum()
    }

    /// Returns the number of evaluations that reached each of [`MatchLimit::ALL`].
    pub fn hits_by_limit(&self) -> [u32; MatchLimit::ALL.len()] {
        self.limit_hits.each_ref().map(Cell::get)
    }

    /// Counts the evaluation if it reached its limit; returns whether it matched.
    pub(super) fn record(&self, limit: MatchLimit, outcome: MatchOutcome) -> bool {
        if outcome == MatchOutcome::LimitExceeded {
            let count = &self.limit_hits[limit as usize];
            count.set(count.get().saturating_add(1));
        }
        outcome == MatchOutcome::Match
    }
}

impl ValueMatcher {
    /// Returns whether the value matches.
    pub fn matches(&self, input: MatchInput<'_>, stats: &MatchStats) -> bool {
        match self {
            Self::Absent => input.is_missing(),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(input, stats)),
            Self::Anything => true,
            Self::BinaryEqualTo(expected) => input.bytes().is_some_and(|bytes| *bytes == expected[..]),
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
            Self::EqualToJson(expected) => stats.record(MatchLimit::JsonItems, input.equals_json(expected)),
            Self::EqualToXml(expected) => stats.record(MatchLimit::XPath, input.equals_xml(expected)),
            Self::Matches(regex) => {
                input.text().is_some_and(|text| stats.record(MatchLimit::Pattern, regex.matches(&text)))
            }
            Self::MatchesJsonPath { path, rule } => matches_json_path(path, rule.as_deref(), input, stats),
            Self::MatchesJsonSchema(schema) => input.text().is_some_and(|text| {
                let json = input.json();
                stats.record(MatchLimit::Schema, schema.matches(json.as_ref().map(JsonInput::node), &text))
            }),
            Self::MatchesPathTemplate(template) => input.text().is_some_and(|text| template.matches(&text)),
            Self::MatchesXPath(rule) => rule.matches(input, stats),
            Self::Not(rule) => !rule.matches(input, stats),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(input, stats)),
        }
    }

    /// Returns the one text that matches, if the matcher is a case-sensitive equality.
    pub(super) fn exact_text(&self) -> Option<&str> {
        match self {
            Self::EqualTo { value, case_insensitive: false } => Some(value),
            _ => None,
        }
    }

    /// Returns the relative cost of an evaluation, by which clauses are ordered.
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
    /// Returns whether the value is missing.
    pub fn is_missing(self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(_) | Self::Json(_) | Self::Part(_) => false,
            Self::Body(call) => call.body().is_empty(),
        }
    }

    /// Returns the value as text; `None` if it is missing.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Body(call) => call.text().map(Cow::Borrowed),
            Self::Json(value) if value.is_object() => Some(Cow::Owned(pretty_text(&value.to_value()))),
            Self::Json(value) => Some(value.as_str().unwrap_or_else(|| Cow::Owned(json_path::text_of(value)))),
            Self::Part(part) => Some(part.text()),
        }
    }

    pub(super) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Self::Body(call) => (!call.body().is_empty()).then(|| Cow::Borrowed(&call.body()[..])),
            Self::Json(value) => value.as_str().map(|text| match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
            Self::Part(part) => Some(Cow::Borrowed(&part.body)),
        }
    }

    pub(super) fn json(self) -> Option<JsonInput<'a>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => JsonBody::parse(text).map(JsonInput::Parsed),
            Self::Body(call) => call.json().map(JsonInput::Node),
            // a string inside a document may itself be a document
            Self::Json(value) => match value.as_str() {
                Some(text) => JsonBody::parse(&text).map(JsonInput::Parsed),
                None => Some(JsonInput::Node(value)),
            },
            Self::Part(part) => part.json().map(JsonInput::Node),
        }
    }

    /// Calls `look` with the value as XML, or with the error of the parser.
    pub(super) fn with_xml<T>(self, look: impl FnOnce(Result<&Document, &SyntaxError>) -> T) -> T {
        match self {
            Self::Body(call) => look(call.xml()),
            Self::Part(part) => look(part.xml()),
            Self::Missing | Self::Text(_) | Self::Json(_) => {
                look(Document::parse(&self.text().unwrap_or_default()).as_ref())
            }
        }
    }

    fn equals_xml(self, expected: &XmlEquality) -> MatchOutcome {
        self.with_xml(|document| match document {
            Ok(document) => expected.matches(document),
            Err(SyntaxError { is_limit: true, .. }) => MatchOutcome::LimitExceeded,
            Err(_) => MatchOutcome::NoMatch,
        })
    }

    fn equals_json(self, expected: &JsonEquality) -> MatchOutcome {
        // a body is hashed once per request: another digest means another value, without a
        // comparison
        if let (Self::Body(call), Some(digest)) = (self, expected.digest())
            && call.json_digest() != Some(digest)
        {
            return MatchOutcome::NoMatch;
        }
        self.json().map_or(MatchOutcome::NoMatch, |actual| expected.compare(actual.node()))
    }
}

impl JsonInput<'_> {
    /// Returns the whole document.
    pub(super) fn node(&self) -> JsonNode<'_> {
        match self {
            Self::Node(node) => *node,
            Self::Parsed(document) => document.node(),
        }
    }
}

fn matches_json_path(path: &JsonPath, rule: Option<&ValueMatcher>, input: MatchInput<'_>, stats: &MatchStats) -> bool {
    // of what is missing, every part is absent
    let Some(text) = input.text() else { return matches!(rule, Some(ValueMatcher::Absent)) };
    // a document that is plainly XML is not parsed as JSON
    if text.trim_start().starts_with('<') {
        return false;
    }
    if let MatchInput::Body(call) = input
        && let Some(picked) = call.find_json(path)
    {
        return match picked {
            JsonLookup::NotJson => false,
            JsonLookup::Missing => fits_selection(PathSelection::Missing, rule, stats),
            JsonLookup::One(value) => fits_selection(PathSelection::One(value.node().into()), rule, stats),
        };
    }
    let document = match input.json() {
        Some(document) => document,
        None if text.len() > MAX_WORD_BYTES || text.trim_start().starts_with(['{', '[', '"']) => return false,
        // a bare word is a string to WireMock's JSON library
        None => JsonInput::Parsed(JsonBody::Value(Value::String(text.into_owned()))),
    };
    if document.node().is_null() {
        return false;
    }
    match path.try_select(document.node()) {
        Ok(selection) => fits_selection(selection, rule, stats),
        Err(PathFailure::LimitExceeded) => stats.record(MatchLimit::JsonPath, MatchOutcome::LimitExceeded),
        Err(PathFailure::NotApplicable) => false,
    }
}

fn fits_selection(selection: PathSelection<'_>, rule: Option<&ValueMatcher>, stats: &MatchStats) -> bool {
    let Some(rule) = rule else { return selection.is_found() };
    if matches!(rule, ValueMatcher::Absent) {
        // an object is never absent, not even without members
        let is_object = matches!(&selection, PathSelection::One(value) if value.node().is_object());
        return !selection.is_found() && !is_object;
    }
    match selection {
        PathSelection::Missing => false,
        PathSelection::One(value) => {
            let value = value.node();
            // `equalToJson` compares a list as a whole
            match value.items() {
                Some(mut items) if !matches!(rule, ValueMatcher::EqualToJson(_)) => {
                    items.any(|item| fits_item(item, rule, stats))
                }
                _ => !value.is_null() && rule.matches(MatchInput::Json(value), stats),
            }
        }
        PathSelection::Many(items) => {
            if matches!(rule, ValueMatcher::EqualToJson(_)) {
                let list = Value::Array(items.into_iter().map(SelectedValue::into_value).collect());
                return rule.matches(MatchInput::Json((&list).into()), stats);
            }
            items.iter().any(|item| fits_item(item.node(), rule, stats))
        }
    }
}

/// Returns whether an item of a list fits. Of an object, WireMock takes the text of a Java map.
fn fits_item(item: JsonNode<'_>, rule: &ValueMatcher, stats: &MatchStats) -> bool {
    if item.is_object() {
        rule.matches(MatchInput::Text(&json_path::item_text_of(item)), stats)
    } else {
        rule.matches(MatchInput::Json(item), stats)
    }
}

/// Length of a text, in bytes, up to which it counts as a string where it is no JSON.
const MAX_WORD_BYTES: usize = 16 << 10;

/// Compares as Java's `equalsIgnoreCase` does: character by character.
fn equal_ignoring_case(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}
