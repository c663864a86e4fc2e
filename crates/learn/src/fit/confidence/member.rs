//! Models of every family with one interface: each can be run over any arrivals.

use crate::fit::prepare::workload::Workload;
use crate::fit::search::delay_center::DelayCenterFit;
use crate::fit::search::layered::{LayeredModel, cpu_shares, inversion::PoolInversion, simulation};
use crate::fit::search::load_dependent_rate;
use crate::fit::simulation::DemandSampler;
use crate::fit::station_model::StationModel;
use standin_model::station::{Capacity, Queue, RateCurve};

/// A model of some family.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SimulatedModel {
    Single(StationModel),
    Layered(LayeredModel),
    Curve(RateCurve),
    /// Has demands and delays of its own.
    DelayCenter(DelayCenterFit),
}

/// A model with the demands that it recovers from a workload.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) model: SimulatedModel,
    /// Recovered demands of all calls, in nanoseconds; empty for models with demands of their own.
    demands: Vec<f64>,
}

impl Member {
    /// Recovers the demands of a workload under a model.
    pub(crate) fn new(model: SimulatedModel, work: &Workload) -> Self {
        let demands = match &model {
            SimulatedModel::Single(station) => {
                let mut demands = Vec::new();
                station.demands(work, &mut demands);
                demands
            }
            SimulatedModel::Layered(layered) => {
                let inversion = PoolInversion::new(work, layered.workers, layered.outside);
                cpu_shares::demands(&inversion, layered, work)
            }
            SimulatedModel::Curve(curve) => load_dependent_rate::demands(curve, work),
            SimulatedModel::DelayCenter(_) => Vec::new(),
        };
        Self { model, demands }
    }

    /// Returns the demands to draw from.
    pub(crate) fn sampler(&self, work: &Workload) -> DemandSampler {
        DemandSampler::new(work, &self.demands, |call| !self.demands.is_empty() && work.counted[call])
    }

    /// Returns the latencies of all calls of a workload in one run, in nanoseconds.
    pub(crate) fn run(&self, sampler: &DemandSampler, work: &Workload, seed: u64) -> Vec<f64> {
        match &self.model {
            SimulatedModel::Single(station) => sampler.run(*station, work, seed),
            SimulatedModel::Layered(model) => simulation::run(model, sampler, work, seed),
            SimulatedModel::Curve(curve) => {
                let capacity = Capacity::Curve { curve: curve.clone(), queue: Queue::Unbounded };
                sampler.serve(capacity, 0.0, work, seed)
            }
            SimulatedModel::DelayCenter(fit) => fit.latencies(work, seed),
        }
    }

    /// Returns the name of the model: `fifo(4)`, `fifo(6) on 1 core`.
    pub(crate) fn name(&self) -> String {
        match &self.model {
            SimulatedModel::Single(station) => station.to_string(),
            SimulatedModel::Layered(model) => model.name(),
            SimulatedModel::Curve(_) => "a curve".to_owned(),
            SimulatedModel::DelayCenter(fit) => format!("fifo({}) behind a delay", fit.workers),
        }
    }
}
