//! Limits at a service's door, learned from the calls that it turned away: a queue that was full, or a rate that was exceeded.
//!
//! Each is a rule that says of every call whether it is let in, given those before it: so many inside (a full queue), or no
//! token left (a token bucket). The rule that agrees best with what was answered is taken, if it agrees well.

use std::fmt;

use serde::Serialize;

use super::demand::Class;
use super::model::{Discipline, Model};
use super::spacing;
use super::statement::Statement;
use super::trace::{Observation, Trace};
use super::workload::is_rejection;

/// What turned calls away.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// The rule.
    pub kind: LimitKind,
    /// What a call is answered with that is turned away.
    pub status: u16,
    /// Calls that were.
    pub calls: u64,
    /// Of all calls that the rule or the service turned away, the share in which both agree.
    pub agreement: f64,
}

/// The kinds of limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// So many calls may be in the service at a time, those being worked on included.
    Inside {
        /// How many.
        calls: u32,
    },
    /// A token bucket.
    Rate {
        /// Calls a second.
        per_second: f64,
        /// Calls at once after a rest.
        burst: u32,
        /// Whether those of a burst go on one by one, at the rate.
        spaced: bool,
    },
}

/// What the rejections of the tapes show, by status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// Those that a rule explains.
    pub(super) found: Vec<Limit>,
    /// Statuses and calls that no rule explains.
    pub(super) unexplained: Vec<(u16, u64)>,
}

impl Limits {
    /// A rate whose bursts go on one by one, if there is one; and the tapes as the service behind it saw them.
    pub(super) fn spaced(traces: &[Trace]) -> Option<(Limit, Vec<Trace>)> {
        let limits = Self::learn(traces, Model::UNLIMITED, None).found;
        limits.into_iter().find_map(|limit| {
            let LimitKind::Rate { per_second, burst, .. } = limit.kind else { return None };
            let behind = spacing::behind(traces, per_second)?;
            Some((Limit { kind: LimitKind::Rate { per_second, burst, spaced: true }, ..limit }, behind))
        })
    }

    /// Puts a limit in place of what else was found behind its status.
    fn replace(&mut self, limit: Limit) {
        self.found.retain(|other| other.status != limit.status);
        self.unexplained.retain(|(status, _)| *status != limit.status);
        self.found.push(limit);
    }

    /// What is said of calls that no rule explains, given the classes of answers that the model repeats.
    pub(super) fn told(&self, classes: &[Class]) -> Vec<Statement> {
        let tell = |(status, calls): &(u16, u64)| Statement::Rejected {
            status: *status,
            calls: *calls,
            repeated: classes.iter().find(|class| class.status == *status).map(|class| class.share),
        };
        self.unexplained.iter().map(tell).collect()
    }

    /// Learns the limit behind each status that turns calls away, but for one that is known.
    pub(super) fn learn(traces: &[Trace], model: Model, known: Option<Limit>) -> Self {
        let mut limits = Self::default();
        for status in REJECTIONS {
            let doors: Vec<Door> = traces.iter().map(|trace| Door::new(trace, status, model)).collect();
            let calls: u64 = doors.iter().map(|door| door.refused).sum();
            if calls == 0 {
                continue;
            }
            let best = [inside(&doors), rate(&doors)].into_iter().flatten();
            let best = best.max_by(|one, other| one.1.total_cmp(&other.1));
            let agrees = |(kind, agreement): &(LimitKind, f64)| match *kind {
                LimitKind::Inside { .. } => *agreement >= AGREES,
                LimitKind::Rate { per_second, burst, .. } => Taken::new(&doors, per_second).nearly(burst) >= AGREES,
            };
            match best.filter(|best| calls >= FEWEST && agrees(best)) {
                Some((kind, agreement)) => limits.found.push(Limit { kind, status, calls, agreement }),
                None => limits.unexplained.push((status, calls)),
            }
        }
        if let Some(known) = known {
            limits.replace(known);
        }
        limits
    }
}

impl fmt::Display for Limit {
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
        write!(out, ": {} calls, of which {:.0} % are as this rule says", self.calls, self.agreement * 100.0)
    }
}

/// The calls of a tape as they came to the door.
struct Door {
    /// Nanoseconds, ascending.
    arrivals: Vec<u64>,
    is_refused: Vec<bool>,
    /// Calls that each one finds in the service.
    inside: Vec<u32>,
    refused: u64,
}

impl Door {
    fn new(trace: &Trace, status: u16, model: Model) -> Self {
        let mut calls: Vec<&Observation> =
            trace.calls.iter().filter(|call| call.status == status || !is_rejection(call.status)).collect();
        calls.sort_by_key(|call| (call.arrival, call.finish));
        let outside = if model.discipline == Discipline::Unlimited { 0 } else { model.outside as u64 };
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
        let is_refused: Vec<bool> = calls.iter().map(|call| call.status == status).collect();
        let refused = is_refused.iter().filter(|refused| **refused).count() as u64;
        Self { arrivals: calls.iter().map(|call| call.arrival).collect(), is_refused, inside, refused }
    }
}

