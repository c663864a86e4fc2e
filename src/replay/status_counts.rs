//! Counts of response statuses, and their comparison with those of the tape.

use std::collections::BTreeMap;
use std::fmt;

use super::Proportion;

/// Number of responses by status; `None` stands for no response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts(BTreeMap<Option<u16>, u64>);

impl StatusCounts {
    pub(super) fn add(&mut self, status: Option<u16>) {
        *self.0.entry(status).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (status, count) in &other.0 {
            *self.0.entry(*status).or_default() += count;
        }
    }

    /// Returns the share of a status, 0 to 1.
    pub fn share(&self, status: Option<u16>) -> f64 {
        self.0.get(&status).map_or(0.0, |count| *count as f64 / self.calls() as f64)
    }

    pub(super) fn calls(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the counts, ordered by status.
    pub fn counts(&self) -> impl Iterator<Item = (Option<u16>, u64)> {
        self.0.iter().map(|(status, count)| (*status, *count))
    }

    /// Returns the status whose share differs most, with the share of `other` and the own share.
    /// The difference must exceed [`MAX_SHARE_DIFFERENCE`] and be significant for `known` calls of
    /// `other`.
    pub(super) fn largest_difference(&self, other: &Self, known: usize) -> Option<(Option<u16>, f64, f64)> {
        let (calls, known) = (self.calls(), other.calls().min(known as u64) as f64);
        let statuses = self.0.keys().chain(other.0.keys());
        let shares = statuses.map(|status| (*status, other.share(*status), self.share(*status)));
        let differing = shares.filter(|(status, theirs, own)| {
            let expected = Proportion { count: theirs * known, total: known };
            let count = self.0.get(status).copied().unwrap_or_default();
            (theirs - own).abs() > MAX_SHARE_DIFFERENCE && expected.differs_from(count, calls)
        });
        differing.max_by(|one, other| (one.1 - one.2).abs().total_cmp(&(other.1 - other.2).abs()))
    }
}

impl fmt::Display for StatusCounts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares: Vec<String> = self
            .0
            .keys()
            .map(|status| format!("{} {:.1} %", status_text(*status), self.share(*status) * 100.0))
            .collect();
        out.write_str(&shares.join(", "))
    }
}

impl FromIterator<(Option<u16>, u64)> for StatusCounts {
    fn from_iter<I: IntoIterator<Item = (Option<u16>, u64)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

/// Returns a status in words.
pub(super) fn status_text(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// Maximum difference of the share of a status.
pub(super) const MAX_SHARE_DIFFERENCE: f64 = 0.02;
