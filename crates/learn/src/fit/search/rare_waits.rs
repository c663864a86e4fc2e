//! Queues at light load, where few calls wait: evidence that the effect size, which compares thirds
//! of all calls, cannot see.
//!
//! At light load hardly any call finds all workers busy, but those that do are informative. If
//! there was a queue, they started later than they arrived, and the rest of their latency is a
//! demand like any other. The likelihood of that rest, by the density of demands among calls that
//! found few others, is compared with the likelihood of the whole latency (a likelihood-ratio
//! test). With too few workers some calls would finish before they could have started, which is
//! practically impossible, so the evidence has a sharp edge at the true number of workers.

use crate::fit::demand::autocorrelation;
use crate::fit::prepare::workload::Workload;
use crate::fit::station_model::{QueueDiscipline, StationModel};

/// The queue that a few waiting calls show.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LightLoadFit {
    pub(crate) model: StationModel,
    /// Lowest and highest number of workers with about the same evidence.
    pub(crate) accepted: (u32, u32),
    /// Number of calls that waited under this model.
    pub(crate) waited: usize,
    /// Best model of the other discipline, if its evidence is about the same.
    pub(crate) other: Option<StationModel>,
}

/// A model with its evidence: the logarithm of its likelihood ratio to no queue, and the number of
/// calls that waited.
#[derive(Clone, Copy, Debug)]
struct LikelihoodCandidate {
    model: StationModel,
    evidence: f64,
    waited: usize,
}

impl LightLoadFit {
    /// Searches for a queue that should replace the chosen model: no queue, or processor sharing if
    /// waiting in order explains much more.
    pub(crate) fn find(work: &Workload, chosen: StationModel) -> Option<Self> {
        let likelihood = LikelihoodModel::new(work, chosen.outside)?;
        let fifo = likelihood.survey(QueueDiscipline::Fifo);
        let sharing = match chosen.discipline {
            QueueDiscipline::Unlimited => likelihood.survey(QueueDiscipline::Sharing),
            QueueDiscipline::Sharing => vec![likelihood.evaluate(chosen)],
            QueueDiscipline::Fifo => return None,
        };
        let enough = |found: &&LikelihoodCandidate| {
            let least =
                if found.model.discipline == QueueDiscipline::Fifo { MIN_EVIDENCE } else { MIN_EVIDENCE_SHARING };
            found.evidence >= least && found.waited >= MIN_WAITED
        };
        let best_of = |all: &[LikelihoodCandidate]| {
            all.iter().max_by(|one, other| one.evidence.total_cmp(&other.evidence)).copied()
        };
        let mut bests: Vec<LikelihoodCandidate> = [best_of(&fifo), best_of(&sharing)].into_iter().flatten().collect();
        bests.sort_by(|one, other| other.evidence.total_cmp(&one.evidence));
        let best = *bests.first().filter(enough)?;
        if chosen.discipline == QueueDiscipline::Sharing {
            let is_clearly_better = best.evidence > sharing[0].evidence + MIN_EVIDENCE_GAIN;
            if best.model.discipline == QueueDiscipline::Sharing
                || !is_clearly_better
                || !likelihood.has_sharp_edge(best)
            {
                return None;
            }
        }
        // autocorrelated demands make calls that arrive together slow together, as a queue does
        if likelihood.has_slow_spells() {
            return None;
        }
        let of_best = if best.model.discipline == QueueDiscipline::Fifo { &fifo } else { &sharing };
        let about_as_clear = of_best.iter().filter(|one| one.evidence >= best.evidence - MAX_EVIDENCE_LOSS);
        let workers = about_as_clear.map(|one| one.model.workers);
        let other = bests.get(1).filter(|other| other.evidence >= best.evidence - MAX_EVIDENCE_LOSS);
        Some(Self {
            model: best.model,
            accepted: (workers.clone().min()?, workers.max()?),
            waited: best.waited,
            other: other.map(|other| other.model),
        })
    }
}

