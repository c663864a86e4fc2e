//! Options of sending a tape's calls to a target, for `replay`, `gap` and `record --ramp`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::tls_args::TlsArgs;
use super::{DurationArg, Failure, given_options, print_note};
use crate::replay::{Plan, PreparedCalls, Replacements, ReplayOutcome, ReplayTarget, StopBaseline, StopRule};
use standin_tape::exchange::{Exchange, FailureReason};
use standin_tape::{self, LoadedTape, REPLAY_NOTE, TapeError, TapeReader};
use standin_text::{counted, short_duration};

/// Options of the target and of the sender.
#[derive(Args, Debug)]
pub(super) struct SenderArgs {
    /// The most calls a second that the target may be sent; needed with --target
    #[arg(long, value_name = "N", value_parser = parse_rate, help_heading = "Target")]
    max_per_second: Option<f64>,

    #[command(flatten, next_help_heading = "Target")]
    rules: TargetRules,

    /// The most connections at once; calls that find none wait, and are counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), default_value_t = MAX_CONNECTIONS, help_heading = "Target")]
    max_connections: u32,

    /// Time-out of a call
    #[arg(long, value_name = "TIME", default_value_t = TIMEOUT, help_heading = "Target")]
    timeout: DurationArg,

    #[command(flatten)]
    trust: TlsArgs,

    /// Maximum lateness at p99 of the sender itself, and for `gap` of the mock [default: the larger
    /// of 1ms and 5 % of the median latency]
    #[arg(long, value_name = "TIME", value_parser = super::parse_time)]
    max_lateness: Option<Duration>,
}

/// Rules that protect a real service from a tape's calls; `record --ramp` has these too.
#[derive(Args, Debug)]
pub(super) struct TargetRules {
    /// Let calls come faster than in the tape's busiest second
    #[arg(long)]
    beyond_recorded: bool,

    /// The methods that the target may be sent
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',', default_value = SAFE_METHODS)]
    methods: Vec<String>,

    /// Limits beyond which the target is left alone: more errors than the tape has, by so much and
    /// not by chance; a p95 so many times the tape's (of a ramp: its first step's)
    #[arg(long, value_name = "RULE", default_value_t = StopRule::default())]
    stop: StopRule,

    /// A header in place of a redacted one, or for every call; STANDIN_HEADER_NAME does the same
    /// for redacted ones
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,

    /// A query parameter in place of a redacted one; STANDIN_QUERY_NAME does the same
    #[arg(long, value_name = "NAME=VALUE")]
    query: Vec<String>,
}

impl SenderArgs {
    /// Returns the maximum lateness of the sender, if given.
    pub(super) fn max_lateness(&self) -> Option<Duration> {
        self.max_lateness
    }

