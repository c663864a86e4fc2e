//! Rules for the findings about a model and about its tapes: guesses, approximations, failed
//! predictions, and what the recording lacks.

use std::time::Duration;

use super::Finding;
use crate::fit::confidence::prediction::LoadPrediction;
use crate::fit::demand::ResponseClass;
use crate::fit::fitted::ValidRange;
use crate::fit::limits::RejectionLimits;
use crate::fit::prepare::trace::Trace;
use crate::fit::prepare::workload::{ExcludedCalls, Workload};
use crate::fit::search::delay_center::DelayCenterFit;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
use crate::fit::search::layered::LayeredFit;
use crate::fit::search::load_dependence::{
    MAX_CHANCE_FACTOR, PopulationThirds, SMALL_EFFECT, largest_effect_by_chance,
};
use crate::fit::search::load_dependent_rate::LoadDependentFit;
use crate::fit::search::model_search::{ModelRanking, ScoredModel};
use crate::fit::search::rare_waits;
use crate::fit::search::single_station::{SingleStationFit, station_of_lower_load};
use crate::fit::search::tandem_queue::TandemFit;
use crate::fit::station_model::QueueDiscipline;
use crate::fit::time;
use standin_model::stats::median;

/// Returns the findings about a single station and its validation.
pub(crate) fn for_single_station(
    fit: &SingleStationFit,
    ranking: &ModelRanking,
    split: Option<&HoldoutSplit>,
    work: &Workload,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let chosen = fit.scored;
    if chosen.effect > UNEXPLAINED_EFFECT.max(MAX_CHANCE_FACTOR * ranking.chance.0) {
        findings.push(Finding::NotOneQueue { effect: chosen.effect });
    } else if chosen.effect > SMALL_EFFECT && chosen.effect > REPORTED_CHANCE_FACTOR * ranking.chance.0 {
        findings.push(Finding::Approximation { effect: chosen.effect, chance: ranking.chance.0 });
    }
    if chosen.model.discipline == QueueDiscipline::Unlimited {
        findings.push(Finding::CapacityUnknown { at_least: ranking.min_workers(work) });
    } else {
        let others = fit.close.iter().map(|scored| scored.model).filter(|model| !model.same_station(chosen.model));
        let others: Vec<String> = others.map(|model| model.to_string()).collect();
        if !others.is_empty() {
            findings.push(Finding::Ambiguous { others });
        }
    }
    match fit.strata.iter().find(|stratum| stratum.held_out) {
        None => findings.push(holdout_validation::obstacle(work)),
        Some(high) => findings.extend(for_misprediction(high)),
    }
    let third = PopulationThirds::new(work, chosen.model.outside, |_| true).smallest_third();
    if third < MIN_THIRD {
        findings.push(Finding::FewCalls { third: third as u64 });
    }
    if chosen.model.outside > 0.0 {
        findings.push(Finding::FixedLatency { time: time::from_nanos(chosen.model.outside) });
    }
    if let Some(light_load) = &fit.light_load {
        findings.push(Finding::RareWaits { calls: light_load.waited, workers: light_load.accepted });
        findings.extend(light_load.other.map(|other| Finding::Ambiguous { others: vec![other.to_string()] }));
    } else if chosen.model.discipline != QueueDiscipline::Unlimited {
        let lower = split.and_then(|split| station_of_lower_load(work, split, chosen.model));
        findings.extend(lower.map(|model| Finding::LowerLoadDiffers { model: model.to_string() }));
    }
    findings
}

/// Returns the findings about rejections that no rule explains, given the response classes that the
/// model repeats.
pub(crate) fn for_rejections(limits: &RejectionLimits, classes: &[ResponseClass]) -> Vec<Finding> {
    let finding = |(status, calls): &(u16, u64)| Finding::Rejected {
        status: *status,
        calls: *calls,
        repeated: classes.iter().find(|class| class.status == *status).map(|class| class.share),
    };
    limits.unexplained.iter().map(finding).collect()
}

/// Returns true if a delay center might explain what a single station does not, or explains only
/// with very many workers.
pub(crate) fn suggests_delay_center(
    findings: &[Finding],
    chosen: ScoredModel,
    ranking: &ModelRanking,
    work: &Workload,
) -> bool {
    let are_many = chosen.model.workers >= MANY_WORKERS;
    chosen.model.discipline != QueueDiscipline::Unlimited
        && ((are_many && !rare_waits::has_sharp_edge(work, chosen.model))
            || chosen.effect > largest_effect_by_chance(ranking.chance.0)
            || findings.iter().any(Finding::is_unexplained))
}

