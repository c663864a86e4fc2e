//! What a load shows at a glance: its waiting, its slow end, and what is furthest off.

use crate::gap::diagnose::evidence::{LoadEvidence, PercentileDifference};

impl LoadEvidence {
    pub(crate) fn differs(&self) -> bool {
        self.throughput.is_some() || self.off.each().iter().any(|(_, off)| off.is_some_and(|off| off.matters))
    }

    /// The percentile that shows waiting best, of those there are calls for.
    pub(crate) fn slow(&self) -> Option<(u32, PercentileDifference)> {
        [(95, self.off.p95), (90, self.off.p90), (50, self.off.p50)]
            .into_iter()
            .find_map(|(percent, off)| Some((percent, off?)))
    }

    /// The highest percentile that there are calls for.
    pub(crate) fn slowest(&self) -> Option<(u32, PercentileDifference)> {
        self.off
            .each()
            .into_iter()
            .rev()
            .find_map(|(percent, off)| Some((percent, off?)).filter(|(_, off)| off.matters && percent > 50))
    }

    /// The slow end, where it matters and the highest percentile that there are calls for agrees.
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

    /// The percentile that is furthest off of those that matter.
    pub(crate) fn largest(&self) -> Option<(u32, f64)> {
        let that_matter = self
            .off
            .each()
            .into_iter()
            .filter_map(|(percent, off)| Some((percent, off.filter(|off| off.matters)?.log)));
        that_matter.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }
}
