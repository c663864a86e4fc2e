//! A fitted model as a page for a browser: a summary in words, then charts and tables.

use std::fmt;

use crate::fit::demand::DemandTable;
use crate::fit::demand::gpd_tail::Tail;
use crate::fit::fitted::Fitted;
use crate::fit::report::charts::{demand, prediction};
use crate::fit::report::text::ALL_OTHERS;
use crate::fit::station_model::QueueDiscipline;
use crate::page::{self, Bars, EscapedText, Prose, sentence};
use standin_text::{grouped, short_duration};

/// Displays a fit as an HTML page.
#[derive(Debug)]
pub struct FitPage<'f>(pub &'f Fitted);

impl fmt::Display for FitPage<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        page::begin(out, &format!("The fit: {}", fitted.service))?;
        writeln!(out, "<h1>How the service “{}” works</h1>", EscapedText(&fitted.service))?;
        self.summary(out)?;
        self.candidates(out)?;
        self.predictions(out)?;
        self.demands(out)?;
        page::end(out)
    }
}

impl FitPage<'_> {
    fn summary(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        let (class, verdict) = fitted.verdict();
        writeln!(out, "<section class=\"answer {class}\"><p class=\"verdict\">{verdict}</p>")?;
        for (heading, sentences) in [
            ("What was found", fitted.results()),
            ("How far to trust it", fitted.trust()),
            ("What to do next", fitted.next_steps()),
        ] {
            writeln!(out, "<h2>{heading}</h2>")?;
            for text in sentences {
                writeln!(out, "<p>{}</p>", Prose(&sentence(&text)))?;
            }
        }
        writeln!(out, "</section>")
    }

    fn candidates(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        let chosen = match (fitted.discipline, fitted.workers) {
            (QueueDiscipline::Fifo, Some(workers)) => format!("fifo({workers})"),
            (QueueDiscipline::Sharing, Some(workers)) => format!("sharing({workers})"),
            _ => NO_QUEUE.to_owned(),
        };
        let bars = Bars { mark: Some((fitted.chance, format!("by chance, {:.3}", fitted.chance))), ..Bars::default() };
        let bars = fitted.candidates.iter().fold(bars, |bars, candidate| {
            let is_chosen = chosen == candidate.model;
            let beyond =
                candidate.extrapolation.map(|error| format!(", {:.0} % off", error * 100.0)).unwrap_or_default();
            bars.and(&candidate.model, candidate.effect, format!("{:.3}{beyond}", candidate.effect), is_chosen)
        });
        let bars = if fitted.candidates.iter().any(|candidate| candidate.model == NO_QUEUE) {
            bars
        } else {
            bars.and(NO_QUEUE, fitted.unlimited_effect, format!("{:.3}", fitted.unlimited_effect), chosen == NO_QUEUE)
        };
        let most = bars.rows.iter().map(|row| row.value).fold(0.0, f64::max);
        let mut note = String::new();
        if most <= FITTING_EFFECT {
            note.push_str("All are below 0.05: this recording cannot tell them apart. ");
        }
        let has = |model: &str| bars.rows.iter().any(|row| row.name.starts_with(model));
        let words = [
            ("fifo", "fifo(4): four workers and one line"),
            ("sharing", "sharing(4): all calls inside share four workers"),
            (NO_QUEUE, "unlimited: no queue"),
        ];
        let words: Vec<&str> = words.iter().filter(|(model, _)| has(model)).map(|(_, words)| *words).collect();
        note.push_str(&words.join("; "));
        note.push_str(
            ". The bars (effect size) show how much the work of a call seems to depend on how busy the service was. With the right queue it does not depend on it, so a short bar is good: 0.05 or less fits, as does a bar up to the line; 0.2 does not fit.",
        );
        if fitted.candidates.iter().any(|candidate| candidate.extrapolation.is_some()) {
            note.push_str(
                " A percentage beside it is how far the candidate, shown the rest, predicts the highest load wrongly.",
            );
        }
        writeln!(out, "<h2>Which queue explains the recording</h2>{bars}<p class=\"note\">{}</p>", Prose(&note))
    }

    fn predictions(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strata = &self.0.strata;
        if strata.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Recorded against predicted</h2><div class=\"figures\">")?;
        for (place, percent) in [50, 90, 95, 99].into_iter().enumerate() {
            write!(out, "{}", prediction(strata, place, percent))?;
        }
        writeln!(out, "</div>")
    }

    fn demands(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        writeln!(out, "<h2>How much work each call is</h2>")?;
        writeln!(
            out,
            "<p>The time that a call keeps a worker busy, without its waits. It does not depend on the load.</p><div class=\"wide\" tabindex=\"0\" \
             role=\"region\" aria-label=\"Table: how much work each call is\"><table class=\"plain\"><thead><tr><th scope=\"col\">operation<th \
             scope=\"col\">calls<th scope=\"col\">p50<th scope=\"col\">p95<th scope=\"col\">p99</thead><tbody>"
        )?;
        for (place, operation) in fitted.operations.iter().chain([&fitted.default]).enumerate() {
            let name = if place == fitted.operations.len() { ALL_OTHERS } else { &operation.name };
            write!(out, "<tr><td>{}<td>{}", EscapedText(name), grouped(operation.samples))?;
            quantiles(out, &operation.demand)?;
            beyond(out, operation.tail)?;
            for class in &operation.classes {
                let samples = grouped(class.samples);
                write!(out, "<tr><td>– {} ({:.2} %)<td>{samples}", class.label(), class.share * 100.0)?;
                quantiles(out, &class.demand)?;
                beyond(out, class.tail)?;
            }
        }
        writeln!(out, "</tbody></table></div><div class=\"figures\">")?;
        let drawn =
            if fitted.operations.is_empty() { std::slice::from_ref(&fitted.default) } else { &fitted.operations };
        drawn.iter().take(MAX_CHARTS).try_for_each(|operation| write!(out, "{}", demand(operation)))?;
        writeln!(out, "</div>")?;
        if drawn.len() > MAX_CHARTS {
            writeln!(out, "<p class=\"note\">Only the first {MAX_CHARTS} operations are drawn.</p>")?;
        }
        Ok(())
    }
}

fn quantiles(out: &mut fmt::Formatter<'_>, demand: &DemandTable) -> fmt::Result {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| short_duration(demand.quantile(share)));
    writeln!(out, "<td>{p50}<td>{p95}<td>{p99}")
}

fn beyond(out: &mut fmt::Formatter<'_>, tail: Option<Tail>) -> fmt::Result {
    tail.map_or(Ok(()), |tail| writeln!(out, "<tr><td colspan=\"5\">– {}", Prose(&tail.to_string())))
}

/// Name of the candidate without a queue.
const NO_QUEUE: &str = "unlimited";
/// Effect size up to which a model fits.
const FITTING_EFFECT: f64 = 0.05;
const MAX_CHARTS: usize = 40;

#[cfg(test)]
mod tests;
