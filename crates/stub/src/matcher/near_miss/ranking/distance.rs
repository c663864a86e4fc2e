//! The distance between a request and a request pattern, from 0 to 1, as WireMock ranks near
//! misses.
//!
//! Host, port and URL have weight 10; scheme, client address and method 3; headers, query, form,
//! cookies, path parameters, multipart parts and body 1 each. The latter count only if all of the
//! former match.

use super::levenshtein::{lower_bound, normalized_distance};
use crate::call::Call;
use crate::matcher::value_matcher::{JsonInput, MatchInput, MatchStats, ValueMatcher};
use crate::matcher::{Clause, FieldMatcher, FieldName, FieldRule, MethodRule, RequestPattern, UrlRule};
use standin_dialect::json::JsonNode;
use standin_dialect::json_path::{PathSelection, SelectedValue};

/// Returns the distance: 0 if the request matches, 1 if nothing of it does.
pub fn distance(pattern: &RequestPattern, call: &Call) -> f64 {
    let stats = MatchStats::default();
    match target_distance(pattern, call, &stats) {
        0.0 => content_distance(pattern, call, &stats),
        distance => distance,
    }
}

/// Returns [`distance`] if it is less than `limit`.
pub(super) fn distance_under(limit: f64, pattern: &RequestPattern, call: &Call) -> Option<f64> {
    if target_lower_bound(pattern, call) >= limit {
        return None;
    }
    Some(distance(pattern, call)).filter(|distance| *distance < limit)
}

/// Returns a lower bound of [`distance`] that needs no comparison of texts.
fn target_lower_bound(pattern: &RequestPattern, call: &Call) -> f64 {
    let floor = |clause: &Clause| match clause {
        Clause::Method(rule) => method_distance(rule, call) * LIGHT_WEIGHT,
        Clause::Url(UrlRule::Url(url)) => lower_bound(url, call.url()) * HEAVY_WEIGHT,
        Clause::Url(UrlRule::Path(path)) => lower_bound(path, call.path()) * HEAVY_WEIGHT,
        _ => 0.0,
    };
    pattern.clauses().iter().map(floor).sum::<f64>() / TARGET_WEIGHT
}

/// Returns the distance of scheme, host, port, client, URL and method.
fn target_distance(pattern: &RequestPattern, call: &Call, stats: &MatchStats) -> f64 {
    let weighted = |clause: &Clause| match clause {
        Clause::ClientIp(rule) => value_distance(rule, MatchInput::Text(&call.client_ip()), stats) * LIGHT_WEIGHT,
        Clause::Host(rule) => value_distance(rule, MatchInput::Text(&call.host()), stats) * HEAVY_WEIGHT,
        Clause::Method(rule) => method_distance(rule, call) * LIGHT_WEIGHT,
        Clause::Port(_) => distance_of(clause.holds(call, stats)) * HEAVY_WEIGHT,
        Clause::Scheme(_) => distance_of(clause.holds(call, stats)) * LIGHT_WEIGHT,
        Clause::Url(rule) => url_distance(rule, call, stats) * HEAVY_WEIGHT,
        _ => 0.0,
    };
    pattern.clauses().iter().map(weighted).sum::<f64>() / TARGET_WEIGHT
}

