//! Limits at which a service rejects calls, learned from the rejected calls: a full queue or an
//! exceeded rate.
//!
//! Each limit is a rule that decides for every call whether it is admitted, given the calls before
//! it: at most N calls inside (a bounded queue), or a token left (a token bucket). The rule that
//! agrees best with the recorded answers is kept if it agrees well.

use std::fmt;

use serde::Serialize;

use crate::fit::prepare::leaky_bucket;
use crate::fit::prepare::trace::{Observation, Trace};
use crate::fit::prepare::workload::is_rejection;
use crate::fit::station_model::{QueueDiscipline, StationModel};

/// A limit at which the service rejects calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FittedLimit {
    /// Rule by which calls are rejected.
    pub kind: LimitKind,
    /// Status of the response to a rejected call.
    pub status: u16,
    /// Number of rejected calls.
    pub calls: u64,
    /// Share of agreement, 0 to 1: calls rejected by both the rule and the service, out of all
    /// calls that either rejected.
    pub agreement: f64,
}

/// The kind of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// Bound on the number of calls in the service, those being served included.
    Inside {
        /// Highest number of calls inside.
        calls: u32,
    },
    /// A token bucket for all calls.
    Rate {
        /// Rate in calls a second.
        per_second: f64,
        /// Number of calls admitted at once after a pause.
        burst: u32,
        /// True for a leaky bucket: admitted calls of a burst proceed one by one, at the rate.
        spaced: bool,
    },
}

/// Limits found on the tapes, and rejections without an explanation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RejectionLimits {
    /// Limits whose rule explains the rejections.
    pub(crate) found: Vec<FittedLimit>,
    /// Statuses without a rule, each with its number of rejected calls.
    pub(crate) unexplained: Vec<(u16, u64)>,
}

impl RejectionLimits {
    /// Finds a rate limit that releases bursts one by one, and returns it with the tapes as the
    /// service behind it saw them. `None` if there is no such limit.
    pub(crate) fn find_leaky_bucket(traces: &[Trace]) -> Option<(FittedLimit, Vec<Trace>)> {
        let limits = Self::learn(traces, StationModel::UNLIMITED, None).found;
        limits.into_iter().find_map(|limit| {
            let LimitKind::Rate { per_second, burst, .. } = limit.kind else { return None };
            let behind = leaky_bucket::traces_behind(traces, per_second)?;
            Some((FittedLimit { kind: LimitKind::Rate { per_second, burst, spaced: true }, ..limit }, behind))
        })
    }

    /// Replaces any other result for the status of `limit`.
    fn replace(&mut self, limit: FittedLimit) {
        self.found.retain(|other| other.status != limit.status);
        self.unexplained.retain(|(status, _)| *status != limit.status);
        self.found.push(limit);
    }

    /// Learns the limit behind each rejecting status; a `known` limit replaces what is learned for
    /// its status.
    pub(crate) fn learn(traces: &[Trace], model: StationModel, known: Option<FittedLimit>) -> Self {
        let mut limits = Self::default();
        for status in REJECTING_STATUSES {
            let logs: Vec<AdmissionLog> = traces.iter().map(|trace| AdmissionLog::new(trace, status, model)).collect();
            let calls: u64 = logs.iter().map(|log| log.rejected).sum();
            if calls == 0 {
                continue;
            }
            let best = [inside(&logs), rate(&logs)].into_iter().flatten();
            let best = best.max_by(|one, other| one.1.total_cmp(&other.1));
            let agrees = |(kind, agreement): &(LimitKind, f64)| match *kind {
                LimitKind::Inside { .. } => *agreement >= MIN_AGREEMENT,
                LimitKind::Rate { per_second, burst, .. } => {
                    TokensInUse::new(&logs, per_second).agreement_off_the_limit(burst) >= MIN_AGREEMENT
                }
            };
            match best.filter(|best| calls >= MIN_REJECTED && agrees(best)) {
                Some((kind, agreement)) => limits.found.push(FittedLimit { kind, status, calls, agreement }),
                None => limits.unexplained.push((status, calls)),
            }
        }
        if let Some(known) = known {
            limits.replace(known);
        }
        limits
    }
}

impl fmt::Display for FittedLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            LimitKind::Inside { calls } => {
                write!(out, "it answers {} when {calls} calls are inside", self.status)?;
            }
            LimitKind::Rate { per_second, burst, spaced } => {
                let spaced = if spaced { ", one by one" } else { "" };
                write!(out, "it answers {} beyond {per_second} calls a second (burst {burst}{spaced})", self.status)?;
            }
        }
        write!(out, ": {} calls; the rule agrees with {:.0} % of them", self.calls, self.agreement * 100.0)
    }
}

