//! Forecast of the finish of a call in a layered pool, if no other call comes.
//!
//! The departures that are next are played in advance, one after the other; behind them, a lower
//! bound of the time that is left takes their place, so that a forecast takes bounded time.

use std::collections::BTreeMap;

use super::super::contention::{ClassLoad, Contention};
use super::super::finish_tree::FinishKey;
use super::super::fixed_point::UNITS_PER_NANO;
use super::super::stretch::update_stretches;
use super::classes::{ClassClock, ServiceClasses};

/// A call that waits for a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitingJob {
    pub(super) class: usize,
    pub(super) demand: u128,
    /// Demand of all calls that have waited before it, in nanoseconds.
    pub(super) work_before: f64,
}

/// Knowledge about the calls that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitingLine {
    /// Calls by their number: first come, first served.
    pub(super) jobs: BTreeMap<u64, WaitingJob>,
    /// Demand of all calls that have waited since nobody did, of those among them that went away,
    /// and the largest one, in nanoseconds.
    pub(super) work: f64,
    pub(super) removed_work: f64,
    pub(super) largest: f64,
}

/// The place of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobPlace {
    InService(usize, FinishKey),
    Waiting(u64),
}

/// The state of a pool that is played in advance; kept to reuse its memory. Times are nanoseconds
/// from now.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    loads: Vec<ClassLoad>,
    classes: Vec<ForecastClass>,
    /// Calls that have been started in advance.
    started: Vec<StartedJob>,
}

#[derive(Clone, Copy, Debug)]
struct ForecastClass {
    /// Virtual time since now.
    virtual_time: f64,
    /// Rank of the next call among those that are in service now, and its finish.
    rank: usize,
    next: f64,
}

#[derive(Clone, Copy, Debug)]
struct StartedJob {
    class: usize,
    finish: f64,
}

impl Forecast {
    /// Returns a lower bound of the time until a call finishes, in nanoseconds, exact if few calls
    /// finish before.
    pub(super) fn time_to_finish(
        &mut self,
        place: JobPlace,
        classes: &ServiceClasses,
        line: &WaitingLine,
        workers: Option<usize>,
    ) -> f64 {
        self.copy(classes);
        let clocks = classes.clocks();
        let mut waiting = line.jobs.iter();
        let mut target = match place {
            JobPlace::InService(class, key) => Some((class, offset(key.0, &clocks[class]))),
            JobPlace::Waiting(_) => None,
        };
        let (mut now, mut in_service) = (0.0, self.loads.iter().map(|load| load.count).sum::<usize>());
        for _ in 0..MAX_STEPS {
            update_stretches(&mut self.loads, classes.cores());
            let Some(next) = self.next_departure() else { break };
            let time = self.time_to(next);
            if let Some((class, finish)) = target {
                let own = (finish - self.classes[class].virtual_time).max(0.0) * self.loads[class].stretch;
                if own <= time {
                    return now + own;
                }
            }
            now += time;
            self.advance(time);
            self.depart(next, clocks);
            in_service -= 1;
            while workers.is_none_or(|workers| in_service < workers)
                && let Some((number, job)) = waiting.next()
            {
                in_service += 1;
                self.loads[job.class].count += 1;
                let finish = self.classes[job.class].virtual_time + to_nanos(job.demand);
                self.started.push(StartedJob { class: job.class, finish });
                if place == JobPlace::Waiting(*number) {
                    target = Some((job.class, finish));
                }
            }
        }
        now + match (place, target) {
            (JobPlace::InService(class, key), Some((_, finish))) => {
                let left = (finish - self.classes[class].virtual_time).max(0.0);
                // of its class, those that finish later stay as long as it does
                let staying = clocks[class].finishes.len() - clocks[class].finishes.before(key.0).0;
                left * self.loads[class].contention.stretch_among(staying, classes.cores())
            }
            (_, Some((class, finish))) => (finish - self.classes[class].virtual_time).max(0.0),
            (JobPlace::Waiting(number), None) => {
                let Some(job) = line.jobs.get(&number) else { return now };
                let next = waiting.next().map_or(job.work_before, |(_, next)| next.work_before);
                let ahead = job.work_before - next - line.removed_work;
                time_to_start(ahead, line.largest, classes, workers.unwrap_or(1)) + to_nanos(job.demand)
            }
            (JobPlace::InService(..), None) => 0.0,
        }
    }

