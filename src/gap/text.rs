//! The comparison in words and numbers, for a terminal of 80 columns and readers who never heard of queues.

use std::fmt;
use std::time::Duration;

use super::baseline::{BASELINES_AT_THEIR_BEST, Kind};
use super::budget::{Budget, written};
use super::cell::{Cell, Verdict};
use super::inference::{Inference, Largest, Power};
use super::{Account, Gap, Level};
use crate::terminal::{WIDTH, cut, wrapped};

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} against {}", self.mock.told(), self.reference.told())?;
        for note in &self.notes {
            wrapped(out, "  note: ", note)?;
        }
        if self.cells.is_empty() {
            return writeln!(out, "\nthere are no calls to compare");
        }
        out.write_str(LEGEND)?;
        self.loads(out)?;
        let mut operation = "";
        for cell in &self.cells {
            if operation != cell.operation {
                operation = &cell.operation;
                heading(out, operation)?;
            }
            self.cell(out, cell)?;
        }
        self.compared(out)?;
        self.bends(out)?;
        self.certainty(out)?;
        self.conclusion(out)
    }
}

impl Inference {
    /// What the runs show, in words.
    pub(super) fn sentences(&self) -> Vec<String> {
        let largest = self.largest.iter().map(|largest| {
            let Largest { operation, level, percent, log_ratio, .. } = largest;
            let off = signed(*log_ratio);
            let sure = match (self.chance, self.differs()) {
                (Some(chance), Some(true)) => {
                    format!("chance makes one as large in {:.1} of 100 comparisons: the mock differs", chance * 100.0)
                }
                (Some(chance), _) => {
                    format!(
                        "chance makes one as large in {:.0} of 100 comparisons: no difference was shown",
                        chance * 100.0
                    )
                }
                (None, _) => "so few runs cannot tell it from chance; use --runs 4, or 4 tapes a side".to_owned(),
            };
            format!(
                "the largest difference by its noise is the p{percent} of {operation} at load {level}: {off}; {sure}"
            )
        });
        let seen = self.power.iter().map(|Power { level, percent, seen }| {
            let seen = seen * 100.0;
            format!(
                "at load {level}, of differences of {seen:.0} % at p{percent} half would have been seen; smaller ones hardly"
            )
        });
        largest.chain(seen).collect()
    }
}

impl Account {
    fn told(&self) -> String {
        let runs = if self.runs == 1 { String::new() } else { format!(" in {} runs", self.runs) };
        format!("{} ({} calls{runs})", self.name, grouped(self.calls))
    }
}

impl Gap {
    fn loads(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.capacity_from.as_ref().map(|from| format!("of its capacity, by {from}")).unwrap_or_default();
        writeln!(out, "\n{}", format!("{:<12} {:<20} {}", "load", "calls a second", cut(&from, 46)).trim_end())?;
        for level in &self.levels {
            let rates = format!("{} to {}", rate(level.least_per_second), rate(level.most_per_second));
            let used = level.utilization.map(|used| format!("{:.0} %", used * 100.0)).unwrap_or_default();
            writeln!(out, "{}", format!("{:<12} {rates:<20} {used}", level.name).trim_end())?;
        }
        for side in [&self.reference, &self.mock] {
            if side.left_out > 0 {
                let (left_out, calls, name) = (grouped(side.left_out), grouped(side.calls), &side.name);
                let text = format!(
                    "{left_out} of {calls} calls of {name}, for the mock itself was too slow when they came or ended"
                );
                wrapped(out, "  left out: ", &text)?;
            }
            if side.beyond > 0 {
                let (calls, name) = (grouped(side.beyond), &side.name);
                let text = format!("{calls} calls of {name} came at a load that {} never had", self.reference.name);
                wrapped(out, "  not compared: ", &text)?;
            }
        }
        Ok(())
    }

