//! Stalls: times in which a whole service stands still, as in a garbage collection or with a locked
//! table.
//!
//! Stations run in *working time*, which passes only while nothing stands still. Times are
//! converted to it before they are passed to a station, and back afterwards, so that every
//! discipline has the same stalls and follows the same rule: a call finishes when `demand` of
//! working time has passed since its start.

use std::collections::VecDeque;
use std::time::Duration;

use super::SimTime;
use super::sim_time::nanos;
use crate::draws::Draws;
use standin_stub::delay::Distribution;

/// The distribution of the times at which a service stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct StallSchedule {
    /// Time from the end of one stall to the begin of the next; also the time before the first.
    pub interval: Distribution,
    /// Time that a stall takes.
    pub duration: Distribution,
    /// Random streams of interval and duration: the k-th stall is the same at any load.
    pub keys: [u64; 2],
}

/// Converts times to working time and back. Stalls are drawn as far as they are asked for, and
/// dropped when they are old.
#[derive(Clone, Debug)]
pub(super) struct StallClock {
    plan: Option<(StallSchedule, Draws)>,
    /// Index of the next stall, the begin of the interval before it, and the working time there.
    next: u64,
    from: u64,
    from_work: u64,
    /// Total length of the stalls that are not kept any more.
    lost: u64,
    kept: VecDeque<Stall>,
}

/// A stall from `begin` to before `end`, during which the working time is `work`.
#[derive(Clone, Copy, Debug)]
struct Stall {
    begin: u64,
    end: u64,
    work: u64,
}

impl StallClock {
    /// Makes a clock whose first interval begins at the epoch.
    pub(super) fn new(stalls: StallSchedule, draws: Draws) -> Self {
        Self { plan: Some((stalls, draws)), next: 0, from: 0, from_work: 0, lost: 0, kept: VecDeque::new() }
    }

    /// Makes a clock whose first interval begins at `now`: until then, all time is working time.
    pub(super) fn beginning(stalls: StallSchedule, draws: Draws, now: SimTime) -> Self {
        Self { from: now.nanos(), from_work: now.nanos(), ..Self::new(stalls, draws) }
    }

    /// Converts a time to working time.
    pub(super) fn convert_to_working_time(&mut self, at: SimTime) -> SimTime {
        let at = at.nanos();
        self.draw_until(at);
        let begun = self.kept.partition_point(|stall| stall.begin <= at);
        SimTime::from_nanos(match begun.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some(stall) => stall.work.saturating_add(at.saturating_sub(stall.end)),
            None => at.saturating_sub(self.lost),
        })
    }

    /// Converts a working time back; returns the end of the stall if one begins there.
    pub(super) fn convert_to_real_time(&mut self, work: SimTime) -> SimTime {
        let work = work.nanos();
        while self.from_work <= work && self.kept.len() < MAX_STALLS_DRAWN && self.draw() {}
        let begun = self.kept.partition_point(|stall| stall.work <= work);
        SimTime::from_nanos(match begun.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some(stall) => stall.end.saturating_add(work - stall.work),
            None => work.saturating_add(self.lost),
        })
    }

    /// Returns the end of the stall that there is at this time.
    pub(super) fn stalled_until(&mut self, now: SimTime) -> Option<SimTime> {
        let now = now.nanos();
        self.draw_until(now);
        let stall = self.kept.iter().rev().find(|stall| stall.begin <= now)?;
        (now < stall.end).then(|| SimTime::from_nanos(stall.end))
    }

    /// Replaces the schedule from now on; a stall that has begun ends as planned.
    pub(super) fn change(&mut self, plan: Option<(StallSchedule, Draws)>, now: SimTime) {
        if self.plan == plan {
            return;
        }
        self.draw_until(now.nanos());
        while self.kept.back().is_some_and(|stall| stall.begin > now.nanos()) {
            self.kept.pop_back();
        }
        let from = self.kept.back().map_or(0, |stall| stall.end).max(now.nanos());
        self.plan = None;
        self.from_work = self.convert_to_working_time(SimTime::from_nanos(from)).nanos();
        (self.from, self.next, self.plan) = (from, 0, plan);
    }

    /// Draws all stalls that begin until `at`, and drops those that are too old to be asked for.
    fn draw_until(&mut self, at: u64) {
        let mut drawn = 0;
        while self.from <= at && self.draw() {
            drawn += 1;
            if drawn == MAX_STALLS_DRAWN {
                // after so long a pause the exact number of stalls is lost: the schedule goes on
                // from here
                self.from_work = self.from_work.saturating_add(at.saturating_sub(self.from));
                self.from = self.from.max(at);
                break;
            }
            self.drop_before(at);
        }
        self.drop_before(at);
    }

    fn drop_before(&mut self, at: u64) {
        while let Some(stall) = self.kept.front()
            && (stall.end.saturating_add(STALL_RETENTION_NANOS) < at || self.kept.len() > 2 * MAX_STALLS_DRAWN)
        {
            self.lost = stall.end - stall.work;
            self.kept.pop_front();
        }
    }

    /// Returns the number of stalls that are kept.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.kept.len()
    }

    /// Draws the next stall; returns whether there is one.
    fn draw(&mut self) -> bool {
        let Some((stalls, draws)) = &self.plan else { return false };
        let [every, last] = stalls.keys;
        let gap = nanos(stalls.interval.sample(&mut draws.at(every, self.next)));
        let length = nanos(stalls.duration.sample(&mut draws.at(last, self.next)));
        let begin = self.from.saturating_add(gap);
        self.from_work = self.from_work.saturating_add(gap);
        self.from = begin.saturating_add(length);
        self.next += 1;
        if length > 0 {
            self.kept.push_back(Stall { begin, end: self.from, work: self.from_work });
        }
        true
    }
}

impl StallSchedule {
    /// Returns the share of the time in which a service stands still, from 0 to 1; `None` if a mean
    /// is infinite.
    pub fn share(&self) -> Option<f64> {
        let (every, last) = (self.interval.mean()?, self.duration.mean()?);
        let whole = every.saturating_add(last);
        (whole > Duration::ZERO).then(|| last.as_secs_f64() / whole.as_secs_f64())
    }
}

/// Number of stalls that are drawn in advance or at once: beyond them, time passes without stalls.
const MAX_STALLS_DRAWN: usize = 1 << 16;

/// Nanoseconds for which a stall is kept: longer than any timer is late.
const STALL_RETENTION_NANOS: u64 = 60_000_000_000;
