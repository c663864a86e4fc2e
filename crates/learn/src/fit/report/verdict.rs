//! Findings about a model and about its tapes: guesses, approximations, failed predictions, and
//! what the recording lacks.

use std::time::Duration;

use crate::fit::prepare::trace::Trace;
use crate::fit::prepare::workload::{ExcludedCalls, Workload};
use crate::fit::report::findings::Finding;
use crate::fit::search::delay_center::DelayCenterFit;
use crate::fit::search::holdout_validation::{self, Stratum};
use crate::fit::search::load_dependence::PopulationThirds;
use crate::fit::search::load_dependent_rate::LoadDependentFit;
use crate::fit::search::model_search::{ModelRanking, ScoredModel};
use crate::fit::search::rare_waits::{self, LightLoadFit};
use crate::fit::search::tandem_queue::TandemFit;
use crate::fit::station_model::QueueDiscipline;
use crate::fit::{ValidRange, nanos};

/// Adds the findings about the choice of a single station and its validation.
pub(crate) fn judge(
    statements: &mut Vec<Finding>,
    ranking: &ModelRanking,
    close: &[ScoredModel],
    chosen: ScoredModel,
    strata: &[Stratum],
    work: &Workload,
) {
    if chosen.effect > UNEXPLAINED.max(MOST_CHANCE * ranking.chance.0) {
        statements.push(Finding::NotOneQueue { effect: chosen.effect });
    } else if chosen.effect > LEAST_EFFECT && chosen.effect > BEYOND_CHANCE * ranking.chance.0 {
        statements.push(Finding::Approximation { effect: chosen.effect, chance: ranking.chance.0 });
    }
    if chosen.model.discipline == QueueDiscipline::Unlimited {
        statements.push(Finding::CapacityUnknown { at_least: ranking.at_least(work) });
    } else {
        let others = close.iter().map(|scored| scored.model).filter(|model| !model.same_station(chosen.model));
        let others: Vec<String> = others.map(|model| model.to_string()).collect();
        if !others.is_empty() {
            statements.push(Finding::Ambiguous { others });
        }
    }
    match strata.iter().find(|stratum| stratum.held_out) {
        None => statements.push(holdout_validation::obstacle(work)),
        Some(high) => statements.extend(misprediction(high)),
    }
    let third = PopulationThirds::new(work, chosen.model.outside, |_| true).smallest_third();
    if third < LEAST_THIRD {
        statements.push(Finding::FewCalls { third: third as u64 });
    }
    if chosen.model.outside > 0.0 {
        statements.push(Finding::FixedLatency { time: nanos(chosen.model.outside) });
    }
}

/// Adds the findings about a queue that few calls met.
pub(crate) fn tell_few(statements: &mut Vec<Finding>, crowd: &LightLoadFit) {
    statements.push(Finding::RareWaits { calls: crowd.waited, workers: crowd.accepted });
    if let Some(other) = crowd.other {
        statements.push(Finding::Ambiguous { others: vec![other.to_string()] });
    }
}

/// Returns true if a delay center might explain what a single station does not, or explains only
/// with very many workers.
pub(crate) fn suggests_a_delay(
    statements: &[Finding],
    chosen: ScoredModel,
    ranking: &ModelRanking,
    work: &Workload,
) -> bool {
    let are_many = chosen.model.workers >= MANY_WORKERS;
    chosen.model.discipline != QueueDiscipline::Unlimited
        && ((are_many && !rare_waits::has_edge(work, chosen.model))
            || chosen.effect > most_by_chance(ranking.chance.0)
            || statements.iter().any(Finding::is_unexplained))
}

/// Replaces the findings about a single station by those about a delay center.
pub(crate) fn explain_by_a_delay(statements: &mut Vec<Finding>, delayed: &DelayCenterFit, strata: &[Stratum]) {
    withdraw(statements);
    let worst =
        strata.iter().max_by(|one, other| holdout_validation::size(one).total_cmp(&holdout_validation::size(other)));
    let error = worst.map_or(0.0, holdout_validation::size);
    statements.push(Finding::DelayCenter { capacity: 1.0 / delayed.utilization(1.0), error });
    statements.extend(worst.and_then(misprediction));
}

/// Returns true if no single station explains the tape, so that models with more parameters are
/// worth a try.
pub(crate) fn suggests_a_family(statements: &[Finding], chosen: ScoredModel, ranking: &ModelRanking) -> bool {
    chosen.model.discipline != QueueDiscipline::Unlimited
        && (chosen.effect > most_by_chance(ranking.chance.0) || statements.iter().any(Finding::is_unexplained))
}

/// Returns the largest effect size that a true model may have, given its mean by chance.
pub(crate) fn most_by_chance(chance: f64) -> f64 {
    LEAST_EFFECT.max(MOST_CHANCE * chance)
}

/// Replaces the findings about a single station by those about a load-dependent rate.
pub(crate) fn explain_by_a_curve(statements: &mut Vec<Finding>, curved: &LoadDependentFit, chance: f64) {
    withdraw(statements);
    statements.push(Finding::LoadDependentRate { measured: curved.measured, capacity: curved.capacity() });
    if curved.effect > UNEXPLAINED.max(MOST_CHANCE * chance) {
        statements.push(Finding::NotOneQueue { effect: curved.effect });
    }
    let held_out = curved.strata.iter().find(|stratum| stratum.held_out);
    statements.extend(held_out.and_then(misprediction));
}

