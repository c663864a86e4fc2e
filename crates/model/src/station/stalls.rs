//! StallSchedule: times in which a whole service stands still, as in a collection of garbage or a locked table.
//!
//! Stations know nothing of them: they run in *working time*, which passes only while nothing stands still. What they are told
//! is brought to it, and what they say is brought back, so that every discipline has the same stalls and the same law: a
//! finish is the moment at which `demand` of working time has passed since the start.

use std::collections::VecDeque;
use std::time::Duration;

use super::SimTime;
use super::sim_time::nanos;
use crate::draws::Draws;
use standin_stub::delay::Distribution;

/// When a service stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct StallSchedule {
    /// The time from the end of one to the begin of the next; also that before the first.
    pub every: Distribution,
    /// The time that one takes.
    pub last: Distribution,
    /// By which both are drawn: the k-th stall is the same whatever is served.
    pub keys: [u64; 2],
}

/// Brings moments to working time and back. The schedule is drawn as far as anybody asks, and forgotten behind.
#[derive(Clone, Debug)]
pub(super) struct StallClock {
    plan: Option<(StallSchedule, Draws)>,
    /// Which stall is drawn next, where the time before it begins, and the working time there.
    next: u64,
    from: u64,
    from_work: u64,
    /// What stalls took before those that are kept.
    lost: u64,
    kept: VecDeque<Stall>,
}

/// From `begin` to before `end`; all that time it is `work` in working time.
#[derive(Clone, Copy, Debug)]
struct Stall {
    begin: u64,
    end: u64,
    work: u64,
}

impl StallClock {
    /// A clock whose first stall comes after the epoch.
    pub(super) fn new(stalls: StallSchedule, draws: Draws) -> Self {
        Self { plan: Some((stalls, draws)), next: 0, from: 0, from_work: 0, lost: 0, kept: VecDeque::new() }
    }

    /// A clock whose first stall comes after `now`: until then, all time was working time.
    pub(super) fn beginning(stalls: StallSchedule, draws: Draws, now: SimTime) -> Self {
        Self { from: now.nanos(), from_work: now.nanos(), ..Self::new(stalls, draws) }
    }

    /// The working time of a moment.
    pub(super) fn to_working_time(&mut self, at: SimTime) -> SimTime {
        let at = at.nanos();
        self.draw_until(at);
        let begun = self.kept.partition_point(|stall| stall.begin <= at);
        SimTime::from_nanos(match begun.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some(stall) => stall.work.saturating_add(at.saturating_sub(stall.end)),
            None => at.saturating_sub(self.lost),
        })
    }

    /// The moment at which so much working time has passed; the end of the stall if one begins there.
    pub(super) fn to_real_time(&mut self, work: SimTime) -> SimTime {
        let work = work.nanos();
        while self.from_work <= work && self.kept.len() < MAX_STALLS_DRAWN && self.draw() {}
        let begun = self.kept.partition_point(|stall| stall.work <= work);
        SimTime::from_nanos(match begun.checked_sub(1).and_then(|last| self.kept.get(last)) {
            Some(stall) => stall.end.saturating_add(work - stall.work),
            None => work.saturating_add(self.lost),
        })
    }

    /// When the stall ends that there is at this moment.
    pub(super) fn stalled_until(&mut self, now: SimTime) -> Option<SimTime> {
        let now = now.nanos();
        self.draw_until(now);
        let stall = self.kept.iter().rev().find(|stall| stall.begin <= now)?;
        (now < stall.end).then(|| SimTime::from_nanos(stall.end))
    }

    /// Other stalls from now on; one that has begun ends as it was to.
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
        self.from_work = self.to_working_time(SimTime::from_nanos(from)).nanos();
        (self.from, self.next, self.plan) = (from, 0, plan);
    }

    /// Draws all stalls that begin until then, and drops those that nobody can ask for any more.
    fn draw_until(&mut self, at: u64) {
        let mut drawn = 0;
        while self.from <= at && self.draw() {
            drawn += 1;
            if drawn == MAX_STALLS_DRAWN {
                // after so long a rest nobody can tell: the schedule goes on from here
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

    /// How many stalls it remembers.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.kept.len()
    }

    /// Draws the next stall, if there is to be one.
    fn draw(&mut self) -> bool {
        let Some((stalls, draws)) = &self.plan else { return false };
        let [every, last] = stalls.keys;
        let gap = nanos(stalls.every.sample(&mut draws.at(every, self.next)));
        let length = nanos(stalls.last.sample(&mut draws.at(last, self.next)));
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
    /// The share of the time in which a service stands still; `None` if a mean is infinite.
    pub fn share(&self) -> Option<f64> {
        let (every, last) = (self.every.mean()?, self.last.mean()?);
        let whole = every.saturating_add(last);
        (whole > Duration::ZERO).then(|| last.as_secs_f64() / whole.as_secs_f64())
    }
}

/// StallSchedule that are drawn ahead, or at once: beyond them, time is taken to pass without any.
const MAX_STALLS_DRAWN: usize = 1 << 16;

/// How long a stall is remembered, in nanoseconds: longer than any timer is late.
const STALL_RETENTION_NANOS: u64 = 60_000_000_000;
