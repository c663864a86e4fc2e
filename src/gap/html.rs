//! The comparison as one page: for whoever decides whether a result can be believed. It begins with the answer in words: what
//! differs, how sure that is, and what to do next. Then each operation in figures, the worst first.

use std::fmt;

use super::baseline::{BASELINES_AT_THEIR_BEST, Kind};
use super::cell::{Cell, NoiseFrom, Verdict};
use super::figures::Figures;
use super::text::{grouped, ms, percentage, signed, unsigned};
use super::{Account, Gap, Standing};
use crate::page::{self, Bars, Escaped, Prose, sentence};

/// Writes a gap as a page.
#[derive(Debug)]
pub struct Html<'g>(pub &'g Gap);

impl fmt::Display for Html<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        page::begin(out, &format!("The gap: {} against {}", gap.mock.name, gap.reference.name))?;
        writeln!(out, "<h1>How far is {} from {}?</h1>", Escaped(&gap.mock.name), Escaped(&gap.reference.name))?;
        self.answer(out)?;
        self.beside(out)?;
        self.operations(out)?;
        self.method(out)?;
        page::end(out)
    }
}

impl Html<'_> {
    fn answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let budget = gap.budget_named();
        let (class, verdict) = match gap.verdict {
            Verdict::Within => ("good", format!("Within {budget}.")),
            Verdict::Over => ("bad", format!("Over {budget}.")),
            Verdict::NotJudged => {
                ("open", "Not judged: there are too few calls, or the runs themselves differ too much.".to_owned())
            }
            Verdict::NoBudget => ("open", "No budget was given, so nothing is judged.".to_owned()),
        };
        writeln!(out, "<section class=\"answer {class}\"><p class=\"verdict\">{}</p>", Escaped(&verdict))?;
        for (heading, told) in [
            ("What differs", self.what_differs()),
            ("How sure this is", self.how_sure()),
            ("What to do next", self.next_steps()),
        ] {
            writeln!(out, "<h2>{heading}</h2>")?;
            for told in told {
                writeln!(out, "<p>{}</p>", Prose(&told))?;
            }
        }
        let limits = gap.limits_in_words().into_iter().map(|limits| format!("Limits: {limits}."));
        for note in limits.chain(gap.notes.iter().map(|note| sentence(note))) {
            writeln!(out, "<p class=\"note\">{}</p>", Prose(&note))?;
        }
        writeln!(out, "</section>")
    }

    fn what_differs(&self) -> Vec<String> {
        let gap = self.0;
        if gap.cells.is_empty() {
            return vec!["There are no calls to compare.".to_owned()];
        }
        let own = gap.standings.first().filter(|standing| standing.baseline.is_none());
        let mut told: Vec<String> = own
            .map(|own| {
                let percent = own.worst_percent;
                format!("Its {}. p{percent} is the time within which {percent} of 100 answers came.", own.in_words())
            })
            .into_iter()
            .collect();
        let knee = gap.knees.iter().find(|knee| knee.reference.is_some() || knee.mock.is_some());
        told.extend(knee.map(|knee| sentence(&knee.in_words(&gap.reference.name, &gap.mock.name))));
        if told.is_empty() {
            told.push("Of no operation there are enough calls to compare even the typical time.".to_owned());
        }
        told
    }

    fn how_sure(&self) -> Vec<String> {
        let gap = self.0;
        let judged = gap.cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let rows = gap.cells.len();
        let mut told: Vec<String> = Vec::new();
        if let Some(inference) = &gap.inference {
            let (reference, mock) = inference.runs;
            told.push(format!("By {reference} and {mock} runs of the same schedule:"));
            told.extend(inference.sentences().iter().map(|text| sentence(text)));
        } else if gap.cells.iter().any(|cell| cell.noise_from == NoiseFrom::Parts) {
            told.push(
                "There is one run a side, or their loads differ. What chance makes is estimated from parts of the run, which cannot show \
                 what differs from run to run: repeat it (--runs 4) to be sure of small differences."
                    .to_owned(),
            );
        }
        if gap.verdict != Verdict::NoBudget {
            told.push(format!("{judged} of {rows} rows (an operation at a load) could be judged."));
        }
        let lacking = gap.cells.iter().filter(|cell| cell.believable.len() < 4).count();
        if lacking > 0 {
            told.push(format!("{lacking} of {rows} rows have too few calls for every percentile."));
        }
        if gap.mock.left_out > 0 {
            let left_out = grouped(gap.mock.left_out);
            told.push(format!(
                "{left_out} calls are left out, for the mock itself was too slow when they came or ended."
            ));
        }
        let beyond = gap.mock.beyond + gap.reference.beyond;
        if beyond > 0 {
            let calls = grouped(beyond);
            told.push(format!("{calls} calls came at loads that only one side had; they are not compared."));
        }
        told
    }

    fn next_steps(&self) -> Vec<String> {
        let gap = self.0;
        let mut steps: Vec<String> = gap.causes.iter().map(|cause| sentence(&cause.sentence)).collect();
        let of_verdict = match gap.verdict {
            Verdict::Within => "Use the mock up to the loads below; compare again when the service has changed.",
            Verdict::NotJudged => "Record longer, or judge what needs fewer calls (--budget p50=10%).",
            Verdict::NoBudget => "Judge it with --budget default.",
            Verdict::Over if steps.is_empty() => {
                "Look at the first operation below, at the load at which the lines part."
            }
            Verdict::Over => "",
        };
        steps.extend((!of_verdict.is_empty()).then(|| of_verdict.to_owned()));
        steps
    }

    /// The mock beside what simpler ones would do.
    fn beside(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        if gap.standings.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Beside simpler mocks: how far off each is</h2>")?;
        for (heading, is_worst) in [("In the typical row", false), ("In the worst row", true)] {
            let off = |standing: &Standing| if is_worst { standing.worst } else { standing.median };
            let bars = gap.standings.iter().fold(Bars::default(), |bars, standing| {
                let name = match standing.baseline {
                    None => gap.mock.name.as_str(),
                    Some(Kind::ConstantMedian) => "a fixed delay (the median)",
                    Some(Kind::LogNormal) => "WireMock's log-normal delay",
                };
                bars.and(name, off(standing), unsigned(off(standing)), standing.baseline.is_none())
            });
            writeln!(out, "<h3>{heading}</h3>{bars}")?;
        }
        writeln!(
            out,
            "<p class=\"note\">A row is an operation at a load; shorter is better. Twice as long and half as long count as equally far off. {}</p>",
            sentence(BASELINES_AT_THEIR_BEST)
        )
    }

    /// Each operation, the worst first and open.
    fn operations(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let mut operations: Vec<&[Cell]> = gap.cells.chunk_by(|one, other| one.operation == other.operation).collect();
        operations.sort_by(|one, other| badness(other).partial_cmp(&badness(one)).unwrap_or(std::cmp::Ordering::Equal));
        if operations.len() > 1 {
            writeln!(out, "<h2>{} operations, the worst first</h2>", operations.len())?;
        }
        for (place, cells) in operations.iter().enumerate() {
            let open = if place == 0 { " open" } else { "" };
            let name = &cells[0].operation;
            writeln!(out, "<details{open}><summary>{} {}</summary>", Escaped(name), Headline(cells))?;
            let cells: Vec<&Cell> = cells.iter().collect();
            match gap.series.iter().find(|series| series.operation == *name) {
                Some(series) if place < MOST_DRAWN => write!(out, "{}", Figures::new(gap, &cells, series))?,
                _ => writeln!(out, "<p class=\"note\">Only the {MOST_DRAWN} worst operations are drawn.</p>")?,
            }
            self.table(out, &cells)?;
            writeln!(out, "</details>")?;
        }
        Ok(())
    }

    fn table(&self, out: &mut fmt::Formatter<'_>, cells: &[&Cell]) -> fmt::Result {
        writeln!(
            out,
            "<div class=\"wide\"><table><tr><th>load<th><th>calls<th>p50 ms<th>p90<th>p95<th>p99<th>errors<th>calls/s"
        )?;
        for cell in cells {
            let sides = [(&self.0.reference, &cell.reference), (&self.0.mock, &cell.mock)];
            for (place, (Account { name, .. }, sample)) in sides.into_iter().enumerate() {
                let load = if place == 0 { cell.level.as_str() } else { "" };
                write!(out, "<tr><td>{}<td>{}<td>{}", Escaped(load), Escaped(name), grouped(sample.calls))?;
                if sample.left_out > 0 {
                    write!(out, " (+{} left out)", grouped(sample.left_out))?;
                }
                for (_, time) in sample.latency.each() {
                    let time = if sample.answered == 0 { "–".to_owned() } else { ms(time.0) };
                    write!(out, "<td>{time}")?;
                }
                writeln!(out, "<td>{}<td>{:.1}", percentage(sample.errors), sample.per_second)?;
            }
            let class = match cell.verdict {
                Verdict::Over => "bad",
                Verdict::Within => "good",
                Verdict::NoBudget | Verdict::NotJudged => "open",
            };
            write!(out, "<tr class=\"{class}\"><td><td>off by<td>")?;
            for percent in [50, 90, 95, 99] {
                let off = match cell.deviation {
                    Some(deviation) if cell.believable.contains(&percent) => signed(deviation.log_ratio.at(percent)),
                    Some(_) => "<abbr title=\"too few calls to say\">few</abbr>".to_owned(),
                    None => "–".to_owned(),
                };
                write!(out, "<td>{off}")?;
            }
            let throughput = cell.throughput.map_or_else(|| "–".to_owned(), signed);
            writeln!(out, "<td>{:+.2} pt<td>{throughput}", cell.errors)?;
            if !cell.reasons.is_empty() {
                writeln!(out, "<tr class=\"{class}\"><td><td colspan=\"8\">{}", Escaped(&cell.reasons.join("; ")))?;
            }
        }
        writeln!(out, "</table></div>")
    }

    fn method(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let told = |account: &Account| {
            let runs = if account.runs == 1 { "one run".to_owned() } else { format!("{} runs", account.runs) };
            format!("{} ({} calls in {runs})", account.name, grouped(account.calls))
        };
        writeln!(
            out,
            "<h2>How to read this</h2><p>The same calls at the same times: {} and {}. A latency counts from when its call was due, so that nothing hides what calls waited. \
             A <i>load</i> is a share of the time, from calm to busy. <i>p95 off by +10 %</i>: 95 of 100 answers came within a time that is a tenth longer than with the service. \
             A percentile is believed from 100 calls beyond it on.</p>",
            Escaped(&told(&gap.reference)),
            Escaped(&told(&gap.mock))
        )?;
        writeln!(out, "<div class=\"wide\"><table><tr><th>load<th>calls a second")?;
        for level in &gap.levels {
            let (least, most) = (level.least_per_second, level.most_per_second);
            writeln!(out, "<tr><td>{}<td>{least:.1} to {most:.1}", Escaped(&level.name))?;
        }
        writeln!(out, "</table></div>")
    }
}

