//! `standin replay`: sends a tape's calls again, and writes the responses to a new tape.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Map, Value, json};

use super::sender_args::{SenderArgs, open, parse_rate, progress};
use super::signals::cancel_on_signals;
use super::{Exit, Failure, print_line, print_note};
use crate::replay::{
    self, Pace, Plan, PreparedCalls, ReplayOutcome, ReplayRefusal, ReplayTarget, StatusCounts, StopBaseline,
};
use standin_tape::{LoadedTape, REPLAY_NOTE, TapeHead, TapeWriter, VERSION};
use standin_text::{counted, milliseconds};

/// Send a tape's calls again at their times, and write a new tape
///
/// Open loop: a call is sent when it is due, whatever became of those before it, and its latency
/// counts from then. The new tape has no headers and no bodies of answers.
#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// The tape whose calls are sent
    tape: PathBuf,

    /// The base URL of the service that is sent the calls
    #[arg(long, value_name = "URL")]
    target: String,

    /// Factor of the speed, 1 as recorded
    #[arg(long, value_name = "TIMES", value_parser = parse_rate, default_value_t = 1.0)]
    speed: f64,

    /// Calls a second, at random times (Poisson) instead of the recorded ones
    #[arg(long, value_name = "N", value_parser = parse_rate, conflicts_with = "speed")]
    rate: Option<f64>,

    /// Seed of the random times of --rate
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The new tape [default: TAPE-replay-N.jsonl in this folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sending: SenderArgs,
}

