//! The answer in words, for the text and the page alike: what the verdict is, what differs,
//! probably why, and what to do next.

use std::fmt::Write as _;

use crate::gap::compare::cell::Cell;
use crate::gap::compare::load_levels::LoadLevel;
use crate::gap::conditions::{CommandArguments, RUNS};
use crate::gap::evaluate::budget::{GapBudget, LATENCY_FLOOR, told};
use crate::gap::evaluate::limit_outcome::LimitReason;
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::noise::NoiseFrom;
use crate::gap::{CauseKind, Gap, MockKind};
use standin_text::{grouped, list, percent, percent_with_decimals, short_duration};

impl Gap {
    /// Returns the verdict in words, for readers who do not know budgets.
    pub(crate) fn describe_verdict(&self) -> String {
        let budget = self.name_budget();
        match self.verdict {
            Verdict::Within => format!("The mock is close enough to the service (within {budget})."),
            Verdict::Over => format!("The mock differs from the service by more than allowed ({budget})."),
            Verdict::NoBudget => "No budget was given, so nothing is judged.".to_owned(),
            Verdict::NotJudged => {
                let why = match self.lacking() {
                    Some(LimitReason::Hidden(..)) => "chance alone makes larger differences than the budget allows",
                    Some(LimitReason::Overload) => "beyond the capacity of the service, answer times only grow",
                    Some(LimitReason::Nothing(_)) => "one side has nothing to compare",
                    _ => "there are too few calls",
                };
                format!("Whether the mock is close enough cannot be said: {why}.")
            }
        }
    }

    /// Returns sentences about the differences, errors first: a wrong answer is worse than a late
    /// one.
    pub(crate) fn describe_differences(&self) -> Vec<String> {
        if self.cells.is_empty() {
            return vec!["There are no calls to compare.".to_owned()];
        }
        let mut all: Vec<String> = self.describe_errors().into_iter().collect();
        if let Some(own) = &self.headline {
            let [typical, worst] = own.describe(&self.when(&own.worst_level));
            let percent = own.worst_percent;
            all.push(format!("{typical}; {worst}"));
            all.push(format!("p{percent} is the time within which {percent} of 100 answers came"));
        }
        let compared = || self.cells.iter().filter(|cell| !cell.reliable_percentiles.is_empty());
        let differs = self.inference.as_ref().and_then(crate::gap::Inference::differs).unwrap_or(false);
        if compared().next().is_none() {
            all.push("of no operation there are enough calls to compare even the typical time".to_owned());
        } else if !differs && self.verdict != Verdict::Over && compared().all(Cell::is_chance) {
            all.push("none of this is more than chance alone makes".to_owned());
        }
        let knee = self.knees.iter().find(|knee| knee.reference.is_some() || knee.mock.is_some());
        all.extend(knee.map(crate::gap::Knee::describe));
        all
    }

    /// Answers that fail more or less often, and calls that got none.
    fn describe_errors(&self) -> Option<String> {
        let silent = self
            .cells
            .iter()
            .find(|cell| cell.mock.calls > 0 && cell.mock.answered == 0 && cell.reference.answered > 0);
        if let Some(cell) = silent {
            return Some(format!("the mock answered no call of {}{}", cell.operation, spaced(&self.when(&cell.level))));
        }
        let matters = |cell: &&Cell| match cell.limits.iter().find(|limit| limit.metric == crate::gap::Metric::Errors) {
            Some(limit) => limit.verdict == Verdict::Over,
            None => cell.errors.abs() > MIN_ERROR_POINTS && cell.errors.abs() > cell.noise_errors,
        };
        let all: Vec<&Cell> = self.cells.iter().filter(matters).collect();
        let worst = all.iter().max_by(|one, other| one.errors.abs().total_cmp(&other.errors.abs()))?;
        let how = if worst.errors < 0.0 { "less" } else { "more" };
        Some(format!(
            "answers of the mock fail {how} often: {} of the calls of {}{}, and {} with the service",
            percent_with_decimals(worst.mock.errors, 2),
            worst.operation,
            spaced(&self.when(&worst.level)),
            percent_with_decimals(worst.reference.errors, 2)
        ))
    }

    /// Returns the likely causes, without advice.
    pub(crate) fn why(&self) -> impl Iterator<Item = &str> {
        self.causes.iter().map(|cause| cause.why.as_str())
    }

