//! The operations of the page: each in a sentence, in figures and in a table of its rows, the worst
//! first and open.

use std::fmt;

use crate::gap::Gap;
use crate::gap::compare::cell::Cell;
use crate::gap::evaluate::budget::Metric;
use crate::gap::evaluate::limit_outcome::LimitReason;
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::format::{longer, signed};
use crate::gap::report::html::charts::OperationCharts;
use crate::gap::report::summary::spaced;
use crate::gap::report::view::{ReportView, RowView, Tone};
use crate::page::{EscapedText, Prose, sentence};
use standin_text::{grouped, list, milliseconds};

/// All operations of a gap.
pub(crate) struct OperationSections<'g> {
    pub(crate) gap: &'g Gap,
    pub(crate) view: &'g ReportView,
}

impl fmt::Display for OperationSections<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.gap;
        let operations = in_order(gap);
        if operations.len() > 1 {
            writeln!(out, "<h2>{} operations, the worst first</h2>", operations.len())?;
        }
        for (place, cells) in operations.iter().enumerate() {
            let open = if place == 0 { " open" } else { "" };
            let name = &cells[0].operation;
            let (class, told) = headline(gap, cells);
            writeln!(
                out,
                "<details{open}><summary>{} <span class=\"{class}\">– {}</span></summary>",
                EscapedText(name),
                Prose(&told)
            )?;
            let cells: Vec<&Cell> = cells.iter().collect();
            match gap.series.iter().find(|series| series.operation == *name) {
                Some(series) if place < MAX_DRAWN_OPERATIONS => {
                    write!(out, "{}", OperationCharts::new(gap, &cells, series))?;
                }
                _ => {
                    writeln!(out, "<p class=\"note\">Only the {MAX_DRAWN_OPERATIONS} worst operations are drawn.</p>")?;
                }
            }
            let rows: Vec<&RowView> = self.view.rows.iter().filter(|row| row.operation == *name).collect();
            table(out, name, &rows, self.view.few)?;
            writeln!(out, "</details>")?;
        }
        Ok(())
    }
}

/// Orders the operations: first the one to begin with, then those over the budget, each by its
/// difference.
fn in_order(gap: &Gap) -> Vec<&[Cell]> {
    let begin = gap.causes.iter().find_map(|cause| cause.operation.as_deref());
    let badness = |cells: &[Cell]| {
        let off = cells.iter().filter_map(Cell::gap).fold(-1.0, f64::max);
        (begin == Some(cells[0].operation.as_str()), cells.iter().any(|cell| cell.verdict == Verdict::Over), off)
    };
    let mut operations: Vec<&[Cell]> = gap.cells.chunk_by(|one, other| one.operation == other.operation).collect();
    operations.sort_by(|one, other| badness(other).partial_cmp(&badness(one)).unwrap_or(std::cmp::Ordering::Equal));
    operations
}

/// Returns the CSS class of the verdict on an operation and a sentence. Both are about the same row
/// and limit.
pub(crate) fn headline(gap: &Gap, cells: &[Cell]) -> (&'static str, String) {
    let count = |verdict| cells.iter().filter(|cell| cell.verdict == verdict).count();
    if count(Verdict::Over) > 0 {
        return ("bad", over(gap, cells));
    }
    if count(Verdict::NoBudget) > 0 {
        let Some((cell, percent, log)) = furthest(cells) else {
            return ("open", "too few calls to compare".to_owned());
        };
        let (reference, mock) = (cell.reference.latency.at(percent).0, cell.mock.latency.at(percent).0);
        let when = spaced(&gap.when(&cell.level));
        return (
            "open",
            format!(
                "furthest off: p{percent} is {}{when} ({} ms instead of {} ms)",
                longer(log),
                milliseconds(mock),
                milliseconds(reference)
            ),
        );
    }
    let (within, open) = (count(Verdict::Within), count(Verdict::NotJudged));
    if open == 0 {
        let loads = match (within, gap.levels.len()) {
            (1, 1) => String::new(),
            (1, _) => format!(" {}", gap.when(&cells[0].level)),
            (2, _) => " at both loads".to_owned(),
            (all, _) => format!(" at all {all} loads"),
        };
        let most = furthest(cells).map(|(cell, percent, log)| {
            format!(" (furthest off: p{percent} {}{})", signed(log), spaced(&gap.when(&cell.level)))
        });
        return ("good", format!("within the budget{loads}{}", most.unwrap_or_default()));
    }
    let lacking = cells.iter().filter(|cell| cell.verdict == Verdict::NotJudged);
    // the busiest of them
    let why = lacking.clone().next_back().and_then(Cell::reason_not_judged).map(brief).unwrap_or_default();
    if within == 0 {
        return ("open", format!("could not be judged: {why}"));
    }
    let names: Vec<String> = lacking.map(|cell| gap.label(&cell.level).to_owned()).collect();
    let names = list(&names, "and");
    ("open", format!("{within} of {} loads are within the budget; “{names}” could not be judged ({why})", cells.len()))
}

