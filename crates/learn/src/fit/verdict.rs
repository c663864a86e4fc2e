//! What a fit has to say beside its numbers: where the model is a guess, an approximation or wrong, and what the tapes lack.

use std::time::Duration;

use super::check::{self, Stratum};
use super::choice::{Ranking, Scored};
use super::crowd::{self, Crowd};
use super::curved::Curved;
use super::delayed::Delayed;
use super::effect::Strata;
use super::model::Discipline;
use super::series::Series;
use super::statement::Statement;
use super::trace::Trace;
use super::workload::{LeftOut, Workload};
use super::{Valid, nanos};

/// What the choice and its check say.
pub(super) fn judge(
    statements: &mut Vec<Statement>,
    ranking: &Ranking,
    close: &[Scored],
    chosen: Scored,
    strata: &[Stratum],
    work: &Workload,
) {
    if chosen.effect > UNEXPLAINED.max(MOST_CHANCE * ranking.chance.0) {
        statements.push(Statement::NotOneQueue { effect: chosen.effect });
    } else if chosen.effect > LEAST_EFFECT && chosen.effect > BEYOND_CHANCE * ranking.chance.0 {
        statements.push(Statement::Approximation { effect: chosen.effect, chance: ranking.chance.0 });
    }
    if chosen.model.discipline == Discipline::Unlimited {
        statements.push(Statement::CapacityUnknown { at_least: ranking.at_least(work) });
    } else {
        let others = close.iter().map(|scored| scored.model).filter(|model| !model.same_station(chosen.model));
        let others: Vec<String> = others.map(|model| model.to_string()).collect();
        if !others.is_empty() {
            statements.push(Statement::Ambiguous { others });
        }
    }
    match strata.iter().find(|stratum| stratum.held_out) {
        None => statements.push(check::obstacle(work)),
        Some(high) => statements.extend(misprediction(high)),
    }
    let third = Strata::new(work, chosen.model.outside, |_| true).smallest_third();
    if third < LEAST_THIRD {
        statements.push(Statement::FewCalls { third: third as u64 });
    }
    if chosen.model.outside > 0.0 {
        statements.push(Statement::Outside { time: nanos(chosen.model.outside) });
    }
}

/// What a queue that few calls met rests on.
pub(super) fn tell_few(statements: &mut Vec<Statement>, crowd: &Crowd) {
    statements.push(Statement::FewWaited { calls: crowd.waited, workers: crowd.accepted });
    if let Some(other) = crowd.other {
        statements.push(Statement::Ambiguous { others: vec![other.to_string()] });
    }
}

/// Whether a delay beside a queue might explain what one station does not, or only by very many workers.
pub(super) fn suggests_a_delay(statements: &[Statement], chosen: Scored, ranking: &Ranking, work: &Workload) -> bool {
    let are_many = chosen.model.workers >= MANY_WORKERS;
    chosen.model.discipline != Discipline::Unlimited
        && ((are_many && !crowd::has_edge(work, chosen.model))
            || chosen.effect > most_by_chance(ranking.chance.0)
            || statements.iter().any(Statement::is_unexplained))
}

/// Puts a delay beside the queue in place of what was said of a single station.
pub(super) fn explain_by_a_delay(statements: &mut Vec<Statement>, delayed: &Delayed, strata: &[Stratum]) {
    withdraw(statements);
    let worst = strata.iter().max_by(|one, other| check::size(one).total_cmp(&check::size(other)));
    let error = worst.map_or(0.0, check::size);
    statements.push(Statement::DelayBeside { capacity: 1.0 / delayed.utilization(1.0), error });
    statements.extend(worst.and_then(misprediction));
}

/// Whether no single station explains the tape, so that families of more parameters are worth a try.
pub(super) fn suggests_a_family(statements: &[Statement], chosen: Scored, ranking: &Ranking) -> bool {
    chosen.model.discipline != Discipline::Unlimited
        && (chosen.effect > most_by_chance(ranking.chance.0) || statements.iter().any(Statement::is_unexplained))
}

/// The largest effect size that a true model may have, by what chance makes on average.
pub(super) fn most_by_chance(chance: f64) -> f64 {
    LEAST_EFFECT.max(MOST_CHANCE * chance)
}

/// Puts a curve in place of what was said of a single station.
pub(super) fn explain_by_a_curve(statements: &mut Vec<Statement>, curved: &Curved, chance: f64) {
    withdraw(statements);
    statements.push(Statement::Curve { measured: curved.measured, capacity: curved.capacity() });
    if curved.effect > UNEXPLAINED.max(MOST_CHANCE * chance) {
        statements.push(Statement::NotOneQueue { effect: curved.effect });
    }
    let held_out = curved.strata.iter().find(|stratum| stratum.held_out);
    statements.extend(held_out.and_then(misprediction));
}

/// Where the service changed, that is why much else does not fit: it is told first, and what follows from it is not.
pub(super) fn tell_a_change_alone(statements: &mut Vec<Statement>) {
    let Some(place) = statements.iter().position(|one| matches!(one, Statement::Changed { .. })) else { return };
    let change = statements.remove(place);
    statements.retain(|one| !one.follows_from_a_change());
    statements.insert(0, change);
}

