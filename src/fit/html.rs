//! A fitted model as one page: what was found in words, how far to trust it and what to record next, then the figures that it
//! rests on.

use std::fmt;

use super::report::short;
use super::{Demand, Discipline, Fitted, OperationFit, Statement, Stratum, Tail};
use crate::delay::units::duration;
use crate::page::{self, Axis, Band, Bars, Chart, Escaped, Figure, Line, Look, Prose, Scale, sentence};
use crate::terminal::cut;

/// Writes a fit as a page.
#[derive(Debug)]
pub struct Html<'f>(pub &'f Fitted);

impl fmt::Display for Html<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        page::begin(out, &format!("The fit: {}", fitted.service))?;
        writeln!(out, "<h1>How the service “{}” works</h1>", Escaped(&fitted.service))?;
        self.answer(out)?;
        self.candidates(out)?;
        self.predictions(out)?;
        self.demands(out)?;
        page::end(out)
    }
}

impl Html<'_> {
    fn answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        let is_approximate =
            fitted.statements.iter().any(|statement| matches!(statement, Statement::Approximation { .. }));
        let (class, verdict) = match (fitted.is_doubtful(), is_approximate) {
            (true, _) => ("bad", "Do not trust it beyond the recorded load."),
            (false, true) => ("open", "An approximation: compare it with the service before you rely on it."),
            (false, false) => ("good", "The recording is explained, up to the loads that it holds."),
        };
        writeln!(out, "<section class=\"answer {class}\"><p class=\"verdict\">{verdict}</p>")?;
        let statements: Vec<String> = fitted.statements.iter().map(|one| sentence(&one.to_string())).collect();
        let trust = if statements.is_empty() { vec!["Nothing speaks against it.".to_owned()] } else { statements };
        let valid = format!("It was seen up to {}: beyond that the model is a guess.", self.range());
        for (heading, told) in [
            ("What was found", self.found()),
            ("How far to trust it", [trust, vec![valid]].concat()),
            ("What to do next", self.next_steps()),
        ] {
            writeln!(out, "<h2>{heading}</h2>")?;
            for told in told {
                writeln!(out, "<p>{}</p>", Prose(&told))?;
            }
        }
        writeln!(out, "</section>")
    }

    fn found(&self) -> Vec<String> {
        let fitted = self.0;
        let mut told = vec![match (fitted.discipline, fitted.workers) {
            (Discipline::Fifo, Some(1)) => {
                "It works on one call at a time; the others wait in line, first come, first served (fifo, 1 worker)."
                    .to_owned()
            }
            (Discipline::Fifo, Some(workers)) => format!(
                "It works on up to {workers} calls at a time; the others wait in line, first come, first served (fifo, {workers} workers)."
            ),
            (Discipline::Sharing, Some(workers)) => format!(
                "All calls inside share the power of {workers} at a time: the more there are, the slower each gets (sharing, {workers} {}).",
                if workers == 1 { "worker" } else { "workers" }
            ),
            _ if fitted.curve.is_some() => {
                "All calls inside hold each other up, by rates that were measured for each number of them (curve)."
                    .to_owned()
            }
            _ => "No queue was seen: at the recorded loads no call held up another (unlimited).".to_owned(),
        }];
        if let Some(front) = &fitted.default.front {
            let typical = short(front.quantile(0.5));
            told.push(format!("Before that, calls pass one by one through a front that takes {typical} of each."));
        }
        if let Some((low, high)) = fitted.accepted.filter(|(low, high)| low < high) {
            told.push(format!("{low} to {high} workers explain the recording as well."));
        }
        if !fitted.outside.is_zero() {
            let outside = duration(super::statement::rounded(fitted.outside));
            told.push(format!("Each call takes {outside} more, beside the queue, whatever the load."));
        }
        told.extend(fitted.stalls.iter().map(|stalls| sentence(&stalls.to_string())));
        told.extend(fitted.limits.iter().map(|limit| sentence(&limit.to_string())));
        told
    }

    fn range(&self) -> String {
        let valid = &self.0.valid;
        let used = valid.utilization.map(|used| format!(", {:.0} % of its capacity", used * 100.0)).unwrap_or_default();
        format!(
            "{:.1} calls a second{used}, and {} calls inside at a time ({} calls)",
            valid.per_second, valid.in_flight, valid.samples
        )
    }

    /// By what was not identified; the same advice once.
    fn next_steps(&self) -> Vec<String> {
        let fitted = self.0;
        let mut steps: Vec<String> = Vec::new();
        let higher = format!(
            "Record at a higher load than {:.0} calls a second, so that more calls wait (`standin record --ramp` makes its own).",
            fitted.valid.per_second
        );
        for statement in &fitted.statements {
            let step = match statement {
                Statement::CapacityUnknown { .. } | Statement::Ambiguous { .. } | Statement::PoolUnsure { .. } => {
                    higher.as_str()
                }
                Statement::FewWaited { workers: (low, high), .. } if low < high => higher.as_str(),
                Statement::OneLoad => {
                    "Record at several loads, from calm to busy, so that a prediction can be checked."
                }
                Statement::FewCalls { .. } => "Record longer, so that rare operations have calls enough.",
                Statement::NotExclusive => "Record with the service to yourself.",
                Statement::Lost { .. } => "Record to a faster disk.",
                Statement::Population { .. } => "Record again: the tape does not hold what the recorder counted.",
                Statement::Changed { .. } => {
                    "Fit the parts before and after the change by themselves (`--from`, `--to`)."
                }
                Statement::InFlightLimit { .. } | Statement::RateLimit { .. } => {
                    "Raise the recorder's limit, and record again."
                }
                Statement::NotOneQueue { .. } | Statement::Extrapolation { .. } => {
                    "Use it at recorded loads only. Where one part of the service is slow by itself, record that part alone."
                }
                _ => continue,
            };
            if !steps.iter().any(|known| known == step) {
                steps.push(step.to_owned());
            }
        }
        steps.push("Compare the mock with the service: `standin gap` with this folder, best on a recording that was not fitted.".to_owned());
        steps
    }

    fn candidates(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitted = self.0;
        let chosen = match (fitted.discipline, fitted.workers) {
            (Discipline::Fifo, Some(workers)) => format!("fifo({workers})"),
            (Discipline::Sharing, Some(workers)) => format!("sharing({workers})"),
            _ => NO_QUEUE.to_owned(),
        };
        let bars =
            Bars { mark: Some((fitted.chance, format!("what chance makes, {:.3}", fitted.chance))), ..Bars::default() };
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
        writeln!(out, "<h2>Which queue explains the recording</h2>{bars}")?;
        writeln!(
            out,
            "<p class=\"note\">fifo(4): four workers and one line; sharing(4): all calls inside share four; unlimited: no queue. \
             Effect size: how much the work that calls seem to need still depends on how busy the service was. Of the right \
             queue it does not, so shorter is better: 0.05 and less is right, 0.2 is wrong. Where a share is told beside it, it is how far the \
             candidate predicts the highest load wrongly, shown the rest.</p>"
        )
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
        writeln!(out, "<h2>What each operation demands</h2>")?;
        writeln!(
            out,
            "<p>The time that a call keeps a worker busy, without waiting. It does not depend on the load.</p><div class=\"wide\"><table \
             class=\"plain\"><tr><th>operation<th>calls<th>p50<th>p95<th>p99"
        )?;
        for operation in fitted.operations.iter().chain([&fitted.default]) {
            write!(out, "<tr><td>{}<td>{}", Escaped(&operation.name), operation.samples)?;
            quantiles(out, &operation.demand)?;
            beyond(out, operation.tail)?;
            for class in &operation.classes {
                write!(out, "<tr><td>– {} ({:.2} %)<td>{}", class.which(), class.share * 100.0, class.samples)?;
                quantiles(out, &class.demand)?;
                beyond(out, class.tail)?;
            }
        }
        writeln!(out, "</table></div><div class=\"figures\">")?;
        let drawn =
            if fitted.operations.is_empty() { std::slice::from_ref(&fitted.default) } else { &fitted.operations };
        drawn.iter().take(MOST_DRAWN).try_for_each(|operation| write!(out, "{}", demand(operation)))?;
        writeln!(out, "</div>")?;
        if drawn.len() > MOST_DRAWN {
            writeln!(out, "<p class=\"note\">Only the first {MOST_DRAWN} operations are drawn.</p>")?;
        }
        Ok(())
    }
}

