//! The comparison as one page: for whoever decides whether a result can be believed. It needs nothing else, reads well in the
//! dark, on a phone and on paper, and begins with the answer in words.

use std::fmt;

use super::baseline::Kind;
use super::cell::{Cell, Verdict};
use super::inference::Inference;
use super::junit::Escaped;
use super::plot::Plot;
use super::text::{grouped, ms, percentage, signed, unsigned};
use super::{Account, Gap, Standing};

/// Writes a gap as a page.
#[derive(Debug)]
pub struct Html<'g>(pub &'g Gap);

impl fmt::Display for Html<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let title = format!("{} against {}", gap.mock.name, gap.reference.name);
        writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(out, "<title>The gap: {}</title>\n<style>{STYLE}</style>\n<main>", Escaped(&title))?;
        writeln!(out, "<h1>How far is {} from {}?</h1>", Escaped(&gap.mock.name), Escaped(&gap.reference.name))?;
        self.answer(out)?;
        self.beside(out)?;
        self.operations(out)?;
        self.method(out)?;
        writeln!(out, "</main>\n</html>")
    }
}

impl Html<'_> {
    /// What differs, how sure that is, and what to do next.
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
        if let Some(own) = gap.standings.first().filter(|standing| standing.baseline.is_none()) {
            writeln!(out, "<p>Its {}.</p>", Escaped(&own.in_words()))?;
        }
        if let Some(knee) = gap.knees.first() {
            writeln!(out, "<p>{}.</p>", Escaped(&knee.in_words(&gap.reference.name, &gap.mock.name)))?;
        }
        if !gap.causes.is_empty() {
            let sentences: Vec<String> = gap.causes.iter().map(|cause| sentence(&cause.sentence)).collect();
            writeln!(out, "<p class=\"causes\">{}</p>", Escaped(&sentences.join(" ")))?;
        }
        for limits in gap.limits_in_words() {
            writeln!(out, "<p class=\"note\">Limits: {}.</p>", Escaped(&limits))?;
        }
        if gap.mock.left_out > 0 {
            let left_out = grouped(gap.mock.left_out);
            writeln!(
                out,
                "<p class=\"note\">{left_out} calls are left out, for the mock itself was too slow when they came or ended.</p>"
            )?;
        }
        for sentence in gap.inference.iter().flat_map(Inference::sentences) {
            writeln!(out, "<p>By runs of the same schedule: {}.</p>", Escaped(&sentence))?;
        }
        for next in self.next_steps() {
            writeln!(out, "<p>{}</p>", Escaped(&next))?;
        }
        for note in &gap.notes {
            writeln!(out, "<p class=\"note\">{}</p>", Escaped(note))?;
        }
        writeln!(out, "</section>")
    }

    fn next_steps(&self) -> Vec<String> {
        let gap = self.0;
        let mut steps = Vec::new();
        let lacking = gap.cells.iter().filter(|cell| cell.believable.len() < 4).count();
        if lacking > 0 {
            steps.push(format!(
                "{lacking} of {} rows have too few calls for every percentile: record longer, or judge lower ones.",
                gap.cells.len()
            ));
        }
        let beyond = gap.mock.beyond + gap.reference.beyond;
        if beyond > 0 {
            let calls = grouped(beyond);
            steps.push(format!("{calls} calls came at loads that only one side had; they are not compared."));
        }
        steps
    }

    /// The mock beside what simpler ones would do.
    fn beside(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        if gap.standings.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "<h2>Beside simpler mocks</h2><div class=\"wide\"><table class=\"plain\"><tr><th>how far off<th>typical row<th>worst row"
        )?;
        for Standing { baseline, median, worst, .. } in &gap.standings {
            let name = match baseline {
                None => gap.mock.name.as_str(),
                Some(Kind::ConstantMedian) => "a fixed delay (the median)",
                Some(Kind::LogNormal) => "WireMock's log-normal delay",
            };
            writeln!(out, "<tr><td>{}<td>{}<td>{}", Escaped(name), unsigned(*median), unsigned(*worst))?;
        }
        writeln!(out, "</table></div>")
    }

    fn operations(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.0;
        let mut names: Vec<&str> = gap.cells.iter().map(|cell| cell.operation.as_str()).collect();
        names.dedup();
        for name in names {
            let cells: Vec<&Cell> = gap.cells.iter().filter(|cell| cell.operation == name).collect();
            writeln!(out, "<h2>{}</h2>", Escaped(name))?;
            if cells.len() > 1 {
                write!(out, "{}", Plot::new(gap, &cells))?;
            }
            self.table(out, &cells)?;
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

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1f2733;--soft:#5b6675;--line:#d8dde5;--page:#fff;--card:#f5f7fa;--good:#2b8a3e;--bad:#c92a2a;--open:#8f6400;--real:#3b4656;--mock:#d9480f}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#a3adba;--line:#3a424d;--page:#15191f;--card:#1e242c;--good:#69db7c;--bad:#ff8787;--open:#ffd43b;--real:#c3ccd8;--mock:#ff922b}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.15rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
.answer{background:var(--card);border-left:.4rem solid var(--open);padding:.5rem 1rem;border-radius:.3rem}.answer.good{border-color:var(--good)}.answer.bad{border-color:var(--bad)}
.verdict{font-size:1.2rem;font-weight:600;margin:.4rem 0}.note{color:var(--soft)}p{margin:.4rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem;min-width:20rem}
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--soft);font-weight:500}
th:first-child,td:first-child,td:nth-child(2){text-align:left}.plain td:nth-child(2){text-align:right}tr.good td{color:var(--good)}tr.bad td{color:var(--bad);font-weight:600}tr.open td{color:var(--soft)}td[colspan]{white-space:normal;text-align:left}
svg{width:100%;height:auto;max-width:44rem;display:block}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.grid{stroke:var(--line)}.real{stroke:var(--real);fill:none;stroke-width:2.2}.mock{stroke:var(--mock);fill:none;stroke-width:2.2;stroke-dasharray:6 4}.real-dot{fill:var(--real)}.mock-dot{fill:var(--mock)}
@media print{body{font-size:11px}.answer{border:1px solid #999}h2{break-after:avoid}svg,table{break-inside:avoid}}
";