/// The population from which on calls are turned away, and how well it agrees.
fn inside(doors: &[Door]) -> Option<(LimitKind, f64)> {
    let refused_at = |calls: u32| {
        let of_door = |door: &Door| {
            let pairs = door.inside.iter().zip(&door.is_refused);
            pairs.fold((0_u64, 0_u64), |(both, any), (inside, refused)| {
                let expected = *inside >= calls;
                (both + u64::from(expected && *refused), any + u64::from(expected || *refused))
            })
        };
        doors.iter().map(of_door).fold((0, 0), |sum, door| (sum.0 + door.0, sum.1 + door.1))
    };
    let mut found: Vec<u32> = doors
        .iter()
        .flat_map(|door| door.inside.iter().zip(&door.is_refused))
        .filter(|(_, refused)| **refused)
        .map(|(inside, _)| *inside)
        .collect();
    found.sort_unstable();
    let middle = *found.get(found.len() / 2)?;
    let candidates = middle.saturating_sub(AROUND).max(1)..=middle.saturating_add(AROUND);
    let scored = candidates.map(|calls| (LimitKind::Inside { calls }, agreement(refused_at(calls))));
    scored.max_by(|one, other| one.1.total_cmp(&other.1))
}

/// The rate and burst beyond which calls are turned away, and how well they agree.
fn rate(doors: &[Door]) -> Option<(LimitKind, f64)> {
    let mut per_second = admitted_while_refusing(doors)?;
    let (_, mut agreement) = burst(doors, per_second);
    for step in [0.02, 0.005, 0.001] {
        let around = (-5..=5).map(|by| per_second * (1.0 + f64::from(by) * step));
        let scored = around.map(|rate| (rate, burst(doors, rate)));
        if let Some((rate, (_, better))) = scored.max_by(|one, other| one.1.1.total_cmp(&other.1.1))
            && better > agreement
        {
            (per_second, agreement) = (rate, better);
        }
    }
    // people set round numbers
    for digits in 1..=4 {
        let rounded = significant(per_second, digits);
        let (calls, as_good) = burst(doors, rounded);
        if as_good >= agreement - ROUNDING || digits == 4 {
            return Some((LimitKind::Rate { per_second: rounded, burst: calls, spaced: false }, as_good));
        }
    }
    None
}

/// The burst that agrees best with a rate, and how well.
fn burst(doors: &[Door], per_second: f64) -> (u32, f64) {
    Taken::new(doors, per_second).burst()
}

/// How many tokens would be taken, of all, were each call let in; in rising order, with whether it was refused. The bucket is
/// filled and emptied by what the service did, so that one wrong answer does not put all that follow out of step.
struct Taken {
    tokens: Vec<(f64, bool)>,
}

impl Taken {
    fn new(doors: &[Door], per_second: f64) -> Self {
        let token = 1e9 / per_second;
        let mut tokens: Vec<(f64, bool)> = Vec::new();
        for door in doors {
            let mut full_at = 0.0_f64;
            for (arrival, refused) in door.arrivals.iter().zip(&door.is_refused) {
                let now = *arrival as f64;
                let next = full_at.max(now) + token;
                tokens.push(((next - now) / token, *refused));
                if !refused {
                    full_at = next;
                }
            }
        }
        tokens.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        Self { tokens }
    }

    /// The burst beyond which calls were turned away, and how well that agrees.
    fn burst(&self) -> (u32, f64) {
        let taken = &self.tokens;
        let all = taken.iter().filter(|(_, refused)| *refused).count();
        let (mut best, mut passed, mut wrongly) = ((1, 0.0), 0, 0);
        for burst in 1..=MOST_BURST {
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

    /// How well a burst agrees with calls that were not at the brim: there the way from the recorder to the service decides.
    fn nearly(&self, burst: u32) -> f64 {
        let burst = f64::from(burst);
        let refused_with = |least: f64| move |(tokens, refused): &&(f64, bool)| *refused && *tokens > least;
        let both = self.tokens.iter().filter(refused_with(burst - BRIM)).count();
        let refused = self.tokens.iter().filter(refused_with(0.0)).count();
        let let_in = self.tokens.iter().filter(|(tokens, refused)| !refused && *tokens > burst + BRIM).count();
        agreement((both as u64, (refused + let_in) as u64))
    }
}

/// Calls a second that get in between two that are turned away: the bucket is empty at both.
fn admitted_while_refusing(doors: &[Door]) -> Option<f64> {
    let (mut admitted, mut nanos) = (0_u64, 0_u64);
    for door in doors {
        let mut since: Option<(u64, u64)> = None;
        let mut count = 0;
        for (arrival, refused) in door.arrivals.iter().zip(&door.is_refused) {
            if !refused {
                count += 1;
                continue;
            }
            // a long time without a refusal can have filled the bucket
            if let Some((before, so_far)) = since
                && arrival - before < LONGEST_GAP
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

/// Rounded to so many digits.
fn significant(number: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(number.abs().log10().floor() as i32 + 1 - digits);
    let rounded = (number / unit).round() * unit;
    // decimals are not exact in binary
    (rounded * 1e6).round() / 1e6
}

/// Statuses that turn a call away.
const REJECTIONS: [u16; 2] = [429, 503];
/// Fewer calls tell nothing.
const FEWEST: u64 = 10;
/// The share of refusals in which a rule must agree with the service.
const AGREES: f64 = 0.7;
/// Populations that are tried around the median one.
const AROUND: u32 = 30;
const LONGEST_GAP: u64 = 1_000_000_000;
/// Tokens by which a service may differ at the brim.
const BRIM: f64 = 0.5;
/// A larger burst is no limit that anybody would notice.
const MOST_BURST: u32 = 100_000;
/// What a round number may cost.
const ROUNDING: f64 = 0.002;
