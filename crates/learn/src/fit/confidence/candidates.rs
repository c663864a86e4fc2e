//! The models of every family that are compared on a tape.

use super::ConfidenceSet;
use super::member::{Member, SimulatedModel};
use super::tape_distance::TapeQuantiles;
use crate::fit::prepare::workload::Workload;
use crate::fit::search::layered::LayeredModel;
use crate::fit::search::layered::search::LayeredCandidate;
use crate::fit::search::model_search::{ModelRanking, smallest_latency};
use crate::fit::station_model::StationModel;
use standin_model::station::RateCurve;

/// The families that a search has tried on a workload.
pub(crate) struct SearchedFamilies<'s> {
    pub(crate) ranking: &'s ModelRanking,
    pub(crate) curve: Option<&'s RateCurve>,
    pub(crate) layered: &'s [LayeredCandidate],
    /// Model that is served unless another one is clearly closer to the tape.
    pub(crate) served: SimulatedModel,
}

impl SearchedFamilies<'_> {
    /// Compares the models on the calls of a tape. CPU shares and the latency outside the pool,
    /// which the inversions determine badly, are varied around the best.
    pub(crate) fn compare(&self, work: &Workload, tape: &TapeQuantiles<'_>) -> ConfidenceSet {
        let mut set = ConfidenceSet::new(tape, Member::new(self.served.clone(), work));
        let single = |model| Member::new(SimulatedModel::Single(model), work);
        let stations = self.ranking.stations.iter().take(SINGLE_STATIONS);
        set.add(tape, stations.map(|scored| single(scored.with_likely_outside(work).model)).collect());
        set.add(
            tape,
            self.curve.iter().map(|curve| Member::new(SimulatedModel::Curve((*curve).clone()), work)).collect(),
        );
        let smallest = smallest_latency(work);
        let with_outside = self.layered.iter().flat_map(|candidate| {
            let of = |share: &f64| LayeredCandidate::at_outside(work, &candidate.model, smallest * share);
            std::iter::once(candidate.model.clone()).chain(OUTSIDE_SHARES.iter().map(of))
        });
        let layered = |model: LayeredModel| Member::new(SimulatedModel::Layered(model), work);
        set.add(tape, with_outside.map(layered).collect());
        let scaled = set.best_layered(SCALED_MODELS).into_iter().flat_map(|model| {
            CPU_SCALES.iter().map(move |scale| LayeredModel {
                cpu_shares: model.cpu_shares.iter().map(|share| (share * scale).min(1.0)).collect(),
                ..model.clone()
            })
        });
        set.add(tape, scaled.map(layered).collect());
        set
    }
}

/// Returns the stations that stand for a service in which no call waited: as few workers as would
/// not have shown, and no queue.
pub(crate) fn without_queue(work: &Workload, fewest: &[StationModel]) -> Vec<Member> {
    fewest.iter().map(|model| Member::new(SimulatedModel::Single(*model), work)).collect()
}

/// Number of single stations that are compared, by effect size.
const SINGLE_STATIONS: usize = 6;
/// Latencies outside a pool that are tried, as shares of the smallest latency.
const OUTSIDE_SHARES: &[f64] = &[0.3, 0.6];
/// Number of layered queues whose CPU shares are varied, and the factors. Inversions find shares
/// a tenth too low on average, and up to a quarter off.
const SCALED_MODELS: usize = 7;
const CPU_SCALES: &[f64] = &[0.85, 1.15, 1.3];