/// Returns the distance of the other clauses, given that the target matches: the sum of the means
/// per kind of field.
fn content_distance(pattern: &RequestPattern, call: &Call, stats: &MatchStats) -> f64 {
    let mut kinds = [DistanceMean::default(); 7];
    let mut is_custom = false;
    for clause in pattern.clauses() {
        let (kind, distance) = match clause {
            Clause::BasicAuth(expected) => (0, basic_distance(expected, call)),
            Clause::Body(rule) => (1, value_distance(rule, MatchInput::Body(call), stats)),
            Clause::Field(field) => (field_kind(field), field_distance(field, call, stats)),
            Clause::PathParameter { template, name, rule } => {
                let value = template.variable(name, call.path()).map_or(MatchInput::Missing, MatchInput::Text);
                (5, value_distance(rule, value, stats))
            }
            Clause::Multipart(rule) => (6, distance_of(rule.matches(call, stats))),
            Clause::GraphQl(_) if clause.holds(call, stats) => continue,
            Clause::GraphQl(_) | Clause::Unsatisfiable => {
                is_custom = true;
                continue;
            }
            _ => continue,
        };
        kinds[kind].add(distance);
    }
    let sum: f64 = kinds.iter().map(|mean| mean.value()).sum();
    match sum / TOTAL_WEIGHT {
        // WireMock asks a custom matcher last, and weighs its result as much as all the rest
        0.0 if is_custom => 0.5,
        distance => distance,
    }
}

fn field_kind(field: &FieldMatcher) -> usize {
    match field.name {
        FieldName::Header(_) => 0,
        FieldName::Query(_) => 2,
        FieldName::Form(_) => 3,
        FieldName::Cookie(_) => 4,
    }
}

fn basic_distance(expected: &str, call: &Call) -> f64 {
    if call.basic_credentials().any(|credentials| credentials == expected) {
        return 0.0;
    }
    let expected = format!("Basic {expected}");
    call.header(&http::header::AUTHORIZATION).map(|value| normalized_distance(&expected, &value)).fold(1.0, f64::min)
}

fn method_distance(rule: &MethodRule, call: &Call) -> f64 {
    distance_of(rule.matches(call.method.as_str()))
}

fn url_distance(rule: &UrlRule, call: &Call, stats: &MatchStats) -> f64 {
    if rule.matches(call, stats) {
        return 0.0;
    }
    match rule {
        UrlRule::Path(path) => normalized_distance(path, call.path()),
        UrlRule::PathTemplate(template) => template_distance(&template.sample(), call.path()),
        UrlRule::Url(url) => normalized_distance(url, call.url()),
        _ => 1.0,
    }
}

/// Returns the distance to a sample path of a template. A path that is equal to the sample does not
/// match, since its `_` is literal.
fn template_distance(sample: &str, path: &str) -> f64 {
    if sample == path { 1.0 } else { normalized_distance(sample, path) }
}

fn field_distance(field: &FieldMatcher, call: &Call, stats: &MatchStats) -> f64 {
    if field.matches(call, stats) {
        return 0.0;
    }
    let values = field.name.all_values(call);
    let nearest = |rule: &ValueMatcher| {
        values.iter().map(|value| value_distance(rule, MatchInput::Text(value), stats)).fold(1.0, f64::min)
    };
    match &field.rule {
        FieldRule::One(rule) => nearest(rule),
        FieldRule::Includes(rules) => mean(rules.iter().map(nearest)),
        FieldRule::HasExactly(_) if values.is_empty() => 1.0,
        FieldRule::HasExactly(rules) => {
            f64::midpoint(distance_of(values.len() == rules.len()), mean(rules.iter().map(nearest)))
        }
    }
}

