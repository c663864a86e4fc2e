//! The comparison in words and numbers, for a terminal of 80 columns and readers who never heard of
//! queues: the numbers first, and at the end, where a terminal stands still, the answer.

use std::fmt;

use crate::gap::compare::baseline::{BASELINES_AT_THEIR_BEST, BaselineKind};
use crate::gap::compare::cell::Cell;
use crate::gap::evaluate::limit_outcome::LimitReason;
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::format::{quoted, rate, rates, signed, unsigned};
use crate::gap::report::html::BASELINES_LEFT_OUT;
use crate::gap::{Gap, SideSummary};
use crate::page::sentence;
use crate::terminal::{WIDTH, write_wrapped};
use standin_text::{grouped, milliseconds, percent, percent_with_decimals, truncate};

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_wrapped(out, "", &format!("{} against {}", self.mock.told(), self.reference.told()))?;
        for note in &self.notes {
            write_wrapped(out, "  note: ", note)?;
        }
        if self.cells.is_empty() {
            return writeln!(out, "\nthere are no calls to compare");
        }
        out.write_str(LEGEND)?;
        if self.cells.iter().any(|cell| cell.reliable_percentiles.len() < 4) {
            writeln!(out, "  few: too few calls to say; p50 takes 200, p90 1,000, p95 2,000, p99 10,000")?;
        }
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
        self.answer(out)
    }
}

impl SideSummary {
    fn told(&self) -> String {
        let runs = if self.runs == 1 { String::new() } else { format!(" in {} runs", self.runs) };
        format!("{} ({} calls{runs})", self.name, grouped(self.calls))
    }
}

impl Gap {
    fn loads(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.capacity_from.as_ref().map(|from| format!("of its capacity, by {}", quoted(from)));
        let line = format!("{:<12} {:<20} {}", "load", "calls a second", truncate(&from.unwrap_or_default(), 46));
        writeln!(out, "\n{}", line.trim_end())?;
        for level in &self.levels {
            let rates = rates(level.least_per_second, level.most_per_second);
            let used = level.utilization.map(percent).unwrap_or_default();
            writeln!(out, "{}", format!("{:<12} {rates:<20} {used}", level.label).trim_end())?;
        }
        for (what, side) in [("service", &self.reference), ("mock", &self.mock)] {
            if side.left_out > 0 {
                let (left_out, calls) = (grouped(side.left_out), grouped(side.calls));
                let text = format!(
                    "{left_out} of {calls} calls of the {what}, for the mock itself was too slow when they came or ended"
                );
                write_wrapped(out, "  left out: ", &text)?;
            }
            if side.beyond > 0 {
                let calls = grouped(side.beyond);
                let text =
                    format!("{calls} calls of the {what} came at a load that the recording of the service never had");
                write_wrapped(out, "  not compared: ", &text)?;
            }
        }
        Ok(())
    }

