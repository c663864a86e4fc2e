//! The comparison as one page: for whoever decides whether a result can be believed. It begins with
//! the answer in words: what differs, how sure that is, and what to do next. Then each operation in
//! figures, the worst first (`rows`).

pub(crate) mod chart_data;
mod charts;
pub(crate) mod operations;

use std::fmt;

use crate::gap::compare::baseline::{BASELINES_AT_THEIR_BEST, BaselineKind};
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::format::{quoted, rates, unsigned};
use crate::gap::report::html::operations::OperationSections;
use crate::gap::{Gap, Headline, SideSummary};
use crate::page::{self, Bars, EscapedText, Prose, sentence};
use standin_text::{grouped, percent};

/// Writes a gap as a page.
#[derive(Debug)]
pub struct GapPage<'g>(pub &'g Gap);

impl fmt::Display for GapPage<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        page::begin(out, &format!("The gap: {} against {}", gap.mock.name, gap.reference.name))?;
        let told = |account: &SideSummary| {
            let runs = if account.runs == 1 { String::new() } else { format!(" in {} runs", account.runs) };
            format!("<b>{}</b> ({} calls{runs})", EscapedText(&account.name), grouped(account.calls))
        };
        writeln!(out, "<h1>How far is the mock from the service?</h1>")?;
        writeln!(out, "<p class=\"sides\">Mock: {}. Service: {}.</p>", told(&gap.mock), told(&gap.reference))?;
        self.answer(out)?;
        self.beside(out)?;
        self.loads(out)?;
        write!(out, "{}", OperationSections(gap))?;
        self.method(out)?;
        page::end(out)
    }
}

impl GapPage<'_> {
    fn answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let class = match gap.verdict {
            Verdict::Within => "good",
            Verdict::Over => "bad",
            Verdict::NotJudged | Verdict::NoBudget => "open",
        };
        let verdict = gap.describe_verdict();
        writeln!(out, "<section class=\"answer {class}\"><p class=\"verdict\">{}</p>", EscapedText(&verdict))?;
        for (heading, told) in [
            ("What differs", gap.describe_differences()),
            ("How sure this is", gap.describe_confidence()),
            ("Why, probably", gap.why().map(str::to_owned).collect()),
            ("What to do next", gap.list_next_steps()),
        ] {
            if told.is_empty() {
                continue;
            }
            writeln!(out, "<h2>{heading}</h2>")?;
            for told in told {
                writeln!(out, "<p>{}</p>", Prose(&sentence(&told)))?;
            }
        }
        let limits = gap.describe_limits().into_iter().map(|limits| format!("Allowed: {limits}."));
        for note in limits.chain(gap.notes.iter().map(|note| sentence(note))) {
            writeln!(out, "<p class=\"note\">{}</p>", Prose(&note))?;
        }
        writeln!(out, "</section>")
    }

    /// Writes the comparison with simpler mocks.
    fn beside(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        match gap.standings.len() {
            0 => return Ok(()),
            1 if gap.cells.iter().any(|cell| !cell.baselines.is_empty()) => {
                return writeln!(out, "<p class=\"note\">{}</p>", Prose(&sentence(BASELINES_LEFT_OUT)));
            }
            _ => {}
        }
        writeln!(out, "<h2>Beside simpler mocks: how far off each is</h2>")?;
        for (heading, is_worst) in [("On average", false), ("At its worst", true)] {
            let off = |standing: &Headline| if is_worst { standing.worst } else { standing.median };
            // one notation a figure
            let as_times = gap.standings.iter().any(|standing| off(standing) >= MIN_RATIO_AS_TIMES.ln());
            let told = |off: f64| if as_times { format!("{:.1} times", off.exp()) } else { unsigned(off) };
            let bars = gap.standings.iter().fold(Bars::default(), |bars, standing| {
                let name = match standing.baseline {
                    None => "the mock",
                    Some(BaselineKind::ConstantMedian) => "a fixed delay (the median)",
                    Some(BaselineKind::LogNormal) => "WireMock's log-normal delay",
                };
                bars.and(name, off(standing), told(off(standing)), standing.baseline.is_none())
            });
            writeln!(out, "<h3>{heading}</h3>{bars}")?;
        }
        writeln!(
            out,
            "<p class=\"note\">Each is the average over p50 to p99 of how far answer times are off, in the typical comparison and in the worst; shorter is \
             better. Twice as long and half as long count as equally far off. Bars grow with the ratio, not with the percentage. {}</p>",
            Prose(&sentence(BASELINES_AT_THEIR_BEST))
        )
    }

    /// Writes the table of the load levels.
    fn loads(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        if gap.levels.is_empty() {
            return Ok(());
        }
        let used = gap.levels.iter().any(|level| level.utilization.is_some());
        let used_of = if used { "<th scope=\"col\">of the capacity" } else { "" };
        writeln!(
            out,
            "<h2>The loads</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table: the loads\"><table class=\"plain\"><thead><tr><th \
             scope=\"col\">load<th scope=\"col\">calls a second{used_of}</thead><tbody>"
        )?;
        for level in &gap.levels {
            write!(
                out,
                "<tr><th scope=\"row\">{}<td>{}",
                EscapedText(&level.label),
                rates(level.least_per_second, level.most_per_second)
            )?;
            if used {
                write!(out, "<td>{}", level.utilization.map_or_else(|| "unknown".to_owned(), percent))?;
            }
            writeln!(out)?;
        }
        let from = gap.capacity_from.as_ref().map_or_else(
            || "How much of its capacity the service used is unknown.".to_owned(),
            |from| format!("How much of its capacity the service used is known from {}.", quoted(from)),
        );
        writeln!(
            out,
            "</tbody></table></div><p class=\"note\">The time of the service's recording is cut into short windows, and these are ordered by how many calls came \
             in each. {}</p>",
            Prose(&from)
        )
    }

    fn method(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let pooled = if gap.reference.runs > 1 || gap.mock.runs > 1 {
            " All runs of a side are put together, in tables and figures alike."
        } else {
            ""
        };
        writeln!(
            out,
            "<h2>How to read this</h2><p>Both sides got the same calls at the same times. How long an answer takes counts from when its call was due, so \
             that nothing hides what calls waited. <i>p95 +10 %</i>: 95 of 100 answers came within a time that is a tenth longer than with the service. \
             <i>pt</i>: points, so from 1 % to 3 % errors is +2 pt. A percentile is believed from 100 calls beyond it on.{pooled}</p>"
        )
    }
}

/// Ratios from which on all of a figure are told as times.
const MIN_RATIO_AS_TIMES: f64 = 10.0;
/// Why the simpler mocks are not there.
pub(crate) const BASELINES_LEFT_OUT: &str = "the mock is not compared with simpler ones: there are calls enough for hardly more than the typical time (p50), and that is the very thing \
     that a fixed delay is set to";
