//! Comparison of the model that the search chose with models of every family, by simulation of the
//! tape; and the predictions of those that the tape accepts.

use std::collections::BTreeSet;

use super::confidence::ConfidenceSet;
use super::confidence::candidates::{SearchedFamilies, without_queue};
use super::confidence::load_schedule::ArrivalPattern;
use super::confidence::member::{Member, SimulatedModel};
use super::confidence::prediction::{LoadPrediction, Predictor};
use super::confidence::tape_distance::TapeQuantiles;
use super::explanation::{Explanation, MAX_TOLERANCE, Prepared};
use super::fitted::ValidRange;
use super::prepare::workload::Workload;
use super::report::findings::Finding;
use super::search::layered::LayeredFit;
use super::search::load_dependent_rate::LoadDependentFit;
use super::station_model::{QueueDiscipline, StationModel};

/// The models that explain a recording, on the part of it that they are compared on.
pub(crate) struct ModelComparison {
    part: Workload,
    set: ConfidenceSet,
}

impl Explanation {
    /// Compares models of all families by simulation of the tape. A layered queue that is clearly
    /// closer to the tape than the chosen model replaces it, unless the service changed. `None`
    /// where no load could be held out, because then nothing tells the models apart.
    pub(crate) fn compare_models(&mut self, prepared: &Prepared<'_>, is_stable: bool) -> Option<ModelComparison> {
        let (work, split) = (&prepared.work, prepared.split.as_ref()?);
        let part = work.excerpt(COMPARED_CALLS, work.max_inside() as usize);
        let tape = TapeQuantiles::new(&part, split)?;
        let mut set = if self.chosen.model.discipline == QueueDiscipline::Unlimited {
            let mut set = ConfidenceSet::new(&tape, Member::new(self.simulated(), &part));
            let fewest = prepared.ranking.min_workers(work);
            let station = |discipline| StationModel { discipline, workers: fewest, outside: 0.0 };
            let fewest = [QueueDiscipline::Fifo, QueueDiscipline::Sharing].map(station);
            set.add(&tape, without_queue(&part, &fewest));
            set
        } else {
            self.search_remaining_families(prepared);
            let families = SearchedFamilies {
                ranking: &prepared.ranking,
                curve: self.curve_candidate.as_ref(),
                layered: &self.layered_candidates,
                served: self.simulated(),
            };
            families.compare(&part, &tape)
        };
        // a station whose effect size chance explains leaves nothing to more parameters
        let is_open = self.layered.is_some() || self.curve.is_some() || self.effect > prepared.ranking.chance.0;
        let may_replace = is_open && is_stable && prepared.stalls.is_none() && !self.is_light_load;
        if let Some(SimulatedModel::Layered(model)) = set.clearly_closer().filter(|_| may_replace).cloned() {
            let fit = LayeredFit::of_model(work, split, model.clone(), Vec::new());
            // what the demands say must not contradict what the simulation says
            let tolerance = prepared.ranking.tolerance();
            let limit = if self.layered.is_some() { self.effect + tolerance } else { self.effect - tolerance };
            if fit.effect < limit {
                set.serve(&tape, Member::new(SimulatedModel::Layered(model), &part));
                self.curve = None;
                self.findings.retain(|one| !matches!(one, Finding::LoadDependentRate { .. }));
                self.replace_with_layered_queue(fit, prepared);
            }
        }
        Some(ModelComparison { part, set })
    }

    /// Searches the families that have not been tried because a single station left nothing open.
    fn search_remaining_families(&mut self, prepared: &Prepared<'_>) {
        let (work, Some(split)) = (&prepared.work, prepared.split.as_ref()) else { return };
        if self.layered_candidates.is_empty() && work.len() >= MIN_LAYERED_CALLS {
            let tolerance = prepared.ranking.tolerance().min(MAX_TOLERANCE);
            let outside = [work.round_trip, self.chosen.model.outside];
            let StationModel { workers, discipline, .. } = self.chosen.model;
            let most = if discipline == QueueDiscipline::Fifo { 2 * workers } else { 3 * workers };
            self.layered_candidates = LayeredFit::candidates(work, &(workers / 2..=most), &outside, tolerance);
        }
        if self.curve_candidate.is_none() {
            self.curve_candidate = LoadDependentFit::find(work, split).map(|fit| fit.curve);
        }
    }

    /// Returns the model as it is simulated.
    fn simulated(&self) -> SimulatedModel {
        match (&self.layered, &self.curve) {
            (Some(layered), _) => SimulatedModel::Layered(layered.model.clone()),
            (None, Some(curve)) => SimulatedModel::Curve(curve.clone()),
            (None, None) => SimulatedModel::Single(self.chosen.model),
        }
    }
}

impl ModelComparison {
    /// Serves a delay center, which replaced the model that was compared.
    pub(crate) fn serve(&mut self, model: SimulatedModel, prepared: &Prepared<'_>) {
        let split = prepared.split.as_ref();
        if let Some(tape) = split.and_then(|split| TapeQuantiles::new(&self.part, split)) {
            self.set.serve(&tape, Member::new(model, &self.part));
        }
    }

    /// Predicts latencies at multiples of the highest recorded load that do not exceed the
    /// capacity, and at the `asked` rates in calls a second.
    pub(crate) fn predict(&self, prepared: &Prepared<'_>, valid: &ValidRange, asked: &[f64]) -> Vec<LoadPrediction> {
        let Some(split) = &prepared.split else { return Vec::new() };
        let Some(pattern) = ArrivalPattern::new(&self.part, split) else { return Vec::new() };
        let recorded = split.held_out_rate(&prepared.work);
        let used = valid.utilization.map_or(0.0, |used| used / valid.per_second);
        let loads = LOADS.iter().map(|load| load * recorded).filter(|rate| rate * used <= 1.0);
        let mut rates: Vec<f64> = loads.chain(asked.iter().copied()).collect();
        rates.sort_by(f64::total_cmp);
        let predictor =
            Predictor::new(&self.part, pattern, prepared.operations.keys().map(ToString::to_string).collect());
        rates.into_iter().map(|rate| predictor.predict(&self.set, rate)).collect()
    }

    /// Returns the names of the models that the tape accepts beside the served one.
    pub(crate) fn alternatives(&self) -> Vec<String> {
        let accepted = self.set.accepted();
        let served = accepted[0].name();
        let mut names: Vec<String> = accepted[1..].iter().map(|member| member.name()).collect();
        names.retain(|name| *name != served);
        let mut known = BTreeSet::new();
        names.retain(|name| known.insert(name.clone()));
        names
    }
}

/// Loads at which latencies are predicted, as multiples of the highest recorded load.
const LOADS: &[f64] = &[0.8, 0.9, 1.0, 1.1, 1.2, 1.4];
/// Number of calls that models are compared on.
const COMPARED_CALLS: usize = 10_000;
/// Minimum number of calls for a search of layered queues.
const MIN_LAYERED_CALLS: usize = 1_500;