    fn copy(&mut self, classes: &ServiceClasses) {
        self.loads.clear();
        self.loads.extend_from_slice(classes.loads());
        self.classes.clear();
        self.classes.extend(classes.clocks().iter().map(|clock| ForecastClass {
            virtual_time: 0.0,
            rank: 0,
            next: clock.finishes.first().map_or(f64::INFINITY, |key| offset(key.0, clock)),
        }));
        self.started.clear();
    }

    /// Returns the call that departs next: the first one of a class, or a started one.
    fn next_departure(&self) -> Option<NextDeparture> {
        let firsts = self.classes.iter().enumerate().filter(|(_, class)| class.next.is_finite());
        let firsts = firsts.map(|(class, _)| NextDeparture::First(class));
        let started = (0..self.started.len()).map(NextDeparture::Started);
        firsts.chain(started).min_by(|one, other| self.time_to(*one).total_cmp(&self.time_to(*other)))
    }

    fn time_to(&self, departure: NextDeparture) -> f64 {
        let (class, finish) = match departure {
            NextDeparture::First(class) => (class, self.classes[class].next),
            NextDeparture::Started(index) => (self.started[index].class, self.started[index].finish),
        };
        (finish - self.classes[class].virtual_time).max(0.0) * self.loads[class].stretch
    }

    fn advance(&mut self, time: f64) {
        for (class, load) in self.classes.iter_mut().zip(&self.loads) {
            class.virtual_time += time / load.stretch;
        }
    }

    fn depart(&mut self, departure: NextDeparture, clocks: &[ClassClock]) {
        let class = match departure {
            NextDeparture::First(class) => {
                let (first, clock) = (&mut self.classes[class], &clocks[class]);
                first.rank += 1;
                first.next = clock.finishes.nth(first.rank).map_or(f64::INFINITY, |finish| offset(finish, clock));
                class
            }
            NextDeparture::Started(index) => self.started.swap_remove(index).class,
        };
        self.loads[class].count -= 1;
    }
}

/// A call that departs next.
#[derive(Clone, Copy, Debug)]
enum NextDeparture {
    /// The first call of a class that is in service now.
    First(usize),
    /// A call that has been started in advance.
    Started(usize),
}

/// Returns the time from the clock of a class to a finish.
fn offset(finish: u128, clock: &ClassClock) -> f64 {
    to_nanos(finish.saturating_sub(clock.virtual_time))
}

fn to_nanos(time: u128) -> f64 {
    time as f64 / UNITS_PER_NANO as f64
}

/// Returns a lower bound of the time until a call starts whose predecessors bring `ahead`
/// nanoseconds of work: until then all workers are busy, and all of that work is done but what
/// `workers - 1` calls have left.
fn time_to_start(ahead: f64, largest: f64, classes: &ServiceClasses, workers: usize) -> f64 {
    let (workers, cores) = (workers as f64, classes.cores());
    let count = cores.unwrap_or(1.0);
    let shares = || classes.loads().iter().map(|load| load.contention.share(cores));
    let smallest = shares().fold(1.0, f64::min);
    let stretch = |load: &ClassLoad| match load.contention {
        Contention::Slowdown(share) => 1.0 + share * (workers / count - 1.0).max(0.0),
        Contention::Cpu(_) => {
            let share = load.contention.share(cores);
            1.0 + share * ((1.0 + (workers - 1.0) * smallest) / count - 1.0).max(0.0)
        }
    };
    let least = classes.loads().iter().map(stretch).fold(f64::INFINITY, f64::min);
    (ahead - (workers - 1.0) * largest).max(0.0) * if least.is_finite() { least.max(1.0) } else { 1.0 } / workers
}

/// Number of departures that are played in advance.
const MAX_STEPS: usize = 64;
