//! What `replay`, `gap` and `record --ramp` have in common: a real target, and how it is protected.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::tls_args::TlsArgs;
use super::{Ended, note};
use crate::replay::{Plan, PreparedCalls, Replacements, ReplayOutcome, ReplayTarget, StopBaseline, StopRule};
use standin_tape::exchange::{Exchange, Reason};
use standin_tape::{self, REPLAY, Reader, Recording, TapeError};
use standin_text::{counted, short_duration};

/// What protects a target, and what it is told.
#[derive(Args, Debug)]
pub(super) struct SenderArgs {
    /// The most calls a second that the target may be sent; needed with --target
    #[arg(long, value_name = "N", value_parser = rate, help_heading = "Target")]
    max_per_second: Option<f64>,

    #[command(flatten, next_help_heading = "Target")]
    rules: TargetRules,

    /// The most connections at once; calls that find none wait, and are counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), default_value_t = CONNECTIONS, help_heading = "Target")]
    max_connections: u32,

    /// How long a call may take
    #[arg(long, value_name = "TIME", value_parser = super::time, default_value = TIMEOUT, help_heading = "Target")]
    timeout: Duration,

    #[command(flatten)]
    trust: TlsArgs,

    /// How late the sender itself, and for `gap` the mock, may be at p99 [default: the larger of 1ms and 5 % of the median latency]
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    max_lateness: Option<Duration>,
}

/// What a tape's calls may do to a real service; `record --ramp` has these too.
#[derive(Args, Debug)]
pub(super) struct TargetRules {
    /// Let calls come faster than in the tape's busiest second
    #[arg(long)]
    beyond_recorded: bool,

    /// The methods that the target may be sent
    #[arg(long, value_name = "METHOD,…", value_delimiter = ',', default_value = SAFE)]
    methods: Vec<String>,

    /// When to leave the target alone: more errors than the tape has, by so much and not by chance; a p95 so many times the
    /// tape's (of a ramp: its first step's)
    #[arg(long, value_name = "RULE", default_value_t = StopRule::default())]
    stop: StopRule,

    /// A header in place of a redacted one, or for every call; STANDIN_HEADER_NAME does the same for redacted ones
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,

    /// A query parameter in place of a redacted one; STANDIN_QUERY_NAME does the same
    #[arg(long, value_name = "NAME=VALUE")]
    query: Vec<String>,
}

impl SenderArgs {
    /// How late the sender may be.
    pub(super) fn max_lateness(&self) -> Option<Duration> {
        self.max_lateness
    }

    /// An option that speaks of a live target, if one was given.
    pub(super) fn given_of_live(&self) -> Option<&'static str> {
        let given = [
            (self.max_per_second.is_some(), "--max-per-second"),
            (self.rules.beyond_recorded, "--beyond-recorded"),
            (self.rules.methods_differ(), "--methods"),
            (self.rules.stop != StopRule::default(), "--stop"),
            (self.trust.is_given(), "--target-ca or --target-insecure"),
        ];
        given.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
    }

    /// An option that speaks of sending calls at all, if one was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let given = [
            (self.max_connections != CONNECTIONS, "--max-connections"),
            (super::time(TIMEOUT) != Ok(self.timeout), "--timeout"),
            (self.max_lateness.is_some(), "--max-lateness"),
            (!self.rules.header.is_empty(), "--header"),
            (!self.rules.query.is_empty(), "--query"),
        ];
        self.given_of_live().or_else(|| given.into_iter().find_map(|(is_given, option)| is_given.then_some(option)))
    }

    /// What the target is spared.
    pub(super) fn rules(&self) -> &TargetRules {
        &self.rules
    }

    /// A real target.
    pub(super) fn target(&self, url: &str) -> Result<ReplayTarget, String> {
        if self.max_per_second.is_none() {
            return Err(format!("--target {url} needs --max-per-second: say how many calls a second it can bear"));
        }
        let mut target = self.bounded(ReplayTarget::parse(url, &self.trust.trust())?);
        target.stop = Some(self.rules.stop);
        Ok(target)
    }

    /// A target with the bounds that were given.
    pub(super) fn bounded(&self, target: ReplayTarget) -> ReplayTarget {
        ReplayTarget { max_connections: self.max_connections as usize, timeout: self.timeout, ..target }
    }

    /// Whether a real target may be sent this plan; if not, why.
    pub(super) fn check(&self, recording: &Recording, plan: &Plan) -> Result<(), String> {
        if plan.calls.is_empty() {
            return Err(match plan.left_out {
                0 => "the tape has no call that came to the service; record one with calls".to_owned(),
                _ => format!(
                    "the tape has no call that may be sent, only {}; name their methods by --methods, if the target can bear them",
                    self.rules.others(recording)
                ),
            });
        }
        let planned = plan.per_second();
        if let Some(most) = self.max_per_second.filter(|most| planned > *most) {
            return Err(format!(
                "{planned} calls a second are more than --max-per-second {most}; send them slower (--speed, --rate), or allow more"
            ));
        }
        self.rules.check_rate(recording, planned)?;
        self.rules.tell_left_out(recording, plan);
        if self.rules.stop.compares_times() && StopBaseline::of(recording, plan).p95.is_none() {
            note(&self.rules.without_times());
        }
        Ok(())
    }
}

impl TargetRules {
    /// Whether a real target may be sent calls of a method.
    pub(super) fn allows(&self, method: &str) -> bool {
        self.methods.iter().any(|known| known.trim().eq_ignore_ascii_case(method))
    }

