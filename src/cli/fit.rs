//! `standin fit`: fits a performance profile to tapes, and reports what could not be identified.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::operation_args::OperationArgs;
use super::profile_file::{self, Author};
use super::{Exit, Failure, print_line, print_note, saved_report, sender_args};
use standin_learn::connections::{ConnectionEvidence, FittedConnections};
use standin_learn::fit::{FitPage, Fitted, Trace};
use standin_stub::delay::units::duration;
use standin_tape::exchange::Exchange;
use standin_tape::operations::OperationTree;
use standin_tape::{self, QueryEvidence, TapeBodies, TapeError, TapeHead, TapeReader};

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

/// Results of the first pass over the tapes.
struct FirstPass {
    operations: OperationTree,
    /// For each tape the time of its first call, in nanoseconds.
    begins: Vec<u64>,
    connections: ConnectionEvidence,
}

/// Parts of the recorded service that are not in the model of its queue.
struct RecordedService {
    connections: Option<FittedConnections>,
    /// Begin of the latest recording, in seconds since 1970.
    recorded: Option<u64>,
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
        let (traces, about) = self.traces(tapes)?;
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
        saved_report::save(
            &self.dir,
            &format!("fit-{}", self.profile),
            &fitted.to_string(),
            &FitPage(&fitted).to_string(),
        );
        if refused {
            return Err(Failure::check_failed("no profile was written: one model would fit neither half")
                .help("`--anyway` writes it all the same"));
        }
        let mut profile = fitted.profile();
        for service in &mut profile.services {
            service.connections = about.connections.as_ref().map(|found| found.rules.clone());
            service.valid.recorded = about.recorded;
        }
        profile_file::write(&path, Author::Fit, &profile.to_yaml(&fitted.to_string()))?;
        if let Some(found) = &about.connections {
            print_note(&format!("connections: {found}"));
        }
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
    fn traces(&self, tapes: &[PathBuf]) -> Result<(Vec<Trace>, RecordedService), Failure> {
        let FirstPass { operations, begins, connections } = self.first_pass(tapes)?;
        let mut traces = Vec::with_capacity(tapes.len());
        let mut targets: Vec<(String, &Path)> = Vec::new();
        let mut recorded = None;
        for (path, begin) in tapes.iter().zip(begins) {
            let (head, trace) = self.trace(path, &operations, begin).map_err(|error| unreadable(path, &error))?;
            if trace.calls.is_empty() && tapes.len() > 1 {
                print_note(&format!("`{}` has no answered call{}: left out", path.display(), self.of_part()));
                continue;
            }
            recorded = recorded.max(Some(head.started_unix_ms / 1_000)).filter(|seconds| *seconds > 0);
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
        Ok((traces, RecordedService { connections: connections.fit(), recorded }))
    }

    /// Learns the operations and the rules of connections from all calls of the tapes, and the time
    /// of each tape's first call. The tapes are read again for their times, so that no exchange has
    /// to be kept.
    fn first_pass(&self, tapes: &[PathBuf]) -> Result<FirstPass, Failure> {
        let mut readers = Vec::with_capacity(tapes.len());
        for path in tapes {
            readers.push(TapeReader::open(path).map_err(|error| unreadable(path, &error))?);
        }
        let (mut evidence, mut connections) = (QueryEvidence::default(), ConnectionEvidence::default());
        let mut begins = vec![None; tapes.len()];
        let mut broken = None;
        let all = readers.into_iter().enumerate().flat_map(|(tape, reader)| reader.map(move |read| (tape, read)));
        let calls = all.map_while(|(tape, read)| {
            let exchange = read.map_err(|error| broken = Some((tape, error))).ok()?;
            begins[tape] = begins[tape].into_iter().chain(exchange.times.sent).min();
            evidence.add(&exchange);
            connections.add(&exchange);
            Some((exchange.request.method, exchange.request.url))
        });
        let mut operations = OperationTree::learn_with(self.operations.rules()?, calls);
        if let Some((tape, error)) = broken {
            return Err(unreadable(&tapes[tape], &error.into()));
        }
        let bodies = TapeBodies::of(tapes.iter().map(PathBuf::as_path))
            .map_err(|error| Failure::broken(format!("cannot read the bodies of the tapes: {error}")))?;
        evidence.read_shapes(|hash| bodies.get(hash));
        operations.tell_queries_apart(&evidence);
        let begins = begins.into_iter().map(Option::unwrap_or_default).collect();
        Ok(FirstPass { operations, begins, connections })
    }

    /// Reads the times of a tape whose first call came at `begin`.
    fn trace(&self, path: &Path, operations: &OperationTree, begin: u64) -> Result<(TapeHead, Trace), TapeError> {
        let mut broken = None;
        let whole = |exchange: io::Result<Exchange>| exchange.map_err(|error| broken = Some(error)).ok();
        let in_part = |exchange: &Exchange| {
            exchange.times.sent.is_none_or(|sent| {
                let since = Duration::from_nanos(sent.saturating_sub(begin));
                since >= self.from && self.to.is_none_or(|to| since < to)
            })
        };
        let mut reader = TapeReader::open(path)?;
        let head = reader.head().clone();
        let trace = Trace::new(&head, operations, reader.by_ref().map_while(whole).filter(in_part));
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

fn unreadable(path: &Path, error: &TapeError) -> Failure {
    Failure::broken(format!("`{}`: {error}", path.display()))
}