/// Replaces the findings about a single station by those about a delay center.
pub(crate) fn replace_with_delay_center(findings: &mut Vec<Finding>, fit: &DelayCenterFit, strata: &[Stratum]) {
    remove_single_station_findings(findings);
    let worst = strata
        .iter()
        .max_by(|one, other| holdout_validation::mean_error(one).total_cmp(&holdout_validation::mean_error(other)));
    let error = worst.map_or(0.0, holdout_validation::mean_error);
    findings.push(Finding::DelayCenter { capacity: 1.0 / fit.utilization(1.0), error });
    findings.extend(worst.and_then(for_misprediction));
}

/// Returns true if no single station explains the tape, so that models with more parameters are
/// worth a try.
pub(crate) fn suggests_more_parameters(findings: &[Finding], chosen: ScoredModel, ranking: &ModelRanking) -> bool {
    chosen.model.discipline != QueueDiscipline::Unlimited
        && (chosen.effect > largest_effect_by_chance(ranking.chance.0) || findings.iter().any(Finding::is_unexplained))
}

/// Replaces the findings about a single station by those about a load-dependent rate.
pub(crate) fn replace_with_load_dependent_rate(findings: &mut Vec<Finding>, fit: &LoadDependentFit, chance: f64) {
    remove_single_station_findings(findings);
    findings.push(Finding::LoadDependentRate { measured: fit.measured, capacity: fit.capacity() });
    if fit.effect > UNEXPLAINED_EFFECT.max(MAX_CHANCE_FACTOR * chance) {
        findings.push(Finding::NotOneQueue { effect: fit.effect });
    }
    let held_out = fit.strata.iter().find(|stratum| stratum.held_out);
    findings.extend(held_out.and_then(for_misprediction));
}

/// Replaces the findings about a single station by those about a layered queue.
pub(crate) fn replace_with_layered_queue(findings: &mut Vec<Finding>, fit: &LayeredFit, chance: f64) {
    remove_single_station_findings(findings);
    findings.retain(|one| !matches!(one, Finding::CapacityUnknown { .. }));
    let shares = fit.model.cpu_shares.iter().copied();
    let range = shares.fold((f64::INFINITY, 0.0), |(least, most), one| (f64::min(least, one), f64::max(most, one)));
    findings.push(Finding::Layered { model: fit.model.name(), cpu: range, capacity: fit.capacity });
    if fit.effect > UNEXPLAINED_EFFECT.max(MAX_CHANCE_FACTOR * chance) {
        findings.push(Finding::NotOneQueue { effect: fit.effect });
    } else if fit.effect > SMALL_EFFECT && fit.effect > REPORTED_CHANCE_FACTOR * chance {
        findings.push(Finding::Approximation { effect: fit.effect, chance });
    }
    let held_out = fit.strata.iter().find(|stratum| stratum.held_out);
    findings.extend(held_out.and_then(for_misprediction));
    if fit.scale != 1.0 {
        findings.push(Finding::CpuScaled { factor: fit.scale });
    }
    if !fit.others.is_empty() {
        findings.push(Finding::Ambiguous { others: fit.others.clone() });
    }
    if fit.model.outside > 0.0 {
        findings.push(Finding::FixedLatency { time: time::from_nanos(fit.model.outside) });
    }
}

/// Returns the load in calls a second up to which the accepted models agree within 30 %, and the
/// finding that they do not at a load up to 120 % of the recorded one, or at an `asked` rate.
pub(crate) fn uncertainty(
    predictions: &[LoadPrediction],
    valid: &ValidRange,
    asked: &[f64],
) -> (Option<f64>, Option<Finding>) {
    // close to saturation latencies depend on how long it lasts
    let is_compared = |prediction: &&LoadPrediction| {
        let used = valid.utilization.map_or(0.0, |used| used * prediction.per_second / valid.per_second);
        used <= SATURATED || asked.contains(&prediction.per_second)
    };
    let compared: Vec<&LoadPrediction> = predictions.iter().filter(is_compared).collect();
    let first = compared.iter().position(|prediction| prediction.width() > MAX_KNOWN_WIDTH);
    let known = match first {
        Some(0) => Some(0.0),
        first => compared[..first.unwrap_or(compared.len())].last().map(|prediction| prediction.per_second),
    };
    let finding = first.map(|first| compared[first]).filter(|unknown| {
        unknown.per_second <= valid.per_second * MAX_WARNED_LOAD || asked.iter().any(|rate| *rate >= unknown.per_second)
    });
    let finding = finding.map(|unknown| {
        let [_, p95, _] = unknown.all;
        let (known_up_to, per_second) = (known.unwrap_or(0.0), unknown.per_second);
        Finding::Uncertain { known_up_to, per_second, p95: (p95.low, p95.high) }
    });
    (known, finding)
}

