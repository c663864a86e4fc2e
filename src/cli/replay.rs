//! `standin replay`: sends a tape's calls again, and writes what comes of it to a new tape.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use super::sending::{Sending, account, progress, rate};
use super::{BROKE, FINE, USAGE, complain, note, say};
use crate::replay::{self, Pace, Plan};
use crate::tape::{Head, REPLAY, Recording, VERSION, Writer};

/// Send a tape's calls again at their times, and write a new tape
///
/// Open loop: a call is sent when it is due, whatever became of those before it, and its latency counts from then. The new tape has
/// no headers and no bodies of answers.
#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The tape
    tape: PathBuf,

    /// The base URL of the service that is sent the calls
    #[arg(long, value_name = "URL")]
    target: String,

    /// How many times as fast as recorded
    #[arg(long, value_name = "TIMES", value_parser = rate, default_value_t = 1.0)]
    speed: f64,

    /// Calls a second, at random times (Poisson) instead of the recorded ones
    #[arg(long, value_name = "N", value_parser = rate, conflicts_with = "speed")]
    rate: Option<f64>,

    /// Where the random times of --rate begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The new tape [default: TAPE-replay-N.jsonl in this folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    sending: Sending,
}

impl Replay {
    pub(super) fn run(self) -> u8 {
        let recording = match Recording::open(&self.tape) {
            Ok(recording) => recording,
            Err(error) => {
                note(&format!("`{}`: {error}", self.tape.display()));
                return USAGE;
            }
        };
        let pace = match self.rate {
            Some(per_second) => Pace::Poisson { per_second, seed: self.seed },
            None => Pace::Recorded { speed: self.speed },
        };
        let plan = Plan::new(&recording, pace, |method| self.sending.allows(method));
        let ready = self.sending.target(&self.target).and_then(|target| {
            self.sending.check(&recording, &plan)?;
            let prepared = self.sending.prepare(&recording, &self.tape, &plan, &target, false)?;
            Ok((target, prepared))
        });
        let (target, prepared) = match ready {
            Ok(ready) => ready,
            Err(error) => {
                note(&error);
                return USAGE;
            }
        };
        let out = self.out.clone().unwrap_or_else(|| free_name(&self.tape));
        let mut writer = match Writer::create(&out, &self.head(&recording, pace)) {
            Ok(writer) => writer,
            Err(error) => {
                note(&format!("cannot write `{}`: {error}; give another --out", out.display()));
                return USAGE;
            }
        };
        let seconds = plan.length() / 1_000_000_000;
        progress(&format!("sending {} calls in {seconds} s to {}", plan.calls.len(), self.target));
        let outcome = replay::run(&recording, &prepared, &plan, &target, |exchange| writer.write(&exchange));
        let outcome = outcome.and_then(|outcome| writer.finish(0, outcome.unsent).map(|()| outcome));
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                note(&format!("the replay against {} broke", self.target));
                complain(&error);
                return BROKE;
            }
        };
        note(&format!("written to {}", out.display()));
        if let Some(refusal) = outcome.refusal(self.sending.max_lateness(), true) {
            note(&refusal.to_string());
            return BROKE;
        }
        say(&account(&self.target, &outcome));
        let ms = |quantile| format!("{:.2}", outcome.latency(quantile).as_secs_f64() * 1e3);
        let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(ms);
        say(&format!("latency in ms, from when a call was due: p50 {p50}, p90 {p90}, p95 {p95}, p99 {p99}"));
        FINE
    }

    fn head(&self, recording: &Recording, pace: Pace) -> Head {
        let pace = match pace {
            Pace::Recorded { speed } => json!({"speed": speed}),
            Pace::Poisson { per_second, seed } => json!({"perSecond": per_second, "seed": seed}),
        };
        let of = json!({"of": recording.head.target, "startedUnixMs": recording.head.started_unix_ms, "pace": pace});
        Head {
            version: VERSION,
            target: self.target.clone(),
            started_unix_ms: now(),
            clock: "monotonic, at the socket; `received` is when a call was due".to_owned(),
            notes: [(REPLAY.to_owned(), of)].into_iter().collect(),
            ..Head::default()
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A name that no file has yet. In the current folder: `fit` would learn from what stands beside the tape.
fn free_name(tape: &Path) -> PathBuf {
    let stem = tape.file_stem().map_or_else(|| "tape".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let names = (1..).map(|number| PathBuf::from(format!("{stem}-replay-{number}.jsonl")));
    names.into_iter().find(|name| !name.exists()).expect("there are more numbers than files")
}