    /// Returns the next steps, each once.
    pub(crate) fn list_next_steps(&self) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        for cause in &self.causes {
            if !steps.contains(&cause.next) {
                steps.push(cause.next.clone());
            }
        }
        match self.verdict {
            Verdict::Within => {
                steps.push(
                    "use the mock up to the loads compared here; compare again when the service has changed".to_owned(),
                );
            }
            Verdict::NotJudged => steps.push(self.advise_how_to_judge()),
            Verdict::NoBudget => steps.push("judge it with `--budget default`".to_owned()),
            Verdict::Over if steps.is_empty() => {
                steps
                    .push("look at the operation that is furthest off, at the load at which the lines part".to_owned());
            }
            Verdict::Over => {}
        }
        steps
    }

    /// Returns the gap with the whole command of its next step.
    pub(crate) fn with_command(mut self, known: &CommandArguments) -> Self {
        if known == &CommandArguments::default() {
            return self;
        }
        let first = self.causes.first().map(|cause| cause.kind);
        self.command = Some(match (self.verdict, first) {
            (_, Some(cause @ CauseKind::MockTooSlow)) => command_after(known, cause, self.served),
            (Verdict::NotJudged, _) => match (self.lacking(), self.more_calls()) {
                (Some(LimitReason::Overload), _) => known.repeat(RUNS),
                (_, Some(times)) if times <= MAX_CALLS_FACTOR => {
                    known.record(times).unwrap_or_else(|| known.repeat(RUNS))
                }
                (Some(LimitReason::Hidden(..)), _) => known.repeat(RUNS),
                _ => known.with_budget("p50=10%"),
            },
            (Verdict::NoBudget, _) => known.with_budget("default"),
            (_, Some(cause)) => command_after(known, cause, self.served),
            (_, None) => known.repeat(RUNS),
        });
        self
    }

    /// Returns advice on how to reach a verdict.
    fn advise_how_to_judge(&self) -> String {
        let several = match self.served {
            MockKind::Tape => "compare 4 recordings a side (`--reference A1 A2 A3 A4 --mock B1 B2 B3 B4`)",
            _ => "repeat whole runs (`--target URL --max-per-second N --runs 4`)",
        };
        let ask = "judge what needs fewer calls (`--budget p50=10%`)";
        match (self.lacking(), self.more_calls()) {
            (Some(LimitReason::Hidden(..)), Some(times)) if times <= MAX_CALLS_FACTOR => {
                format!("record longer, about {} times as many calls, or {several}", times.ceil())
            }
            (Some(LimitReason::Overload | LimitReason::Hidden(..)), _) => several.to_owned(),
            (_, Some(times)) if times > 1.0 => {
                format!("record longer, about {} times as many calls, or {ask}", grouped(times.ceil() as u64))
            }
            _ => format!("record longer, or {ask}"),
        }
    }

    /// Returns the reason of most rows that are not judged.
    pub(crate) fn lacking(&self) -> Option<&LimitReason> {
        let all = || self.cells.iter().filter_map(Cell::reason_not_judged);
        all().max_by_key(|reason| all().filter(|other| other.kind() == reason.kind()).count())
    }

    /// Returns the factor by which the number of calls must grow to judge enough cells.
    fn more_calls(&self) -> Option<f64> {
        let of = |cell: &Cell| match cell.verdict {
            Verdict::NotJudged => cell.reason_not_judged().and_then(LimitReason::more_calls).unwrap_or(f64::INFINITY),
            _ => 1.0,
        };
        let mut times: Vec<f64> = self.cells.iter().map(of).collect();
        times.sort_by(f64::total_cmp);
        let place = (times.len() as f64 * crate::gap::MIN_JUDGED_SHARE).ceil() as usize;
        times.get(place.saturating_sub(1)).copied().filter(|times| times.is_finite())
    }

    /// Formats the number of cells that are over, within, and not judged.
    pub(crate) fn count_verdicts(&self) -> String {
        let count = |verdict| self.cells.iter().filter(|cell| cell.verdict == verdict).count();
        let (over, within, open) = (count(Verdict::Over), count(Verdict::Within), count(Verdict::NotJudged));
        let all = self.cells.len();
        let number = |count: usize| if count == 0 { "none".to_owned() } else { count.to_string() };
        let over = match over {
            0 => "no row is over".to_owned(),
            1 => "1 row is over".to_owned(),
            over => format!("{over} rows are over"),
        };
        let open = if open > 0 { format!(", {open} of {all} could not be judged") } else { String::new() };
        format!("{over}, {} within{open}", number(within))
    }

    /// Returns sentences about the limits of the default budget at each load; none for another
    /// budget.
    pub(crate) fn describe_limits(&self) -> Vec<String> {
        let Some(budget @ GapBudget::ByLoad) = &self.budget else { return Vec::new() };
        let same =
            |one: &LoadLevel, other: &LoadLevel| budget.limits(one.utilization) == budget.limits(other.utilization);
        let groups: Vec<&[LoadLevel]> = self.levels.chunk_by(same).collect();
        let one = groups.len() == 1;
        let mut all: Vec<String> = groups
            .into_iter()
            .map(|levels| {
                let limits = told(budget.limits(levels[0].utilization));
                let names: Vec<String> = levels.iter().map(|level| level.label.clone()).collect();
                if one { limits } else { format!("{} ({})", limits, list(&names, "and")) }
            })
            .collect();
        if let Some(last) = all.last_mut() {
            let floor = short_duration(LATENCY_FLOOR);
            let _ = write!(last, "; or {floor}, or as much as chance makes, where that is more");
            if self.capacity_from.is_none() {
                last.push_str("; the capacity is unknown, so all loads are judged as calm ones");
            }
        }
        all
    }

    /// Returns the name of the budget for a sentence.
    pub(crate) fn name_budget(&self) -> String {
        match &self.budget {
            Some(GapBudget::ByLoad) => "the default budget".to_owned(),
            Some(budget) => format!("the budget {budget}"),
            None => "no budget".to_owned(),
        }
    }

    /// Rows that are not judged, those of one reason together where there are many.
    pub(crate) fn list_not_judged(&self) -> Vec<String> {
        let open: Vec<&Cell> = self.cells.iter().filter(|cell| cell.verdict == Verdict::NotJudged).collect();
        if open.len() <= MAX_LISTED_CELLS {
            let tell = |cell: &&Cell| {
                format!("{}{}: {}", cell.operation, spaced(&self.when(&cell.level)), cell.reasons.join(", "))
            };
            return open.iter().map(tell).collect();
        }
        let mut kinds: Vec<&str> = Vec::new();
        for reason in open.iter().filter_map(|cell| cell.reason_not_judged()) {
            if !kinds.contains(&reason.kind()) {
                kinds.push(reason.kind());
            }
        }
        let tell = |kind: &&str| {
            let of = |reason: &&LimitReason| reason.kind() == *kind;
            let reasons: Vec<&LimitReason> =
                open.iter().filter_map(|cell| cell.reason_not_judged()).filter(of).collect();
            format!("{kind} in {} rows{}", reasons.len(), extent(&reasons))
        };
        kinds.iter().map(tell).collect()
    }
}