/// A percentile by load: what the tape holds, and what its lower load predicts.
fn prediction(strata: &[Stratum], place: usize, percent: u32) -> Figure {
    let predicted = |stratum: &Stratum| stratum.recorded_ms[place] * (1.0 + stratum.errors[place]);
    let points = |ms: &dyn Fn(&Stratum) -> f64, of: fn(&Stratum) -> bool| -> Vec<(f64, f64)> {
        strata.iter().filter(|stratum| of(stratum)).map(|stratum| (stratum.per_second, ms(stratum))).collect()
    };
    let band: Vec<(f64, [f64; 2])> = strata
        .iter()
        .map(|stratum| {
            let (ms, factor) = (predicted(stratum), 1.0 + stratum.noise[place]);
            (stratum.per_second, [ms / factor, ms * factor])
        })
        .collect();
    let mut lines = vec![
        Line::new(Look::Real, "recorded", points(&|stratum| stratum.recorded_ms[place], |_| true)),
        Line::new(Look::Mock, "predicted", points(&predicted, |_| true)),
    ];
    let held_out = points(&predicted, |stratum| stratum.held_out);
    let beyond = if held_out.is_empty() {
        String::new()
    } else {
        lines.push(Line {
            is_joined: false,
            ..Line::new(Look::Busy, "predicted without having seen that load", held_out)
        });
        " How far the last point is off is what to expect beyond the recording.".to_owned()
    };
    let edges = band.iter().flat_map(|(_, [low, high])| [*low, *high]);
    let times: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1)).chain(edges).collect();
    let what = if percent == 50 { "half of the answers".to_owned() } else { format!("{percent} of 100 answers") };
    Figure {
        title: format!("p{percent}: {what} took no longer"),
        reading: format!(
            "The tape's own calls, their times predicted by the model. Close lines: the model explains that load. The grey area is what one run \
             differs from another by chance.{beyond}"
        ),
        chart: Chart {
            x: Axis {
                name: "calls a second".to_owned(),
                scale: Scale::from_zero(strata.iter().map(|stratum| stratum.per_second)),
            },
            y: Axis { name: format!("p{percent}, ms"), scale: Scale::times(times) },
            band: (band.len() > 1).then(|| Band { name: "chance".to_owned(), points: band }),
            lines,
        },
    }
}

