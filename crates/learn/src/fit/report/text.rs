//! A fitted model as text for a terminal of 80 columns.

use std::fmt::{self, Write as _};

use crate::fit::confidence::prediction::LatencyInterval;
use crate::fit::demand::OperationFit;
use crate::fit::demand::gpd_tail::Tail;
use crate::fit::fitted::Fitted;
use crate::fit::report::profile::three_digits;
use crate::fit::station_model::QueueDiscipline;
use crate::terminal::write_wrapped;
use standin_stub::delay::units::{duration, rate};
use standin_text::{counted, grouped, list, short_duration, signed_percent, truncate};

impl fmt::Display for Fitted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unexplained() {
            writeln!(out, "{}: do not trust it beyond the recorded load", self.service)?;
            writeln!(out, "  the closest model: {}", self.station())?;
        } else if self.is_uncertain() {
            let known = self.known_up_to.unwrap_or(0.0);
            if known > 0.0 {
                writeln!(out, "{}: predictions are uncertain beyond {known:.0} calls/s", self.service)?;
            } else {
                writeln!(out, "{}: predictions are uncertain", self.service)?;
            }
            writeln!(out, "  the closest model: {}", self.station())?;
        } else {
            writeln!(out, "{}: {}", self.service, self.station())?;
        }
        writeln!(
            out,
            "  effect size {:.3} ({:.3} by chance, {:.3} without a queue)",
            self.effect, self.chance, self.unlimited_effect
        )?;
        writeln!(out, "  (how much a call's work seems to depend on the load: 0.05 or less fits)")?;
        writeln!(out, "  seen up to {}", self.range())?;
        if let Some(stalls) = &self.stalls {
            write_wrapped(out, "  - ", &stalls.to_string())?;
        }
        for limit in &self.limits {
            write_wrapped(out, "  - ", &limit.to_string())?;
        }
        for statement in &self.findings {
            write_wrapped(out, "  - ", &statement.to_string())?;
        }
        self.candidates(out)?;
        self.validation(out)?;
        self.predictions(out)?;
        self.demands(out)
    }
}

impl Fitted {
    fn station(&self) -> String {
        if let Some(curve) = &self.curve {
            return format!("a curve, with rates for up to {} calls inside", curve.max_population());
        }
        let mut text = match (self.discipline, self.workers) {
            (QueueDiscipline::Fifo, Some(1)) => "fifo, 1 worker".to_owned(),
            (QueueDiscipline::Fifo, Some(workers)) => format!("fifo, {workers} workers"),
            (QueueDiscipline::Sharing, Some(1)) => "sharing, 1 worker".to_owned(),
            (QueueDiscipline::Sharing, Some(workers)) => format!("sharing, {workers} workers"),
            _ if self.cores.is_some() => "no pool of workers".to_owned(),
            _ => "unlimited: no queue was seen".to_owned(),
        };
        if let Some(cores) = self.cores {
            let _ = write!(text, ", {} shared by the calls in service", counted(u64::from(cores), "core"));
        }
        if let Some(front) = &self.default.front {
            let _ = write!(text, ", behind a front of one worker (p50 {})", short_duration(front.quantile(0.5)));
        }
        if let Some((low, high)) = self.accepted.filter(|(low, high)| low < high) {
            let _ = write!(text, " ({low} to {high} explain the tape as well)");
        }
        if !self.outside.is_zero() {
            let _ = write!(text, ", {} outside", short_duration(self.outside));
        }
        text
    }

    fn range(&self) -> String {
        let valid = &self.valid;
        let utilization =
            valid.utilization.map(|used| format!("{:.0} % of the capacity, ", used * 100.0)).unwrap_or_default();
        format!(
            "{utilization}{} inside, {:.1} calls/s; {} calls",
            counted(u64::from(valid.in_flight), "call"),
            valid.per_second,
            grouped(valid.samples)
        )
    }

