//! Which model explains a workload best: a coarse search over an excerpt, then a fine one over everything.

use std::collections::HashMap;

use super::effect::{Strata, chance};
use super::model::{Discipline, Model};
use super::workload::Workload;

/// A model and its effect size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scored {
    pub(super) model: Model,
    pub(super) effect: f64,
}

impl Scored {
    /// The same station with the part outside its queue that is likely. To leave out all that is not proven would take it for
    /// demand, always, and make the service too slow where it is busy.
    pub(super) fn with_what_is_outside(self, work: &Workload) -> Self {
        let mut bench = Bench::new(work, |_, _| true);
        let outside = bench.outside(self.model, smallest_latency(work));
        let Some(outside) = outside.filter(|outside| outside.likely > self.model.outside) else { return self };
        let found = bench.score(Model { outside: outside.likely, ..self.model });
        if found.effect.is_finite() { found } else { self }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// The best of each station, the smallest effect size first; never empty.
    pub(super) stations: Vec<Scored>,
    /// The effect size that the best would have by chance, and the standard deviation of that.
    pub(super) chance: (f64, f64),
    /// The effect size of no queue at all.
    pub(super) unlimited: f64,
}

impl Ranking {
    /// Searches all models. Only calls that are `included` are compared; all of them occupy the station.
    pub(super) fn new(work: &Workload, included: impl Fn(&Workload, usize) -> bool + Copy) -> Self {
        let most = work.most_inside();
        let smallest = smallest_latency(work);
        let part = work.excerpt(EXCERPT, most as usize);
        let mut coarse = Bench::new(&part, included);
        let mut found: Vec<Scored> = Vec::new();
        let mut fine = Bench::new(work, included);
        for discipline in [Discipline::Fifo, Discipline::Sharing] {
            for scored in coarse.survey(discipline, most, smallest) {
                keep(&mut found, fine.refine(scored.model, most, smallest));
            }
            let of_discipline = found.iter().filter(|scored| scored.model.discipline == discipline);
            let best = of_discipline.min_by(|one, other| one.effect.total_cmp(&other.effect)).copied();
            for step in best.iter().flat_map(|best| neighbours(best.model, most)) {
                keep(&mut found, fine.score(step));
            }
        }
        let unlimited = fine.score(Model::UNLIMITED);
        found.push(unlimited);
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        let mut demands = Vec::new();
        found[0].model.demands(work, &mut demands);
        let chance = chance(work, &demands, found[0].model.outside, |call| included(work, call));
        for scored in &mut found {
            *scored = fine.settled(*scored, smallest, LEAST_GAIN.max(chance.1 * GAIN_BEYOND_CHANCE));
        }
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        Self { stations: found, chance, unlimited: unlimited.effect }
    }

    pub(super) fn best(&self) -> Scored {
        self.stations[0]
    }

    /// Whether nothing speaks for a queue.
    pub(super) fn sees_no_queue(&self) -> bool {
        self.unlimited <= self.best().effect + self.tolerance()
    }

    /// Models that the effect size alone does not tell from the best. First comes the one with the smallest effect on logarithms.
    pub(super) fn close(&self, work: &Workload, included: impl Fn(usize) -> bool) -> Vec<Scored> {
        let best = self.best().effect;
        let limit = best + self.tolerance().max(best * CLOSE_SHARE);
        let close = self.stations.iter().filter(|scored| scored.effect <= limit);
        let close = close.filter(|scored| scored.model.discipline != Discipline::Unlimited).take(MOST_CLOSE);
        let mut demands = Vec::new();
        let mut close: Vec<(f64, Scored)> = close
            .map(|scored| {
                scored.model.demands(work, &mut demands);
                (Strata::new(work, scored.model.outside, &included).log_effect(&demands), *scored)
            })
            .collect();
        close.sort_by(|one, other| one.0.total_cmp(&other.0));
        close.into_iter().map(|(_, scored)| scored).collect()
    }