    fn cell(&self, out: &mut fmt::Formatter<'_>, cell: &Cell) -> fmt::Result {
        for (load, name, sample) in [(self.label(&cell.level), "service", &cell.reference), ("", "mock", &cell.mock)] {
            let times = sample
                .latency
                .each()
                .map(|(_, time)| if sample.answered == 0 { "-".into() } else { milliseconds(time.0) });
            let [p50, p90, p95, p99] = times;
            let (calls, errors) = (grouped(sample.calls), percent_with_decimals(sample.errors, 2));
            writeln!(out, "{load:<11} {calls:>7}  {name:<9} {p50:>8} {p90:>8} {p95:>8} {p99:>8} {errors:>8}")?;
        }
        let off = |percent| match cell.deviation {
            Some(deviation) if cell.reliable_percentiles.contains(&percent) => signed(deviation.log_ratio.at(percent)),
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
        // what is not judged is told together below
        if matches!(cell.verdict, Verdict::Over | Verdict::Within) {
            for reason in &cell.reasons {
                let label = match cell.verdict {
                    _ if *reason == LimitReason::Overload.to_string() => "  note: ",
                    Verdict::Over => "  over: ",
                    _ => "  within: ",
                };
                write_wrapped(out, label, reason)?;
            }
        }
        if cell.reference.left_out + cell.mock.left_out > 0 {
            let [reference, mock] = [&cell.reference, &cell.mock].map(|sample| grouped(sample.left_out));
            write_wrapped(out, "  left out: ", &format!("{reference} and {mock} calls"))?;
        }
        Ok(())
    }

    /// Writes the comparison with simpler mocks.
    fn compared(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standings.len() {
            0 => return Ok(()),
            1 if self.cells.iter().any(|cell| !cell.baselines.is_empty()) => {
                out.write_str("\n")?;
                return write_wrapped(out, "", BASELINES_LEFT_OUT);
            }
            _ => {}
        }
        writeln!(out, "\n{:<38} {:>10} {:>9}", "how far off (average over p50 to p99)", "on average", "at worst")?;
        for standing in &self.standings {
            let name = match standing.baseline {
                None => "the mock",
                Some(BaselineKind::ConstantMedian) => "a fixed delay (the median)",
                Some(BaselineKind::LogNormal) => "WireMock's log-normal delay",
            };
            let (typical, worst) = (unsigned(standing.median), unsigned(standing.worst));
            writeln!(out, "  {name:<36} {typical:>10} {worst:>9}")?;
        }
        write_wrapped(out, "  ", BASELINES_AT_THEIR_BEST)
    }

    /// Writes the table of the knees.
    fn bends(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bent: Vec<_> = self.knees.iter().filter(|knee| knee.reference.is_some() || knee.mock.is_some()).collect();
        if bent.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nwhere p95 becomes three times that of the calmest load: somewhere between these")?;
        writeln!(out, "{:<40} {:>18} {:>18}", "calls a second", "service", "mock")?;
        for knee in bent {
            let told = |at: Option<[f64; 2]>| match at {
                Some([calm, busy]) => rates(calm, busy),
                None => format!("> {}", rate(knee.up_to)),
            };
            let (reference, mock) = (told(knee.reference_between), told(knee.mock_between));
            writeln!(out, "  {:<38} {reference:>18} {mock:>18}", truncate(&knee.operation, 38))?;
        }
        Ok(())
    }

    fn answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.list_not_judged();
        if !open.is_empty() {
            writeln!(out, "\nnot judged")?;
            open.iter().try_for_each(|text| write_wrapped(out, "  ", text))?;
        }
        for (heading, told) in
            [("what differs", self.describe_differences()), ("how sure this is", self.describe_confidence())]
        {
            if !told.is_empty() {
                writeln!(out, "\n{heading}")?;
                told.iter().try_for_each(|text| write_wrapped(out, "  ", &sentence(text)))?;
            }
        }
        out.write_str("\n")?;
        self.why().try_for_each(|text| write_wrapped(out, "why: ", text))?;
        self.list_next_steps().iter().try_for_each(|text| write_wrapped(out, "next: ", text))?;
        self.describe_limits().iter().try_for_each(|limits| write_wrapped(out, "allowed: ", limits))?;
        let budget = self.name_budget();
        let judged = self.cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let all = self.cells.len();
        let verdict = match self.verdict {
            Verdict::NoBudget => "none, for no budget was asked for; judge with --budget default".to_owned(),
            Verdict::Within => format!("within {budget} ({judged} of {all} rows judged)"),
            Verdict::Over => format!("OVER {budget}: {}", self.count_verdicts()),
            Verdict::NotJudged => format!(
                "none, for only {judged} of {all} rows could be judged and 80 % are needed; record longer, judge what needs fewer calls \
                 (--budget p50=10%), or nothing (--budget none)"
            ),
        };
        write_wrapped(out, "verdict: ", &verdict)
    }
}

fn heading(out: &mut fmt::Formatter<'_>, operation: &str) -> fmt::Result {
    writeln!(out, "\n{}", truncate(operation, WIDTH))?;
    writeln!(
        out,
        "{:<11} {:>7}  {:<9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "load", "calls", "", "p50", "p90", "p95", "p99", "errors"
    )
}

const LEGEND: &str = "
times in milliseconds, from when a call was due to the end of its answer
  p95: 95 of 100 answers took no longer; likewise p50, p90, p99
";