/// Admission decisions of a service over one tape.
struct AdmissionLog {
    /// Arrival times in nanoseconds, ascending.
    arrivals: Vec<u64>,
    is_rejected: Vec<bool>,
    /// Number of calls in the service at each arrival.
    inside: Vec<u32>,
    rejected: u64,
}

impl AdmissionLog {
    fn new(trace: &Trace, status: u16, model: StationModel) -> Self {
        let mut calls: Vec<&Observation> =
            trace.calls.iter().filter(|call| call.status == status || !is_rejection(call.status)).collect();
        calls.sort_by_key(|call| (call.arrival, call.finish));
        let outside = if model.discipline == QueueDiscipline::Unlimited { 0 } else { model.outside as u64 };
        let taken_on = calls.iter().filter(|call| call.status != status);
        let mut finishes: Vec<u64> = taken_on.map(|call| call.finish).collect();
        finishes.sort_unstable();
        let (mut entered, mut finished) = (0, 0);
        let mut inside = Vec::with_capacity(calls.len());
        for call in &calls {
            while finished < finishes.len() && finishes[finished] <= call.arrival + outside {
                finished += 1;
            }
            inside.push((entered as u32).saturating_sub(finished as u32));
            entered += usize::from(call.status != status);
        }
        let is_rejected: Vec<bool> = calls.iter().map(|call| call.status == status).collect();
        let rejected = is_rejected.iter().filter(|rejected| **rejected).count() as u64;
        Self { arrivals: calls.iter().map(|call| call.arrival).collect(), is_rejected, inside, rejected }
    }
}

/// Returns the population from which calls are rejected, with its agreement.
fn inside(logs: &[AdmissionLog]) -> Option<(LimitKind, f64)> {
    let rejected_at = |calls: u32| {
        let of_log = |log: &AdmissionLog| {
            let pairs = log.inside.iter().zip(&log.is_rejected);
            pairs.fold((0_u64, 0_u64), |(both, any), (inside, rejected)| {
                let expected = *inside >= calls;
                (both + u64::from(expected && *rejected), any + u64::from(expected || *rejected))
            })
        };
        logs.iter().map(of_log).fold((0, 0), |sum, log| (sum.0 + log.0, sum.1 + log.1))
    };
    let mut found: Vec<u32> = logs
        .iter()
        .flat_map(|log| log.inside.iter().zip(&log.is_rejected))
        .filter(|(_, rejected)| **rejected)
        .map(|(inside, _)| *inside)
        .collect();
    found.sort_unstable();
    let middle = *found.get(found.len() / 2)?;
    let candidates = middle.saturating_sub(TRIED_DISTANCE_CALLS).max(1)..=middle.saturating_add(TRIED_DISTANCE_CALLS);
    let scored = candidates.map(|calls| (LimitKind::Inside { calls }, agreement(rejected_at(calls))));
    scored.max_by(|one, other| one.1.total_cmp(&other.1))
}

/// Returns the rate and burst beyond which calls are rejected, with their agreement.
fn rate(logs: &[AdmissionLog]) -> Option<(LimitKind, f64)> {
    let mut per_second = admitted_rate_while_rejecting(logs)?;
    let (_, mut agreement) = burst(logs, per_second);
    for step in [0.02, 0.005, 0.001] {
        let around = (-5..=5).map(|by| per_second * (1.0 + f64::from(by) * step));
        let scored = around.map(|rate| (rate, burst(logs, rate)));
        if let Some((rate, (_, better))) = scored.max_by(|one, other| one.1.1.total_cmp(&other.1.1))
            && better > agreement
        {
            (per_second, agreement) = (rate, better);
        }
    }
    // operators configure round numbers
    for digits in 1..=4 {
        let rounded = significant(per_second, digits);
        let (calls, as_good) = burst(logs, rounded);
        if as_good >= agreement - MAX_AGREEMENT_LOSS || digits == 4 {
            return Some((LimitKind::Rate { per_second: rounded, burst: calls, spaced: false }, as_good));
        }
    }
    None
}

/// Returns the burst that agrees best with a rate, with its agreement.
fn burst(logs: &[AdmissionLog], per_second: f64) -> (u32, f64) {
    TokensInUse::new(logs, per_second).burst()
}

