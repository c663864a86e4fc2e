//! Summary of a fit in words: results, trust, and what to record next.

use crate::fit::fitted::Fitted;
use crate::fit::report::findings::Finding;
use crate::fit::station_model::QueueDiscipline;
use standin_text::{counted, grouped, short_duration};

impl Fitted {
    /// Returns the CSS class and the text of the verdict on the model.
    pub(crate) fn verdict(&self) -> (&'static str, &'static str) {
        let says = |is: fn(&Finding) -> bool| self.findings.iter().any(is);
        let unchecked = self.findings.iter().find(|statement| statement.is_unchecked());
        if says(|statement| matches!(statement, Finding::HoldoutMispredicted { .. })) {
            return ("bad", "Do not trust it: the lower loads do not predict the highest load of the recording.");
        }
        if self.drift.is_some() {
            return if self.is_refused() {
                ("bad", "The service changed during the recording: no single model fits both halves.")
            } else {
                ("bad", "The service changed during the recording: fit the halves separately.")
            };
        }
        if self.is_doubtful() {
            return ("bad", "Do not trust it beyond the recorded load.");
        }
        if says(|statement| matches!(statement, Finding::Approximation { .. })) {
            return ("open", "An approximation: compare it with the service before you rely on it.");
        }
        match unchecked {
            Some(Finding::SingleLoad) => ("open", "Plausible, but not checked: the recording holds one load."),
            Some(Finding::MostlyRejected { .. }) => {
                ("open", "Plausible, but not checked: calls were rejected throughout the recording.")
            }
            Some(Finding::TooShort { .. }) => ("open", "Plausible, but not checked: the recording is too short."),
            Some(_) => ("open", "Plausible, but hardly checked: there are few calls."),
            None => ("good", "The recording is explained, up to the loads that it holds."),
        }
    }

    pub(crate) fn results(&self) -> Vec<String> {
        let is_open = self.findings.iter().any(Finding::leaves_workers_open);
        let mut sentences = match (self.workers, self.accepted.filter(|(low, high)| low < high)) {
            (Some(workers), Some((low, high))) if is_open => {
                let why = if self.valid.utilization.is_some_and(|used| used < BUSY_UTILIZATION) {
                    "the service was never busy enough"
                } else {
                    "this recording fits several numbers"
                };
                vec![
                    format!("how many calls it works on at a time is not known yet: {why}"),
                    format!(
                        "somewhere between {low} and {high} workers; this model uses {workers} ({})",
                        if self.discipline == QueueDiscipline::Sharing { "sharing" } else { "fifo" }
                    ),
                ]
            }
            (_, several) => {
                let mut sentences = vec![self.station_in_words()];
                sentences.extend(
                    several.map(|(low, high)| format!("{low} to {high} workers explain the recording as well")),
                );
                sentences
            }
        };
        if let Some(front) = &self.default.front {
            let typical = short_duration(front.quantile(0.5));
            sentences.push(format!("before that, calls pass one by one through a front that takes {typical} of each"));
        }
        if !self.outside.is_zero() {
            sentences
                .push(format!("each call takes {} more outside the queue, at any load", short_duration(self.outside)));
        }
        sentences.extend(self.stalls.iter().map(ToString::to_string));
        sentences.extend(self.limits.iter().map(ToString::to_string));
        sentences
    }

    fn station_in_words(&self) -> String {
        if let Some(cores) = self.cores {
            let pool = self.workers.map_or_else(
                || "all calls are worked on at once".to_owned(),
                |workers| format!("it works on up to {workers} calls at a time; the others wait in line"),
            );
            let cores = counted(u64::from(cores), "core");
            return format!("{pool}; calls that are worked on share {cores}");
        }
        match (self.discipline, self.workers) {
            (QueueDiscipline::Fifo, Some(1)) => {
                "it works on one call at a time; the others wait in line, first come, first served (fifo, 1 worker)"
                    .to_owned()
            }
            (QueueDiscipline::Fifo, Some(workers)) => format!(
                "it works on up to {workers} calls at a time; the others wait in line, first come, first served (fifo, {workers} workers)"
            ),
            (QueueDiscipline::Sharing, Some(workers)) => format!(
                "all calls inside share the power of {workers} at a time: the more there are, the slower each gets (sharing, {workers} {})",
                if workers == 1 { "worker" } else { "workers" }
            ),
            _ if self.curve.is_some() => {
                "all calls inside delay each other, at service rates that were measured for each number of them (curve)"
                    .to_owned()
            }
            _ => "no queue was seen: at the recorded loads no call delayed another (unlimited)".to_owned(),
        }
    }