/// Returns the distance between a value and a matcher.
pub(in crate::matcher::near_miss) fn value_distance(
    rule: &ValueMatcher,
    input: MatchInput<'_>,
    stats: &MatchStats,
) -> f64 {
    if rule.matches(input, stats) {
        return 0.0;
    }
    match rule {
        ValueMatcher::And(rules) => mean(rules.iter().map(|rule| value_distance(rule, input, stats))),
        ValueMatcher::DateTime(rule) => input.text().map_or(1.0, |text| rule.distance(&text)),
        ValueMatcher::EqualTo { value, .. } => input.text().map_or(1.0, |text| normalized_distance(value, &text)),
        ValueMatcher::EqualToJson(expected) => input.json().map_or(1.0, |actual| expected.distance(actual.node())),
        ValueMatcher::MatchesJsonPath { path, rule: Some(rule) } => {
            let Some(document) = input.json() else { return 1.0 };
            let Ok(selection) = path.try_select(document.node()) else { return 1.0 };
            nearest_item(rule, &selection, stats).map_or(1.0, |(_, distance)| distance)
        }
        ValueMatcher::EqualToXml(expected) => {
            input.with_xml(|document| document.map_or(1.0, |document| expected.distance(document)))
        }
        ValueMatcher::MatchesJsonSchema(schema) => {
            input.text().map_or(1.0, |text| schema.distance(input.json().as_ref().map(JsonInput::node), &text))
        }
        ValueMatcher::MatchesXPath(path) => {
            let Some(rule) = &path.rule else { return 1.0 };
            let found = path.found(input).unwrap_or_default();
            found.iter().map(|text| value_distance(rule, MatchInput::Text(text), stats)).fold(1.0, f64::min)
        }
        ValueMatcher::MatchesPathTemplate(template) => {
            input.text().map_or(1.0, |text| template_distance(&template.sample(), &text))
        }
        ValueMatcher::Or(rules) => rules.iter().map(|rule| value_distance(rule, input, stats)).fold(1.0, f64::min),
        _ => 1.0,
    }
}

/// Returns the item of a selection that is nearest to the matcher, and its distance. For
/// `equalToJson`, a list is compared as a whole.
pub(in crate::matcher::near_miss) fn nearest_item<'v>(
    rule: &ValueMatcher,
    selection: &'v PathSelection<'_>,
    stats: &MatchStats,
) -> Option<(SelectedItem<'v>, f64)> {
    let whole = matches!(rule, ValueMatcher::EqualToJson(_));
    let items: Vec<JsonNode<'_>> = match selection {
        PathSelection::Missing => return None,
        PathSelection::Many(items) if whole => {
            let list = serde_json::Value::Array(items.iter().cloned().map(SelectedValue::into_value).collect());
            let distance = value_distance(rule, MatchInput::Json((&list).into()), stats);
            return Some((SelectedItem::List(list), distance));
        }
        PathSelection::Many(items) => items.iter().take(MAX_ITEMS).map(SelectedValue::node).collect(),
        PathSelection::One(value) => match value.node() {
            null if null.is_null() => return None,
            list if list.is_array() && !whole => list.items().into_iter().flatten().take(MAX_ITEMS).collect(),
            value => vec![value],
        },
    };
    let measured = items.into_iter().map(|item| (item, value_distance(rule, MatchInput::Json(item), stats)));
    let (item, distance) = measured.reduce(|best, next| if next.1 < best.1 { next } else { best })?;
    Some((SelectedItem::One(item), distance))
}

/// A value of a document, or a list of values that a path selects.
pub(in crate::matcher::near_miss) enum SelectedItem<'v> {
    One(JsonNode<'v>),
    List(serde_json::Value),
}

impl SelectedItem<'_> {
    pub(in crate::matcher::near_miss) fn value(&self) -> JsonNode<'_> {
        match self {
            Self::One(value) => *value,
            Self::List(list) => list.into(),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct DistanceMean {
    sum: f64,
    count: u32,
}

impl DistanceMean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / f64::from(self.count) }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut mean = DistanceMean::default();
    values.for_each(|value| mean.add(value));
    mean.value()
}

fn distance_of(holds: bool) -> f64 {
    if holds { 0.0 } else { 1.0 }
}

const HEAVY_WEIGHT: f64 = 10.0;
const LIGHT_WEIGHT: f64 = 3.0;

/// Sum of the weights of scheme, host, port, client, URL and method.
const TARGET_WEIGHT: f64 = 39.0;

/// Sum of all weights: those of the target and seven kinds of fields.
const TOTAL_WEIGHT: f64 = TARGET_WEIGHT + 7.0;

/// Maximum number of items of a selection that are measured.
const MAX_ITEMS: usize = 100;