/// Number of tokens in use, the call's own included, if each call were admitted; sorted, each with
/// whether the call was rejected. The state of the bucket follows the service's decisions, so that
/// one deviating decision does not shift all later ones.
struct TokensInUse {
    tokens: Vec<(f64, bool)>,
}

impl TokensInUse {
    fn new(logs: &[AdmissionLog], per_second: f64) -> Self {
        let token = 1e9 / per_second;
        let mut tokens: Vec<(f64, bool)> = Vec::new();
        for log in logs {
            let mut full_at = 0.0_f64;
            for (arrival, rejected) in log.arrivals.iter().zip(&log.is_rejected) {
                let now = *arrival as f64;
                let next = full_at.max(now) + token;
                tokens.push(((next - now) / token, *rejected));
                if !rejected {
                    full_at = next;
                }
            }
        }
        tokens.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        Self { tokens }
    }

    /// Returns the burst beyond which calls are rejected, with its agreement.
    fn burst(&self) -> (u32, f64) {
        let taken = &self.tokens;
        let all = taken.iter().filter(|(_, rejected)| *rejected).count();
        let (mut best, mut passed, mut wrongly) = ((1, 0.0), 0, 0);
        for burst in 1..=MAX_BURST {
            while passed < taken.len() && taken[passed].0 <= f64::from(burst) + 1e-6 {
                wrongly += usize::from(taken[passed].1);
                passed += 1;
            }
            let agreement = agreement(((all - wrongly) as u64, (taken.len() - passed + wrongly) as u64));
            if agreement > best.1 {
                best = (burst, agreement);
            }
            if passed == taken.len() {
                break;
            }
        }
        best
    }

    /// Returns the agreement of a burst over calls at least half a token from the limit; closer
    /// ones are decided by network delay between recorder and service.
    fn agreement_off_the_limit(&self, burst: u32) -> f64 {
        let burst = f64::from(burst);
        let rejected_with = |least: f64| move |(tokens, rejected): &&(f64, bool)| *rejected && *tokens > least;
        let both = self.tokens.iter().filter(rejected_with(burst - LIMIT_TOLERANCE_TOKENS)).count();
        let rejected = self.tokens.iter().filter(rejected_with(0.0)).count();
        let let_in = self
            .tokens
            .iter()
            .filter(|(tokens, rejected)| !rejected && *tokens > burst + LIMIT_TOLERANCE_TOKENS)
            .count();
        agreement((both as u64, (rejected + let_in) as u64))
    }
}

/// Returns the rate in calls a second that is admitted between two rejections: the bucket is empty
/// at both.
fn admitted_rate_while_rejecting(logs: &[AdmissionLog]) -> Option<f64> {
    let (mut admitted, mut nanos) = (0_u64, 0_u64);
    for log in logs {
        let mut since: Option<(u64, u64)> = None;
        let mut count = 0;
        for (arrival, rejected) in log.arrivals.iter().zip(&log.is_rejected) {
            if !rejected {
                count += 1;
                continue;
            }
            // after a long time without rejections the bucket may have filled
            if let Some((before, so_far)) = since
                && arrival - before < MAX_REFILL_NANOS
            {
                admitted += count - so_far;
                nanos += arrival - before;
            }
            since = Some((*arrival, count));
        }
    }
    (nanos > 0 && admitted > 0).then(|| admitted as f64 / (nanos as f64 / 1e9))
}

fn agreement((both, any): (u64, u64)) -> f64 {
    both as f64 / any.max(1) as f64
}

/// Rounds to `digits` significant digits.
fn significant(number: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(number.abs().log10().floor() as i32 + 1 - digits);
    let rounded = (number / unit).round() * unit;
    // decimal fractions are not exact in binary
    (rounded * 1e6).round() / 1e6
}

/// Statuses of responses to rejected calls.
const REJECTING_STATUSES: [u16; 2] = [429, 503];
/// Minimum number of rejected calls for a rule.
const MIN_REJECTED: u64 = 10;
/// Minimum agreement of a rule with the service.
const MIN_AGREEMENT: f64 = 0.7;
/// Distance from the median population, in calls, up to which populations are tried.
const TRIED_DISTANCE_CALLS: u32 = 30;
const MAX_REFILL_NANOS: u64 = 1_000_000_000;
/// Tokens by which service and rule may differ near the limit.
const LIMIT_TOLERANCE_TOKENS: f64 = 0.5;
/// Largest burst that is tried.
const MAX_BURST: u32 = 100_000;
/// Loss of agreement that is accepted for a rounder number.
const MAX_AGREEMENT_LOSS: f64 = 0.002;
