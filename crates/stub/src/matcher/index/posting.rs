//! A posting list, split by the equalities that its stubs require until the parts are short.

use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::BuildHasher;

use super::{MAX_UNSPLIT_CANDIDATES, PostingLists};
use crate::call::Call;
use crate::matcher::fields::{FieldName, FieldRule};
use crate::matcher::{Clause, MethodRule, RequestPattern, ValueMatcher};

/// A set of stubs that a request may match, by slot.
#[derive(Debug)]
pub(super) enum Posting {
    /// A list in rank order, short enough to try all.
    List(Box<[u32]>),
    /// Split by the value of a feature.
    Split(Box<SplitPosting>),
}

/// The stubs that require a value of the feature, grouped by value, and the other stubs.
#[derive(Debug)]
pub(super) struct SplitPosting {
    feature: Feature,
    hasher: DefaultHashBuilder,
    groups: HashMap<u64, Posting>,
    others: Posting,
}

/// A property of a request that a stub may require to have a certain value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Feature {
    Credentials,
    Field(FieldName),
    JsonBody,
    Method,
    TextBody,
}

/// The required value of a feature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum FeatureValue {
    Digest(u64),
    Text(String),
}

/// Returns the equalities that a pattern requires.
pub(super) fn features(pattern: &RequestPattern) -> Vec<(Feature, FeatureValue)> {
    let text = |text: &str| FeatureValue::Text(text.to_owned());
    pattern
        .clauses()
        .iter()
        .filter_map(|clause| match clause {
            Clause::BasicAuth(credentials) => Some((Feature::Credentials, text(credentials))),
            Clause::Body(ValueMatcher::EqualToJson(expected)) => {
                expected.digest().map(|digest| (Feature::JsonBody, FeatureValue::Digest(digest)))
            }
            Clause::Body(rule) => rule.exact_text().map(|exact| (Feature::TextBody, text(exact))),
            Clause::Field(field) => match &field.rule {
                FieldRule::One(rule) => {
                    rule.exact_text().map(|exact| (Feature::Field(field.name.clone()), text(exact)))
                }
                FieldRule::HasExactly(_) | FieldRule::Includes(_) => None,
            },
            Clause::Method(MethodRule::Is(method)) => Some((Feature::Method, text(method))),
            _ => None,
        })
        .collect()
}

impl Default for Posting {
    fn default() -> Self {
        Self::List(Box::default())
    }
}

impl Posting {
    pub(super) fn new(slots: Vec<u32>, features: &impl Fn(u32) -> Vec<(Feature, FeatureValue)>) -> Self {
        if slots.len() <= MAX_UNSPLIT_CANDIDATES {
            return Self::List(slots.into());
        }
        let wanted = slots.into_iter().map(|slot| (slot, features(slot))).collect();
        Self::split(wanted)
    }

    /// Appends the lists of the request.
    pub(super) fn lists<'i>(&'i self, call: &Call, lists: &mut PostingLists<'i>) {
        match self {
            Self::List(list) if list.is_empty() => {}
            Self::List(list) => lists.push(list),
            Self::Split(split) => {
                split.groups_of(call, |group| group.lists(call, lists));
                split.others.lists(call, lists);
            }
        }
    }

    /// Splits by the feature that leaves the fewest candidates, recursively until the parts are
    /// short.
    fn split(mut slots: Vec<(u32, Vec<(Feature, FeatureValue)>)>) -> Self {
        let feature = if slots.len() <= MAX_UNSPLIT_CANDIDATES { None } else { most_selective(&slots) };
        let Some(feature) = feature else {
            return Self::List(slots.into_iter().map(|(slot, _)| slot).collect());
        };
        let hasher = DefaultHashBuilder::default();
        let mut groups: HashMap<u64, Vec<_>> = HashMap::new();
        let mut others = Vec::new();
        for (slot, mut features) in slots.drain(..) {
            match features.iter().position(|(asked, _)| *asked == feature) {
                Some(place) => {
                    let (_, wanted) = features.swap_remove(place);
                    // a second equality on the same feature is checked during verification
                    features.retain(|(asked, _)| *asked != feature);
                    groups.entry(wanted.key(&hasher)).or_default().push((slot, features));
                }
                None => others.push((slot, features)),
            }
        }
        Self::Split(Box::new(SplitPosting {
            feature,
            hasher,
            groups: groups.into_iter().map(|(key, slots)| (key, Self::split(slots))).collect(),
            others: Self::split(others),
        }))
    }
}

impl SplitPosting {
    fn groups_of<'i>(&'i self, call: &Call, mut reached: impl FnMut(&'i Posting)) {
        let mut look_up = |key: u64| {
            if let Some(group) = self.groups.get(&key) {
                reached(group);
            }
        };
        match &self.feature {
            Feature::Credentials => {
                // two headers with the same credentials select their group once
                let mut seen: smallvec::SmallVec<[u64; 4]> = smallvec::SmallVec::new();
                for credentials in call.basic_credentials() {
                    let key = self.hasher.hash_one(credentials);
                    if !seen.contains(&key) {
                        seen.push(key);
                        look_up(key);
                    }
                }
            }
            Feature::Field(name) => {
                // a repeated header with the same value selects its group once
                let mut seen: smallvec::SmallVec<[u64; 4]> = smallvec::SmallVec::new();
                name.any_value(call, |value| {
                    let key = self.hasher.hash_one(value);
                    if !seen.contains(&key) {
                        seen.push(key);
                        look_up(key);
                    }
                    false
                });
            }
            Feature::JsonBody => {
                if let Some(digest) = call.json_digest() {
                    look_up(digest);
                }
            }
            Feature::Method => look_up(self.hasher.hash_one(call.method.as_str())),
            Feature::TextBody => {
                if let Some(text) = call.text() {
                    look_up(self.hasher.hash_one(text));
                }
            }
        }
    }
}

impl FeatureValue {
    fn key(&self, hasher: &DefaultHashBuilder) -> u64 {
        match self {
            Self::Digest(digest) => *digest,
            Self::Text(text) => hasher.hash_one(text.as_str()),
        }
    }
}

/// Returns the feature that leaves the fewest candidates, if it removes at least a quarter of them.
fn most_selective(slots: &[(u32, Vec<(Feature, FeatureValue)>)]) -> Option<Feature> {
    let mut asked: HashMap<&Feature, HashMap<&FeatureValue, usize>> = HashMap::new();
    for (_, features) in slots {
        for (feature, wanted) in features {
            *asked.entry(feature).or_default().entry(wanted).or_default() += 1;
        }
    }
    let left = |values: &HashMap<&FeatureValue, usize>| {
        let asking: usize = values.values().sum();
        (slots.len() - asking.min(slots.len())) + asking.div_ceil(values.len().max(1))
    };
    let (feature, left) = asked
        .iter()
        .map(|(feature, values)| (*feature, left(values)))
        .min_by(|(one, a), (other, b)| a.cmp(b).then_with(|| format!("{one:?}").cmp(&format!("{other:?}"))))?;
    (left * 4 <= slots.len() * 3).then(|| feature.clone())
}
