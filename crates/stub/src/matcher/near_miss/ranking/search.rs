//! The few nearest of many, within a budget: most candidates are dismissed by the
//! lengths of their urls.

use std::time::Instant;

use super::distance::distance_under;
use crate::call::Call;
use crate::matcher::RequestPattern;

/// How many near misses WireMock names.
pub const MAX_NEAR_MISSES: usize = 3;

/// When a search ends though candidates are left.
#[derive(Clone, Copy, Debug)]
pub struct SearchBudget {
    /// Not later than this; `None` is any time.
    pub until: Option<Instant>,
    /// Not after so many candidates.
    pub candidates: usize,
}

/// The nearest of all that were examined, nearest first; of two as
/// near, the earlier candidate.
#[derive(Clone, Debug)]
pub struct NearestMatches<T> {
    /// The nearest.
    pub found: Vec<NearMiss<T>>,
    /// How many candidates were examined.
    pub examined: usize,
    /// How many there are.
    pub of: usize,
}

/// One of the nearest.
#[derive(Clone, Copy, Debug)]
pub struct NearMiss<T> {
    /// The candidate.
    pub item: T,
    /// 0 for a match (that a scenario kept from answering), up to 1.
    pub distance: f64,
}

impl SearchBudget {
    /// No end but that of the candidates.
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

/// The patterns that a call came nearest to. Candidates come in the order in which
/// they would be tried.
pub fn find_nearest_patterns<'p, T>(
    candidates: impl Iterator<Item = (T, &'p RequestPattern)>,
    call: &Call,
    limit: usize,
    budget: SearchBudget,
) -> NearestMatches<T> {
    let distance = |(_, pattern): &(T, &RequestPattern), limit| distance_under(limit, pattern, call);
    without_second(search(candidates, limit, budget, distance))
}

/// The calls that came nearest to a pattern, those that match among them.
pub fn find_nearest_calls<'c, T>(
    calls: impl Iterator<Item = (T, &'c Call)>,
    pattern: &RequestPattern,
    limit: usize,
    budget: SearchBudget,
) -> NearestMatches<T> {
    let distance = |(_, call): &(T, &Call), limit| distance_under(limit, pattern, call);
    without_second(search(calls, limit, budget, distance))
}

/// Returns the items whose calls came nearest to a pattern. Only the
/// nearest are held while the others are examined.
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