/// Moves a change of the service to the front and removes the findings that follow from it.
pub(crate) fn tell_a_change_alone(statements: &mut Vec<Finding>) {
    let Some(place) = statements.iter().position(|one| matches!(one, Finding::Drifted { .. })) else { return };
    let change = statements.remove(place);
    statements.retain(|one| !one.follows_from_a_change());
    statements.insert(0, change);
}

/// Removes the findings about a single station.
fn withdraw(statements: &mut Vec<Finding>) {
    statements.retain(|one| {
        !matches!(
            one,
            Finding::NotOneQueue { .. }
                | Finding::HoldoutMispredicted { .. }
                | Finding::Approximation { .. }
                | Finding::Ambiguous { .. }
                | Finding::LowerLoadDiffers { .. }
                | Finding::RareWaits { .. }
                | Finding::FixedLatency { .. }
        )
    });
}

/// Returns a finding if a part of the tape is mispredicted.
fn misprediction(stratum: &Stratum) -> Option<Finding> {
    let (error, noise) = (holdout_validation::size(stratum), holdout_validation::noise(stratum));
    holdout_validation::is_mispredicted(stratum).then_some(Finding::HoldoutMispredicted { error, noise })
}

/// Replaces the findings about a single station by those about a tandem queue.
pub(crate) fn explain_by_a_front(statements: &mut Vec<Finding>, series: &TandemFit) {
    withdraw(statements);
    let error = series.strata.iter().map(holdout_validation::size).max_by(f64::total_cmp).unwrap_or(0.0);
    let (front, workers, capacity) = (series.front_mean, series.workers, series.capacity);
    statements.push(Finding::TandemQueue { front, workers, capacity, error });
    if !series.is_sure {
        statements.push(Finding::PoolHardlyUsed { workers });
    }
}

/// Returns the findings about the tapes themselves.
pub(crate) fn recount(traces: &[Trace], valid: &ValidRange, left_out: ExcludedCalls) -> Vec<Finding> {
    let mut statements = Vec::new();
    if traces.iter().any(|trace| !trace.exclusive) {
        statements.push(Finding::NotExclusive);
    }
    let limit = traces.iter().filter_map(|trace| trace.limits.in_flight).min();
    if let Some(limit) = limit.filter(|limit| valid.in_flight >= *limit) {
        statements.push(Finding::InFlightLimit { limit });
    }
    let rates = traces.iter().filter_map(|trace| trace.limits.per_second);
    if let Some(per_second) = rates.min_by(f64::total_cmp).filter(|limit| valid.per_second >= limit * NEAR_LIMIT) {
        statements.push(Finding::RateLimit { per_second });
    }
    let differences = traces.iter().filter_map(Trace::population_difference);
    if let Some(difference) = differences
        .max_by(|one, other| one.abs().total_cmp(&other.abs()))
        .filter(|difference| difference.abs() > MISCOUNT)
    {
        statements.push(Finding::PopulationMismatch { difference });
    }
    statements.extend(impossible(traces));
    let lost = traces.iter().map(|trace| trace.lost).sum();
    let failed = traces.iter().map(|trace| trace.failed).sum();
    let counts = [
        (lost, Finding::Lost { calls: lost }),
        (failed, Finding::Failures { calls: failed }),
        (left_out.warm_up, Finding::WarmUp { calls: left_out.warm_up }),
    ];
    statements.extend(counts.into_iter().filter(|(calls, _)| *calls > 0).map(|(_, statement)| statement));
    statements
}

/// Returns the findings about calls that are shorter than the recorder can measure.
fn impossible(traces: &[Trace]) -> Vec<Finding> {
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

/// Effect size above which one queue does not explain the tape: absolute, and as a multiple of
/// chance. In simulations of true models effect sizes reached 1.8 times that of chance, because
/// busy periods hold long demands.
const UNEXPLAINED: f64 = 0.1;
const MOST_CHANCE: f64 = 1.8;
/// Smallest effect size that is reported, if it also exceeds chance by this factor.
const LEAST_EFFECT: f64 = 0.03;
const BEYOND_CHANCE: f64 = 2.5;
/// Number of workers from which a delay center is the likelier explanation.
const MANY_WORKERS: u32 = 8;
/// Size of the smallest third below which the comparison is weak.
const LEAST_THIRD: usize = 300;
/// Share of the recorder's rate limit from which it counts as reached.
const NEAR_LIMIT: f64 = 0.95;
/// Largest relative difference between the recorder's count of calls and the tape's.
const MISCOUNT: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_first_and_alone() {
        let changed = || Finding::Drifted { demand: 0.1, middle: None, is_refused: false };
        let mut statements = vec![
            Finding::NotOneQueue { effect: 0.2 },
            Finding::HoldoutMispredicted { error: 0.17, noise: 0.02 },
            Finding::Failures { calls: 2 },
            changed(),
            Finding::NoFamilyExplains,
            Finding::Approximation { effect: 0.05, chance: 0.01 },
        ];
        tell_a_change_alone(&mut statements);
        assert_eq!(statements, [changed(), Finding::Failures { calls: 2 }]);
        let mut statements = vec![Finding::NotOneQueue { effect: 0.2 }];
        tell_a_change_alone(&mut statements);
        assert_eq!(statements.len(), 1);
    }
}
