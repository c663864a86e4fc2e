//! The times that answers were meant to take, beside the times that they took.
//!
//! Only answers with a deadline count: those of stubs with a delay, and of services that a profile
//! paces. A stub without either answers at once, and the server takes no time of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;

use super::snapshot::TimeQuantiles;
use super::window::add;
use super::{Audit, new_histogram};

/// Intended and actual times of the answers of all workers, in nanoseconds.
#[derive(Clone, Debug)]
pub struct AnswerTimes {
    intended: Histogram<u64>,
    actual: Histogram<u64>,
}

/// One bucket of both distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTimeBucket {
    /// Index on the logarithmic scale: times from 10^(index / 20) to 10^((index + 1) / 20) µs.
    pub index: u32,
    /// Number of answers that were meant to take such a time.
    pub intended: u64,
    /// Number of answers that took such a time.
    pub actual: u64,
}

impl AnswerTimes {
    /// Returns the times of all answers since the start.
    pub fn of(audits: &[Arc<Audit>]) -> Self {
        let (mut intended, mut actual) = (new_histogram(), new_histogram());
        for audit in audits {
            let records = audit.records();
            add(&mut intended, &records.intended);
            add(&mut actual, &records.actual);
            records.window.add_answer_times_to(&mut intended, &mut actual);
        }
        Self { intended, actual }
    }

    /// Returns the times of the answers after those of `before`, which is an earlier result of
    /// [`AnswerTimes::of`].
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let difference = |now: &Histogram<u64>, before: &Histogram<u64>| {
            let mut rest = now.clone();
            rest.subtract(before).expect("counts never decrease, and all histograms have the same bounds");
            rest
        };
        Self {
            intended: difference(&self.intended, &before.intended),
            actual: difference(&self.actual, &before.actual),
        }
    }

    /// Returns the quantiles of the intended times.
    pub fn intended(&self) -> TimeQuantiles {
        TimeQuantiles::of(&self.intended)
    }

    /// Returns the quantiles of the actual times.
    pub fn actual(&self) -> TimeQuantiles {
        TimeQuantiles::of(&self.actual)
    }

    /// Returns the buckets that hold a time, in ascending order.
    pub fn buckets(&self) -> Vec<AnswerTimeBucket> {
        let mut buckets: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for step in self.intended.iter_recorded() {
            buckets.entry(bucket_of(step.value_iterated_to())).or_default().0 += step.count_since_last_iteration();
        }
        for step in self.actual.iter_recorded() {
            buckets.entry(bucket_of(step.value_iterated_to())).or_default().1 += step.count_since_last_iteration();
        }
        buckets.into_iter().map(|(index, (intended, actual))| AnswerTimeBucket { index, intended, actual }).collect()
    }
}

/// Returns the index of the bucket of a time in nanoseconds; times below 1 µs are in the first.
fn bucket_of(nanos: u64) -> u32 {
    let micros = nanos as f64 / 1e3;
    (micros.max(1.0).log10() * BUCKETS_PER_DECADE) as u32
}

/// Number of buckets between a time and ten times that time.
const BUCKETS_PER_DECADE: f64 = 20.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_since_a_moment_are_told_apart() {
        let audits = [Arc::new(Audit::default()), Arc::new(Audit::default())];
        audits[0].record(Duration::from_millis(1), Duration::from_millis(10));
        let before = AnswerTimes::of(&audits);
        audits[0].record(Duration::ZERO, Duration::from_millis(10));
        audits[1].record(Duration::from_millis(100), Duration::from_millis(10));
        let times = AnswerTimes::of(&audits).since(&before);
        assert_eq!((times.intended().count, times.actual().count), (2, 2));
        assert!((times.intended().max / 10_000.0 - 1.0).abs() < 0.01, "{:?}", times.intended());
        assert!((times.actual().max / 110_000.0 - 1.0).abs() < 0.01, "{:?}", times.actual());
        let buckets = times.buckets();
        let (intended, actual): (u64, u64) =
            buckets.iter().fold((0, 0), |sum, bucket| (sum.0 + bucket.intended, sum.1 + bucket.actual));
        assert_eq!((intended, actual), (2, 2));
        // 10 ms and 110 ms are a little more than a decade apart
        assert_eq!(buckets.iter().map(|bucket| bucket.index).collect::<Vec<_>>(), [80, 100]);
    }
}