/// Returns the command of the next step after a difference of this cause.
fn command_after(known: &CommandArguments, cause: CauseKind, served: MockKind) -> String {
    let next = match cause {
        CauseKind::NoProfile => known.fit(),
        CauseKind::MockTooSlow => known.again(),
        CauseKind::Unclear => None,
        CauseKind::Tail | CauseKind::Spread | CauseKind::FailuresMissing => known.record(LONGER),
        _ => known.record(1.0),
    };
    next.filter(|_| served != MockKind::Tape).unwrap_or_else(|| known.repeat(RUNS))
}

/// Returns the range that reasons of one kind cover.
fn extent(reasons: &[&LimitReason]) -> String {
    let few = reasons.iter().filter_map(|reason| match reason {
        LimitReason::Few { metric, needed, calls } => Some((*calls, *metric, *needed)),
        _ => None,
    });
    if let Some((calls, metric, needed)) = few.min_by_key(|(calls, ..)| *calls) {
        return format!(": {metric} needs {} calls, and the fewest are {}", grouped(needed), grouped(calls));
    }
    let chance: Vec<f64> = reasons
        .iter()
        .filter_map(|reason| match reason {
            LimitReason::Hidden(measured, _) => Some(measured.limit),
            _ => None,
        })
        .collect();
    let least = chance.iter().copied().fold(f64::INFINITY, f64::min);
    let most = chance.iter().copied().fold(0.0, f64::max);
    if chance.is_empty() { String::new() } else { format!(": between {} and {}", percent(least), percent(most)) }
}

/// Returns true if noise is estimated from parts of runs.
pub(crate) fn is_noise_from_parts(cells: &[Cell]) -> bool {
    cells.iter().any(|cell| cell.noise_from == NoiseFrom::Parts)
}

/// Returns a part of a sentence with a space before it; empty if it is empty.
pub(crate) fn spaced(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(" {part}") }
}

/// Where there is no budget, errors that differ by so many points are told.
const MIN_ERROR_POINTS: f64 = 0.2;
/// More recordings than so many times as long ones are better made again.
const MAX_CALLS_FACTOR: f64 = 20.0;
/// Length of a recording that is to show what is rare, by the default.
const LONGER: f64 = 3.0;
/// Rows that are not judged, one by one.
const MAX_LISTED_CELLS: usize = 4;