/// Returns true if a layered queue leaves a part of the tape unexplained.
pub(crate) fn leaves_open(fit: &LayeredFit, chance: f64) -> bool {
    fit.effect > largest_effect_by_chance(chance) || fit.strata.iter().any(holdout_validation::is_mispredicted)
}

/// Returns true if a layered queue has so many workers that a delay beside a queue is the likelier
/// explanation.
pub(crate) fn stands_for_a_delay(fit: &LayeredFit) -> bool {
    fit.model.workers.is_some_and(|workers| workers >= MANY_WORKERS)
}

/// Moves a failed prediction of the highest load and a change of the service to the front, in this
/// order. A change removes the findings that follow from it; a failed prediction it does not.
pub(crate) fn order(findings: &mut Vec<Finding>) {
    if findings.iter().any(|one| matches!(one, Finding::Drifted { .. })) {
        findings.retain(|one| !one.follows_from_drift());
    }
    findings.sort_by_key(|one| match one {
        Finding::HoldoutMispredicted { .. } => 0,
        Finding::Uncertain { .. } => 1,
        Finding::Drifted { .. } => 2,
        _ => 3,
    });
}

/// Removes the findings about a single station.
fn remove_single_station_findings(findings: &mut Vec<Finding>) {
    findings.retain(|one| {
        !matches!(
            one,
            Finding::NotOneQueue { .. }
                | Finding::HoldoutMispredicted { .. }
                | Finding::Approximation { .. }
                | Finding::Ambiguous { .. }
                | Finding::LowerLoadDiffers { .. }
                | Finding::RareWaits { .. }
                | Finding::FixedLatency { .. }
                | Finding::Layered { .. }
                | Finding::CpuScaled { .. }
        )
    });
}

/// Returns a finding if a part of the tape is mispredicted.
fn for_misprediction(stratum: &Stratum) -> Option<Finding> {
    let (error, noise) = (holdout_validation::mean_error(stratum), holdout_validation::mean_noise(stratum));
    holdout_validation::is_mispredicted(stratum).then_some(Finding::HoldoutMispredicted { error, noise })
}

/// Replaces the findings about a single station by those about a tandem queue.
pub(crate) fn replace_with_tandem_queue(findings: &mut Vec<Finding>, fit: &TandemFit) {
    remove_single_station_findings(findings);
    let error = fit.strata.iter().map(holdout_validation::mean_error).max_by(f64::total_cmp).unwrap_or(0.0);
    let (front, workers, capacity) = (fit.front_mean, fit.workers, fit.capacity);
    findings.push(Finding::TandemQueue { front, workers, capacity, error });
    if !fit.is_sure {
        findings.push(Finding::PoolHardlyUsed { workers });
    }
}

/// Returns the findings about the tapes themselves.
pub(crate) fn for_tapes(traces: &[Trace], valid: &ValidRange, excluded: ExcludedCalls) -> Vec<Finding> {
    let mut findings = Vec::new();
    if shared_share(traces) > MAX_SHARED_SHARE {
        findings.push(Finding::NotExclusive);
    }
    let limit = traces.iter().filter_map(|trace| trace.limits.in_flight).min();
    if let Some(limit) = limit.filter(|limit| valid.in_flight >= *limit) {
        findings.push(Finding::InFlightLimit { limit });
    }
    let rates = traces.iter().filter_map(|trace| trace.limits.per_second);
    if let Some(per_second) = rates.min_by(f64::total_cmp).filter(|limit| valid.per_second >= limit * NEAR_LIMIT_SHARE)
    {
        findings.push(Finding::RateLimit { per_second });
    }
    let differences = traces.iter().filter_map(Trace::population_difference);
    if let Some(difference) = differences
        .max_by(|one, other| one.abs().total_cmp(&other.abs()))
        .filter(|difference| difference.abs() > MAX_POPULATION_DIFFERENCE)
    {
        findings.push(Finding::PopulationMismatch { difference });
    }
    findings.extend(for_impossible_times(traces));
    findings.extend(for_sources(traces));
    let lost = traces.iter().map(|trace| trace.lost).sum();
    let failed = traces.iter().map(|trace| trace.failed).sum();
    let counts = [
        (lost, Finding::Lost { calls: lost }),
        (failed, Finding::Failures { calls: failed }),
        (excluded.warm_up, Finding::WarmUp { calls: excluded.warm_up }),
    ];
    findings.extend(counts.into_iter().filter(|(calls, _)| *calls > 0).map(|(_, finding)| finding));
    findings
}