    fn cell(&self, out: &mut fmt::Formatter<'_>, cell: &Cell) -> fmt::Result {
        for (load, name, sample) in
            [(cell.level.as_str(), &self.reference.name, &cell.reference), ("", &self.mock.name, &cell.mock)]
        {
            let times =
                sample.latency.each().map(|(_, time)| if sample.answered == 0 { "-".into() } else { ms(time.0) });
            let [p50, p90, p95, p99] = times;
            let (calls, errors) = (grouped(sample.calls), percentage(sample.errors));
            let name = cut(name, 9);
            writeln!(out, "{load:<11} {calls:>7}  {name:<9} {p50:>8} {p90:>8} {p95:>8} {p99:>8} {errors:>8}")?;
        }
        let off = |percent| match cell.deviation {
            Some(deviation) if cell.believable.contains(&percent) => signed(deviation.log_ratio.at(percent)),
            Some(_) => "few".to_owned(),
            None => "-".to_owned(),
        };
        let [p50, p90, p95, p99] = [50, 90, 95, 99].map(off);
        let verdict = match cell.verdict {
            Verdict::NoBudget => "",
            Verdict::Within => "within",
            Verdict::Over => "OVER",
            Verdict::NotJudged => "not judged",
        };
        let errors = format!("{:+.2}pt", cell.errors);
        let line = format!("{:<11} {verdict:>18} {p50:>8} {p90:>8} {p95:>8} {p99:>8} {errors:>8}", "  off by");
        writeln!(out, "{}", line.trim_end())?;
        if cell.verdict == Verdict::Over {
            for reason in &cell.reasons {
                wrapped(out, "  over: ", reason)?;
            }
        }
        if cell.reference.left_out + cell.mock.left_out > 0 {
            let [reference, mock] = [&cell.reference, &cell.mock].map(|sample| grouped(sample.left_out));
            wrapped(out, "  left out: ", &format!("{reference} and {mock} calls"))?;
        }
        Ok(())
    }

    /// The mock beside what simpler ones would do.
    fn compared(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.standings.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{:<34} {:>9} {:>9}", "how far off, over all rows above", "typical", "worst")?;
        for standing in &self.standings {
            let name = match standing.baseline {
                None => self.mock.name.as_str(),
                Some(Kind::ConstantMedian) => "a fixed delay (the median)",
                Some(Kind::LogNormal) => "WireMock's log-normal delay",
            };
            let (typical, worst) = (unsigned(standing.median), unsigned(standing.worst));
            writeln!(out, "  {:<32} {typical:>9} {worst:>9}", cut(name, 32))?;
        }
        wrapped(out, "  ", BASELINES_AT_THEIR_BEST)?;
        match self.standings.first().filter(|standing| standing.baseline.is_none()) {
            Some(own) => wrapped(out, "", &format!("{}: {}", self.mock.name, own.in_words())),
            None => Ok(()),
        }
    }

    /// Where each operation bends.
    fn bends(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.knees.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nwhere p95 reaches three times that of the calmest load, in calls a second")?;
        let (reference, mock) = (cut(&self.reference.name, 10), cut(&self.mock.name, 10));
        writeln!(out, "  {:<38} {reference:>10} {mock:>10} {:>10}", "", "off by")?;
        for knee in &self.knees {
            let told = |at: Option<f64>| at.map_or_else(|| format!("> {}", rate(knee.up_to)), rate);
            let error = knee.error.map_or_else(|| "-".to_owned(), |error| signed(error.ln_1p()));
            let (operation, reference, mock) = (cut(&knee.operation, 38), told(knee.reference), told(knee.mock));
            writeln!(out, "  {operation:<38} {reference:>10} {mock:>10} {error:>10}")?;
        }
        let (mut fixed, mut log_normal) = (0, 0);
        for knee in self.knees.iter().filter(|knee| knee.reference.is_some()) {
            fixed += usize::from(knee.constant_median.is_none());
            log_normal += usize::from(knee.log_normal.is_none());
        }
        let bent = self.knees.iter().filter(|knee| knee.reference.is_some()).count();
        if bent > 0 && fixed == bent && log_normal == bent {
            wrapped(out, "", "the simpler mocks reach it at no load: their delays do not depend on it")?;
        }
        Ok(())
    }

    fn certainty(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(inference) = &self.inference else { return Ok(()) };
        let (reference, mock) = inference.runs;
        writeln!(out, "\nby {reference} and {mock} runs of the same schedule:")?;
        inference.sentences().iter().try_for_each(|sentence| wrapped(out, "  ", sentence))
    }

