//! Distributions of the times that the calls of an operation were meant to take and took.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The times of the answered calls of an operation, from arrival to the first byte of the response.
#[derive(Debug, Default)]
pub(super) struct OperationTimes {
    intended: TimeCounts,
    actual: TimeCounts,
}

/// Counts of times by bucket.
#[derive(Debug, Default)]
struct TimeCounts {
    /// The last bucket has the times above all bounds.
    buckets: [AtomicU64; BUCKET_BOUNDS.len() + 1],
    sum_nanos: AtomicU64,
}

/// The times of an operation, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationView {
    /// Name of the service.
    pub service: String,
    /// Name of the operation.
    pub operation: String,
    /// Times that calls were meant to take.
    pub intended: TimeHistogram,
    /// Times that they took.
    pub actual: TimeHistogram,
}

/// A histogram of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeHistogram {
    /// For each of [`BUCKET_BOUNDS`] the number of times up to it.
    pub up_to: [u64; BUCKET_BOUNDS.len()],
    /// Number of all times.
    pub count: u64,
    /// Sum of all times.
    pub sum: Duration,
}

impl OperationTimes {
    pub(super) fn record(&self, intended: Duration, actual: Duration) {
        self.intended.record(intended);
        self.actual.record(actual);
    }

    pub(super) fn view(&self, service: &str, operation: &str) -> OperationView {
        OperationView {
            service: service.to_owned(),
            operation: operation.to_owned(),
            intended: self.intended.histogram(),
            actual: self.actual.histogram(),
        }
    }
}

impl TimeCounts {
    fn record(&self, time: Duration) {
        let bucket = BUCKET_BOUNDS.partition_point(|bound| *bound < time);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    fn histogram(&self) -> TimeHistogram {
        let mut count = 0;
        let mut up_to = [0; BUCKET_BOUNDS.len()];
        for (bucket, counted) in self.buckets.iter().enumerate() {
            count += counted.load(Relaxed);
            if let Some(up_to) = up_to.get_mut(bucket) {
                *up_to = count;
            }
        }
        TimeHistogram { up_to, count, sum: Duration::from_nanos(self.sum_nanos.load(Relaxed)) }
    }
}

/// Upper bounds of the buckets, ascending.
pub const BUCKET_BOUNDS: [Duration; 16] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_their_bounds() {
        let times = OperationTimes::default();
        let ms = Duration::from_millis;
        times.record(ms(20), ms(21));
        times.record(ms(21), Duration::from_secs(90));
        let view = times.view("shop", "sell");
        let at = |bound: Duration| BUCKET_BOUNDS.iter().position(|known| *known == bound).expect("a bound");
        assert_eq!((view.intended.up_to[at(ms(10))], view.intended.up_to[at(ms(20))]), (0, 1), "a bound is included");
        assert_eq!((view.intended.up_to[at(ms(50))], view.intended.count, view.intended.sum), (2, 2, ms(41)));
        assert_eq!((view.actual.up_to[15], view.actual.count), (1, 2), "90 s are above all bounds");
    }
}
