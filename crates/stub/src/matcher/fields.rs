//! Matchers for named values: headers, query and form parameters, and cookies.

use std::borrow::Cow;

use http::HeaderName;

use super::value_matcher::{MatchInput, MatchStats, ValueMatcher};
use crate::call::{Call, NamedValues};

/// A matcher for the values of one header, parameter or cookie.
#[derive(Clone, Debug)]
pub struct FieldMatcher {
    /// The kind and name of the field.
    pub name: FieldName,
    /// The rule for its values.
    pub rule: FieldRule,
}

/// The kind of a field, with its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldName {
    /// A cookie of this name.
    Cookie(String),
    /// A form parameter of this name.
    Form(String),
    /// A header of this name.
    Header(HeaderName),
    /// A query parameter of this name.
    Query(String),
}

/// The rule for the values of one field: one matcher, or a list of matchers.
#[derive(Clone, Debug)]
pub enum FieldRule {
    /// There are as many values as matchers, and each matcher matches a value.
    HasExactly(Vec<ValueMatcher>),
    /// Each matcher matches a value.
    Includes(Vec<ValueMatcher>),
    /// The matcher matches a value.
    One(ValueMatcher),
}

impl FieldName {
    /// Calls `each` with the values in order until it returns true; returns whether it did.
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
    /// Returns whether the values satisfy the rule. `values` may be empty.
    pub(super) fn matches(&self, values: &[Cow<'_, str>], stats: &MatchStats) -> bool {
        match self {
            Self::One(rule) if values.is_empty() => rule.matches(MatchInput::Missing, stats),
            Self::One(rule) => values.iter().any(|value| rule.matches(MatchInput::Text(value), stats)),
            Self::HasExactly(_) | Self::Includes(_) if values.is_empty() => false,
            Self::HasExactly(rules) => values.len() == rules.len() && each_met(rules, values, stats),
            Self::Includes(rules) => each_met(rules, values, stats),
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
    /// Returns whether the values of the request satisfy the rule.
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
            // as in WireMock, an absent cookie satisfies only `absent` itself
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