    /// The numbers of workers around a model's own that the effect size accepts as well.
    pub(super) fn accepted(&self, work: &Workload, chosen: Model, included: impl Fn(usize) -> bool) -> (u32, u32) {
        let most = work.most_inside();
        let part = work.excerpt(EXCERPT, most as usize);
        let strata = Strata::new(&part, chosen.outside, included);
        let mut demands = Vec::new();
        let mut effect = |workers| {
            let model = Model { workers, ..chosen };
            model.demands(&part, &mut demands);
            strata.effect(&demands, chosen.outside)
        };
        let limit = effect(chosen.workers) + self.tolerance().max(self.best().effect * CLOSE_SHARE);
        let low = (1..chosen.workers).rev().take(WIDEST).take_while(|workers| effect(*workers) <= limit).last();
        let high = (chosen.workers + 1..=most).take(WIDEST).take_while(|workers| effect(*workers) <= limit).last();
        (low.unwrap_or(chosen.workers), high.unwrap_or(chosen.workers))
    }

    /// Where no queue was seen: the fewest workers that explain the workload as well as any number does.
    pub(super) fn at_least(&self, work: &Workload) -> u32 {
        let mut populations = work.populations(0.0);
        populations.sort_unstable();
        // one crowded moment proves nothing
        let most = populations.get(populations.len().saturating_sub(CROWD)).map_or(1, |population| population + 1);
        let limit = self.best().effect + self.tolerance();
        let mut bench = Bench::new(work, |_, _| true);
        let fewest = [Discipline::Fifo, Discipline::Sharing].map(|discipline| {
            let (mut refused, mut accepted) = (0, most);
            while accepted - refused > 1 {
                let workers = refused.midpoint(accepted);
                let scored = bench.score(Model { discipline, workers, outside: 0.0 });
                if scored.effect <= limit { accepted = workers } else { refused = workers }
            }
            accepted
        });
        fewest[0].min(fewest[1])
    }

    /// Differences of effect sizes below this mean nothing. Two models share most of their chance, hence only a part of it.
    fn tolerance(&self) -> f64 {
        (self.chance.1 * CHANCE_SHARE).max(LEAST_DIFFERENCE)
    }
}

/// A part outside the queue, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Outside {
    /// How long it is likely to be.
    likely: f64,
    /// How much longer than what the recorder accounts for, in standard errors.
    beyond: f64,
}

/// Scores models on one workload.
struct Bench<'w, F> {
    work: &'w Workload,
    included: F,
    /// By the bits of the outside part.
    strata: HashMap<u64, Strata>,
    demands: Vec<f64>,
}

impl<'w, F: Fn(&Workload, usize) -> bool + Copy> Bench<'w, F> {
    fn new(work: &'w Workload, included: F) -> Self {
        Self { work, included, strata: HashMap::new(), demands: Vec::new() }
    }

    fn score(&mut self, model: Model) -> Scored {
        let (work, included) = (self.work, self.included);
        let strata = self.strata.entry(model.outside.to_bits());
        let strata = strata.or_insert_with(|| Strata::new(work, model.outside, |call| included(work, call)));
        model.demands(work, &mut self.demands);
        let is_queue = model.discipline != Discipline::Unlimited;
        let effect = if is_queue { Strata::effect } else { Strata::size };
        Scored { model, effect: effect(strata, &self.demands, model.outside) }
    }

    fn best(&mut self, models: impl IntoIterator<Item = Model>) -> Scored {
        let scored = models.into_iter().map(|model| self.score(model));
        scored.min_by(|one, other| one.effect.total_cmp(&other.effect)).expect("there are models to choose from")
    }

