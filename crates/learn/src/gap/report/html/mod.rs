//! The comparison as one page: for whoever decides whether a result can be believed. It begins with
//! the answer in words: what differs, how sure that is, and what to do next. Then each operation in
//! figures, the worst first (`rows`).

pub(crate) mod chart_data;
mod charts;
pub(crate) mod operations;

use std::fmt;

use crate::gap::Gap;
use crate::gap::report::html::operations::OperationSections;
use crate::gap::report::view::{ReportView, SideView, StandingView};
use crate::page::{self, Bars, EscapedText, Prose, sentence};

/// Writes a gap as a page.
#[derive(Debug)]
pub struct GapPage<'g>(pub &'g Gap);

impl fmt::Display for GapPage<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = ReportView::new(self.0);
        page::begin(out, &format!("The gap: {} against {}", view.mock.name, view.service.name))?;
        let side = |side: &SideView| format!("<b>{}</b> ({})", EscapedText(&side.name), side.size);
        writeln!(out, "<h1>How far is the mock from the service?</h1>")?;
        writeln!(out, "<p class=\"sides\">Mock: {}. Service: {}.</p>", side(&view.mock), side(&view.service))?;
        for (label, text) in &view.conditions {
            writeln!(out, "<p class=\"note\">{}: {}.</p>", page::capitalized(label), EscapedText(text))?;
        }
        answer(out, &view)?;
        standings(out, &view)?;
        loads(out, &view)?;
        write!(out, "{}", OperationSections { gap: self.0, view: &view })?;
        self.method(out)?;
        page::end(out)
    }
}

fn answer(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    let (class, verdict) = (view.verdict.tone.class(), &view.verdict.sentence);
    writeln!(out, "<section class=\"answer {class}\"><p class=\"verdict\">{}</p>", EscapedText(verdict))?;
    for (heading, texts) in [
        ("What differs", &view.differences),
        ("How sure this is", &view.confidence),
        ("Over time", &view.trend),
        ("Why, probably", &view.causes),
        ("What to do next", &view.next_steps),
    ] {
        if texts.is_empty() {
            continue;
        }
        writeln!(out, "<h2>{heading}</h2>")?;
        for text in texts {
            writeln!(out, "<p>{}</p>", Prose(&sentence(text)))?;
        }
    }
    if let Some(command) = &view.command {
        writeln!(out, "<p><code>{}</code></p>", EscapedText(command))?;
    }
    let limits = view.allowed.iter().map(|limits| format!("Allowed: {limits}."));
    for note in limits.chain(view.notes.iter().map(|note| sentence(note))) {
        writeln!(out, "<p class=\"note\">{}</p>", Prose(&note))?;
    }
    writeln!(out, "</section>")
}

/// Writes the comparison with simpler mocks.
fn standings(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    let Some(note) = view.standings_note else { return Ok(()) };
    if view.standings.is_empty() {
        return writeln!(out, "<p class=\"note\">{}</p>", Prose(&sentence(note)));
    }
    writeln!(out, "<h2>Beside simpler mocks: how far off each is</h2>")?;
    for (heading, is_worst) in [("On average", false), ("At its worst", true)] {
        let off = |standing: &StandingView| {
            let (log, text) = if is_worst { &standing.worst } else { &standing.typical };
            (*log, text.clone())
        };
        // one notation a figure
        let as_times = view.standings.iter().any(|standing| off(standing).0 >= MIN_RATIO_AS_TIMES.ln());
        let bars = view.standings.iter().fold(Bars::default(), |bars, standing| {
            let (log, text) = off(standing);
            let text = if as_times { format!("{:.1} times", log.exp()) } else { text };
            bars.and(standing.name, log, text, standing.is_mock)
        });
        writeln!(out, "<h3>{heading}</h3>{bars}")?;
    }
    writeln!(
        out,
        "<p class=\"note\">Each is the average over p50 to p99 of how far answer times are off, in the typical comparison and in the worst; shorter is \
         better. Twice as long and half as long count as equally far off. Bars grow with the ratio, not with the percentage. {}</p>",
        Prose(&sentence(note))
    )
}

/// Writes the table of the load levels.
fn loads(out: &mut fmt::Formatter<'_>, view: &ReportView) -> fmt::Result {
    if view.loads.is_empty() {
        return Ok(());
    }
    let used = view.loads.iter().any(|load| load.utilization.is_some());
    let used_of = if used { "<th scope=\"col\">of the capacity" } else { "" };
    writeln!(
        out,
        "<h2>The loads</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table: the loads\"><table class=\"plain\"><thead><tr><th \
         scope=\"col\">load<th scope=\"col\">calls a second{used_of}</thead><tbody>"
    )?;
    for load in &view.loads {
        write!(out, "<tr><th scope=\"row\">{}<td>{}", EscapedText(&load.label), load.rates)?;
        if used {
            write!(out, "<td>{}", load.utilization.as_deref().unwrap_or("unknown"))?;
        }
        writeln!(out)?;
    }
    let from = view.capacity.as_ref().map_or_else(
        || "How much of its capacity the service used is unknown.".to_owned(),
        |from| format!("How much of its capacity the service used is known from {from}."),
    );
    writeln!(
        out,
        "</tbody></table></div><p class=\"note\">The time of the service's recording is cut into short windows, and these are ordered by how many calls came \
         in each. {}</p>",
        Prose(&from)
    )?;
    for (label, text) in &view.exclusions {
        writeln!(out, "<p class=\"note\">{}: {}</p>", page::capitalized(label), Prose(&sentence(text)))?;
    }
    Ok(())
}

impl GapPage<'_> {
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
