//! Summaries of the evidence at a load: percentiles that show waiting, the slow end, and the
//! largest difference.

use crate::gap::diagnose::evidence::{LoadEvidence, PercentileDifference};

impl LoadEvidence {
    pub(crate) fn differs(&self) -> bool {
        self.throughput.is_some() || self.off.each().iter().any(|(_, off)| off.is_some_and(|off| off.matters))
    }

    /// Returns the percentile that shows waiting best, of those with enough calls.
    pub(crate) fn slow(&self) -> Option<(u32, PercentileDifference)> {
        [(95, self.off.p95), (90, self.off.p90), (50, self.off.p50)]
            .into_iter()
            .find_map(|(percent, off)| Some((percent, off?)))
    }

    /// Returns the highest percentile with enough calls.
    pub(crate) fn slowest(&self) -> Option<(u32, PercentileDifference)> {
        self.off
            .each()
            .into_iter()
            .rev()
            .find_map(|(percent, off)| Some((percent, off?)).filter(|(_, off)| off.matters && percent > 50))
    }

    /// Returns the slow end, if it differs and the highest percentile with enough calls agrees.
    pub(crate) fn end(&self) -> Option<(u32, PercentileDifference)> {
        let each = [(99, self.off.p99), (95, self.off.p95), (90, self.off.p90)];
        let known: Vec<(u32, PercentileDifference)> =
            each.into_iter().filter_map(|(percent, off)| Some((percent, off?))).collect();
        let (_, highest) = known.first()?;
        let that_matter = known.iter().filter(|(_, off)| off.matters);
        let most = that_matter.max_by(|one, other| one.1.log.abs().total_cmp(&other.1.log.abs()))?;
        let agrees = highest.log.signum() == most.1.log.signum() && highest.log.abs() >= most.1.log.abs() / 2.0;
        agrees.then_some(*most)
    }

    /// Returns the percentile with the largest relevant difference.
    pub(crate) fn largest(&self) -> Option<(u32, f64)> {
        let that_matter = self
            .off
            .each()
            .into_iter()
            .filter_map(|(percent, off)| Some((percent, off.filter(|off| off.matters)?.log)));
        that_matter.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }
}
