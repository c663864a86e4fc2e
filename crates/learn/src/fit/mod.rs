//! Learns a performance model from recordings: which queue, how many workers, and what each
//! operation demands of them.
//!
//! For each candidate model the demands are recovered from arrivals and finishes (`station_model`).
//! Given the true model they do not depend on load; how much they do is the candidate's effect size
//! (`search::load_dependence`). The candidate with the smallest effect size wins
//! (`search::model_search`), together with a fixed latency outside the queue. Candidates that the
//! effect size does not separate are judged by predicting the highest load of the tape from the
//! rest (`search::holdout_validation`); that error is what to expect beyond the tape. At light
//! load, where few calls waited, those few decide by their likelihood (`search::rare_waits`). No
//! step assumes a distribution of demands or of arrivals.
//!
//! Effects outside the queue are removed first: waits at a rate limit (`prepare::leaky_bucket`) and
//! stalls (`prepare::stalls`). Where no single station explains the tape, models with more
//! parameters are tried: a load-dependent service rate (`search::load_dependent_rate`), a tandem
//! queue (`search::tandem_queue`), and a delay center beside a queue (`search::delay_center`). The
//! demands are then described by operation and response class (`demand`), rejections by status
//! (`limits`), and caveats in words (`report::findings`).

mod confidence;
mod demand;
mod explanation;
mod fitted;
mod inconsistency;
mod limits;
mod model_comparison;
mod prepare;
mod report;
mod search;
mod simulation;
mod station_model;
mod time;

use self::confidence::member::SimulatedModel;
use self::explanation::{Explanation, Prepared};
use self::limits::RejectionLimits;
use self::model_comparison::ModelComparison;
use self::prepare::drift::find_drift;
use self::report::findings::rules::{self, uncertainty};

pub use confidence::prediction::{LatencyInterval, LoadPrediction, OperationPrediction};
pub use demand::gpd_tail::Tail;
pub use demand::quantile_table::percentile_name;
pub use demand::{DemandTable, OperationFit, ResponseClass};
pub use fitted::{Candidate, Fitted, ValidRange};
pub use inconsistency::FitError;
pub use limits::{FittedLimit, LimitKind};
pub use prepare::drift::Drift;
pub use prepare::stalls::FittedStalls;
pub use prepare::trace::{Observation, Trace};
pub use report::findings::Finding;
pub use report::html::FitPage;
pub use search::holdout_validation::Stratum;
pub use station_model::QueueDiscipline;

impl Fitted {
    /// Fits one model to all tapes of a service.
    pub fn new(service: &str, traces: &[Trace]) -> Result<Self, FitError> {
        Self::with_predictions(service, traces, &[])
    }

    /// Fits one model to all tapes of a service, and predicts latencies at these rates too, in
    /// calls a second.
    pub fn with_predictions(service: &str, traces: &[Trace], rates: &[f64]) -> Result<Self, FitError> {
        let prepared = Prepared::new(traces)?;
        let mut explanation = Explanation::of_single_station(&prepared);
        let tandem = explanation.try_more_parameters(&prepared);
        let drift = find_drift(&prepared.work, &explanation.demands);
        let mut comparison = explanation.compare_models(&prepared, drift.is_none());
        explanation.findings.extend(drift.map(|drift| drift.finding(traces)));
        let limits = RejectionLimits::learn(traces, explanation.chosen.model, prepared.leaky_bucket);
        let about_tapes = rules::for_tapes(traces, &explanation.valid, prepared.excluded);
        let mut tables = explanation.tables(&prepared, &limits, &about_tapes);
        explanation.findings.extend(rules::for_rejections(&limits, &tables.default.classes));
        let delay_center = explanation.try_two_stations(tandem, &prepared, &mut tables);
        if let (Some(comparison), Some(fit)) = (&mut comparison, delay_center) {
            comparison.serve(SimulatedModel::DelayCenter(fit), &prepared);
        }
        // a front has no simulation over other arrivals
        let comparison = comparison.filter(|_| tables.default.front.is_none());
        let alternatives = comparison.as_ref().map(ModelComparison::alternatives).unwrap_or_default();
        let predictions = comparison.map(|all| all.predict(&prepared, &explanation.valid, rates)).unwrap_or_default();
        let (known_up_to, uncertain) = uncertainty(&predictions, &explanation.valid, rates);
        explanation.findings.extend(uncertain);
        explanation.findings.extend(about_tapes);
        rules::order(&mut explanation.findings);
        let (station, workers) = explanation.reported_station();
        let cores = explanation.layered.as_ref().map(|layered| layered.model.cores);
        Ok(Self {
            service: service.to_owned(),
            discipline: station.discipline,
            workers,
            accepted: rules::widened(explanation.accepted(&tables), workers, &explanation.findings),
            curve: explanation.curve,
            cores,
            outside: time::from_nanos(station.outside),
            effect: explanation.effect,
            chance: prepared.ranking.chance.0,
            unlimited_effect: prepared.ranking.unlimited,
            candidates: explanation.candidates,
            strata: explanation.strata,
            drift,
            stalls: prepared.stalls,
            limits: limits.found,
            operations: tables.operations,
            default: tables.default,
            mistimed: traces.iter().map(|trace| trace.mistimed.len() as u64).sum(),
            valid: explanation.valid,
            predictions,
            alternatives,
            known_up_to,
            findings: explanation.findings,
        })
    }
}