/// The distribution of what an operation demands.
fn demand(operation: &OperationFit) -> Figure {
    let curve = |look, name: &str, demand: &Demand| {
        let points = demand.points().iter().map(|(share, time)| (time.as_secs_f64() * 1e3, share * 100.0));
        Line { is_marked: false, ..Line::new(look, name, points.collect()) }
    };
    let mut lines = vec![curve(Look::Real, "demand", &operation.demand)];
    lines.extend(operation.outside.iter().map(|outside| curve(Look::LogNormal, "beside the queue", outside)));
    for (look, class) in [Look::Constant, Look::Busy].into_iter().zip(&operation.classes) {
        lines.push(curve(look, &class.which(), &class.demand));
    }
    let times: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    Figure {
        title: cut(&operation.name, NAME),
        reading: format!(
            "How many of 100 calls need no more than a time; half of them need {}, one in a hundred more than {}.",
            short(operation.demand.quantile(0.5)),
            short(operation.demand.quantile(0.99))
        ),
        chart: Chart {
            x: Axis { name: "demand, ms".to_owned(), scale: Scale::times(times) },
            y: Axis { name: "% of calls".to_owned(), scale: Scale::percent() },
            band: None,
            lines,
        },
    }
}

fn quantiles(out: &mut fmt::Formatter<'_>, demand: &Demand) -> fmt::Result {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| short(demand.quantile(share)));
    writeln!(out, "<td>{p50}<td>{p95}<td>{p99}")
}

fn beyond(out: &mut fmt::Formatter<'_>, tail: Option<Tail>) -> fmt::Result {
    tail.map_or(Ok(()), |tail| writeln!(out, "<tr><td colspan=\"5\">– {tail}"))
}

