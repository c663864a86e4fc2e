//! Named values: headers, query and form parameters, cookies. Which name, and one rule or several for its values.

use std::borrow::Cow;

use http::HeaderName;

use super::text::{Subject, Tally, TextMatcher};
use crate::call::{Call, Pairs};

/// A name and what its values must be.
#[derive(Clone, Debug)]
pub struct Field {
    /// Whose value it is.
    pub name: FieldName,
    /// What it must be.
    pub rule: FieldRule,
}

/// Where a value stands, and under which name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldName {
    /// A cookie.
    Cookie(String),
    /// A form parameter.
    Form(String),
    /// A header.
    Header(HeaderName),
    /// A query parameter.
    Query(String),
}

/// One rule, or a list of them.
#[derive(Clone, Debug)]
pub enum FieldRule {
    /// As many values as rules, and each rule holds for one of them.
    HasExactly(Vec<TextMatcher>),
    /// Each rule holds for one of the values.
    Includes(Vec<TextMatcher>),
    /// The rule holds for one of the values.
    One(TextMatcher),
}

impl FieldName {
    /// Calls `each` with every value until it says true; returns whether it did.
    pub(super) fn any_value(&self, call: &Call, mut each: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Cookie(name) => values(call.cookies(), name).any(each),
            Self::Form(name) => values(call.form(), name).any(each),
            Self::Header(name) => call.header(name).any(|value| each(&value)),
            Self::Query(name) => values(call.query(), name).any(each),
        }
    }

    pub(super) fn all_values<'c>(&self, call: &'c Call) -> Vec<Cow<'c, str>> {
        match self {
            Self::Cookie(name) => values(call.cookies(), name).map(Cow::Borrowed).collect(),
            Self::Form(name) => values(call.form(), name).map(Cow::Borrowed).collect(),
            Self::Header(name) => call.header(name).collect(),
            Self::Query(name) => values(call.query(), name).map(Cow::Borrowed).collect(),
        }
    }
}

impl FieldRule {
    /// Whether these values, of which there may be none, are as the rule says.
    pub(super) fn matches(&self, values: &[Cow<'_, str>], tally: &Tally) -> bool {
        match self {
            Self::One(rule) if values.is_empty() => rule.matches(Subject::Missing, tally),
            Self::One(rule) => values.iter().any(|value| rule.matches(Subject::Text(value), tally)),
            Self::HasExactly(rules) => values.len() == rules.len() && each_met(rules, values, tally),
            Self::Includes(rules) => !values.is_empty() && each_met(rules, values, tally),
        }
    }

    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::One(rule) => rule.cost(),
            Self::HasExactly(rules) | Self::Includes(rules) => rules.iter().map(TextMatcher::cost).sum::<u32>() + 2,
        }
    }
}

impl Field {
    /// Whether the call's values are as the rule says.
    pub fn matches(&self, call: &Call, tally: &Tally) -> bool {
        match &self.rule {
            FieldRule::One(rule) => self.matches_one(rule, call, tally),
            rule => rule.matches(&self.name.all_values(call), tally),
        }
    }

    pub(super) fn cost(&self) -> u32 {
        let rules = self.rule.cost();
        match self.name {
            FieldName::Header(_) => rules,
            FieldName::Query(_) | FieldName::Cookie(_) => rules + 1,
            FieldName::Form(_) => rules + 3,
        }
    }

    fn matches_one(&self, rule: &TextMatcher, call: &Call, tally: &Tally) -> bool {
        let mut present = false;
        let met = self.name.any_value(call, |value| {
            present = true;
            rule.matches(Subject::Text(value), tally)
        });
        if present {
            return met;
        }
        match self.name {
            // a cookie that is not there only satisfies `absent` itself, as in WireMock
            FieldName::Cookie(_) => matches!(rule, TextMatcher::Absent),
            _ => rule.matches(Subject::Missing, tally),
        }
    }
}

fn values<'p>(pairs: &'p Pairs, name: &str) -> impl Iterator<Item = &'p str> {
    pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn each_met(rules: &[TextMatcher], values: &[Cow<'_, str>], tally: &Tally) -> bool {
    rules.iter().all(|rule| values.iter().any(|value| rule.matches(Subject::Text(value), tally)))
}