/// Returns the share of calls on tapes that may lack calls of other clients.
fn shared_share(traces: &[Trace]) -> f64 {
    let calls = |counts: fn(&Trace) -> bool| {
        traces.iter().filter(|trace| counts(trace)).map(|trace| trace.calls.len()).sum::<usize>()
    };
    calls(|trace| !trace.exclusive) as f64 / calls(|_| true).max(1) as f64
}

/// Returns the findings about calls that are shorter than the recorder can measure.
fn for_impossible_times(traces: &[Trace]) -> Vec<Finding> {
    let round_trip = traces.iter().map(Trace::shortest).max().unwrap_or(0);
    let round_trip = Duration::from_nanos(round_trip);
    let mistimed: usize = traces.iter().map(|trace| trace.mistimed.len()).sum();
    let all = traces.iter().map(|trace| trace.calls.len()).sum::<usize>() + mistimed;
    let too_fast: u64 = traces.iter().map(|trace| trace.too_fast).sum();
    let (calls, share) = (mistimed as u64, mistimed as f64 / all.max(1) as f64);
    let mistimed = (calls > 0).then_some(Finding::Mistimed { calls, share, round_trip });
    let too_fast = (too_fast > 0).then_some(Finding::TooFast { calls: too_fast, round_trip });
    mistimed.into_iter().chain(too_fast).collect()
}

/// Returns the findings about tapes that no recorder wrote: rounded times, and samples.
fn for_sources(traces: &[Trace]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sources = || traces.iter().filter_map(|trace| trace.source.as_ref());
    let stamps = sources().map(|source| source.stamp_resolution).max().unwrap_or(0);
    let durations = sources().map(|source| source.duration_resolution).max().unwrap_or(0);
    let calls = traces.iter().flat_map(|trace| &trace.calls);
    let mut latencies: Vec<f64> = calls.map(|call| call.finish.saturating_sub(call.arrival) as f64).collect();
    if !latencies.is_empty() && stamps.max(durations) > 0 {
        let median = median(&mut latencies);
        if stamps.max(durations) as f64 > median * MAX_ROUNDED_SHARE {
            let [stamps, durations] = [stamps, durations].map(Duration::from_nanos);
            findings.push(Finding::CoarseTimes { stamps, durations, median: time::from_nanos(median) });
        }
    }
    let share = sources().filter_map(|source| source.sampled).min_by(f64::total_cmp);
    findings.extend(share.map(|share| Finding::SampledCalls { share }));
    findings
}

/// Widens a range of workers by what rounded times leave open: their unit may be a part of every
/// demand, or no part of it.
pub(crate) fn widened(accepted: Option<(u32, u32)>, workers: Option<u32>, findings: &[Finding]) -> Option<(u32, u32)> {
    let share = findings.iter().find_map(|finding| match finding {
        Finding::CoarseTimes { stamps, durations, median } => {
            Some((*stamps).max(*durations).as_secs_f64() / median.as_secs_f64().max(1e-9))
        }
        _ => None,
    });
    let Some(share) = share else { return accepted };
    let (low, high) = accepted.or(workers.map(|workers| (workers, workers)))?;
    let low = (f64::from(low) / (1.0 + share)).floor().max(1.0);
    Some((low as u32, (f64::from(high) * (1.0 + share)).ceil() as u32))
}

