//! Compares a body with its matcher: pretty-printed JSON or XML, or the part that a path finds.

use base64::Engine as _;

use super::clause_result::{ClauseResult, PageRow, PageSection};
use super::truncate::{TruncatedText, ellipsis, truncate};
use super::{display, pretty};
use crate::call::Call;
use crate::matcher::near_miss::ranking::{nearest_item, value_distance};
use crate::matcher::value_matcher::{MatchInput, MatchStats, ValueMatcher};
use crate::matcher::xpath::XPathRule;
use standin_dialect::json::JsonNode;
use standin_dialect::json_path::{self, JsonPath};
use standin_dialect::xml::NodeId;

/// Returns the result for the body of a request.
pub(super) fn diagnose_body(rule: &ValueMatcher, call: &Call, stats: &MatchStats) -> ClauseResult {
    BodyDiagnosis { call, stats }.diagnose(rule)
}

struct BodyDiagnosis<'a> {
    call: &'a Call,
    stats: &'a MatchStats,
}

impl BodyDiagnosis<'_> {
    fn diagnose(&self, rule: &ValueMatcher) -> ClauseResult {
        let operator = display::operator(rule);
        let operand = display::operand(rule, BODY_BYTES);
        let (expected, actual) = match rule {
            ValueMatcher::BinaryEqualTo(_) => (operand.clone(), encoded(self.call.body())),
            ValueMatcher::EqualToJson(_) => {
                let actual = match self.call.json() {
                    Some(json) => pretty_text(json),
                    None => self.body_text(),
                };
                (format!("[{operator}]\n{operand}"), format!("\n{actual}"))
            }
            ValueMatcher::MatchesJsonPath { path, rule: Some(rule) } => {
                let expected =
                    format!("{operand} [{}] {}", display::operator(rule), display::operand(rule, BODY_BYTES));
                (expected, self.selected(path, rule).unwrap_or_else(|| self.body_text()))
            }
            ValueMatcher::MatchesXPath(path) => match &path.rule {
                Some(rule) => {
                    let expected =
                        format!("{operand} [{}] {}", display::operator(rule), display::operand(rule, BODY_BYTES));
                    (expected, self.found(path, rule).unwrap_or_else(|| self.xml_text()))
                }
                None => (operand.clone(), self.xml_text()),
            },
            ValueMatcher::EqualToXml(_) => (format!("[{operator}]\n{operand}"), format!("\n{}", self.xml_text())),
            ValueMatcher::MatchesJsonPath { .. } => (operand.clone(), self.body_text()),
            _ => (format!("[{operator}]\n{operand}"), format!("\n{}", self.body_text())),
        };
        let is_path = matches!(rule, ValueMatcher::MatchesJsonPath { .. } | ValueMatcher::MatchesXPath(_));
        let came =
            if self.call.body().is_empty() { Vec::new() } else { vec![actual.trim_start_matches('\n').to_owned()] };
        ClauseResult {
            clause: "body",
            name: None,
            operator,
            expected: if is_path { expected.clone() } else { operand },
            actual: came,
            matches: false,
            is_limited: false,
            row: PageRow { section: PageSection::Body, subject: "Body", expected, actual },
        }
    }

    fn body_text(&self) -> String {
        match self.call.text() {
            Some(text) => truncate(text, BODY_BYTES),
            None => encoded(self.call.body()),
        }
    }

    /// Returns the body, pretty-printed if it is XML.
    fn xml_text(&self) -> String {
        match self.call.xml() {
            Ok(document) => truncate(&document.pretty(NodeId::DOCUMENT, BODY_BYTES), BODY_BYTES),
            Err(_) => self.body_text(),
        }
    }

    /// Returns the text that an XPath finds; of several, the nearest to the matcher.
    fn found(&self, path: &XPathRule, rule: &ValueMatcher) -> Option<String> {
        let found = path.found(MatchInput::Body(self.call))?;
        let measured = found.into_iter().map(|text| {
            let distance = value_distance(rule, MatchInput::Text(&text), self.stats);
            (text, distance)
        });
        let (text, _) = measured.reduce(|best, next| if next.1 < best.1 { next } else { best })?;
        Some(truncate(&text, BODY_BYTES))
    }

    /// Returns the value that a JSONPath finds; of several, the nearest to the matcher.
    fn selected(&self, path: &JsonPath, rule: &ValueMatcher) -> Option<String> {
        let selection = path.try_select(self.call.json()?).ok()?;
        let (item, _) = nearest_item(rule, &selection, self.stats)?;
        Some(match item.value() {
            list if list.is_array() && !matches!(rule, ValueMatcher::EqualToJson(_)) => {
                truncate(&json_path::text_of(list), BODY_BYTES)
            }
            container if container.is_array() || container.is_object() => pretty_text(container),
            simple => truncate(&json_path::text_of(simple), BODY_BYTES),
        })
    }
}

fn pretty_text(json: JsonNode<'_>) -> String {
    let mut out = TruncatedText::new(BODY_BYTES);
    pretty::write(json, &mut out);
    out.finish()
}

fn encoded(bytes: &[u8]) -> String {
    let shown = bytes.len().min(BODY_BYTES / 4 * 3);
    let mut text = base64::engine::general_purpose::STANDARD.encode(&bytes[..shown]);
    if shown < bytes.len() {
        text.push_str(&ellipsis(bytes.len() - shown));
    }
    text
}

/// Maximum number of bytes that are shown of a body.
const BODY_BYTES: usize = 4 * 1024;