/// What the candidate without a queue is called.
const NO_QUEUE: &str = "unlimited";
const MOST_DRAWN: usize = 40;
/// Longer names are cut above figures; the table has them whole.
const NAME: usize = 60;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Candidate, Class, Valid};
    use super::*;
    use crate::page::tests::assert_balanced;

    fn operation(name: &str) -> OperationFit {
        let demand = Demand::new((1..=1_000).map(|n| f64::from(n) * 1e4).collect());
        OperationFit {
            name: name.to_owned(),
            samples: 1_000,
            classes: vec![Class {
                share: 0.02,
                status: 404,
                from: None,
                samples: 20,
                demand: demand.clone(),
                tail: None,
            }],
            demand,
            tail: None,
            outside: None,
            front: None,
            transfer: None,
            order: None,
        }
    }

    #[test]
    fn what_is_beyond_the_sample_is_told_below_the_operation_and_the_class() {
        let mut fitted = fitted(Vec::new());
        assert!(!Html(&fitted).to_string().contains("beyond the sample"));
        let tail = |factor| Some(Tail { from: 0.98, seen: Duration::from_millis(10), factor });
        fitted.operations[0].tail = tail(1.8);
        fitted.operations[0].classes[0].tail = tail(1.04);
        let page = Html(&fitted).to_string();
        assert_balanced(&page);
        for factor in ["1.8", "1.04"] {
            assert!(page.contains(&format!("beyond the sample: {factor} x the slowest seen, by its tail")), "{page}");
        }
    }

    fn fitted(statements: Vec<Statement>) -> Fitted {
        let stratum = |per_second, held_out| Stratum {
            per_second,
            utilization: Some(0.5),
            calls: 1_000,
            held_out,
            recorded_ms: [5.0, 10.0, 20.0, 40.0],
            errors: [0.1, 0.0, -0.1, 0.2],
            noise: [0.01, 0.02, 0.03, 0.5],
        };
        let candidate = |model: &str, effect| Candidate {
            model: model.to_owned(),
            outside: Duration::ZERO,
            effect,
            extrapolation: Some(0.07),
        };
        Fitted {
            service: "shop <\"&".to_owned(),
            discipline: Discipline::Fifo,
            workers: Some(4),
            curve: None,
            accepted: Some((4, 5)),
            outside: Duration::from_micros(312),
            effect: 0.04,
            chance: 0.02,
            unlimited_effect: 0.8,
            candidates: vec![candidate("fifo(4)", 0.04), candidate("fifo(5)", 0.06)],
            strata: vec![stratum(50.0, false), stratum(90.0, true)],
            change: None,
            stalls: None,
            limits: Vec::new(),
            operations: vec![operation("GET /a?<b>&\"c\""), operation(&"/long".repeat(100))],
            default: operation("all"),
            valid: Valid { utilization: Some(0.9), in_flight: 20, per_second: 90.0, samples: 2_000 },
            statements,
        }
    }

    #[test]
    fn a_page_begins_with_words_and_shows_what_they_rest_on() {
        let page = Html(&fitted(Vec::new())).to_string();
        assert_balanced(&page);
        for expected in [
            "explained, up to the loads",
            "It works on up to 4 calls at a time",
            "4 to 5 workers explain",
            "312us more",
            "Nothing speaks against it",
            "90.0 calls a second, 90 % of its capacity",
            "<div class=\"bar chosen\"><span>fifo(4)",
            "<span>unlimited",
            "0.040, 7 % off",
            "predicted without having seen that load",
            "GET /a?&lt;b&gt;&amp;&quot;c&quot;",
            "status 404",
        ] {
            assert!(page.contains(expected), "`{expected}` is not in\n{page}");
        }
        assert!(!page.contains("NaN") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn what_to_record_next_is_told_once() {
        let unknown = || Statement::CapacityUnknown { at_least: 8 };
        let page = Html(&fitted(vec![unknown(), unknown(), Statement::OneLoad])).to_string();
        assert_balanced(&page);
        assert!(page.contains("answer bad") && page.contains("Do not trust it beyond"), "{page}");
        assert_eq!(page.matches("Record at a higher load than 90").count(), 1, "{page}");
        assert!(page.contains("Record at several loads"), "{page}");
    }

    #[test]
    fn without_strata_and_operations_it_is_shorter() {
        let mut fitted = fitted(Vec::new());
        fitted.strata.clear();
        fitted.operations.clear();
        fitted.candidates.clear();
        (fitted.discipline, fitted.workers, fitted.accepted) = (Discipline::Unlimited, None, None);
        let page = Html(&fitted).to_string();
        assert_balanced(&page);
        assert!(page.contains("No queue was seen") && !page.contains("Recorded against"), "{page}");
        assert!(page.contains("<div class=\"bar chosen\"><span>unlimited"), "{page}");
    }
}
