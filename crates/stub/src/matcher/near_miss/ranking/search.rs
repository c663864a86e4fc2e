//! Searches for the nearest candidates within a budget. Most candidates are dismissed by the
//! lengths of their URLs.

use std::time::Instant;

use super::distance::distance_under;
use crate::call::Call;
use crate::matcher::RequestPattern;

/// Number of near misses that WireMock reports.
pub const MAX_NEAR_MISSES: usize = 3;

/// The limits of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchBudget {
    /// The end of the search; `None` for no end.
    pub until: Option<Instant>,
    /// Maximum number of candidates.
    pub candidates: usize,
}

/// The nearest of the examined candidates, nearest first; of equally near ones, the earlier first.
#[derive(Clone, Debug)]
pub struct NearestMatches<T> {
    /// Nearest candidates, the best first.
    pub found: Vec<NearMiss<T>>,
    /// Number of candidates that were examined.
    pub examined: usize,
    /// Number of all candidates.
    pub of: usize,
}

/// A candidate with its distance.
#[derive(Clone, Copy, Debug)]
pub struct NearMiss<T> {
    /// Candidate, as it was given.
    pub item: T,
    /// The distance: 0 for a match that a scenario prevented, up to 1.
    pub distance: f64,
}

impl SearchBudget {
    /// A budget without limits.
    pub const UNLIMITED: Self = Self { until: None, candidates: usize::MAX };

    /// Returns a budget that ends at an instant.
    pub fn until(end: Instant) -> Self {
        Self { until: Some(end), ..Self::UNLIMITED }
    }

    fn is_used_up(&self, examined: usize) -> bool {
        examined >= self.candidates || self.until.is_some_and(|end| Instant::now() >= end)
    }
}

impl<T> NearestMatches<T> {
    /// Returns whether every candidate was examined.
    pub fn is_complete(&self) -> bool {
        self.examined == self.of
    }
}

/// Returns the patterns nearest to a request. Candidates are given in the order of their ranks.
pub fn find_nearest_patterns<'p, T>(
    candidates: impl Iterator<Item = (T, &'p RequestPattern)>,
    call: &Call,
    limit: usize,
    budget: SearchBudget,
) -> NearestMatches<T> {
    let distance = |(_, pattern): &(T, &RequestPattern), limit| distance_under(limit, pattern, call);
    without_second(search(candidates, limit, budget, distance))
}

/// Returns the requests nearest to a pattern, including those that match.
pub fn find_nearest_calls<'c, T>(
    calls: impl Iterator<Item = (T, &'c Call)>,
    pattern: &RequestPattern,
    limit: usize,
    budget: SearchBudget,
) -> NearestMatches<T> {
    let distance = |(_, call): &(T, &Call), limit| distance_under(limit, pattern, call);
    without_second(search(calls, limit, budget, distance))
}

/// Returns the items whose requests are nearest to a pattern. Only the nearest items are kept
/// during the search.
pub fn find_nearest_by<T>(
    items: impl Iterator<Item = T>,
    call_of: impl Fn(&T) -> &Call,
    pattern: &RequestPattern,
    limit: usize,
    budget: SearchBudget,
) -> NearestMatches<T> {
    search(items, limit, budget, |item, limit| distance_under(limit, pattern, call_of(item)))
}

fn without_second<T, C>(nearest: NearestMatches<(T, C)>) -> NearestMatches<T> {
    let found = nearest.found.into_iter().map(|NearMiss { item: (item, _), distance }| NearMiss { item, distance });
    NearestMatches { found: found.collect(), examined: nearest.examined, of: nearest.of }
}

fn search<T>(
    candidates: impl Iterator<Item = T>,
    limit: usize,
    budget: SearchBudget,
    distance_under: impl Fn(&T, f64) -> Option<f64>,
) -> NearestMatches<T> {
    let mut candidates = candidates.peekable();
    let mut found: Vec<NearMiss<T>> = Vec::with_capacity(limit.saturating_add(1).min(64));
    let mut examined = 0;
    while candidates.peek().is_some() && limit > 0 && !budget.is_used_up(examined) {
        let Some(item) = candidates.next() else { break };
        examined += 1;
        let worst = if found.len() < limit { f64::INFINITY } else { found[limit - 1].distance };
        let Some(distance) = distance_under(&item, worst) else { continue };
        let place = found.partition_point(|near| near.distance <= distance);
        found.insert(place, NearMiss { item, distance });
        found.truncate(limit);
    }
    NearestMatches { found, examined, of: examined + candidates.count() }
}
