//! Lateness of a sender by the second in which calls were due.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The lateness of calls, by the second of the run in which they were due.
#[derive(Clone, Debug, Default)]
pub(super) struct LateSeconds(BTreeMap<u64, Vec<u64>>);

impl LateSeconds {
    /// Adds a call that was due at `at` and sent `late` later, in nanoseconds.
    pub(super) fn add(&mut self, at: u64, late: u64) {
        self.0.entry(at / SECOND).or_default().push(late);
    }

    /// Adds the seconds of another run behind those of this one.
    pub(super) fn append(&mut self, other: &Self) {
        let next = self.0.last_key_value().map_or(0, |(second, _)| second + 1);
        self.0.extend(other.0.iter().map(|(second, late)| (next + second, late.clone())));
    }

    /// Returns the seconds of which more than one call in a hundred was later than `limit`, in
    /// nanoseconds since the begin of the run.
    pub(super) fn late(&self, limit: Duration) -> Vec<Range<u64>> {
        let seconds = self.0.iter().filter(|(_, calls)| is_late(calls, limit));
        seconds.map(|(second, _)| second * SECOND..(second + 1) * SECOND).collect()
    }

    /// Returns the share of calls, 0 to 1, that were due in late seconds.
    pub(super) fn late_share(&self, limit: Duration) -> f64 {
        let (late, all) = self.0.values().fold((0, 0), |(late, all), calls| {
            (late + if is_late(calls, limit) { calls.len() } else { 0 }, all + calls.len())
        });
        late as f64 / all.max(1) as f64
    }
}

fn is_late(calls: &[u64], limit: Duration) -> bool {
    let late = calls.iter().filter(|late| u128::from(**late) > limit.as_nanos()).count();
    late * 100 > calls.len()
}

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_late_by_one_call_in_a_hundred() {
        let mut seconds = LateSeconds::default();
        for call in 0..400_u64 {
            // one of the first 200, and three of the second
            let late = if [7, 207, 208, 209].contains(&call) { 3_000_000 } else { 0 };
            seconds.add(call * SECOND / 200, late);
        }
        let limit = Duration::from_millis(2);
        assert_eq!(seconds.late(limit), std::slice::from_ref(&(SECOND..2 * SECOND)));
        assert_eq!((seconds.late_share(limit), seconds.late(Duration::from_millis(4))), (0.5, Vec::new()));
        let mut both = seconds.clone();
        both.append(&seconds);
        assert_eq!(both.late(limit), [SECOND..2 * SECOND, 3 * SECOND..4 * SECOND]);
    }
}
