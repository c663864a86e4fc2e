//! `multipartPatterns`: a pattern for one part of a multipart body, or for all of them.
//!
//! Two properties are those of WireMock though they surprise: the `name` of a pattern selects
//! nothing (WireMock's Java DSL adds a rule for Content-Disposition instead), and `fileName` counts
//! only beside headers or bodies.

use std::borrow::Cow;

use http::HeaderName;

use super::fields::FieldRule;
use super::value_matcher::{MatchInput, MatchLimit, MatchStats, ValueMatcher};
use crate::call::{BodyPart, Call, MAX_PARTS};
use standin_dialect::java_regex::MatchOutcome;

/// A pattern for the parts of a multipart body.
#[derive(Clone, Debug, Default)]
pub struct MultipartRule {
    /// The name of the pattern, for messages only.
    pub name: Option<String>,
    /// The required name of the file.
    pub file_name: Option<String>,
    /// True if all parts must match, not just one.
    pub all: bool,
    /// The rules for the headers of a part.
    pub headers: Vec<(HeaderName, FieldRule)>,
    /// The matchers for the body of a part.
    pub bodies: Vec<ValueMatcher>,
}

impl MultipartRule {
    /// Returns whether the parts of the request match. A request without parts does not match.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        let Some(parts) = call.parts().filter(|parts| !parts.is_empty()) else { return false };
        let is_decided = parts.iter().any(|part| self.matches_part(part, stats) != self.all);
        if !is_decided && parts.len() > MAX_PARTS {
            // those that are not read could decide
            return stats.record(MatchLimit::Parts, MatchOutcome::LimitExceeded);
        }
        is_decided != self.all
    }

    pub(super) fn matches_part(&self, part: &BodyPart, stats: &MatchStats) -> bool {
        if self.headers.is_empty() && self.bodies.is_empty() {
            return true;
        }
        self.file_name.as_ref().is_none_or(|expected| part.file_name.as_ref() == Some(expected))
            && self.headers.iter().all(|(name, rule)| {
                let values: Vec<Cow<'_, str>> = part.header(name).collect();
                rule.matches(&values, stats)
            })
            && self.bodies.iter().all(|rule| rule.matches(MatchInput::Part(part), stats))
    }

    pub(super) fn cost(&self) -> u32 {
        let headers: u32 = self.headers.iter().map(|(_, rule)| rule.cost()).sum();
        headers + self.bodies.iter().map(ValueMatcher::cost).sum::<u32>()
    }
}