    fn conclusion(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\n")?;
        let lacking: Vec<&Cell> = self.cells.iter().filter(|cell| cell.verdict == Verdict::NotJudged).collect();
        if !lacking.is_empty() {
            writeln!(out, "not judged:")?;
            for cell in lacking {
                wrapped(out, "  ", &format!("{} at load {}: {}", cell.operation, cell.level, cell.reasons.join(", ")))?;
            }
        }
        for cause in &self.causes {
            wrapped(out, "why: ", &cause.sentence)?;
        }
        self.limits(out)?;
        let judged = self.cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let over = self.cells.iter().filter(|cell| cell.verdict == Verdict::Over).count();
        let budget = self.budget_named();
        let of = format!("{judged} of {} rows judged", self.cells.len());
        match self.verdict {
            Verdict::NoBudget => {
                wrapped(out, "verdict: ", "none, for no budget was asked for; judge with --budget default")
            }
            Verdict::Within => wrapped(out, "verdict: ", &format!("within {budget} ({of})")),
            Verdict::Over => wrapped(out, "verdict: ", &format!("OVER {budget} in {over} of {judged} rows judged")),
            Verdict::NotJudged => wrapped(
                out,
                "verdict: ",
                &format!(
                    "none, for only {of} and 80 % are needed; record longer, judge what needs fewer calls (--budget p50=10%), or \
                     nothing (--budget none)"
                ),
            ),
        }
    }

    /// The limits that the default budget sets, by load.
    fn limits(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limits_in_words().iter().try_for_each(|limits| wrapped(out, "limits: ", limits))
    }

    /// What the default budget allows at each load, and why; nothing if another was given.
    pub(super) fn limits_in_words(&self) -> Vec<String> {
        let Some(budget @ Budget::ByLoad) = &self.budget else { return Vec::new() };
        let same = |one: &Level, other: &Level| budget.limits(one.utilization) == budget.limits(other.utilization);
        let mut told: Vec<String> = self
            .levels
            .chunk_by(same)
            .map(|levels| {
                let names: Vec<&str> = levels.iter().map(|level| level.name.as_str()).collect();
                format!("{} at load {}", written(budget.limits(levels[0].utilization)), names.join(", "))
            })
            .collect();
        if let Some(last) = told.last_mut() {
            last.push_str("; or as much as chance makes, where that is more");
            if self.capacity_from.is_none() {
                last.push_str("; the capacity is unknown, so all loads are judged as calm ones");
            }
        }
        told
    }

    /// What to call the budget.
    pub(super) fn budget_named(&self) -> String {
        match &self.budget {
            Some(Budget::ByLoad) => "the default budget".to_owned(),
            Some(budget) => format!("the budget {budget}"),
            None => "no budget".to_owned(),
        }
    }
}

fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn heading(out: &mut fmt::Formatter<'_>, operation: &str) -> fmt::Result {
    writeln!(out, "\n{}", cut(operation, WIDTH))?;
    writeln!(
        out,
        "{:<11} {:>7}  {:<9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "load", "calls", "", "p50", "p90", "p95", "p99", "errors"
    )
}

/// Milliseconds with three digits that count.
pub(super) fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    let digits = match ms {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{ms:.digits$}")
}

/// A logarithm of a ratio as what it means: 2 is `+639 %`, `x7.4` when that grows too long.
pub(super) fn signed(log_ratio: f64) -> String {
    let ratio = log_ratio.exp();
    if ratio >= 10.0 {
        return format!("x{ratio:.0}");
    }
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

pub(super) fn unsigned(gap: f64) -> String {
    signed(gap).trim_start_matches('+').to_owned()
}

pub(super) fn percentage(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Thousands apart: `41,200`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const LEGEND: &str = "
times in milliseconds, from when a call was due to the end of its answer
  p95: 95 of 100 answers took no longer; likewise p50, p90, p99
  load 20-40 %: the reference's calls in order of how busy it was when they
        came, from calm to busy; these are those between 20 and 40 %
  few: too few calls to say; p50 takes 200, p90 1,000, p95 2,000, p99 10,000
";
