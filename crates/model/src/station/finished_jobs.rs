//! Finishes of calls that have left a station, until somebody asks for them.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashMap;

use super::SimTime;

/// Finishes by call, and in their order. A finish that nobody asks for is kept for ten seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct FinishedJobs {
    finished: HashMap<u64, SimTime>,
    departures: VecDeque<(u64, SimTime)>,
}

impl FinishedJobs {
    pub(super) fn record(&mut self, number: u64, finish: SimTime) {
        self.finished.insert(number, finish);
        self.departures.push_back((number, finish));
    }

    /// Removes and returns the finish of a call.
    pub(super) fn take(&mut self, number: u64) -> Option<SimTime> {
        self.finished.remove(&number)
    }

    /// Drops finishes that are too old to be asked for.
    pub(super) fn drop_before(&mut self, now: SimTime) {
        while let Some((number, finish)) = self.departures.front() {
            let is_old = now.since(*finish) > FINISH_RETENTION;
            if !is_old && self.finished.contains_key(number) {
                break;
            }
            self.finished.remove(number);
            self.departures.pop_front();
        }
        // one call that nobody asks for must not keep those behind it in memory
        if self.departures.len() > 2 * self.finished.len() + MAX_STALE_DEPARTURES {
            self.departures.retain(|(number, _)| self.finished.contains_key(number));
        }
    }

    /// Returns the number of entries that are stored.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.finished.len().max(self.departures.len())
    }
}

/// Time for which a finish is kept: much longer than any timer is late.
const FINISH_RETENTION: Duration = Duration::from_secs(10);

/// Number of departures that are kept without use before they are searched for.
const MAX_STALE_DEPARTURES: usize = 64;