    /// Returns the reasons for and against the model, starting with those behind the verdict.
    pub(crate) fn trust(&self) -> Vec<String> {
        // reported with the results
        let beside = |statement: &&Finding| !matches!(statement, Finding::FixedLatency { .. });
        let against: Vec<String> = self.findings.iter().filter(beside).map(ToString::to_string).collect();
        let mut sentences = Vec::new();
        let held_out = self.strata.iter().find(|stratum| stratum.held_out).filter(|_| self.drift.is_none());
        let is_good = self.verdict().0 == "good";
        if let Some(highest) = held_out.filter(|_| is_good) {
            let off = highest.errors[..3].iter().map(|error| error.abs()).fold(0.0, f64::max);
            sentences.push(format!(
                "shown the lower loads alone, the model predicts p50, p90 and p95 of the highest load to within {:.0} %",
                (off * 100.0).max(1.0).ceil()
            ));
        }
        if against.is_empty() {
            sentences.push("no finding contradicts it".to_owned());
        }
        sentences.extend(against);
        sentences
            .push(format!("the recording covers up to {}; beyond that the model is a guess", self.range_in_words()));
        sentences
    }

    fn range_in_words(&self) -> String {
        let valid = &self.valid;
        let used = valid.utilization.map(|used| format!(", {:.0} % of its capacity", used * 100.0)).unwrap_or_default();
        format!(
            "{:.1} calls a second{used}, and {} calls inside at a time ({} calls in all)",
            valid.per_second,
            valid.in_flight,
            grouped(valid.samples)
        )
    }

    /// Returns what to do next, by what was not identified; each advice once.
    pub(crate) fn next_steps(&self) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        let higher = format!(
            "record at a higher load than {:.0} calls a second, so that more calls wait (`standin record --ramp` generates load)",
            self.valid.per_second
        );
        for statement in &self.findings {
            let step = match statement {
                Finding::CapacityUnknown { .. }
                | Finding::Ambiguous { .. }
                | Finding::Uncertain { .. }
                | Finding::PoolHardlyUsed { .. } => higher.as_str(),
                Finding::RareWaits { workers: (low, high), .. } if low < high => higher.as_str(),
                Finding::SingleLoad => {
                    "record at several loads, from calm to busy, so that a prediction can be checked"
                }
                Finding::FewCalls { .. } | Finding::TooShort { .. } => {
                    "record longer, so that rare operations have calls enough and a prediction can be checked"
                }
                Finding::NotExclusive => "record with the service to yourself",
                Finding::Lost { .. } => "record to a faster disk, or capture with a larger buffer (`tcpdump -B`)",
                Finding::CoarseTimes { .. } => {
                    "use a source with finer times: a packet capture (`standin tape from`), or `standin record`"
                }
                Finding::SampledCalls { .. } => "use a source with all calls: trace all of them for a while, or record",
                Finding::PopulationMismatch { .. } => "record again: the tape does not hold what the recorder counted",
                Finding::Drifted { .. } => {
                    "fit the parts before and after the change separately, as described above, or record again"
                }
                Finding::InFlightLimit { .. } | Finding::RateLimit { .. } => {
                    "raise the recorder's limit, and record again"
                }
                Finding::CpuScaled { .. } => {
                    "record once more with the recorder and the load generator on cores of their own, so that pauses of theirs are not taken for the service's"
                }
                Finding::NotOneQueue { .. } | Finding::HoldoutMispredicted { .. } => {
                    "use it at recorded loads only. If one part of the service is slow on its own, record that part alone"
                }
                _ => continue,
            };
            if !steps.iter().any(|known| known == step) {
                steps.push(step.to_owned());
            }
        }
        if !self.is_refused() {
            steps.push(
                "compare the mock with the service: `standin gap` with this folder, preferably on a recording that was not fitted".to_owned(),
            );
        }
        steps
    }

    /// Returns true if no profile is written without `--anyway`.
    fn is_refused(&self) -> bool {
        self.drift.is_some_and(|drift| drift.refuses_one_model())
    }
}

/// Utilization from which on a service shows how many workers it has.
const BUSY_UTILIZATION: f64 = 0.6;