    /// The most promising numbers of workers of a discipline, each with its best outside part on a grid.
    fn survey(&mut self, discipline: Discipline, most: u32, smallest: f64) -> Vec<Scored> {
        let ladder = LADDER.iter().copied().filter(|workers| *workers <= most.max(1));
        let mut found: Vec<Scored> = ladder
            .map(|workers| {
                self.best(SURVEY.iter().map(|share| Model { discipline, workers, outside: share * smallest }))
            })
            .collect();
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        found.truncate(SURVIVORS);
        let mut finer: Vec<Scored> = found
            .into_iter()
            .map(|scored| self.best(GRID.iter().map(|share| Model { outside: share * smallest, ..scored.model })))
            .collect();
        finer.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        finer.truncate(FINALISTS);
        finer
    }

    /// The best model near another, by halving steps in workers and in the outside part.
    fn refine(&mut self, start: Model, most: u32, smallest: f64) -> Scored {
        let mut best = self.score(start);
        let mut step = gap(start.workers) / 2;
        while step > 0 {
            let fewer = best.model.workers.saturating_sub(step).max(1);
            let more = (best.model.workers + step).min(most.max(1));
            let around = [fewer, more].map(|workers| Model { workers, ..best.model });
            let near = self.best(around);
            if near.effect < best.effect {
                best = near;
            }
            step /= 2;
        }
        for share in STEPS {
            let step = share * smallest;
            let around =
                [(best.model.outside - step).max(0.0), (best.model.outside + step).min(smallest * WIDEST_OUTSIDE)];
            let near = self.best(around.map(|outside| Model { outside, ..best.model }));
            if near.effect < best.effect {
                best = near;
            }
        }
        best
    }
}

impl<F: Fn(&Workload, usize) -> bool + Copy> Bench<'_, F> {
    /// The same station with the part outside the queue that surely is one, so that no station looks better by what may be chance.
    fn settled(&mut self, scored: Scored, smallest: f64, least_gain: f64) -> Scored {
        let none = self.score(Model { outside: self.floor(smallest), ..scored.model });
        let none = if none.effect.is_finite() { none } else { scored };
        let Some(outside) = self.outside(scored.model, smallest).filter(|outside| outside.beyond >= BEYOND_CHANCE)
        else {
            return none;
        };
        let found = self.score(Model { outside: outside.likely, ..scored.model });
        let is_sure = outside.beyond >= SURELY || none.effect - found.effect > least_gain;
        if is_sure && found.effect.is_finite() { found } else { none }
    }

    /// The part outside the queue that leaves the lowest and the highest load of the same mean demand: what is taken for demand but
    /// is none shows where calls find a free worker, and not where they wait. None if that says nothing.
    fn outside(&mut self, model: Model, smallest: f64) -> Option<Outside> {
        if model.discipline == Discipline::Unlimited {
            return None;
        }
        let floor = self.floor(smallest);
        let at = |outside: f64| Model { outside, ..model };
        let step = smallest * SLOPE_STEP;
        let (mut outside, mut error) = (model.outside.max(floor), 0.0);
        // the same thirds throughout: who is in which would add its own noise
        let (work, included) = (self.work, self.included);
        let strata = Strata::new(work, outside, |call| included(work, call));
        for _ in 0..2 {
            let (here, variance) = self.difference(&strata, at(outside));
            let slope = (self.difference(&strata, at(outside + step)).0 - here) / step;
            if slope > -LEAST_SLOPE {
                return None;
            }
            error = variance.sqrt() / -slope;
            outside = (outside - here / slope).clamp(floor, smallest * WIDEST_OUTSIDE);
        }
        let beyond = (outside - floor) / error.max(1.0);
        // the positive part of a James-Stein estimator: what was found because it is large is likely to be too large
        let share = (1.0 - (CHANCE / beyond.max(CHANCE)).powi(2)).max(0.0);
        Some(Outside { likely: floor + (outside - floor) * share, beyond })
    }

    /// What the recorder itself accounts for.
    fn floor(&self, smallest: f64) -> f64 {
        self.work.round_trip.min(smallest * WIDEST_OUTSIDE)
    }

    fn difference(&mut self, strata: &Strata, model: Model) -> (f64, f64) {
        model.demands(self.work, &mut self.demands);
        strata.difference(&self.demands)
    }
}

