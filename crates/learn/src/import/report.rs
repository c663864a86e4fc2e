//! Report of an import: the comment of the profile, text for the terminal, and JSON.

use std::fmt;

use serde_json::{Value as Json, json};

use super::profile::{ImportedOperation, ImportedProfile};
use crate::terminal::write_wrapped;
use standin_model::profile::OperationTiming;
use standin_model::station::Capacity;
use standin_stub::delay::Distribution;
use standin_text::{short_duration, truncate};

impl fmt::Display for ImportedProfile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            writeln!(out, "imported from {source}")?;
        }
        writeln!(out, "measured {}", self.load())?;
        for statement in self.statements() {
            write_wrapped(out, "  - ", &statement)?;
        }
        writeln!(out, "\n  {:<38} {:>9} {:>9} {:>9} {:>9}", "operation", "calls", "p50", "p95", "p99")?;
        for operation in &self.operations {
            row(out, &operation.target.name(), operation.samples, &operation.timing)?;
            for class in &operation.timing.classes {
                let status = class.status.map_or("4xx, by the stub".to_owned(), |status| status.to_string());
                writeln!(out, "    {status} ({:.2}%)", class.share * 100.0)?;
            }
            for doubt in &operation.doubts {
                writeln!(out, "    {doubt}")?;
            }
        }
        if let Some(work) = &self.default {
            row(out, "calls of no operation", None, work)?;
        }
        if !self.unknown.is_empty() {
            writeln!(
                out,
                "\n  left out, for their names tell no method and path; `--map \"NAME=GET /path\"` tells them:"
            )?;
            for name in self.unknown.iter().take(MAX_LISTED_NAMES) {
                writeln!(out, "    {name}")?;
            }
            if self.unknown.len() > MAX_LISTED_NAMES {
                writeln!(out, "    and {} more", self.unknown.len() - MAX_LISTED_NAMES)?;
            }
        }
        for (index, (why, count, example)) in self.skipped.iter().enumerate() {
            if index == 0 {
                writeln!(out, "\n  left out:")?;
            }
            writeln!(out, "    {count} {why} (the first: {example})")?;
        }
        Ok(())
    }
}

impl ImportedProfile {
    /// Returns the statements on the validity of the profile.
    pub fn statements(&self) -> Vec<String> {
        let mut statements = vec![match self.capacity {
            Capacity::Unlimited => {
                "unlimited: nothing in such data says how calls queue, so that each takes its time whatever the load; at a higher \
                 load than it was measured at the real service is slower. Record with `standin record` to learn the queue, or \
                 give it by hand with `--workers N --discipline fifo`"
                    .to_owned()
            }
            _ => "the workers were given by hand and are not measured; the times are taken as demands, but may hold waiting already, \
                  which is then served twice: take times that were measured at a low load"
                .to_owned(),
        }];
        statements.extend(self.notes.iter().cloned());
        statements
    }

    /// Returns the report for programs.
    pub fn to_json(&self) -> Json {
        let quantiles = |work: &OperationTiming| {
            let built = work.demand.build().ok();
            let at = |share: f64| built.as_ref().map(|built: &Distribution| built.quantile(share).as_secs_f64() * 1e3);
            json!({"p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99)})
        };
        let operation = |operation: &ImportedOperation| {
            let classes =
                operation.timing.classes.iter().map(|class| json!({"status": class.status, "share": class.share}));
            json!({
                "name": operation.target.name(),
                "samples": operation.samples,
                "milliseconds": quantiles(&operation.timing),
                "classes": classes.collect::<Vec<_>>(),
                "doubts": operation.doubts,
            })
        };
        let skipped =
            self.skipped.iter().map(|(why, count, first)| json!({"why": why, "count": count, "first": first}));
        json!({
            "service": self.service,
            "sources": self.sources,
            "measured": self.load(),
            "valid": {
                "inFlight": self.valid.in_flight,
                "perSecond": self.valid.per_second,
                "samples": self.valid.samples,
            },
            "operations": self.operations.iter().map(operation).collect::<Vec<_>>(),
            "default": self.default.as_ref().map(quantiles),
            "statements": self.statements(),
            "unknownNames": self.unknown,
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, samples: Option<u64>, work: &OperationTiming) -> fmt::Result {
    let name = truncate(name, 38);
    let samples = samples.map_or_else(String::new, |count| count.to_string());
    let built = work.demand.build().ok();
    let [p50, p95, p99] = [0.5, 0.95, 0.99]
        .map(|share| built.as_ref().map_or_else(String::new, |built| short_duration(built.quantile(share))));
    writeln!(out, "  {name:<38} {samples:>9} {p50:>9} {p95:>9} {p99:>9}")
}

const MAX_LISTED_NAMES: usize = 20;