    fn candidates(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\n  {:<16} {:>10} {:>12} {:>22}",
            "candidate", "outside", "effect size", "error at highest load"
        )?;
        for candidate in &self.candidates {
            let error = candidate.extrapolation.map(|error| format!("{:.0} %", error * 100.0)).unwrap_or_default();
            let outside = short_duration(candidate.outside);
            let line = format!("  {:<16} {outside:>10} {:>12.3} {error:>22}", candidate.model, candidate.effect);
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn validation(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.strata.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n  predicted from the lower load, at recorded arrivals: error (noise of a run)")?;
        writeln!(out, "  {:>9} {:>5} {:>13} {:>13} {:>13} {:>13}", "calls/s", "used", "p50", "p90", "p95", "p99")?;
        for stratum in &self.strata {
            let used = stratum.utilization.map(|used| format!("{:.0} %", used * 100.0)).unwrap_or_default();
            write!(out, "  {:>9.1} {used:>5}", stratum.per_second)?;
            for (error, noise) in stratum.errors.iter().zip(&stratum.noise) {
                write!(out, " {:>13}", format!("{} ({:.0} %)", off(*error), noise * 100.0))?;
            }
            writeln!(out, "{}", if stratum.held_out { " *" } else { "" })?;
        }
        writeln!(out, "  * held out: what to expect beyond the tape")
    }

    fn predictions(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.predictions.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n  expected latencies (90 % interval over all models that the tape accepts)")?;
        writeln!(out, "  {:>9} {:>21} {:>21} {:>21}", "calls/s", "p50", "p95", "p99")?;
        for prediction in &self.predictions {
            write!(out, "  {:>9.1}", prediction.per_second)?;
            for LatencyInterval { low, expected, high } in prediction.all {
                let [low, expected, high] = [low, expected, high].map(|time| three_digits(time.as_secs_f64() * 1e3));
                write!(out, " {:>21}", format!("{expected} ({low}-{high})"))?;
            }
            let is_known = self.known_up_to.is_some_and(|known| prediction.per_second <= known);
            writeln!(out, "{}", if is_known { "" } else { " ?" })?;
        }
        writeln!(out, "  milliseconds; ? marks loads at which the models differ by more than 30 %,")?;
        writeln!(out, "  or at which the service is saturated")?;
        if self.alternatives.is_empty() {
            return Ok(());
        }
        write_wrapped(out, "  ", &format!("the tape also accepts {}", list(&self.alternatives, "and")))
    }

    fn demands(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n  {:<34} {:>8} {:>10} {:>10} {:>10}", "demand of", "samples", "p50", "p95", "p99")?;
        for (place, operation) in self.operations.iter().chain([&self.default]).enumerate() {
            let name = if place == self.operations.len() { ALL_OTHERS } else { &operation.name };
            row(out, name, operation)?;
            beyond(out, 4, operation.tail)?;
            for class in &operation.classes {
                let name = format!("  {} ({:.2} %)", class.label(), class.share * 100.0);
                let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| short_duration(class.demand.quantile(share)));
                writeln!(out, "  {name:<34} {:>8} {p50:>10} {p95:>10} {p99:>10}", grouped(class.samples))?;
                beyond(out, 6, class.tail)?;
            }
            if let Some(order) = operation.autocorrelation {
                let (blocks, shared) = (duration(order.block), order.correlation * 100.0);
                writeln!(out, "    slow spells of {blocks}, correlation {shared:.0} %")?;
            }
            if let Some(bytes) = operation.transfer {
                writeln!(out, "    bodies leave at {}", rate(three_digits(bytes)))?;
            }
        }
        Ok(())
    }
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, operation: &OperationFit) -> fmt::Result {
    let name = truncate(name, 34);
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| short_duration(operation.demand.quantile(share)));
    writeln!(out, "  {name:<34} {:>8} {p50:>10} {p95:>10} {p99:>10}", grouped(operation.samples))
}

fn beyond(out: &mut fmt::Formatter<'_>, indent: usize, tail: Option<Tail>) -> fmt::Result {
    tail.map_or(Ok(()), |tail| write_wrapped(out, &" ".repeat(indent), &tail.to_string()))
}

/// Formats a relative error as a signed percentage, without a minus for 0.
pub(crate) fn off(error: f64) -> String {
    signed_percent(error, 0)
}

/// Name of the row for calls of no listed operation.
pub(crate) const ALL_OTHERS: &str = "default (all other calls)";
