//! Ranks candidates by their distance from a request: 0 for a match, 1 for nothing in common.

mod distance;
mod levenshtein;
mod search;

pub use distance::distance;
pub(super) use distance::{nearest_item, value_distance};
pub use search::{
    MAX_NEAR_MISSES, NearMiss, NearestMatches, SearchBudget, find_nearest_by, find_nearest_calls, find_nearest_patterns,
};
