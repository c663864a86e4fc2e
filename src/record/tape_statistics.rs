//! Statistics of the exchanges on a tape while it is recorded: latency and load.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::load_counts::LoadCounts;

/// The latencies of the exchanges that were written, and the load that they make.
pub(super) struct TapeStatistics {
    /// Latencies of the service in microseconds.
    latency_us: Histogram<u64>,
    pub(super) load: LoadCounts,
}

impl TapeStatistics {
    pub(super) fn new() -> Self {
        Self {
            latency_us: Histogram::new_with_max(MAX_LATENCY_US, 3).expect("three digits are fine"),
            load: LoadCounts::new(),
        }
    }

    /// Counts the latency of an exchange that did not fail.
    pub(super) fn record_latency(&mut self, latency: Duration) {
        self.latency_us.saturating_record(latency.as_micros() as u64);
    }

    /// Returns the median and the 99 % quantile of the latency; `None` without an exchange that did
    /// not fail.
    pub(super) fn latency_p50_p99(&self) -> Option<(Duration, Duration)> {
        let at = |quantile| Duration::from_micros(self.latency_us.value_at_quantile(quantile));
        (!self.latency_us.is_empty()).then(|| (at(0.5), at(0.99)))
    }
}

/// Largest latency of the histogram, in microseconds (a day). Longer ones count as a day.
const MAX_LATENCY_US: u64 = 86_400_000_000;