/// Returns true if the calls show this number of workers, rather than another kind of delay that
/// many calls share: the model explains them, and with one worker less some would finish before
/// they could start.
pub(crate) fn has_sharp_edge(work: &Workload, model: StationModel) -> bool {
    if model.discipline != QueueDiscipline::Fifo || model.workers < 2 {
        return false;
    }
    LikelihoodModel::new(work, model.outside)
        .is_some_and(|likelihood| likelihood.has_sharp_edge(likelihood.evaluate(model)))
}

/// Data for the likelihood of candidate models.
struct LikelihoodModel<'w> {
    work: &'w Workload,
    outside: f64,
    /// Time of each call since it entered the queue, in nanoseconds.
    times: Vec<f64>,
    /// Number of calls inside just before each finish.
    inside: Vec<u32>,
    /// Density of demands by operation; `None` for operations with few calls at light load.
    densities: Vec<Option<Density>>,
    most: u32,
}

impl<'w> LikelihoodModel<'w> {
    fn new(work: &'w Workload, outside: f64) -> Option<Self> {
        let mut times = Vec::new();
        StationModel { outside, ..StationModel::UNLIMITED }.demands(work, &mut times);
        let populations = work.populations(outside);
        let most = populations.iter().max().copied()?;
        let mut sorted = populations.clone();
        sorted.sort_unstable();
        let median = sorted[sorted.len() / 2];
        let mut light_load: Vec<Vec<f64>> = vec![Vec::new(); work.operation_count];
        for call in (0..work.len()).filter(|call| work.counted[*call] && populations[*call] <= median) {
            if times[call] > 0.0 {
                light_load[work.operations[call] as usize].push(times[call].ln());
            }
        }
        let densities = light_load.into_iter().map(Density::new).collect();
        Some(Self { work, outside, inside: inside_at_finish(work, outside), times, densities, most })
    }

    /// Returns the candidates of a discipline, from the highest population downwards until they
    /// become impossible.
    fn survey(&self, discipline: QueueDiscipline) -> Vec<LikelihoodCandidate> {
        let evaluate = |workers| self.evaluate(StationModel { discipline, workers, outside: self.outside });
        let step = (self.most / CANDIDATE_COUNT).max(1);
        let mut found: Vec<LikelihoodCandidate> = Vec::new();
        let mut workers = self.most;
        while workers > 1 {
            let one = evaluate(workers);
            found.push(one);
            if one.evidence < IMPOSSIBLE_EVIDENCE {
                break;
            }
            workers = workers.saturating_sub(step);
        }
        if let Some(best) = found.iter().max_by(|one, other| one.evidence.total_cmp(&other.evidence)).copied()
            && step > 1
        {
            let around = best.model.workers.saturating_sub(step - 1).max(2)..best.model.workers + step;
            found.extend(around.filter(|workers| *workers != best.model.workers).map(evaluate));
        }
        found
    }

    fn evaluate(&self, model: StationModel) -> LikelihoodCandidate {
        let mut demands = Vec::new();
        model.demands(self.work, &mut demands);
        let (mut evidence, mut waited) = (0.0, 0);
        for (call, demand) in demands.iter().enumerate() {
            let time = self.times[call];
            let is_late = *demand < time * (1.0 - INVERSION_ERROR);
            let Some(density) = self.densities[self.work.operations[call] as usize].as_ref().filter(|_| is_late) else {
                continue;
            };
            if !self.work.counted[call] {
                continue;
            }
            // density transformation: growth of the demand for each nanosecond of the finish
            let growth = match model.discipline {
                QueueDiscipline::Sharing => (f64::from(model.workers) / f64::from(self.inside[call].max(1))).min(1.0),
                QueueDiscipline::Fifo | QueueDiscipline::Unlimited => 1.0,
            };
            evidence += density.ln(*demand) + growth.ln() - density.ln(time);
            waited += 1;
        }
        LikelihoodCandidate { model, evidence, waited }
    }