/// Returns a sentence about the limit that is exceeded most.
fn over(gap: &Gap, cells: &[Cell]) -> String {
    let all = cells.iter().filter_map(|cell| Some((cell, cell.largest_excess()?)));
    let Some((cell, (_, measured))) = all.max_by(|one, other| one.1.0.total_cmp(&other.1.0)) else {
        let silent = cells.iter().find(|cell| cell.verdict == Verdict::Over);
        return format!(
            "no call was answered{}",
            spaced(&silent.map(|cell| gap.when(&cell.level)).unwrap_or_default())
        );
    };
    let when = spaced(&gap.when(&cell.level));
    let difference = match (measured.metric, measured.log_ratio) {
        (Metric::Errors, _) => {
            let how = if measured.errors < 0.0 { "less" } else { "more" };
            format!("answers fail {:.2} points {how} often{when}", measured.errors.abs())
        }
        (Metric::Percentile(percent), Some(log)) => format!("p{percent} is {}{when}", longer(log)),
        (Metric::Throughput, Some(log)) => format!("{} good answers a second{when}", signed(log)),
        _ => format!("{}{when}", measured.brief()),
    };
    format!("{difference}, which is more than the budget allows")
}

/// Returns the reason why a row is not judged, in a few words.
fn brief(reason: &LimitReason) -> String {
    match reason {
        LimitReason::Hidden(measured, _) => {
            format!("{}, but chance alone makes up to {}", measured.brief(), measured.allowed(measured.limit))
        }
        LimitReason::Overload => "beyond its capacity answer times only grow".to_owned(),
        other => other.to_string(),
    }
}

/// Returns the cell and percentile with the largest difference, and the difference.
fn furthest(cells: &[Cell]) -> Option<(&Cell, u32, f64)> {
    let all = cells.iter().filter_map(|cell| cell.furthest().map(|(percent, log)| (cell, percent, log)));
    all.max_by(|one, other| one.2.abs().total_cmp(&other.2.abs()))
}

fn table(out: &mut fmt::Formatter<'_>, name: &str, rows: &[&RowView], few: Option<&str>) -> fmt::Result {
    let name = EscapedText(name).to_string();
    writeln!(
        out,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {name}\"><table><caption>By load: how long answers take, in \
         milliseconds</caption><thead><tr><th scope=\"col\">load<th scope=\"col\">side<th scope=\"col\">calls<th scope=\"col\">p50<th \
         scope=\"col\">p90<th scope=\"col\">p95<th scope=\"col\">p99<th scope=\"col\">errors<th scope=\"col\">good answers/s</thead><tbody>"
    )?;
    for row in rows {
        for (load, side, sample) in [(row.load.as_str(), "service", &row.service), ("", "mock", &row.mock)] {
            write!(out, "<tr><th scope=\"row\">{}<td>{side}<td>{}", EscapedText(load), sample.calls)?;
            if sample.left_out > 0 {
                write!(out, " (+{} left out)", grouped(sample.left_out))?;
            }
            sample.times.iter().try_for_each(|time| write!(out, "<td>{time}"))?;
            writeln!(out, "<td>{}<td>{}", sample.errors, sample.per_second)?;
        }
        write!(out, "<tr class=\"{}\"><th scope=\"row\"><td>off by<td>", Tone::of(row.verdict).class())?;
        row.off.iter().try_for_each(|off| write!(out, "<td>{off}"))?;
        writeln!(out, "<td>{}<td>{}", row.errors_off, row.throughput_off)?;
    }
    writeln!(out, "</tbody></table></div>")?;
    // beside the table and not in it, so that a phone shows them whole
    reasons(out, rows)?;
    match few.filter(|_| rows.iter().any(|row| row.off.iter().any(|off| off == "few"))) {
        Some(few) => writeln!(out, "<p class=\"note\">{few}.</p>"),
        None => Ok(()),
    }
}

/// Writes the reasons for the verdict on each row.
fn reasons(out: &mut fmt::Formatter<'_>, rows: &[&RowView]) -> fmt::Result {
    let with_reasons = || rows.iter().filter(|row| !row.reasons.is_empty());
    if with_reasons().next().is_none() {
        return Ok(());
    }
    writeln!(out, "<ul class=\"reasons\">")?;
    for row in with_reasons() {
        let verdict = row.verdict_text();
        let load = match row.load.as_str() {
            "all" => sentence(verdict),
            label => sentence(&format!("{label}, {verdict}")),
        };
        let reasons: Vec<String> = row.reasons.iter().map(|(_, reason)| sentence(reason)).collect();
        writeln!(
            out,
            "<li><b class=\"{}\">{}:</b> {}</li>",
            Tone::of(row.verdict).class(),
            EscapedText(load.trim_end_matches('.')),
            Prose(&reasons.join(" "))
        )?;
    }
    writeln!(out, "</ul>")
}

/// So many operations make a page of two megabytes.
const MAX_DRAWN_OPERATIONS: usize = 40;