    /// When the target is left alone.
    pub(super) fn stop(&self) -> StopRule {
        self.stop
    }

    /// Whether anything but the defaults was asked for.
    pub(super) fn are_given(&self) -> bool {
        let has_values = !self.header.is_empty() || !self.query.is_empty();
        self.beyond_recorded || self.methods_differ() || has_values || self.stop != StopRule::default()
    }

    fn methods_differ(&self) -> bool {
        self.methods.join(",") != SAFE
    }

    /// The methods of a tape that the target may not be sent.
    fn others(&self, recording: &Recording) -> String {
        let methods = recording.exchanges.iter().map(|one| one.request.method.as_str());
        let methods: BTreeSet<&str> = methods.filter(|one| !self.allows(one)).collect();
        methods.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Whether so many calls a second may be sent; if not, why.
    pub(super) fn check_rate(&self, recording: &Recording, planned: f64) -> Result<(), String> {
        let recorded = recording.per_second();
        if planned > recorded && !self.beyond_recorded {
            return Err(format!(
                "{planned} calls a second are more than the tape's busiest second had ({recorded}); if the target can bear it, \
                 add --beyond-recorded"
            ));
        }
        Ok(())
    }

    /// Tells which calls are not sent, if any.
    pub(super) fn tell_left_out(&self, recording: &Recording, plan: &Plan) {
        if plan.left_out == 0 {
            return;
        }
        let are_not = if plan.left_out == 1 { "call is not sent" } else { "calls are not sent" };
        let (why, help) = match self.methods_differ() {
            true => ("for --methods names others", ""),
            false => ("for they may change the target", "; --methods sends them"),
        };
        note(&format!("{} {are_not}, {why}: {}{help}", plan.left_out, self.others(recording)));
    }

    /// What becomes of the stop rule where the tape has no response times.
    pub(super) fn without_times(&self) -> String {
        let left = self.stop.without_times();
        let left =
            left.map_or_else(|| "nothing stops the run".to_owned(), |rule| format!("only --stop {rule} applies"));
        format!("the tape has no response times to compare with: {left}")
    }

    /// The calls of a plan, ready for a target. A mock is sent what is redacted as it is.
    pub(super) fn prepare(
        &self,
        recording: &Recording,
        tape: &Path,
        plan: &Plan,
        target: &ReplayTarget,
        to_mock: bool,
    ) -> Result<Arc<PreparedCalls>, String> {
        let mut replacements = Replacements::default();
        self.header.iter().try_for_each(|header| replacements.header(header))?;
        self.query.iter().try_for_each(|query| replacements.query(query))?;
        let prepared = PreparedCalls::new(recording, tape, plan, target, &replacements, to_mock)
            .map_err(|missing| missing.to_string())?;
        if prepared.redacted_bodies > 0 && !to_mock {
            let calls = counted(prepared.redacted_bodies, "call");
            note(&format!("{calls} with redacted parts in the body, sent as on the tape"));
        }
        Ok(Arc::new(prepared))
    }
}

/// What a run came to, in a line.
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

/// Opens a tape. One that is not there is wrong usage, one that cannot be read is broken.
pub(super) fn open(path: &Path) -> Result<Recording, Ended> {
    Recording::open(path).map_err(|error| {
        let told = format!("`{}`: {error}", path.display());
        match error {
            TapeError::Io(error) if error.kind() == io::ErrorKind::NotFound => Ended::usage(told),
            _ => Ended::broke(told),
        }
    })
}

/// The newest tape of a stub folder that a service was recorded on, if it has any. What is newer and of no use is told: one that
/// cannot be read, or on which no call came to the service.
pub(super) fn newest(dir: &Path) -> Result<Option<PathBuf>, Ended> {
    let paths = match standin_tape::of_folder(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        paths => {
            paths.map_err(|error| Ended::broke(format!("cannot read `{}`: {error}", dir.join("tapes").display())))?
        }
    };
    let tapes = paths.into_iter().filter_map(|path| {
        let reader = Reader::open(&path).map_err(|error| note(&format!("`{}`: {error}", path.display()))).ok()?;
        let head = reader.head();
        (!head.notes.contains_key(REPLAY)).then_some((head.started_unix_ms, path))
    });
    let mut tapes: Vec<(u64, PathBuf)> = tapes.collect();
    tapes.sort();
    while let Some((_, path)) = tapes.pop() {
        // it could be opened just now; who uses it says what is wrong with it
        if Reader::open(&path).is_ok_and(|mut reader| reader.any(|read| read.is_ok_and(|exchange| came(&exchange)))) {
            return Ok(Some(path));
        }
        note(&format!("`{}` has no call that came to the service, and is passed over", path.display()));
    }
    Ok(None)
}

fn came(exchange: &Exchange) -> bool {
    let is_refused = exchange.failure.as_ref().is_some_and(|failure| failure.reason == Reason::Limit);
    exchange.times.sent.is_some() && !is_refused
}

/// Tells on stderr what goes on, where somebody looks on.
pub(super) fn progress(told: &str) {
    if io::stderr().is_terminal() {
        note(told);
    }
}

/// A number above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("give a number above 0".to_owned()),
    }
}

/// Methods that change nothing at a target that keeps to RFC 9110.
const SAFE: &str = "GET,HEAD,OPTIONS";

/// What holds unless something else is asked for.
const CONNECTIONS: u32 = 1_000;
const TIMEOUT: &str = "30s";
