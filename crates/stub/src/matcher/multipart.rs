//! `multipartPatterns`: what one part of a multipart body must be like, or all of them.
//!
//! Two things are as in WireMock though they surprise: a pattern's `name` selects nothing (its Java
//! DSL adds a rule for Content-Disposition instead), and `fileName` counts only beside headers or
//! bodies.

use std::borrow::Cow;

use http::HeaderName;

use super::fields::FieldRule;
use super::value_matcher::{MatchInput, MatchStats, ValueMatcher};
use crate::call::{BodyPart, Call};

/// What the parts of a body must be like.
#[derive(Clone, Debug, Default)]
pub struct MultipartRule {
    /// What the pattern calls the part: for people.
    pub name: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// True if every part must be so, and not just one.
    pub all: bool,
    /// What its headers must be like.
    pub headers: Vec<(HeaderName, FieldRule)>,
    /// What its body must be like.
    pub bodies: Vec<ValueMatcher>,
}

impl MultipartRule {
    /// Returns whether the call's parts are so; a call without parts has none that is.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        let Some(parts) = call.parts() else { return false };
        if self.all {
            return parts.iter().all(|part| self.matches_part(part, stats));
        }
        parts.iter().any(|part| self.matches_part(part, stats))
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
