//! The set of models that a tape accepts, and what they predict at loads beside the recorded ones.
//!
//! Models of every family are simulated over the tape's own arrivals. Those whose latencies are not
//! clearly farther from the recorded ones than the best model's are accepted. Their predictions at
//! a load span the interval in which the service is expected (a model confidence set: Hansen, Lunde
//! and Nason, *The model confidence set*, Econometrica 79, 2011).

pub(crate) mod candidates;
pub(crate) mod load_schedule;
pub(crate) mod member;
pub(crate) mod prediction;
pub(crate) mod tape_distance;

use self::member::{Member, SimulatedModel};
use self::tape_distance::{TapeErrors, TapeQuantiles};
use crate::fit::search::layered::LayeredModel;

/// Models of every family with their errors on one tape. The first one is the served model.
#[derive(Clone, Debug)]
pub(crate) struct ConfidenceSet {
    members: Vec<(Member, TapeErrors)>,
}

impl ConfidenceSet {
    /// Starts a set with the served model.
    pub(crate) fn new(tape: &TapeQuantiles<'_>, served: Member) -> Self {
        let errors = tape.errors(&served);
        Self { members: vec![(served, errors)] }
    }

    /// Adds models that are not in the set.
    pub(crate) fn add(&mut self, tape: &TapeQuantiles<'_>, members: Vec<Member>) {
        for member in members {
            if !self.members.iter().any(|(known, _)| known.model == member.model) {
                let errors = tape.errors(&member);
                self.members.push((member, errors));
            }
        }
    }

    /// Makes another model the served one.
    pub(crate) fn serve(&mut self, tape: &TapeQuantiles<'_>, served: Member) {
        self.members.retain(|(known, _)| known.model != served.model);
        let errors = tape.errors(&served);
        self.members.insert(0, (served, errors));
    }

    /// Returns the layered queues closest to the tape.
    fn best_layered(&self, count: usize) -> Vec<LayeredModel> {
        let distances = self.distances();
        let mut found: Vec<(f64, &LayeredModel)> = self
            .members
            .iter()
            .zip(distances)
            .filter_map(|((member, _), distance)| match &member.model {
                SimulatedModel::Layered(model) => Some((distance, model)),
                _ => None,
            })
            .collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        found.into_iter().take(count).map(|(_, model)| model.clone()).collect()
    }

    /// Returns the distance of each model from the tape: the mean square of its errors in units of
    /// a run's noise.
    fn distances(&self) -> Vec<f64> {
        let errors: Vec<&TapeErrors> = self.members.iter().map(|(_, errors)| errors).collect();
        let noise = tape_distance::noise(&errors);
        errors.into_iter().map(|errors| errors.distance(&noise)).collect()
    }

    /// Returns the model that is clearly closer to the tape than the served one, if there is one.
    pub(crate) fn clearly_closer(&self) -> Option<&SimulatedModel> {
        let distances = self.distances();
        let best = (1..distances.len()).min_by(|one, other| distances[*one].total_cmp(&distances[*other]))?;
        let (share, least) = match self.members[0].0.model {
            SimulatedModel::Single(model) if model.is_fifo() => FIFO_GAIN,
            SimulatedModel::Single(_) | SimulatedModel::Curve(_) => SHARED_GAIN,
            SimulatedModel::Layered(_) | SimulatedModel::DelayCenter(_) => LAYERED_GAIN,
        };
        (distances[0] - distances[best] > least + share * distances[best]).then(|| &self.members[best].0.model)
    }

    /// Returns the models that the tape accepts, the served one first, and then in ascending order
    /// of their distance from the tape.
    pub(crate) fn accepted(&self) -> Vec<&Member> {
        let distances = self.distances();
        let best = distances.iter().copied().fold(f64::INFINITY, f64::min);
        let limit = best + ACCEPTED_EXCESS + ACCEPTED_EXCESS_SHARE * best;
        let mut order: Vec<usize> = (1..distances.len()).filter(|place| distances[*place] <= limit).collect();
        order.sort_by(|one, other| distances[*one].total_cmp(&distances[*other]));
        let others = order.into_iter().take(MAX_ACCEPTED).map(|place| &self.members[place].0);
        std::iter::once(&self.members[0].0).chain(others).collect()
    }
}

/// Least gain in distance by which a layered queue replaces the served model: absolute, and as a
/// share of its own distance. More parameters come closer to any tape by chance.
const FIFO_GAIN: (f64, f64) = (0.2, 0.2);
const SHARED_GAIN: (f64, f64) = (0.12, 0.1);
const LAYERED_GAIN: (f64, f64) = (0.2, 0.2);
/// Largest excess of an accepted model's distance over the best: absolute, and as a share.
const ACCEPTED_EXCESS: f64 = 0.2;
const ACCEPTED_EXCESS_SHARE: f64 = 0.3;
/// Largest number of models whose predictions are compared.
const MAX_ACCEPTED: usize = 14;
