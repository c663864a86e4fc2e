//! The comparison in words and numbers, for a terminal of 80 columns and readers who never heard of
//! queues: the numbers first, and at the end, where a terminal stands still, the answer.

use std::fmt;

use crate::gap::Gap;
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::report::view::{ReportView, RowView};
use crate::page::sentence;
use crate::terminal::{WIDTH, write_wrapped};
use standin_text::{LongWords, truncate, wrap};

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = ReportView::new(self);
        let [mock, service] = [&view.mock, &view.service].map(|side| format!("{} ({})", side.name, side.size));
        write_wrapped(out, "", &format!("{mock} against {service}"))?;
        for (label, text) in &view.conditions {
            write_wrapped(out, &format!("  {label}: "), text)?;
        }
        for note in &view.notes {
            write_wrapped(out, "  note: ", note)?;
        }
        if view.rows.is_empty() {
            return writeln!(out, "\nthere are no calls to compare");
        }
        out.write_str(LEGEND)?;
        if let Some(few) = view.few {
            writeln!(out, "  {few}")?;
        }
        loads(out, &view)?;
        let mut operation = "";
        for row in &view.rows {
            if operation != row.operation {
                operation = &row.operation;
                heading(out, operation)?;
            }
            cell(out, row)?;
        }
        standings(out, &view)?;
        knees(out, &view)?;
        answer(out, &view)
    }
}

fn loads(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    let from = view.capacity.as_ref().map(|from| format!("of its capacity, by {from}")).unwrap_or_default();
    let line = format!("{:<12} {:<20} {}", "load", "calls a second", truncate(&from, 46));
    writeln!(out, "\n{}", line.trim_end())?;
    for load in &view.loads {
        let used = load.utilization.as_deref().unwrap_or_default();
        writeln!(out, "{}", format!("{:<12} {:<20} {used}", load.label, load.rates).trim_end())?;
    }
    view.exclusions.iter().try_for_each(|(label, text)| write_wrapped(out, &format!("  {label}: "), text))
}

fn heading(out: &mut fmt::Formatter<'_>, operation: &str) -> fmt::Result {
    writeln!(out, "\n{}", truncate(operation, WIDTH))?;
    writeln!(
        out,
        "{:<11} {:>7}  {:<9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "load", "calls", "", "p50", "p90", "p95", "p99", "errors"
    )
}

fn cell(out: &mut fmt::Formatter<'_>, row: &RowView) -> fmt::Result {
    for (load, name, sample) in [(row.load.as_str(), "service", &row.service), ("", "mock", &row.mock)] {
        let [p50, p90, p95, p99] = &sample.times;
        let (calls, errors) = (&sample.calls, &sample.errors);
        writeln!(out, "{load:<11} {calls:>7}  {name:<9} {p50:>8} {p90:>8} {p95:>8} {p99:>8} {errors:>8}")?;
    }
    let [p50, p90, p95, p99] = &row.off;
    let verdict = match row.verdict {
        Verdict::NoBudget => "",
        Verdict::Within => "within",
        Verdict::Over => "OVER",
        Verdict::NotJudged => "not judged",
    };
    let errors = row.errors_off.replace(' ', "");
    let line = format!("{:<11} {verdict:>18} {p50:>8} {p90:>8} {p95:>8} {p99:>8} {errors:>8}", "  off by");
    writeln!(out, "{}", line.trim_end())?;
    // what is not judged is told together below
    if matches!(row.verdict, Verdict::Over | Verdict::Within) {
        for (is_note, reason) in &row.reasons {
            let label = match row.verdict {
                _ if *is_note => "  note: ",
                Verdict::Over => "  over: ",
                _ => "  within: ",
            };
            write_wrapped(out, label, reason)?;
        }
    }
    if row.left_out() > 0 {
        let text = format!("{} and {} calls", row.service.left_out, row.mock.left_out);
        write_wrapped(out, "  left out: ", &text)?;
    }
    Ok(())
}

/// Writes the comparison with simpler mocks.
fn standings(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    let Some(note) = view.standings_note else { return Ok(()) };
    if view.standings.is_empty() {
        out.write_str("\n")?;
        return write_wrapped(out, "", note);
    }
    writeln!(out, "\n{:<38} {:>10} {:>9}", "how far off (average over p50 to p99)", "on average", "at worst")?;
    for standing in &view.standings {
        let (typical, worst) = (&standing.typical.1, &standing.worst.1);
        writeln!(out, "  {:<36} {typical:>10} {worst:>9}", standing.name)?;
    }
    write_wrapped(out, "  ", note)
}

/// Writes the table of the knees.
fn knees(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    if view.knees.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nwhere p95 becomes three times that of the calmest load: somewhere between these")?;
    writeln!(out, "{:<40} {:>18} {:>18}", "calls a second", "service", "mock")?;
    for knee in &view.knees {
        writeln!(out, "  {:<38} {:>18} {:>18}", truncate(&knee.operation, 38), knee.service, knee.mock)?;
    }
    Ok(())
}

/// Writes the summary.
fn answer(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    if !view.not_judged.is_empty() {
        writeln!(out, "\nnot judged")?;
        view.not_judged.iter().try_for_each(|text| write_wrapped(out, "  ", text))?;
    }
    for (heading, texts) in
        [("what differs", &view.differences), ("how sure this is", &view.confidence), ("over time", &view.trend)]
    {
        if !texts.is_empty() {
            writeln!(out, "\n{heading}")?;
            texts.iter().try_for_each(|text| write_wrapped(out, "  ", &sentence(text)))?;
        }
    }
    out.write_str("\n")?;
    view.causes.iter().try_for_each(|text| write_wrapped(out, "why: ", text))?;
    view.next_steps.iter().try_for_each(|text| write_wrapped(out, "next: ", text))?;
    if let Some(text) = &view.command {
        command(out, text)?;
    }
    view.allowed.iter().try_for_each(|limits| write_wrapped(out, "allowed: ", limits))?;
    write_wrapped(out, "verdict: ", &view.verdict.line)
}

/// Writes a command that can be copied: its lines end with a backslash but for the last.
fn command(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let lines = wrap(text, WIDTH - COMMAND_INDENT - CONTINUED.len(), LongWords::Split);
    for (number, line) in lines.iter().enumerate() {
        let more = if number + 1 < lines.len() { CONTINUED } else { "" };
        writeln!(out, "{:COMMAND_INDENT$}{line}{more}", "")?;
    }
    Ok(())
}

/// Columns before a command.
const COMMAND_INDENT: usize = 6;
/// End of a line of a command that the next line continues.
const CONTINUED: &str = " \\";
const LEGEND: &str = "
times in milliseconds, from when a call was due to the end of its answer
  p95: 95 of 100 answers took no longer; likewise p50, p90, p99
";