    /// Returns an option of a live target, if one was given.
    pub(super) fn given_of_live(&self) -> Option<&'static str> {
        let mut given = given_options([
            (self.max_per_second.is_some(), "--max-per-second"),
            (self.rules.beyond_recorded, "--beyond-recorded"),
            (self.rules.methods_differ(), "--methods"),
            (self.rules.stop != StopRule::default(), "--stop"),
            (self.trust.is_given(), "--target-ca or --target-insecure"),
        ]);
        given.next()
    }

    /// Returns an option of sending calls at all, if one was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let mut given = given_options([
            (self.max_connections != MAX_CONNECTIONS, "--max-connections"),
            (self.timeout != TIMEOUT, "--timeout"),
            (self.max_lateness.is_some(), "--max-lateness"),
            (!self.rules.header.is_empty(), "--header"),
            (!self.rules.query.is_empty(), "--query"),
        ]);
        self.given_of_live().or_else(|| given.next())
    }

    /// Returns the rules that protect the target.
    pub(super) fn rules(&self) -> &TargetRules {
        &self.rules
    }

    /// Returns a real target, which needs `--max-per-second`.
    pub(super) fn target(&self, url: &str) -> Result<ReplayTarget, Failure> {
        if self.max_per_second.is_none() {
            return Err(Failure::usage(format!(
                "--target {url} needs --max-per-second: say how many calls a second it can bear"
            )));
        }
        let mut target = self.bounded(ReplayTarget::parse(url, &self.trust.trust())?);
        target.stop = Some(self.rules.stop);
        Ok(target)
    }

    /// Returns a target with the limits of the options.
    pub(super) fn bounded(&self, target: ReplayTarget) -> ReplayTarget {
        ReplayTarget { max_connections: self.max_connections as usize, timeout: self.timeout.0, ..target }
    }

    /// Checks that a real target may be sent this plan.
    pub(super) fn check(&self, recording: &LoadedTape, plan: &Plan) -> Result<(), Failure> {
        if plan.calls.is_empty() {
            return Err(match plan.left_out {
                0 => Failure::usage("the tape has no call that came to the service").help("record one with calls"),
                _ => Failure::usage(format!(
                    "the tape has no call that may be sent, only {}",
                    self.rules.others(recording)
                ))
                .help("name their methods by --methods, if the target can bear them"),
            });
        }
        let planned = plan.per_second();
        if let Some(most) = self.max_per_second.filter(|most| planned > *most) {
            return Err(Failure::usage(format!("{planned} calls a second are more than --max-per-second {most}"))
                .help("send them slower (--speed, --rate), or allow more"));
        }
        self.rules.check_rate(recording, planned)?;
        self.rules.print_left_out(recording, plan);
        if self.rules.stop.compares_times() && StopBaseline::of(recording, plan).p95.is_none() {
            print_note(&self.rules.note_without_times());
        }
        Ok(())
    }
}

impl TargetRules {
    /// Returns true if a real target may be sent calls of a method.
    pub(super) fn allows(&self, method: &str) -> bool {
        self.methods.iter().any(|known| known.trim().eq_ignore_ascii_case(method))
    }

    /// Returns the stop rule.
    pub(super) fn stop(&self) -> StopRule {
        self.stop
    }

    /// Returns true if any rule differs from its default.
    pub(super) fn are_given(&self) -> bool {
        let has_values = !self.header.is_empty() || !self.query.is_empty();
        self.beyond_recorded || self.methods_differ() || has_values || self.stop != StopRule::default()
    }

    fn methods_differ(&self) -> bool {
        self.methods.join(",") != SAFE_METHODS
    }