/// Takes back what was said of a single station.
fn withdraw(statements: &mut Vec<Statement>) {
    statements.retain(|one| {
        !matches!(
            one,
            Statement::NotOneQueue { .. }
                | Statement::Extrapolation { .. }
                | Statement::Approximation { .. }
                | Statement::Ambiguous { .. }
                | Statement::LowerLoadDiffers { .. }
                | Statement::FewWaited { .. }
                | Statement::Outside { .. }
        )
    });
}

/// A failure to predict a part of the tape, if it is one.
fn misprediction(stratum: &Stratum) -> Option<Statement> {
    let (error, noise) = (check::size(stratum), check::noise(stratum));
    check::is_mispredicted(stratum).then_some(Statement::Extrapolation { error, noise })
}

/// Puts a front before a pool in place of what was said of a single station.
pub(super) fn explain_by_a_front(statements: &mut Vec<Statement>, series: &Series) {
    withdraw(statements);
    let error = series.strata.iter().map(check::size).max_by(f64::total_cmp).unwrap_or(0.0);
    let (front, workers, capacity) = (series.front_mean, series.workers, series.capacity);
    statements.push(Statement::Series { front, workers, capacity, error });
    if !series.is_sure {
        statements.push(Statement::PoolUnsure { workers });
    }
}

/// What the tapes themselves say.
pub(super) fn recount(traces: &[Trace], valid: &Valid, left_out: LeftOut) -> Vec<Statement> {
    let mut statements = Vec::new();
    if traces.iter().any(|trace| !trace.exclusive) {
        statements.push(Statement::NotExclusive);
    }
    let limit = traces.iter().filter_map(|trace| trace.limits.in_flight).min();
    if let Some(limit) = limit.filter(|limit| valid.in_flight >= *limit) {
        statements.push(Statement::InFlightLimit { limit });
    }
    let rates = traces.iter().filter_map(|trace| trace.limits.per_second);
    if let Some(per_second) = rates.min_by(f64::total_cmp).filter(|limit| valid.per_second >= limit * NEAR_LIMIT) {
        statements.push(Statement::RateLimit { per_second });
    }
    let differences = traces.iter().filter_map(Trace::population_difference);
    if let Some(difference) = differences
        .max_by(|one, other| one.abs().total_cmp(&other.abs()))
        .filter(|difference| difference.abs() > MISCOUNT)
    {
        statements.push(Statement::Population { difference });
    }
    statements.extend(impossible(traces));
    let lost = traces.iter().map(|trace| trace.lost).sum();
    let failed = traces.iter().map(|trace| trace.failed).sum();
    let counts = [
        (lost, Statement::Lost { calls: lost }),
        (failed, Statement::Failures { calls: failed }),
        (left_out.warm_up, Statement::WarmUp { calls: left_out.warm_up }),
    ];
    statements.extend(counts.into_iter().filter(|(calls, _)| *calls > 0).map(|(_, statement)| statement));
    statements
}

/// What is said of calls that are shorter than the recorder can measure.
fn impossible(traces: &[Trace]) -> Vec<Statement> {
    let round_trip = traces.iter().map(Trace::shortest).max().unwrap_or(0);
    let round_trip = Duration::from_nanos(round_trip);
    let mistimed: usize = traces.iter().map(|trace| trace.mistimed.len()).sum();
    let all = traces.iter().map(|trace| trace.calls.len()).sum::<usize>() + mistimed;
    let too_fast: u64 = traces.iter().map(|trace| trace.too_fast).sum();
    let (calls, share) = (mistimed as u64, mistimed as f64 / all.max(1) as f64);
    let mistimed = (calls > 0).then_some(Statement::Mistimed { calls, share, round_trip });
    let too_fast = (too_fast > 0).then_some(Statement::TooFast { calls: too_fast, round_trip });
    mistimed.into_iter().chain(too_fast).collect()
}

/// A larger effect size is not explained by one queue, unless chance makes as much. In simulations of true models effect sizes
/// came to 1.8 times that of chance, because busy periods hold long demands.
const UNEXPLAINED: f64 = 0.1;
const MOST_CHANCE: f64 = 1.8;
/// A smaller effect size is as good as none; a larger one that is so much beyond chance is told.
const LEAST_EFFECT: f64 = 0.03;
const BEYOND_CHANCE: f64 = 2.5;
/// So many workers may be a delay in truth.
const MANY_WORKERS: u32 = 8;
/// Thirds of fewer calls are weak.
const LEAST_THIRD: usize = 300;
/// A rate this near to the recorder's limit has reached it.
const NEAR_LIMIT: f64 = 0.95;
/// By how much the recorder's count of calls at the service may differ from the tape's.
const MISCOUNT: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_first_and_alone() {
        let changed = || Statement::Changed { demand: 0.1, middle: None, is_refused: false };
        let mut statements = vec![
            Statement::NotOneQueue { effect: 0.2 },
            Statement::Extrapolation { error: 0.17, noise: 0.02 },
            Statement::Failures { calls: 2 },
            changed(),
            Statement::NoFamily,
            Statement::Approximation { effect: 0.05, chance: 0.01 },
        ];
        tell_a_change_alone(&mut statements);
        assert_eq!(statements, [changed(), Statement::Failures { calls: 2 }]);
        let mut statements = vec![Statement::NotOneQueue { effect: 0.2 }];
        tell_a_change_alone(&mut statements);
        assert_eq!(statements.len(), 1);
    }
}