    /// Returns true if the candidate explains the calls and one worker less does not at all.
    fn has_sharp_edge(&self, candidate: LikelihoodCandidate) -> bool {
        let LikelihoodCandidate { model, evidence, .. } = candidate;
        evidence > MIN_EVIDENCE
            && self.evaluate(StationModel { workers: model.workers - 1, ..model }).evidence < IMPOSSIBLE_EVIDENCE
    }

    fn has_slow_spells(&self) -> bool {
        let work = self.work;
        let operations = self.densities.iter().flatten().count();
        (0..work.operation_count).filter(|kind| self.densities[*kind].is_some()).any(|kind| {
            let own = (0..work.len()).filter(|call| work.counted[*call] && work.operations[*call] as usize == kind);
            let calls: Vec<(f64, f64)> = own.map(|call| (work.arrivals[call], self.times[call])).collect();
            autocorrelation::find_autocorrelation(&calls, operations).is_some()
        })
    }
}

/// Density of demands: a histogram of their logarithms whose columns hold equal numbers of calls.
struct Density {
    edges: Vec<f64>,
    /// Logarithm of the probability beyond the sample: half a call.
    beyond: f64,
}

impl Density {
    fn new(mut logs: Vec<f64>) -> Option<Self> {
        if logs.len() < MIN_LIGHT_LOAD_CALLS {
            return None;
        }
        logs.sort_unstable_by(f64::total_cmp);
        let last = logs.len() - 1;
        let edges = (0..=COLUMNS).map(|column| logs[column * last / COLUMNS]).collect();
        Some(Self { edges, beyond: (0.5 / logs.len() as f64).ln() })
    }

    /// Returns the logarithm of the density at a demand in nanoseconds, per nanosecond.
    fn ln(&self, demand: f64) -> f64 {
        if demand <= 0.0 {
            return IMPOSSIBLE_LOG_DENSITY;
        }
        let log = demand.ln();
        let column = self.edges.partition_point(|edge| *edge <= log);
        let by_log = match (column.checked_sub(1).map(|before| self.edges[before]), self.edges.get(column)) {
            (Some(low), Some(high)) => -(COLUMNS as f64 * (high - low).max(MIN_COLUMN_WIDTH)).ln(),
            // beyond the sample the density falls by a factor of e with each factor of e
            (None, _) => self.beyond - (self.edges[0] - log),
            (_, None) => self.beyond - (log - self.edges[COLUMNS]),
        };
        by_log - log
    }
}

/// Returns the number of calls inside just before each finish, itself included.
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

/// Minimum evidence of a queue. Among simulated services without one, the strongest had 2 for
/// `fifo` and 12 for `sharing`, which slows many more calls down.
const MIN_EVIDENCE: f64 = 10.0;
const MIN_EVIDENCE_SHARING: f64 = 20.0;
/// Minimum difference of evidence to processor sharing that was chosen by effect size.
const MIN_EVIDENCE_GAIN: f64 = 100.0;
/// Largest difference of evidence between candidates that are about as likely: half of the 95 %
/// point of chi-squared (Wilks 1938), rounded up.
const MAX_EVIDENCE_LOSS: f64 = 2.0;
/// Minimum number of calls that waited.
const MIN_WAITED: usize = 20;
/// Evidence below which fewer workers need not be tried.
const IMPOSSIBLE_EVIDENCE: f64 = -300.0;
/// Logarithm of the density of the impossible, which only a clock error can produce.
const IMPOSSIBLE_LOG_DENSITY: f64 = -60.0;
/// Number of candidates before the best one's neighbors are tried.
const CANDIDATE_COUNT: u32 = 64;
/// Minimum number of calls at light load for a density.
const MIN_LIGHT_LOAD_CALLS: usize = 400;
const COLUMNS: usize = 40;
/// Width of a column of equal demands.
const MIN_COLUMN_WIDTH: f64 = 1e-6;
/// Relative rounding error of an inversion.
const INVERSION_ERROR: f64 = 1e-9;