    /// Returns the methods of a tape that the target may not be sent.
    fn others(&self, recording: &LoadedTape) -> String {
        let methods = recording.exchanges.iter().map(|one| one.request.method.as_str());
        let methods: BTreeSet<&str> = methods.filter(|one| !self.allows(one)).collect();
        methods.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Checks a rate in calls per second against the busiest second of the tape.
    pub(super) fn check_rate(&self, recording: &LoadedTape, planned: f64) -> Result<(), Failure> {
        let recorded = recording.peak_rate();
        if planned > recorded && !self.beyond_recorded {
            return Err(Failure::usage(format!(
                "{planned} calls a second are more than the tape's busiest second had ({recorded})"
            ))
            .help("if the target can bear it, add --beyond-recorded"));
        }
        Ok(())
    }

    /// Prints the calls that are not sent, if any.
    pub(super) fn print_left_out(&self, recording: &LoadedTape, plan: &Plan) {
        if plan.left_out == 0 {
            return;
        }
        let are_not = if plan.left_out == 1 { "call is not sent" } else { "calls are not sent" };
        let (why, help) = match self.methods_differ() {
            true => ("for --methods names others", ""),
            false => ("for they may change the target", "; --methods sends them"),
        };
        print_note(&format!("{} {are_not}, {why}: {}{help}", plan.left_out, self.others(recording)));
    }

    /// Returns a note on the stop rule for a tape without response times.
    pub(super) fn note_without_times(&self) -> String {
        let left = self.stop.without_times();
        let left =
            left.map_or_else(|| "nothing stops the run".to_owned(), |rule| format!("only --stop {rule} applies"));
        format!("the tape has no response times to compare with: {left}")
    }

    /// Prepares the calls of a plan for a target. A mock is sent redacted parts as they are on the
    /// tape.
    pub(super) fn prepare(
        &self,
        recording: &LoadedTape,
        tape: &Path,
        plan: &Plan,
        target: &ReplayTarget,
        to_mock: bool,
    ) -> Result<Arc<PreparedCalls>, Failure> {
        let mut replacements = Replacements::default();
        self.header.iter().try_for_each(|header| replacements.header(header))?;
        self.query.iter().try_for_each(|query| replacements.query(query))?;
        let prepared = PreparedCalls::new(recording, tape, plan, target, &replacements, to_mock)
            .map_err(|missing| Failure::usage(missing.to_string()))?;
        if prepared.redacted_bodies > 0 && !to_mock {
            let calls = counted(prepared.redacted_bodies, "call");
            print_note(&format!("{calls} with redacted parts in the body, sent as on the tape"));
        }
        Ok(Arc::new(prepared))
    }
}

/// Returns the summary of a run, a line.
pub(super) fn account(name: &str, outcome: &ReplayOutcome) -> String {
    let waited = match outcome.waited {
        0 => String::new(),
        calls => format!("; {} waited for a connection, see --max-connections", counted(calls, "call")),
    };
    format!(
        "{name}: {} ({}), sent {} late at p50, {} at p99{waited}",
        counted(outcome.sent, "call"),
        outcome.answered,
        short_duration(outcome.lateness(0.5)),
        short_duration(outcome.lateness(0.99)),
    )
}

/// Reads a tape. A path that does not exist is wrong usage.
pub(super) fn open(path: &Path) -> Result<LoadedTape, Failure> {
    LoadedTape::open(path).map_err(|error| {
        let message = format!("`{}`: {error}", path.display());
        match error {
            TapeError::Io(error) => Failure::of_reading(message, &error),
            _ => Failure::broken(message),
        }
    })
}

/// Returns the newest tape of a stub folder that is a recording with calls. Prints a note for newer
/// ones that cannot be read, or have no call that came to the service.
pub(super) fn newest(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    let paths = match standin_tape::tapes_of_folder(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        paths => {
            paths.map_err(|error| Failure::broken(format!("cannot read `{}`: {error}", dir.join("tapes").display())))?
        }
    };
    let tapes = paths.into_iter().filter_map(|path| {
        let reader =
            TapeReader::open(&path).map_err(|error| print_note(&format!("`{}`: {error}", path.display()))).ok()?;
        let head = reader.head();
        (!head.notes.contains_key(REPLAY_NOTE)).then_some((head.started_unix_ms, path))
    });
    let mut tapes: Vec<(u64, PathBuf)> = tapes.collect();
    tapes.sort();
    while let Some((_, path)) = tapes.pop() {
        // it could be opened just now; its user reports what is wrong with it
        if TapeReader::open(&path).is_ok_and(|mut reader| reader.any(|read| read.is_ok_and(|exchange| came(&exchange))))
        {
            return Ok(Some(path));
        }
        print_note(&format!("`{}` has no call that came to the service, and is passed over", path.display()));
    }
    Ok(None)
}

fn came(exchange: &Exchange) -> bool {
    let is_refused = exchange.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::Limit);
    exchange.times.sent.is_some() && !is_refused
}

/// Prints a note on stderr if it is a terminal.
pub(super) fn progress(message: &str) {
    if io::stderr().is_terminal() {
        print_note(message);
    }
}

/// Parses a number above 0.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("give a number above 0".to_owned()),
    }
}

/// Default of `--methods`: methods that are safe by RFC 9110.
const SAFE_METHODS: &str = "GET,HEAD,OPTIONS";

const MAX_CONNECTIONS: u32 = 1_000;
const TIMEOUT: DurationArg = DurationArg(Duration::from_secs(30));
