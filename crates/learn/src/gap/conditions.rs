//! Conditions of a comparison: the service, the dates, the machine and the version; and the whole
//! command that follows from it.

use serde::Serialize;

/// The conditions of a comparison; `None` where a part is unknown. Times are UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonConditions {
    /// Base URL of the service.
    pub service: Option<String>,
    /// Begin of the recording: `2026-11-30 17:40 UTC`.
    pub recorded: Option<String>,
    /// Time of the comparison.
    pub compared: Option<String>,
    /// Machine of the comparison: `Linux 6.1, x86_64, 2 cores`.
    pub machine: Option<String>,
    /// Version of standin.
    pub version: Option<String>,
}

/// The arguments by which a comparison can be repeated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandArguments {
    /// The stub folder; `None` for a comparison of tapes.
    pub folder: Option<String>,
    /// Base URL of the service.
    pub target: Option<String>,
    /// Calls a second in the busiest second of the recording.
    pub per_second: Option<f64>,
    /// Tapes of the service and of the mock, for a comparison of tapes.
    pub tapes: [Vec<String>; 2],
}

impl ComparisonConditions {
    /// Returns the known conditions, each with its label.
    pub(crate) fn describe(&self) -> Vec<(&'static str, String)> {
        let join = |parts: [Option<String>; 2]| parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let service = join([self.service.clone(), self.recorded.as_ref().map(|at| format!("recorded {at}"))]);
        let by = self.version.as_ref().map(|version| format!("by standin {version}"));
        let compared = join([self.compared.clone(), by]);
        let machine = self.machine.clone().unwrap_or_default();
        let all = [("service", service), ("compared", compared), ("machine", machine)];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }
}

impl CommandArguments {
    /// Returns the command that sends the calls to the live service and the mock `runs` times.
    pub(crate) fn repeat(&self, runs: u32) -> String {
        match &self.folder {
            Some(folder) => format!(
                "standin gap {} --target {} --max-per-second {} --runs {runs}",
                quoted(folder),
                self.target(),
                self.rate()
            ),
            None => {
                let [reference, mock] = self.tapes.each_ref().map(|tapes| {
                    let given = tapes.iter().map(|tape| quoted(tape));
                    let more = (tapes.len() + 1..=runs as usize).map(|number| format!("RUN{number}"));
                    given.chain(more).collect::<Vec<_>>().join(" ")
                });
                format!("standin gap --reference {reference} --mock {mock}")
            }
        }
    }

    /// Returns the command that records the service at growing loads, `longer` times as long as by
    /// default, and fits it again. `None` for a comparison of tapes.
    pub(crate) fn record(&self, longer: f64) -> Option<String> {
        let folder = quoted(self.folder.as_ref()?);
        let (target, rate) = (self.target(), self.rate());
        let step = (DEFAULT_STEP_SECONDS * longer).ceil();
        let step = if step > DEFAULT_STEP_SECONDS { format!(" --step {step}s") } else { String::new() };
        Some(format!(
            "standin record {folder} --target {target} --ramp --max-per-second {rate}{step} && standin fit {folder}"
        ))
    }

    /// Returns the command that fits the recording. `None` for a comparison of tapes.
    pub(crate) fn fit(&self) -> Option<String> {
        self.folder.as_ref().map(|folder| format!("standin fit {}", quoted(folder)))
    }

    /// Returns the command of the same comparison with another budget.
    pub(crate) fn with_budget(&self, budget: &str) -> String {
        let tapes = || self.tapes.iter().flatten().map(|tape| quoted(tape)).collect::<Vec<_>>().join(" ");
        let what = self.folder.as_ref().map_or_else(tapes, |folder| quoted(folder));
        format!("standin gap {what} --budget {budget}")
    }

    /// Returns the command of the same comparison again. `None` for a comparison of tapes.
    pub(crate) fn again(&self) -> Option<String> {
        self.folder.as_ref().map(|folder| format!("standin gap {}", quoted(folder)))
    }

    fn target(&self) -> String {
        self.target.as_ref().map_or_else(|| "URL".to_owned(), |target| quoted(target))
    }

    fn rate(&self) -> String {
        self.per_second.map_or_else(|| "N".to_owned(), |rate| format!("{:.0}", rate.ceil().max(1.0)))
    }
}

/// Returns an argument as a shell reads it.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// Length of a step of `record --ramp` unless another is asked for, in seconds.
const DEFAULT_STEP_SECONDS: f64 = 20.0;
/// Runs that tell a difference from chance.
pub(crate) const RUNS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> CommandArguments {
        CommandArguments {
            folder: Some("my stubs".to_owned()),
            target: Some("http://inventory:9000".to_owned()),
            per_second: Some(139.2),
            ..CommandArguments::default()
        }
    }

    #[test]
    fn commands_are_whole_and_quoted() {
        let known = arguments();
        assert_eq!(
            known.repeat(4),
            "standin gap 'my stubs' --target http://inventory:9000 --max-per-second 140 --runs 4"
        );
        assert_eq!(
            known.record(2.5).unwrap(),
            "standin record 'my stubs' --target http://inventory:9000 --ramp --max-per-second 140 --step 50s && standin fit 'my stubs'"
        );
        assert_eq!(known.with_budget("default"), "standin gap 'my stubs' --budget default");
        assert_eq!(known.fit().as_deref(), Some("standin fit 'my stubs'"));
        assert_eq!(known.again().as_deref(), Some("standin gap 'my stubs'"));
        let tapes = [vec!["a.jsonl".to_owned()], vec!["it's.jsonl".to_owned()]];
        let tapes = CommandArguments { tapes, ..CommandArguments::default() };
        assert_eq!(
            tapes.repeat(4),
            r"standin gap --reference a.jsonl RUN2 RUN3 RUN4 --mock 'it'\''s.jsonl' RUN2 RUN3 RUN4"
        );
    }

    #[test]
    fn conditions_that_are_unknown_are_left_out() {
        let known = ComparisonConditions {
            service: Some("http://inventory:9000".to_owned()),
            version: Some("0.1.0".to_owned()),
            ..ComparisonConditions::default()
        };
        let expected = [("service", "http://inventory:9000".to_owned()), ("compared", "by standin 0.1.0".to_owned())];
        assert_eq!(known.describe(), expected);
        assert!(ComparisonConditions::default().describe().is_empty());
    }
}
