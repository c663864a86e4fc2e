//! A queue that few calls met: what the effect size, which compares thirds of all calls, cannot see.
//!
//! At low load hardly any call finds all workers busy, but those that do tell much: were there a queue, they began later than
//! they came, and what is left of their latency is a demand like any other. The likelihood of that, by the density of demands
//! among calls that found few others, is compared with the likelihood of their whole latencies. A queue too short for the service
//! makes some of them finish before they could have begun, which is as good as impossible, so that the evidence has a sharp
//! edge at the true number of workers.

use super::model::{Discipline, Model};
use super::order;
use super::workload::Workload;

/// The queue that a few calls speak for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crowd {
    pub(super) model: Model,
    /// Numbers of workers for which they speak about as clearly, the lowest and the highest.
    pub(super) accepted: (u32, u32),
    /// Calls that have waited, by this model.
    pub(super) waited: usize,
    /// The other discipline, if they speak for it about as clearly.
    pub(super) other: Option<Model>,
}

/// A candidate: by how much the logarithm of its likelihood exceeds that of no queue, and how many calls have waited by it.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    model: Model,
    evidence: f64,
    waited: usize,
}

impl Crowd {
    /// Searches a workload for a queue that is to stand for what was chosen: for no queue, or for shared workers, if those that wait
    /// in order explain much more.
    pub(super) fn find(work: &Workload, chosen: Model) -> Option<Self> {
        let scale = Scale::new(work, chosen.outside)?;
        let fifo = scale.survey(Discipline::Fifo);
        let sharing = match chosen.discipline {
            Discipline::Unlimited => scale.survey(Discipline::Sharing),
            Discipline::Sharing => vec![scale.weigh(chosen)],
            Discipline::Fifo => return None,
        };
        let enough = |found: &&Weighed| {
            let least = if found.model.discipline == Discipline::Fifo { LEAST } else { LEAST_SHARING };
            found.evidence >= least && found.waited >= FEWEST
        };
        let peak = |all: &[Weighed]| all.iter().max_by(|one, other| one.evidence.total_cmp(&other.evidence)).copied();
        let mut peaks: Vec<Weighed> = [peak(&fifo), peak(&sharing)].into_iter().flatten().collect();
        peaks.sort_by(|one, other| other.evidence.total_cmp(&one.evidence));
        let best = *peaks.first().filter(enough)?;
        if chosen.discipline == Discipline::Sharing {
            let is_clearly_better = best.evidence > sharing[0].evidence + CLEARLY;
            if best.model.discipline == Discipline::Sharing || !is_clearly_better || !scale.has_edge(best) {
                return None;
            }
        }
        // slow spells make calls that come together slow together, as a queue does
        if scale.has_spells() {
            return None;
        }
        let of_best = if best.model.discipline == Discipline::Fifo { &fifo } else { &sharing };
        let about_as_clear = of_best.iter().filter(|one| one.evidence >= best.evidence - ABOUT);
        let workers = about_as_clear.map(|one| one.model.workers);
        let other = peaks.get(1).filter(|other| other.evidence >= best.evidence - ABOUT);
        Some(Self {
            model: best.model,
            accepted: (workers.clone().min()?, workers.max()?),
            waited: best.waited,
            other: other.map(|other| other.model),
        })
    }
}

/// Whether calls show that it is this queue of so many workers, and not a delay of another kind that many calls spend together: it
/// explains them, and a worker less would have some finish before they could begin.
pub(super) fn has_edge(work: &Workload, model: Model) -> bool {
    if model.discipline != Discipline::Fifo || model.workers < 2 {
        return false;
    }
    Scale::new(work, model.outside).is_some_and(|scale| scale.has_edge(scale.weigh(model)))
}

/// What candidates are weighed with.
struct Scale<'w> {
    work: &'w Workload,
    outside: f64,
    /// The time of each call from when it came to the queue, in nanoseconds.
    times: Vec<f64>,
    /// Calls inside just before each finish.
    inside: Vec<u32>,
    /// Of each operation that has enough calls that found few others.
    densities: Vec<Option<Density>>,
    most: u32,
}

impl<'w> Scale<'w> {
    fn new(work: &'w Workload, outside: f64) -> Option<Self> {
        let mut times = Vec::new();
        Model { outside, ..Model::UNLIMITED }.demands(work, &mut times);
        let populations = work.populations(outside);
        let most = populations.iter().max().copied()?;
        let mut sorted = populations.clone();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        let mut calm: Vec<Vec<f64>> = vec![Vec::new(); work.kinds];
        for call in (0..work.len()).filter(|call| work.counted[*call] && populations[*call] <= median) {
            if times[call] > 0.0 {
                calm[work.operations[call] as usize].push(times[call].ln());
            }
        }
        let densities = calm.into_iter().map(Density::new).collect();
        Some(Self { work, outside, inside: inside_at_finish(work, outside), times, densities, most })
    }

    /// The candidates of a discipline, from as many workers as ever had a call down to where they cannot be.
    fn survey(&self, discipline: Discipline) -> Vec<Weighed> {
        let weigh = |workers| self.weigh(Model { discipline, workers, outside: self.outside });
        let step = (self.most / CANDIDATES).max(1);
        let mut found: Vec<Weighed> = Vec::new();
        let mut workers = self.most;
        while workers > 1 {
            let one = weigh(workers);
            found.push(one);
            if one.evidence < HOPELESS {
                break;
            }
            workers = workers.saturating_sub(step);
        }
        if let Some(best) = found.iter().max_by(|one, other| one.evidence.total_cmp(&other.evidence)).copied()
            && step > 1
        {
            let around = best.model.workers.saturating_sub(step - 1).max(2)..best.model.workers + step;
            found.extend(around.filter(|workers| *workers != best.model.workers).map(weigh));
        }
        found
    }

