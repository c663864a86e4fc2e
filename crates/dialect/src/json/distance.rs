//! Distance of a document from the expected one, counted in values as WireMock counts it for near
//! misses.

use std::collections::HashSet;

use super::pairing;
use super::pattern::{JsonComparison, JsonPattern, JsonPatternItem};
use super::{JsonNode, JsonShape, MemberIndex};

/// Returns the size of all that differs: the larger of two different values, and each value that is
/// missing or extra.
pub(super) fn differences(comparison: &mut JsonComparison, pattern: &JsonPattern, actual: JsonNode<'_>) -> usize {
    match pattern {
        JsonPattern::List(expected) if actual.is_array() => list_differences(comparison, expected, actual),
        JsonPattern::Object(expected) if actual.is_object() => object_differences(comparison, expected, actual),
        pattern if comparison.fits(pattern, actual) => 0,
        pattern => pattern_size(pattern).max(deep_size(actual)),
    }
}

/// Returns the number of values, members and items of a document, by the measure that WireMock
/// divides by: one for the value, one for each member or item, and for each container among them
/// its own size on top.
pub(super) fn deep_size(value: JsonNode<'_>) -> usize {
    let inner = |value: JsonNode<'_>| if value.is_array() || value.is_object() { 1 + deep_size(value) } else { 1 };
    match value.shape() {
        JsonShape::Array(items) => 1 + items.map(inner).sum::<usize>(),
        JsonShape::Object(members) => 1 + members.map(|(_, value)| inner(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Returns the [`deep_size`] of the document that a pattern was made of.
fn pattern_size(pattern: &JsonPattern) -> usize {
    let inner = |pattern: &JsonPattern| match pattern {
        JsonPattern::List(_) | JsonPattern::Object(_) => 1 + pattern_size(pattern),
        _ => 1,
    };
    match pattern {
        JsonPattern::List(items) => 1 + items.iter().map(|item| inner(&item.pattern)).sum::<usize>(),
        JsonPattern::Object(members) => 1 + members.iter().map(|(_, pattern)| inner(pattern)).sum::<usize>(),
        _ => 1,
    }
}

fn object_differences(
    comparison: &mut JsonComparison,
    expected: &[(String, JsonPattern)],
    actual: JsonNode<'_>,
) -> usize {
    let members = MemberIndex::new(actual, expected.len());
    let mut count = 0;
    let mut present = 0;
    for (key, pattern) in expected {
        match members.get(key) {
            Some(value) => {
                present += 1;
                count += differences(comparison, pattern, value);
            }
            None if matches!(pattern, JsonPattern::IgnoreElement) => {}
            None => count += pattern_size(pattern),
        }
    }
    if comparison.leniency.extra_elements || present == actual.len() {
        return count;
    }
    let expected: HashSet<&str> = expected.iter().map(|(key, _)| key.as_str()).collect();
    let extra = actual.members().into_iter().flatten().filter(|(key, _)| !expected.contains(&**key));
    count + extra.map(|(_, value)| deep_size(value)).sum::<usize>()
}

fn list_differences(comparison: &mut JsonComparison, expected: &[JsonPatternItem], actual: JsonNode<'_>) -> usize {
    let actual: Vec<JsonNode<'_>> = actual.items().into_iter().flatten().collect();
    if comparison.leniency.array_order {
        return bag_differences(comparison, expected, &actual);
    }
    let common = expected.len().min(actual.len());
    let changed: usize =
        expected.iter().zip(&actual).map(|(item, value)| differences(comparison, &item.pattern, *value)).sum();
    let missing: usize = expected[common..].iter().map(|item| pattern_size(&item.pattern)).sum();
    changed + missing + extra_items(comparison, actual[common..].iter().copied())
}

fn bag_differences(comparison: &mut JsonComparison, expected: &[JsonPatternItem], actual: &[JsonNode<'_>]) -> usize {
    let taken = pairing::largest(comparison, expected, actual);
    let mut free = vec![true; actual.len()];
    for place in taken.iter().flatten() {
        free[*place] = false;
    }
    let missing: Vec<&JsonPattern> =
        expected.iter().zip(&taken).filter(|(_, place)| place.is_none()).map(|(item, _)| &item.pattern).collect();
    let extra: Vec<JsonNode<'_>> =
        actual.iter().zip(&free).filter(|(_, free)| **free).map(|(value, _)| *value).collect();
    // with one item left on either side, it is taken for the other, changed
    if expected.len() == actual.len()
        && let ([missing], [extra]) = (missing.as_slice(), extra.as_slice())
    {
        return differences(comparison, missing, *extra);
    }
    missing.into_iter().map(pattern_size).sum::<usize>() + extra_items(comparison, extra.into_iter())
}

fn extra_items<'v>(comparison: &JsonComparison, items: impl Iterator<Item = JsonNode<'v>>) -> usize {
    if comparison.leniency.extra_elements { 0 } else { items.map(deep_size).sum() }
}
