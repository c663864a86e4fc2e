//! Request fields whose values never come again: times, nonces, cache busters. A stub that asked
//! for them would answer no other call, so that it asks for a value in their place.
//!
//! A time is volatile if it is the time of the call. Another value is if it looks random, never
//! came twice, and made no difference to the answers of calls that are equal but for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::call_group::CallGroup;
use super::report::{DraftReport, LeftOut};
use super::request_fields::{Field, FieldPlace};
use super::request_rule::RequestRule;
use super::{BodySource, answer_template, volatile_text};

/// Puts placeholders in place of volatile values, and joins the groups that differ in nothing else.
/// The fields named in `ignored` are taken for volatile without proof.
pub(super) fn join(
    groups: Vec<CallGroup>,
    ignored: &[String],
    bodies: &BodySource<'_>,
    report: &mut DraftReport,
) -> Vec<CallGroup> {
    let mut families: BTreeMap<String, Vec<CallGroup>> = BTreeMap::new();
    for group in groups {
        families.entry(family(&group.rule)).or_default().push(group);
    }
    let mut joined = Vec::new();
    for members in families.into_values() {
        let found = VolatilePlaces::of(&members, ignored);
        joined.extend(found.join(members, bodies, report));
    }
    joined
}

/// Returns a text that is equal for requests that differ in the values of their fields only.
fn family(rule: &RequestRule) -> String {
    let mut bare = rule.clone();
    let places: Vec<FieldPlace> = rule.fields().into_iter().map(|field| field.place).collect();
    bare.mask(&places);
    bare.key(false)
}

/// The name of a field, and its values with the groups that have them.
type NamedValues<'g> = (String, Vec<(String, &'g CallGroup)>);

/// The volatile fields of a family of requests.
struct VolatilePlaces {
    /// Times of the call, and fields that the user named.
    certain: Vec<FieldPlace>,
    /// Random values, which need a look at the answers.
    random: Vec<FieldPlace>,
}

impl VolatilePlaces {
    fn of(members: &[CallGroup], ignored: &[String]) -> Self {
        let mut values: BTreeMap<FieldPlace, NamedValues<'_>> = BTreeMap::new();
        for group in members {
            for Field { place, name, value } in group.rule.fields() {
                values.entry(place).or_insert_with(|| (name, Vec::new())).1.push((value, group));
            }
        }
        let (mut certain, mut random) = (Vec::new(), Vec::new());
        for (place, (name, values)) in values {
            let is_hinted = is_hint(&name);
            let is_time = |(value, group): &(String, &CallGroup)| {
                let tolerance_ms = if is_hinted { HINTED_TIME_MS } else { TIME_MS };
                group.observations.iter().all(|one| volatile_text::is_near(value, one.at_ms, tolerance_ms))
            };
            let distinct: BTreeSet<&str> = values.iter().map(|(value, _)| value.as_str()).collect();
            let never_again = distinct.len() == values.len() && values.iter().all(|(_, group)| group.calls == 1);
            let is_enough = values.len() >= if is_hinted { 2 } else { 3 };
            if ignored.iter().any(|ignored| ignored.eq_ignore_ascii_case(&name)) || values.iter().all(is_time) {
                certain.push(place);
            } else if never_again
                && is_enough
                && distinct.iter().all(|value| volatile_text::looks_random(value) || is_hinted && is_counter(value))
            {
                random.push(place);
            }
        }
        Self { certain, random }
    }

    fn join(&self, members: Vec<CallGroup>, bodies: &BodySource<'_>, report: &mut DraftReport) -> Vec<CallGroup> {
        if self.certain.is_empty() && self.random.is_empty() {
            return members;
        }
        if !self.random.is_empty() {
            let all = [self.certain.clone(), self.random.clone()].concat();
            let before = members.len();
            let mut tried = masked(members.iter().map(CallGroup::duplicate).collect(), &all);
            for group in &mut tried {
                answer_template::apply(group, bodies);
            }
            if tried.len() < before && tried.iter().all(|group| group.count_answers() == 1) {
                Self::note(&tried, &all, report);
                return tried;
            }
        }
        if self.certain.is_empty() {
            return members;
        }
        let joined = masked(members, &self.certain);
        Self::note(&joined, &self.certain, report);
        joined
    }

    fn note(groups: &[CallGroup], places: &[FieldPlace], report: &mut DraftReport) {
        let Some(first) = groups.first() else { return };
        let names: Vec<String> = places
            .iter()
            .map(|place| match place {
                FieldPlace::Query(name) | FieldPlace::Form(name) => name.clone(),
                FieldPlace::Json(pointer) => pointer.trim_start_matches('/').replace('/', "."),
                FieldPlace::Xml(place) => format!("XML value {}", place + 1),
            })
            .collect();
        let calls = groups.iter().map(|group| group.calls).sum();
        let call = format!("{} {} without {}", first.rule.method, first.rule.path, names.join(", "));
        report.note(LeftOut::VolatileField, calls, &call);
    }
}

/// Masks fields, and joins groups that are equal then, in the order of their first calls.
fn masked(groups: Vec<CallGroup>, places: &[FieldPlace]) -> Vec<CallGroup> {
    let mut by_key: HashMap<String, usize> = HashMap::new();
    let mut joined: Vec<CallGroup> = Vec::new();
    for mut group in groups {
        group.rule.mask(places);
        let next = joined.len();
        let place = *by_key.entry(group.rule.key(false)).or_insert(next);
        if place == next { joined.push(group) } else { joined[place].absorb(&group) }
    }
    joined
}

/// Returns true if a value could be a counter or a random number.
fn is_counter(value: &str) -> bool {
    value.len() >= 4 && value.bytes().filter(u8::is_ascii_digit).count() * 2 >= value.len() && !value.contains(':')
}

fn is_hint(name: &str) -> bool {
    let plain: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>().to_ascii_lowercase();
    let plain = if plain.trim_matches('_').is_empty() { plain } else { plain.replace('_', "") };
    HINTS.contains(&plain.as_str())
}

/// Names of fields whose values are for one call only, in lower case and without `-` and `_`.
const HINTS: &[&str] = &[
    "_",
    "cachebuster",
    "cb",
    "correlationid",
    "created",
    "idempotencykey",
    "messageid",
    "nocache",
    "nonce",
    "now",
    "rand",
    "random",
    "requestid",
    "requesttime",
    "rnd",
    "sentat",
    "spanid",
    "time",
    "timestamp",
    "traceid",
    "transactionid",
    "ts",
];

/// Maximum difference between a time in a request and the time of the call, in milliseconds.
const TIME_MS: i64 = 300_000;

/// Maximum difference for a field whose name says that it is the time of the call, in milliseconds:
/// clocks are wrong by days.
const HINTED_TIME_MS: i64 = 7 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hint_at_volatile_values() {
        for (name, expected) in [("_", true), ("ts", true), ("Request-Id", true), ("trace_id", true), ("item", false)] {
            assert_eq!(is_hint(name), expected, "{name}");
        }
    }
}