/// Keeps the best of each station, of those that are feasible.
fn keep(found: &mut Vec<Scored>, scored: Scored) {
    found.retain(|other| !other.model.same_station(scored.model) || other.effect <= scored.effect);
    if scored.effect.is_finite() && !found.iter().any(|other| other.model.same_station(scored.model)) {
        found.push(scored);
    }
}

/// One and two workers fewer and more.
fn neighbours(model: Model, most: u32) -> impl Iterator<Item = Model> {
    let around = model.workers.saturating_sub(2).max(1)..=(model.workers + 2).min(most.max(1));
    around.filter(move |workers| *workers != model.workers).map(move |workers| Model { workers, ..model })
}

/// A latency that hardly any call falls below: the first percentile, of the operation in which it is least.
fn smallest_latency(work: &Workload) -> f64 {
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); work.kinds];
    for call in (0..work.len()).filter(|call| work.counted[*call]) {
        latencies[work.operations[call] as usize].push(work.finishes[call] - work.arrivals[call]);
    }
    let least = latencies.iter().map(Vec::len).max().unwrap_or(0).min(50);
    let first = |latencies: &mut Vec<f64>| {
        let rank = latencies.len() / 100;
        *latencies.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    let of_enough = latencies.iter_mut().filter(|latencies| !latencies.is_empty() && latencies.len() >= least);
    of_enough.map(first).min_by(f64::total_cmp).unwrap_or(0.0)
}

/// The distance between a number of workers and the next that is surveyed.
fn gap(workers: u32) -> u32 {
    let above = LADDER.iter().find(|step| **step > workers).copied().unwrap_or(workers * 4 / 3);
    // at least 2, so that both neighbours are tried
    (above - workers).max(2)
}

/// Numbers of workers that are surveyed.
const LADDER: &[u32] =
    &[1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512];
/// Outside parts, as shares of the smallest latency.
const SURVEY: &[f64] = &[0.0, 0.2, 0.4, 0.7, 0.9, 0.97, 0.99];
const GRID: &[f64] = &[
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98,
    0.99, 0.995,
];
const STEPS: &[f64] = &[0.025, 0.0125, 0.006, 0.003];
const WIDEST_OUTSIDE: f64 = 0.998;
/// Numbers of workers of a discipline that survive each round.
const SURVIVORS: usize = 5;
const FINALISTS: usize = 4;
/// Calls that the survey looks at.
const EXCERPT: usize = 12_000;
/// The step by which the slope is taken, as a share of the smallest latency.
const SLOPE_STEP: f64 = 0.05;
/// Where the difference between high and low load hardly answers to the outside part, it cannot be told from it.
const LEAST_SLOPE: f64 = 0.02;
/// Standard errors beyond which an outside part is more than chance.
const BEYOND_CHANCE: f64 = 2.0;
/// Standard errors beyond which it needs no better effect size.
const SURELY: f64 = 3.5;
/// By how much the effect size must be better otherwise; by itself, and in standard deviations of chance.
const LEAST_GAIN: f64 = 0.002;
const GAIN_BEYOND_CHANCE: f64 = 1.5;
/// Standard errors by which it is taken to be too large.
const CHANCE: f64 = 1.2;
const LEAST_DIFFERENCE: f64 = 0.004;
/// Models whose effect size is so much above the best are close to it: by a share of its own, and of the spread of chance.
const CLOSE_SHARE: f64 = 0.15;
const CHANCE_SHARE: f64 = 0.5;
const MOST_CLOSE: usize = 6;
/// Calls that must have found a population before it counts as seen.
const CROWD: usize = 20;
/// How far from the chosen number of workers others are tried.
const WIDEST: usize = 48;