/// An operation in a line: where it is furthest off, and what follows.
struct Headline<'g>(&'g [Cell]);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, verdict) = match worst_verdict(self.0) {
            Verdict::Over => ("bad", ", over the budget"),
            Verdict::Within => ("good", ", within the budget"),
            Verdict::NotJudged => ("open", ", not judged"),
            Verdict::NoBudget => ("open", ""),
        };
        let off = self.0.iter().filter_map(|cell| {
            let of = |percent: &u32| Some((*percent, cell.deviation?.log_ratio.at(*percent)));
            let largest =
                cell.believable.iter().filter_map(of).max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
            largest.map(|(percent, log)| (cell, percent, log))
        });
        match off.max_by(|one, other| one.2.abs().total_cmp(&other.2.abs())) {
            Some((cell, percent, log)) => {
                let load = if cell.level == "all" { String::new() } else { format!(" at load {}", cell.level) };
                write!(
                    out,
                    "<span class=\"{class}\">– p{percent} off by {}{}{verdict}</span>",
                    signed(log),
                    Escaped(&load)
                )
            }
            None => write!(out, "<span class=\"{class}\">– too few calls to compare{verdict}</span>"),
        }
    }
}

/// Over the budget in one row is over.
fn worst_verdict(cells: &[Cell]) -> Verdict {
    let of = |verdict| cells.iter().any(|cell| cell.verdict == verdict);
    let first = [Verdict::Over, Verdict::Within, Verdict::NotJudged].into_iter().find(|verdict| of(*verdict));
    first.unwrap_or(Verdict::NoBudget)
}

/// How bad an operation is: first what is over the budget, then by how far it is off.
fn badness(cells: &[Cell]) -> (bool, f64) {
    let gap = cells.iter().filter_map(Cell::gap).fold(-1.0, f64::max);
    (worst_verdict(cells) == Verdict::Over, gap)
}

/// So many operations make a page of two megabytes.
const MOST_DRAWN: usize = 40;
