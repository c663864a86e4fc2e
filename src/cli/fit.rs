//! `standin fit`: fits a performance profile to tapes, and reports what could not be identified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::operation_args::OperationArgs;
use super::profile_file::{self, Author};
use super::sender_args;
use super::{Exit, Failure, print_line, print_note};
use standin_learn::fit::{FitPage, Fitted, Trace};
use standin_stub::delay::units::duration;
use standin_tape::exchange::Exchange;
use standin_tape::operations::OperationTree;
use standin_tape::{self, OperationRules, TapeError, TapeHead, TapeReader};

/// Learn a performance model from tapes, and write it to `profiles/recorded.yaml`
///
/// Reads every tape in DIR/tapes. The report says which queue explains them, how well it predicts a
/// load that it was not shown, in which range it holds, and what could not be identified and how to
/// record so that it can be.
#[derive(Args, Debug)]
pub(super) struct FitArgs {
    /// The stub folder (it has `tapes/`)
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The name of the profile that is written
    #[arg(long, value_name = "NAME", default_value = "recorded")]
    profile: String,

    /// Leave out what came earlier, counted from each tape's first call
    #[arg(long, value_name = "TIME", value_parser = super::parse_time, default_value = "0s")]
    from: Duration,

    /// Leave out what came later
    #[arg(long, value_name = "TIME", value_parser = super::parse_time)]
    to: Option<Duration>,

    /// Predict latencies at this load too, in calls a second: `--at 300/s`; may be given several times
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    at: Vec<f64>,

    /// Take one model even if the service changed while it was recorded, tapes name different
    /// targets, or the model does not explain them
    #[arg(long)]
    anyway: bool,

    /// Overwrite a profile that was edited by hand
    #[arg(long)]
    force: bool,

    /// The report as JSON
    #[arg(long)]
    json: bool,

    /// Write the report as a page for a browser as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    #[command(flatten)]
    operations: OperationArgs,
}

/// Parses a rate in calls a second: `300` or `300/s`.
fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = sender_args::parse_rate(text.strip_suffix("/s").unwrap_or(text))?;
    let is_possible = (LEAST_RATE..=MOST_RATE).contains(&rate);
    is_possible.then_some(rate).ok_or_else(|| format!("give {LEAST_RATE} to {MOST_RATE} calls a second"))
}

/// Calls a second for which `--at` predicts latencies: simulated time must fit in 64 bits.
const LEAST_RATE: f64 = 0.001;
const MOST_RATE: f64 = 1e6;

