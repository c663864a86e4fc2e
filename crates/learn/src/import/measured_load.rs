//! The load at which something was measured, as far as a file tells.

use std::collections::BTreeMap;

/// Arrivals by windows of time, and what else is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasuredLoad {
    /// The number of calls in each window.
    windows: BTreeMap<i64, u64>,
    first: Option<f64>,
    last: f64,
    calls: u64,
    /// A rate that the file names itself, in calls a second.
    pub per_second: Option<f64>,
    /// The most users, threads or calls at once.
    pub at_once: Option<u64>,
}

impl MeasuredLoad {
    /// Counts a call that began at a time in seconds.
    pub fn arrival(&mut self, seconds: f64) {
        if !seconds.is_finite() {
            return;
        }
        self.first = Some(self.first.map_or(seconds, |first| first.min(seconds)));
        self.last = if self.calls == 0 { seconds } else { self.last.max(seconds) };
        self.calls += 1;
        *self.windows.entry((seconds / WINDOW_SECONDS).floor() as i64).or_default() += 1;
    }

    /// Records the number of users or threads at a time.
    pub fn users(&mut self, count: u64) {
        if count > 0 {
            self.at_once = Some(self.at_once.unwrap_or(0).max(count));
        }
    }

    /// Returns the highest rate in calls a second: that of the busiest ten seconds, or of all if
    /// there are fewer.
    pub fn highest_rate(&self) -> Option<f64> {
        let counted = self.first.filter(|_| self.calls > 1).map(|first| {
            let mean = self.calls as f64 / (self.last - first).max(1.0);
            let busiest = self.windows.values().max().copied().unwrap_or(0) as f64 / WINDOW_SECONDS;
            mean.max(busiest)
        });
        [counted, self.per_second].into_iter().flatten().max_by(f64::total_cmp)
    }

    /// Adds the load of another file, which is a run of its own.
    pub fn merge(&mut self, other: &Self) {
        self.per_second = [self.highest_rate(), other.highest_rate()].into_iter().flatten().max_by(f64::total_cmp);
        (self.windows, self.first, self.calls) = (BTreeMap::new(), None, 0);
        if let Some(count) = other.at_once {
            self.users(count);
        }
    }
}

/// The length of a window, in seconds.
const WINDOW_SECONDS: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_busiest_window() {
        let mut load = MeasuredLoad::default();
        (0..100).for_each(|call| load.arrival(1000.0 + f64::from(call)));
        (0..500).for_each(|call| load.arrival(1030.0 + f64::from(call) / 50.0));
        assert_eq!(load.highest_rate(), Some(51.0));
        assert_eq!(MeasuredLoad::default().highest_rate(), None);
        let mut both = MeasuredLoad { per_second: Some(70.0), ..MeasuredLoad::default() };
        both.merge(&load);
        assert_eq!(both.highest_rate(), Some(70.0));
    }
}