    fn weigh(&self, model: Model) -> Weighed {
        let mut demands = Vec::new();
        model.demands(self.work, &mut demands);
        let (mut evidence, mut waited) = (0.0, 0);
        for (call, demand) in demands.iter().enumerate() {
            let time = self.times[call];
            let is_late = *demand < time * (1.0 - ROUNDING);
            let Some(density) = self.densities[self.work.operations[call] as usize].as_ref().filter(|_| is_late) else {
                continue;
            };
            if !self.work.counted[call] {
                continue;
            }
            // a demand is known by its finish, and grows by so much with each nanosecond of it
            let growth = match model.discipline {
                Discipline::Sharing => (f64::from(model.workers) / f64::from(self.inside[call].max(1))).min(1.0),
                Discipline::Fifo | Discipline::Unlimited => 1.0,
            };
            evidence += density.ln(*demand) + growth.ln() - density.ln(time);
            waited += 1;
        }
        Weighed { model, evidence, waited }
    }

    /// Whether it explains the calls, and a worker less does not at all.
    fn has_edge(&self, candidate: Weighed) -> bool {
        let Weighed { model, evidence, .. } = candidate;
        evidence > LEAST && self.weigh(Model { workers: model.workers - 1, ..model }).evidence < HOPELESS
    }

    fn has_spells(&self) -> bool {
        let work = self.work;
        let operations = self.densities.iter().flatten().count();
        (0..work.kinds).filter(|kind| self.densities[*kind].is_some()).any(|kind| {
            let own = (0..work.len()).filter(|call| work.counted[*call] && work.operations[*call] as usize == kind);
            let calls: Vec<(f64, f64)> = own.map(|call| (work.arrivals[call], self.times[call])).collect();
            order::order(&calls, operations).is_some()
        })
    }
}

/// A density of demands, as a histogram of their logarithms in which each column has as many calls.
struct Density {
    edges: Vec<f64>,
    /// The logarithm of what lies beyond the sample: half a call.
    beyond: f64,
}

impl Density {
    fn new(mut logs: Vec<f64>) -> Option<Self> {
        if logs.len() < LEAST_CALM {
            return None;
        }
        logs.sort_unstable_by(f64::total_cmp);
        let last = logs.len() - 1;
        let edges = (0..=COLUMNS).map(|column| logs[column * last / COLUMNS]).collect();
        Some(Self { edges, beyond: (0.5 / logs.len() as f64).ln() })
    }

    /// The logarithm of the density of a demand in nanoseconds, by the nanosecond.
    fn ln(&self, demand: f64) -> f64 {
        if demand <= 0.0 {
            return NEVER;
        }
        let log = demand.ln();
        let column = self.edges.partition_point(|edge| *edge <= log);
        let by_log = match (column.checked_sub(1).map(|before| self.edges[before]), self.edges.get(column)) {
            (Some(low), Some(high)) => -(COLUMNS as f64 * (high - low).max(NARROWEST)).ln(),
            // beyond the sample it falls off by a factor of e with each factor of e
            (None, _) => self.beyond - (self.edges[0] - log),
            (_, None) => self.beyond - (log - self.edges[COLUMNS]),
        };
        by_log - log
    }
}

/// How many calls are inside just before each finishes, itself included.
fn inside_at_finish(work: &Workload, outside: f64) -> Vec<u32> {
    let (mut inside, mut arrived) = (vec![0; work.len()], 0);
    for (finished, call) in work.by_finish.iter().enumerate() {
        let finish = work.finishes[*call as usize];
        while work.arrivals.get(arrived).is_some_and(|arrival| arrival + outside <= finish) {
            arrived += 1;
        }
        inside[*call as usize] = arrived.saturating_sub(finished) as u32;
    }
    inside
}

/// The evidence that a queue needs. Of simulated services without one, the strongest had 2 for `fifo` and 12 for `sharing`, by which
/// many more calls are slowed down.
const LEAST: f64 = 10.0;
const LEAST_SHARING: f64 = 20.0;
/// By how much it must exceed that of shared workers that were chosen by effect size.
const CLEARLY: f64 = 100.0;
/// Candidates whose evidence is less by so much are about as clear: half of the 95 % point of chi-squared (Wilks 1938), rounded up.
const ABOUT: f64 = 2.0;
/// Calls that must have waited.
const FEWEST: usize = 20;
/// Evidence that fewer workers will not better.
const HOPELESS: f64 = -300.0;
/// The logarithm of what cannot be, but for an error of a clock.
const NEVER: f64 = -60.0;
/// Numbers of workers that are weighed, before the best one's neighbours.
const CANDIDATES: u32 = 64;
/// Calls that found few others, for a density.
const LEAST_CALM: usize = 400;
const COLUMNS: usize = 40;
/// The width of a column of equal demands.
const NARROWEST: f64 = 1e-6;
/// What an inversion may lose.
const ROUNDING: f64 = 1e-9;