impl FitArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        profile_file::check_name(&self.profile)?;
        if self.to.is_some_and(|to| to <= self.from) {
            return Err(Failure::usage("`--to` is not later than `--from`; both count from a tape's first call"));
        }
        let tapes = standin_tape::tapes_of_folder(&self.dir).map_err(|error| self.without_tapes(&error))?;
        if tapes.is_empty() {
            let folder = self.dir.join("tapes");
            return Err(
                Failure::usage(format!("`{}` has no tapes (*.jsonl)", folder.display())).help("record some first")
            );
        }
        self.fit(&tapes)
    }

    /// Returns the failure for a folder without `tapes/`, which says what to give instead.
    fn without_tapes(&self, error: &io::Error) -> Failure {
        let dir = self.dir.display();
        if self.dir.is_file() {
            return Failure::usage(format!("`{dir}` is a file; give the stub folder that has it in `tapes/`"));
        }
        let mut services: Vec<String> = fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("tapes").is_dir())
            .map(|path| format!("`{}`", path.display()))
            .collect();
        services.sort();
        if services.is_empty() {
            Failure::of_reading(format!("cannot read `{dir}/tapes`: {error}"), error)
                .help(format!("record with `standin record --target URL {dir}`"))
        } else {
            let services = services.join(", ");
            Failure::of_reading(format!("`{dir}` is a folder of services; fit each by itself: {services}"), error)
        }
    }

    /// Fits the tapes, prints the report, and writes the profile.
    fn fit(&self, tapes: &[PathBuf]) -> Result<Exit, Failure> {
        let traces = self.traces(tapes)?;
        let fitted = Fitted::with_predictions(&profile_file::service(&self.dir), &traces, &self.at)
            .map_err(|error| Failure::of_error(&error))?;
        let fitted = fitted.since(self.from);
        let path = profile_file::path(&self.dir, &self.profile);
        let refused = !self.anyway && fitted.drift.is_some_and(|drift| drift.refuses_one_model());
        if !refused {
            profile_file::keep_edited(&path, Author::Fit, self.force)?;
        }
        self.write_page(&fitted)?;
        self.print_report(&fitted);
        if refused {
            return Err(Failure::check_failed("no profile was written: one model would fit neither half")
                .help("`--anyway` writes it all the same"));
        }
        profile_file::write(&path, Author::Fit, &fitted.profile().to_yaml(&fitted.to_string()))?;
        print_note(&format!("written to {}; serve it with --profile {}", path.display(), self.profile));
        if fitted.is_unexplained() && !self.anyway {
            return Err(Failure::check_failed(
                "the model does not explain the recording; the report says what is missing",
            )
            .help("use the profile at recorded loads only"));
        }
        if fitted.is_uncertain() && !self.anyway {
            return Err(Failure::check_failed(
                "the recording does not determine the predictions; the report says at which load",
            )
            .help("record at a higher load, or longer; `--anyway` accepts the profile as it is"));
        }
        Ok(Exit::Success)
    }

    /// Reads the calls of all tapes, within `--from` and `--to`.
    fn traces(&self, tapes: &[PathBuf]) -> Result<Vec<Trace>, Failure> {
        let rules = self.operations.rules()?;
        let mut traces = Vec::with_capacity(tapes.len());
        let mut targets: Vec<(String, &Path)> = Vec::new();
        for path in tapes {
            let unreadable = |error| Failure::broken(format!("`{}`: {error}", path.display()));
            let (head, trace) = self.trace(path, &rules).map_err(unreadable)?;
            if trace.calls.is_empty() && tapes.len() > 1 {
                print_note(&format!("`{}` has no answered call{}: left out", path.display(), self.of_part()));
                continue;
            }
            if !targets.iter().any(|(target, _)| *target == head.target) {
                targets.push((head.target, path));
            }
            traces.push(trace);
        }
        if let ([(one, _), .., (other, path)], false) = (&targets[..], self.anyway) {
            let path = path.display();
            return Err(Failure::usage(format!(
                "the tapes are of different services: `{path}` is of {other}, others are of {one}"
            ))
            .help("keep one service's tapes in a folder, or give `--anyway` if these are one service"));
        }
        if traces.iter().all(|trace| trace.calls.is_empty()) {
            return Err(Failure::broken(format!("no tape has an answered call{}", self.of_part())));
        }
        Ok(traces)
    }

    /// Reads a tape twice, so that no exchange has to be kept: the first pass learns the
    /// operations, the second the times.
    fn trace(&self, path: &Path, rules: &OperationRules) -> Result<(TapeHead, Trace), TapeError> {
        let (mut broken, mut first) = (None, None);
        let mut whole = |exchange: io::Result<Exchange>| exchange.map_err(|error| broken = Some(error)).ok();
        let calls = TapeReader::open(path)?.map_while(&mut whole).map(|exchange| {
            let sent = exchange.times.sent;
            first = first.into_iter().chain(sent).min();
            (exchange.request.method, exchange.request.url)
        });
        let operations = OperationTree::learn_with(rules.clone(), calls);
        let first: u64 = first.unwrap_or(0);
        let in_part = |exchange: &Exchange| {
            exchange.times.sent.is_none_or(|sent| {
                let since = Duration::from_nanos(sent.saturating_sub(first));
                since >= self.from && self.to.is_none_or(|to| since < to)
            })
        };
        let mut reader = TapeReader::open(path)?;
        let head = reader.head().clone();
        let trace = Trace::new(&head, &operations, reader.by_ref().map_while(&mut whole).filter(in_part));
        match broken {
            Some(error) => Err(error.into()),
            None => Ok((head, trace.with_condition(reader.condition()))),
        }
    }

    /// Returns the part of the tapes that `--from` and `--to` select, in words; empty for all.
    fn of_part(&self) -> String {
        let from = duration(self.from);
        match self.to {
            Some(to) => format!(" between {from} and {} after its first", duration(to)),
            None if self.from.is_zero() => String::new(),
            None => format!(" later than {from} after its first"),
        }
    }

    /// Writes the page of `--html`, if given.
    fn write_page(&self, fitted: &Fitted) -> Result<(), Failure> {
        let Some(path) = &self.html else { return Ok(()) };
        fs::write(path, FitPage(fitted).to_string())
            .map_err(|error| Failure::broken(format!("cannot write `{}`: {error}", path.display())))
    }

    fn print_report(&self, fitted: &Fitted) {
        if self.json {
            print_line(&serde_json::to_string_pretty(fitted).expect("a fit is plain data"));
        } else {
            print_line(fitted.to_string().trim_end());
        }
    }
}
