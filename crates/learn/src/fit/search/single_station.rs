//! The single station that explains a tape best: chosen by effect size, by the prediction of the
//! highest load where effect sizes are close, and by the few waiting calls at light load.

use crate::fit::fitted::Candidate;
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
use crate::fit::search::load_dependence::PopulationThirds;
use crate::fit::search::model_search::{ModelRanking, ScoredModel};
use crate::fit::search::rare_waits::LightLoadFit;
use crate::fit::station_model::{QueueDiscipline, StationModel};
use crate::fit::time;

/// A fitted single station.
pub(crate) struct SingleStationFit {
    pub(crate) scored: ScoredModel,
    /// Stations that the effect size does not separate from it, itself included.
    pub(crate) close: Vec<ScoredModel>,
    /// Best candidates by effect size.
    pub(crate) candidates: Vec<Candidate>,
    /// Evidence of the calls that waited at light load, if it decided.
    pub(crate) light_load: Option<LightLoadFit>,
    /// Recovered demand of each call, in nanoseconds.
    pub(crate) demands: Vec<f64>,
    /// Predicted against recorded latencies, with demands of the lower load.
    pub(crate) strata: Vec<Stratum>,
}

impl SingleStationFit {
    pub(crate) fn find(ranking: &ModelRanking, split: Option<&HoldoutSplit>, work: &Workload) -> Self {
        let mut close = if ranking.has_no_queue() { Vec::new() } else { ranking.close(work, |_| true) };
        let (mut scored, candidates) = choose(ranking, &close, split, work);
        let light_load = LightLoadFit::find(work, scored.model);
        let model = light_load.as_ref().map_or(scored.model, |light_load| light_load.model);
        let mut demands = Vec::new();
        model.demands(work, &mut demands);
        if light_load.is_some() {
            let effect = PopulationThirds::new(work, model.outside, |_| true).unchecked_effect(&demands, model.outside);
            (scored, close) = (ScoredModel { model, effect }, Vec::new());
        }
        let strata = split.map(|split| split.predict(model, work)).unwrap_or_default();
        Self { scored, close, candidates, light_load, demands, strata }
    }

    /// Returns the range of workers that explain the tape about as well; `None` without a queue.
    pub(crate) fn accepted_workers(&self, ranking: &ModelRanking, work: &Workload) -> Option<(u32, u32)> {
        let of_crowd = self.light_load.as_ref().map(|light_load| light_load.accepted);
        of_crowd.or_else(|| self.has_queue().then(|| ranking.accepted_workers(work, self.scored.model, |_| true)))
    }

    fn has_queue(&self) -> bool {
        self.scored.model.discipline != QueueDiscipline::Unlimited
    }
}

/// Chooses the first of the close stations, unless another predicts the highest load clearly
/// better.
fn choose(
    ranking: &ModelRanking,
    close: &[ScoredModel],
    split: Option<&HoldoutSplit>,
    work: &Workload,
) -> (ScoredModel, Vec<Candidate>) {
    let mut errors = vec![None; close.len()];
    let unlimited = ScoredModel { model: StationModel::UNLIMITED, effect: ranking.unlimited };
    let mut chosen = close.first().copied().unwrap_or(unlimited);
    if let (Some(split), 2..) = (split, close.len()) {
        for (scored, error) in close.iter().zip(&mut errors) {
            let strata = split.predict(scored.model, work);
            *error = strata
                .iter()
                .find(|stratum| stratum.held_out)
                .map(|stratum| (holdout_validation::mean_error(stratum), holdout_validation::mean_noise(stratum)));
        }
        if let Some(Some((first, noise))) = errors.first().copied() {
            let best = (1..close.len()).filter_map(|index| errors[index].map(|(error, _)| (index, error)));
            let best = best.min_by(|one, other| one.1.total_cmp(&other.1));
            if let Some((index, _)) =
                best.filter(|(_, error)| first - error > noise.max(holdout_validation::MIN_IMPROVEMENT))
            {
                chosen = close[index];
            }
        }
    }
    let candidates = ranking.stations.iter().take(8).map(|scored| {
        let index = close.iter().position(|close| close.model.same_station(scored.model));
        Candidate {
            model: scored.model.to_string(),
            outside: time::from_nanos(scored.model.outside),
            effect: scored.effect,
            extrapolation: index.and_then(|index| errors[index]).map(|(error, _)| error),
        }
    });
    (chosen.with_likely_outside(work), candidates.collect())
}

/// Returns the station that the lower load alone points to, if it is another one.
pub(crate) fn station_of_lower_load(
    work: &Workload,
    split: &HoldoutSplit,
    chosen: StationModel,
) -> Option<StationModel> {
    let lower = ModelRanking::new(work, |part, call| !split.is_held_out(part, call));
    let model = if lower.has_no_queue() { StationModel::UNLIMITED } else { lower.best().model };
    let close = lower.close(work, |call| !split.is_held_out(work, call));
    let differs = !close.iter().any(|close| close.model.same_station(chosen)) || model == StationModel::UNLIMITED;
    differs.then_some(model)
}