impl ReplayArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let recording = open(&self.tape)?;
        let pace = match self.rate {
            Some(per_second) => Pace::Poisson { per_second, seed: self.seed },
            None => Pace::Recorded { speed: self.speed },
        };
        let plan = Plan::new(&recording, pace, |method| self.sending.rules().allows(method));
        let target = self.sending.target(&self.target)?;
        self.sending.check(&recording, &plan)?;
        let prepared = self.sending.rules().prepare(&recording, &self.tape, &plan, &target, false)?;
        let out = self.out.clone().unwrap_or_else(|| free_name(&self.tape));
        let writer =
            cancel_on_signals(&target.cancel).and_then(|()| TapeWriter::create(&out, &self.head(&recording, pace)));
        let writer = writer.map_err(|error| {
            Failure::usage(format!("cannot write `{}`: {error}", out.display())).help("give another --out")
        })?;
        let seconds = plan.length() / 1_000_000_000;
        progress(&format!("sending {} calls in {seconds} s to {}", plan.calls.len(), self.target));
        let mut has_calls = false;
        let outcome = replay_to_tape(&recording, &prepared, &plan, &target, writer, &mut has_calls);
        let outcome = outcome.map_err(|error| {
            if !has_calls {
                // a tape without a call is of no use
                let _ = fs::remove_file(&out);
            }
            Failure::broken(format!("the replay against {} broke: {error}", self.target))
        })?;
        print_note(&format!("written to {}", out.display()));
        let has_times = StopBaseline::of(&recording, &plan).p95.is_some();
        let no_times = !has_times && self.sending.rules().stop().compares_times();
        Ok(self.report(&ReplayReport { outcome: &outcome, out: &out, no_times }))
    }

    /// Prints the result of a run, with the reasons not to trust it.
    fn report(&self, account: &ReplayReport<'_>) -> Exit {
        let outcome = account.outcome;
        let refusal = outcome.refusal(self.sending.max_lateness(), true);
        // numbers of a late sender show how late it was; other reasons leave nothing to show
        let doubt = refusal.as_ref().and_then(ReplayRefusal::lateness);
        let is_shown = refusal.is_none() || doubt.is_some();
        if let Some(refusal) = refusal.as_ref().filter(|_| doubt.is_none()) {
            print_note(&refusal.to_string());
        }
        if let Some(why) = &outcome.cancelled {
            let cut_off = match outcome.cut_off {
                0 => String::new(),
                calls => format!(", {calls} more had no answer yet"),
            };
            print_note(&format!("{why}: {} not sent any more{cut_off}", counted(outcome.unsent, "call")));
        }
        if let Some(why) = &doubt {
            print_note(&format!("what was measured is not to be believed, for {why}"));
        }
        if self.json {
            let why = doubt.or_else(|| refusal.as_ref().map(ToString::to_string));
            print_line(&format!("{:#}", self.json(account, is_shown, why.as_deref())));
        } else if is_shown {
            print_line(&super::sender_args::account(&self.target, outcome));
            let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(|quantile| milliseconds(outcome.latency(quantile)));
            let doubted = if refusal.is_some() { "; not to be believed" } else { "" };
            print_line(&format!(
                "latency in ms, from when a call was due: p50 {p50}, p90 {p90}, p95 {p95}, p99 {p99}{doubted}"
            ));
            if account.no_times {
                print_line(&self.sending.rules().note_without_times());
            }
        }
        if refusal.is_none() && outcome.cancelled.is_none() { Exit::Success } else { Exit::Broken }
    }

    /// Returns the report of `--json`.
    fn json(&self, account: &ReplayReport<'_>, is_shown: bool, doubt: Option<&str>) -> Value {
        let outcome = account.outcome;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mix = |mix: &StatusCounts| {
            let named = |status: Option<u16>| status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            mix.counts().map(|(status, count)| (named(status), Value::from(count))).collect::<Map<_, _>>()
        };
        let mut report = json!({
            "target": self.target,
            "tape": self.tape.display().to_string(),
            "written": account.out.display().to_string(),
            "calls": {"sent": outcome.sent, "unsent": outcome.unsent, "cutOff": outcome.cut_off, "waited": outcome.waited},
            "recorded": mix(&outcome.recorded),
            "answered": mix(&outcome.answered),
            "halted": outcome.cancelled,
            "believed": doubt.is_none(),
            "why": doubt,
            "comparesTimes": !account.no_times,
        });
        if is_shown {
            let at = |of: fn(&ReplayOutcome, f64) -> Duration| {
                let quantiles = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];
                quantiles
                    .map(|(name, at)| (name.to_owned(), ms(of(outcome, at)).into()))
                    .into_iter()
                    .collect::<Map<_, _>>()
            };
            report["latencyMs"] = at(ReplayOutcome::latency).into();
            report["latenessMs"] = at(ReplayOutcome::lateness).into();
        }
        report
    }

    fn head(&self, recording: &LoadedTape, pace: Pace) -> TapeHead {
        let pace = match pace {
            Pace::Recorded { speed } => json!({"speed": speed}),
            Pace::Poisson { per_second, seed } => json!({"perSecond": per_second, "seed": seed}),
        };
        let of = json!({"of": recording.head.target, "startedUnixMs": recording.head.started_unix_ms, "pace": pace});
        TapeHead {
            version: VERSION,
            target: self.target.clone(),
            started_unix_ms: now(),
            clock: "monotonic, at the socket; `received` is when a call was due".to_owned(),
            notes: [(REPLAY_NOTE.to_owned(), of)].into_iter().collect(),
            ..TapeHead::default()
        }
    }
}

/// Replays the calls of a plan, and writes them to a tape. Sets `has_calls` once a call is written.
fn replay_to_tape(
    recording: &LoadedTape,
    prepared: &Arc<PreparedCalls>,
    plan: &Plan,
    target: &ReplayTarget,
    mut writer: TapeWriter,
    has_calls: &mut bool,
) -> io::Result<ReplayOutcome> {
    let outcome = replay::run(recording, prepared, plan, target, |exchange| {
        *has_calls = true;
        writer.write(&exchange)
    })?;
    writer.finish(0, outcome.unsent + outcome.cut_off)?;
    Ok(outcome)
}

/// Result of a run, and the tape that it was written to.
struct ReplayReport<'r> {
    outcome: &'r ReplayOutcome,
    out: &'r Path,
    /// True if the stop rule compares response times and the tape has none.
    no_times: bool,
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Returns the name of a new file. It is in the current folder, as `fit` reads every tape beside
/// the recorded one.
fn free_name(tape: &Path) -> PathBuf {
    let stem = standin_tape::tape_name(tape);
    let names = (1..).map(|number| PathBuf::from(format!("{stem}-replay-{number}.jsonl")));
    names.into_iter().find(|name| !name.exists()).expect("there are more numbers than files")
}
