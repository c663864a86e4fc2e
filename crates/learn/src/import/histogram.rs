//! Times of single calls in little memory: counts in bins of a tenth of a percent, so that a result
//! file may be of any length.

use std::collections::BTreeMap;

/// Counts of times, with the exact shortest and longest of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    bins: BTreeMap<u32, u64>,
    count: u64,
    shortest: f64,
    longest: f64,
    sum: f64,
}

impl Histogram {
    /// Counts one time, in nanoseconds.
    pub fn add(&mut self, nanos: f64) {
        let nanos = nanos.max(0.0);
        self.shortest = if self.count == 0 { nanos } else { self.shortest.min(nanos) };
        self.longest = self.longest.max(nanos);
        self.sum += nanos;
        self.count += 1;
        *self.bins.entry(bin(nanos)).or_default() += 1;
    }

    /// Counts what another has counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.shortest = if self.count == 0 { other.shortest } else { self.shortest.min(other.shortest) };
        self.longest = self.longest.max(other.longest);
        self.sum += other.sum;
        self.count += other.count;
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
    }

    /// Returns the number of counted times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the mean in nanoseconds; 0 of nothing.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// Returns the number of bins in use, which determines the memory.
    pub fn bins(&self) -> usize {
        self.bins.len()
    }

    /// Returns the usual percentiles (0 to 100) and their times in nanoseconds, in rising order;
    /// empty without times. The rank is ceil(p·n), as in most tools; times are exact to 0.05 %.
    pub fn points(&self) -> Vec<(f64, f64)> {
        if self.count == 0 {
            return Vec::new();
        }
        let percents: &[f64] = match self.count {
            0..100 => PERCENTS_OF_FEW,
            100..2_000 => &PERCENTS_OF_MANY[..PERCENTS_OF_MANY.len() - 1],
            _ => PERCENTS_OF_MANY,
        };
        let mut points = vec![(0.0, self.shortest)];
        let mut bins = self.bins.iter();
        let (mut seen, mut time) = (0, self.shortest);
        for percent in percents {
            let rank = (percent / 100.0 * self.count as f64).ceil().max(1.0) as u64;
            while seen < rank {
                let Some((bin, count)) = bins.next() else { break };
                seen += count;
                time = middle(*bin).clamp(self.shortest, self.longest);
            }
            points.push((*percent, time));
        }
        points.push((100.0, self.longest));
        points
    }
}

/// Returns the bin of a time. Times below a microsecond are in bin 0.
fn bin(nanos: f64) -> u32 {
    if nanos < 1e3 { 0 } else { 1 + ((nanos / 1e3).ln() / BIN_WIDTH_LOG).floor() as u32 }
}

/// Returns the geometric middle of a bin, in nanoseconds.
fn middle(bin: u32) -> f64 {
    if bin == 0 { 0.0 } else { 1e3 * ((f64::from(bin) - 0.5) * BIN_WIDTH_LOG).exp() }
}

const BIN_WIDTH_LOG: f64 = 0.001;
const PERCENTS_OF_FEW: &[f64] = &[10.0, 25.0, 50.0, 75.0, 90.0];
const PERCENTS_OF_MANY: &[f64] = &[
    1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 93.0, 95.0, 97.0, 98.0, 99.0, 99.5,
    99.9,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_rise_and_are_those_of_the_sorted_times(mut times in prop::collection::vec(1e3..1e11f64, 1..300)) {
            let mut histogram = Histogram::default();
            for time in &times {
                histogram.add(*time);
            }
            times.sort_by(f64::total_cmp);
            let points = histogram.points();
            for pair in points.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            }
            for (percent, time) in points {
                let rank = (percent / 100.0 * times.len() as f64).ceil().max(1.0) as usize;
                prop_assert!((time / times[rank - 1] - 1.0).abs() < 0.002, "p{percent}: {time} of {times:?}");
            }
        }

        #[test]
        fn parts_merged_are_the_whole(one in prop::collection::vec(0.0..1e10f64, 0..50), other in prop::collection::vec(0.0..1e10f64, 0..50)) {
            let (mut first, mut second, mut whole) = (Histogram::default(), Histogram::default(), Histogram::default());
            for time in &one { first.add(*time); whole.add(*time); }
            for time in &other { second.add(*time); whole.add(*time); }
            first.merge(&second);
            prop_assert_eq!(first.points(), whole.points());
        }
    }
}
