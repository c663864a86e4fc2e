//! The evaluation of a comparison: limits of a budget, the outcome of each, and the verdict.

pub(crate) mod budget;
pub(crate) mod limit_outcome;
pub(crate) mod verdict;
