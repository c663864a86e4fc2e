//! Named values: headers, query and form parameters, cookies. Which name, and one rule or several
//! for its values.

use std::borrow::Cow;

use http::HeaderName;

use super::value_matcher::{MatchInput, MatchStats, ValueMatcher};
use crate::call::{Call, NamedValues};

/// A name and what its values must be.
#[derive(Clone, Debug)]
pub struct FieldMatcher {
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
    HasExactly(Vec<ValueMatcher>),
    /// Each rule holds for one of the values.
    Includes(Vec<ValueMatcher>),
    /// The rule holds for one of the values.
    One(ValueMatcher),
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
    /// Returns whether these values, of which there may be none, are as the rule says.
    pub(super) fn matches(&self, values: &[Cow<'_, str>], stats: &MatchStats) -> bool {
        match self {
            Self::One(rule) if values.is_empty() => rule.matches(MatchInput::Missing, stats),
            Self::One(rule) => values.iter().any(|value| rule.matches(MatchInput::Text(value), stats)),
            Self::HasExactly(rules) => values.len() == rules.len() && each_met(rules, values, stats),
            Self::Includes(rules) => !values.is_empty() && each_met(rules, values, stats),
        }
    }

    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::One(rule) => rule.cost(),
            Self::HasExactly(rules) | Self::Includes(rules) => rules.iter().map(ValueMatcher::cost).sum::<u32>() + 2,
        }
    }
}

impl FieldMatcher {
    /// Returns whether the call's values are as the rule says.
    pub fn matches(&self, call: &Call, stats: &MatchStats) -> bool {
        match &self.rule {
            FieldRule::One(rule) => self.matches_one(rule, call, stats),
            rule => rule.matches(&self.name.all_values(call), stats),
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

    fn matches_one(&self, rule: &ValueMatcher, call: &Call, stats: &MatchStats) -> bool {
        let mut present = false;
        let met = self.name.any_value(call, |value| {
            present = true;
            rule.matches(MatchInput::Text(value), stats)
        });
        if present {
            return met;
        }
        match self.name {
            // a cookie that is not there only satisfies `absent` itself, as in WireMock
            FieldName::Cookie(_) => matches!(rule, ValueMatcher::Absent),
            _ => rule.matches(MatchInput::Missing, stats),
        }
    }
}

fn values<'p>(pairs: &'p NamedValues, name: &str) -> impl Iterator<Item = &'p str> {
    pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn each_met(rules: &[ValueMatcher], values: &[Cow<'_, str>], stats: &MatchStats) -> bool {
    rules.iter().all(|rule| values.iter().any(|value| rule.matches(MatchInput::Text(value), stats)))
}