/// Largest relative distance of an interval's end from the prediction at which a load counts as
/// known.
const MAX_KNOWN_WIDTH: f64 = 0.3;
/// Load, relative to the highest recorded one, up to which models must agree.
const MAX_WARNED_LOAD: f64 = 1.2;
/// Utilization above which latencies at a load are not compared.
const SATURATED: f64 = 0.85;
/// Effect size above which one queue does not explain the tape, unless chance makes as much.
const UNEXPLAINED_EFFECT: f64 = 0.1;
/// Ratio to the effect size of chance above which a larger effect size is reported.
const REPORTED_CHANCE_FACTOR: f64 = 2.5;
/// Number of workers from which a delay center is the likelier explanation.
const MANY_WORKERS: u32 = 8;
/// Size of the smallest third below which the comparison is weak.
const MIN_THIRD: usize = 300;
/// Share of the recorder's rate limit from which it counts as reached.
const NEAR_LIMIT_SHARE: f64 = 0.95;
/// Share of calls from tapes that are not exclusive, up to which they hardly change a comparison of
/// thirds of all calls: a first recording by hand beside a ramp.
const MAX_SHARED_SHARE: f64 = 0.1;
/// Largest relative difference between the recorder's count of calls and the tape's.
const MAX_POPULATION_DIFFERENCE: f64 = 0.05;
/// Largest ratio of the unit of rounded times to the median latency that is not worth a word.
const MAX_ROUNDED_SHARE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::prepare::trace::Observation;
    use standin_tape::TapeSource;

    #[test]
    fn a_change_removes_what_follows_from_it_but_not_a_failed_prediction() {
        let changed = || Finding::Drifted { demand: 0.1, middle: None, is_refused: false };
        let mut findings = vec![
            Finding::NotOneQueue { effect: 0.2 },
            Finding::HoldoutMispredicted { error: 0.17, noise: 0.02 },
            Finding::Failures { calls: 2 },
            changed(),
            Finding::NoFamilyExplains,
            Finding::Approximation { effect: 0.05, chance: 0.01 },
        ];
        order(&mut findings);
        let failed = Finding::HoldoutMispredicted { error: 0.17, noise: 0.02 };
        assert_eq!(findings, [failed, changed(), Finding::Failures { calls: 2 }]);
        let mut findings = vec![Finding::NotOneQueue { effect: 0.2 }];
        order(&mut findings);
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn rounded_times_and_samples_are_reported_and_widen_the_range_of_workers() {
        let valid = ValidRange { utilization: None, in_flight: 1, per_second: 1.0, samples: 1 };
        let found = |unit: u64, sampled: Option<f64>| {
            let source =
                TapeSource { stamp_resolution: unit, duration_resolution: unit, sampled, ..TapeSource::default() };
            let call =
                Observation { operation: 0, arrival: 0, finish: 10_000_000, status: 200, bytes: None, in_flight: 0 };
            let trace = Trace { calls: vec![call; 9], exclusive: true, source: Some(source), ..Trace::default() };
            for_tapes(&[trace], &valid, ExcludedCalls::default())
        };
        assert_eq!(found(1_000, None), []);
        let rounded = found(5_000_000, Some(0.25));
        assert!(rounded.iter().all(Finding::is_doubtful), "{rounded:?}");
        assert_eq!(rounded.len(), 2);
        assert_eq!(widened(None, Some(4), &rounded), Some((2, 6)));
        assert_eq!(widened(Some((4, 8)), Some(4), &rounded), Some((2, 12)));
        assert_eq!(widened(None, Some(4), &[]), None);
        assert_eq!(widened(None, None, &rounded), None);
    }

    #[test]
    fn a_few_calls_by_hand_beside_an_exclusive_ramp_are_no_other_traffic() {
        let tape = |calls: u64, exclusive: bool| {
            let call = Observation { operation: 0, arrival: 1, finish: 2, status: 200, bytes: None, in_flight: 0 };
            Trace { calls: vec![call; calls as usize], exclusive, ..Trace::default() }
        };
        let valid = ValidRange { utilization: None, in_flight: 1, per_second: 1.0, samples: 1 };
        let finds =
            |traces: &[Trace]| for_tapes(traces, &valid, ExcludedCalls::default()).contains(&Finding::NotExclusive);
        assert!(!finds(&[tape(90, false), tape(900, true)]));
        assert!(finds(&[tape(110, false), tape(900, true)]));
        assert!(finds(&[tape(900, false)]));
        assert!(!finds(&[tape(900, true)]));
    }
}
