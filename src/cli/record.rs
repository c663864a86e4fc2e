//! `standin record`: a reverse proxy that records the calls of a service on a tape.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::draft;
use super::log::LogArgs;
use super::ramp::{self, PreparedRamp, RampArgs, RunningRamp};
use super::recording_end::{self, RecordingEnd};
use super::server_messages::failure_text;
use super::signals::receive_two_signals;
use super::target_args::{TargetArgs, new_tape, reach};
use super::{DurationArg, Exit, Failure, print_line, print_note};
use crate::config::{Config, Listener};
use crate::ramp::{RampEnd, RampReport};
use crate::record::{ForwardRule, Recorder, RecorderConfig, RecordingProgress};
use crate::replay::ReplayRefusal;
use crate::server::{Handle, Server};
use crate::stdio;
use crate::upstream::TargetUrl;
use standin_learn::draft::DEFAULT_MAX_STUBS;
use standin_text::{counted, grouped, short_duration};

/// Record a real service: point its clients here, and what they ask and get goes on a tape
///
/// Forwards every call, within bounds that protect the service, and writes DIR/tapes/TIME.jsonl as
/// it goes; what is secret is redacted before. SIGINT, SIGTERM or SIGHUP ends it, and drafts stubs
/// from the tape; a second one ends at once.
#[derive(Args, Debug)]
pub(super) struct RecordArgs {
    /// The stub folder of the service; it is made if it is not there
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The service, such as http://inventory:9000
    #[arg(long, value_name = "URL")]
    target: String,

    /// Address that clients call in its place, with https:// over TLS; port 0 takes a free one
    #[arg(long, value_name = "[https://]ADDR", default_value = "127.0.0.1:8080")]
    listen: Listener,

    /// The most connections to the target [default: one a call in flight]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), help_heading = "Target")]
    max_connections: Option<u32>,

    /// Threads that forward calls [default: one a core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// Time that calls in flight may take once standin is told to end
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(Config::default().grace))]
    grace: DurationArg,

    #[command(flatten)]
    forwarding: TargetArgs,

    #[command(flatten, next_help_heading = "Ramp")]
    ramp: RampArgs,

    #[command(flatten)]
    draft: draft::DraftRuleArgs,

    #[command(flatten)]
    log: LogArgs,
}

impl RecordArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.log.begin()?;
        self.draft.check()?;
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let tape = new_tape(&self.dir);
        let (recorder, ramp) = self.start_recorder(workers, &tape)?;
        let started = self.start_server(&recorder, workers);
        let (handle, signals) = started.inspect_err(|_| recording_end::discard(&recorder, &tape))?;
        let listener = handle.addresses()[0].listener.clone();
        let bounds = self.forwarding.bounds();
        print_line(&format!("standin: listening on {listener} (recording {}, {bounds})", recorder.target()));
        let ramp = ramp.map(|ramp| ramp.start(&listener, self.forwarding.patience())).transpose();
        if let Ok(ramp) = &ramp {
            watch(&signals, &handle, &recorder, ramp.as_ref());
        }
        let server_failure = handle.failure();
        let ramp = ramp.map(|running| running.inspect(RunningRamp::cancel));
        let drained = self.shut_down(handle, &signals, &recorder);
        let ramp = match ramp {
            // a user who ends at once does not wait for the report of the ramp
            Ok(Some(_)) if drained == DrainResult::AtOnce => Ok(None),
            ramp => ramp.and_then(|running| running.map(RunningRamp::join).transpose()),
        };
        let end = recording_end::end(&recorder, &tape);
        match &ramp {
            Ok(Some(report)) => print_line(&ramp::summary(report)),
            Ok(None) => {}
            Err(error) => print_note(&format!("the ramp broke: {error}; the tape ends there")),
        }
        let end = end.map_err(|error| Failure::broken(format!("the tape could not be written to its end: {error}")))?;
        if drained == DrainResult::CutOff {
            print_note("calls were still in flight after the grace period, and were cut off; see --grace");
        }
        if let Some(failure) = server_failure {
            print_note(&failure_text(&failure));
            return Ok(self.conclude(end, drained)?.max(Exit::Broken));
        }
        match &ramp {
            Ok(Some(RampReport { end: RampEnd::Differs(refusal), .. })) if end != RecordingEnd::Nothing => {
                Err(set_aside(&tape, refusal))
            }
            Ok(_) => self.conclude(end, drained),
            Err(_) => Ok(self.conclude(end, drained)?.max(Exit::Broken)),
        }
    }

    /// Checks the arguments, prepares the ramp, and starts the recorder on a new tape.
    fn start_recorder(&self, workers: usize, tape: &Path) -> Result<(Arc<Recorder>, Option<PreparedRamp>), Failure> {
        let mut settings =
            self.forwarding.settings(&self.target, self.max_connections, workers, Some(tape.to_owned()))?;
        self.check(settings.connector.target())?;
        let ramp = self.prepare_ramp(&mut settings)?;
        if let Some(tape) = &mut settings.tape {
            tape.overhead = super::overhead::measure();
        }
        let started = self.create_folders().and_then(|()| Recorder::start(settings));
        let recorder = started.map_err(|error| {
            Failure::usage(format!("cannot write `{}`: {error}", tape.display())).help("give another folder")
        })?;
        Ok((recorder, ramp))
    }

    /// Starts the server that forwards to the recorder, and a receiver of the signals that end it.
    fn start_server(&self, recorder: &Arc<Recorder>, workers: usize) -> Result<(Handle, Receiver<()>), Failure> {
        let signals = receive_two_signals().map_err(|error| Failure::of_error(&error))?;
        let config = Config {
            listeners: vec![self.listen.clone()],
            workers,
            grace: self.grace.0,
            journal_bytes: 0,
            watches: false,
            ..Config::default()
        };
        let forward = ForwardRule { recorder: Arc::clone(recorder), forwards_all: true };
        let server = Server::bind(config).and_then(|server| server.forward(Some(forward)).start());
        // whatever keeps it from starting, the arguments are in order
        let handle = server.map_err(|error| Failure::of_error(&error))?;
        Ok((handle, signals))
    }

    /// Drafts stubs from a tape with calls, and prints the next step.
    fn conclude(&self, end: RecordingEnd, drained: DrainResult) -> Result<Exit, Failure> {
        let dir = self.dir.display();
        match end {
            RecordingEnd::Nothing => {
                print_note(
                    "next: record again, and point clients at the address that it says, or send calls of another tape with --ramp=TAPE",
                );
                return Ok(if drained == DrainResult::AtOnce { Exit::Broken } else { Exit::Success });
            }
            RecordingEnd::NoAnswer => {
                let message =
                    format!("no call got a whole answer of {}, so that there is nothing to learn from", self.target);
                return Err(Failure::broken(message).help("see that it is there, and record again"));
            }
            RecordingEnd::Calls => {}
        }
        if drained == DrainResult::AtOnce {
            print_note(&format!("next: standin draft {dir}, which was not waited for, and standin fit {dir}"));
            return Ok(Exit::Broken);
        }
        if self.forwarding.keeps_bodies() {
            let drafted = draft::draft(&self.dir, DEFAULT_MAX_STUBS, false, &self.draft)
                .unwrap_or_else(|failure| failure.print());
            if drafted == Exit::Broken {
                return Ok(Exit::Broken);
            }
        }
        print_note(&format!("next: standin fit {dir}"));
        Ok(Exit::Success)
    }

    /// Waits for the calls in flight, and prints a note if it takes a while. A second signal ends
    /// the wait.
    fn shut_down(&self, handle: Handle, signals: &Receiver<()>, recorder: &Recorder) -> DrainResult {
        let (begun, mut is_said) = (Instant::now(), false);
        let ending = thread::spawn(move || handle.shut_down());
        while !ending.is_finished() {
            if signals.recv_timeout(DRAIN_POLL_INTERVAL).is_ok() {
                return DrainResult::AtOnce;
            }
            let in_flight = recorder.progress().in_flight;
            if !is_said && begun.elapsed() > NOTE_DELAY && in_flight > 0 {
                let calls = counted(u64::from(in_flight), "call");
                print_note(&format!(
                    "waiting up to {:?} (--grace) for {calls} in flight; once more ends at once",
                    self.grace.0
                ));
                is_said = true;
            }
        }
        if ending.join().unwrap_or(false) { DrainResult::Whole } else { DrainResult::CutOff }
    }

    fn prepare_ramp(&self, settings: &mut RecorderConfig) -> Result<Option<PreparedRamp>, Failure> {
        let most = self.forwarding.max_per_second();
        self.ramp.prepare(&self.dir, &self.target, most, |key| self.forwarding.keeps(key), settings)
    }

    /// Checks the folder and the addresses.
    fn check(&self, origin: &TargetUrl) -> Result<(), Failure> {
        if self.dir.is_file() {
            let dir = self.dir.display();
            return Err(Failure::usage(format!("`{dir}` is no folder"))
                .help(format!("give the stub folder of the service, and a tape as --ramp={dir}")));
        }
        if let Some(name) = &self.listen.service {
            return Err(Failure::usage(format!("--listen {name}=…: one service is recorded at a time"))
                .help(format!("leave out `{name}=`")));
        }
        if reach(origin).contains(&self.listen.address) {
            return Err(
                Failure::usage(format!("--target {origin} is where this listens itself")).help("give another --listen")
            );
        }
        Ok(())
    }

    fn create_folders(&self) -> io::Result<()> {
        fs::create_dir_all(self.dir.join("mappings"))?;
        fs::create_dir_all(self.dir.join("tapes"))
    }
}

/// End of the calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrainResult {
    /// All calls were answered.
    Whole,
    /// Some calls took longer than the grace period.
    CutOff,
    /// A second signal ended the wait.
    AtOnce,
}

/// Renames a tape on which the service answers differently from the ramp's tape, so that no later
/// command uses it.
fn set_aside(tape: &Path, refusal: &ReplayRefusal) -> Failure {
    print_note(&refusal.to_string());
    let aside = tape.with_extension("refused");
    match fs::rename(tape, &aside) {
        Ok(()) => Failure::broken(format!("the tape is set aside as {}", aside.display())),
        Err(error) => Failure::broken(format!("remove `{}`, it could not be set aside: {error}", tape.display())),
    }
}

/// Waits for a signal or the end of the ramp, and shows the progress on a terminal.
fn watch(signals: &Receiver<()>, handle: &Handle, recorder: &Recorder, ramp: Option<&RunningRamp>) {
    let shows = io::stderr().is_terminal();
    let is_over = || handle.has_ended() || ramp.is_some_and(RunningRamp::has_ended);
    while signals.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) && !is_over() {
        let progress = recorder.progress();
        if shows {
            let step = ramp.map(RunningRamp::step).unwrap_or_default();
            stdio::write_progress(&format!("\r\x1b[K{step}{}", line(&progress)));
        }
    }
    if shows {
        stdio::write_progress("\r\x1b[K");
    }
}

/// Returns the progress as a line for a terminal.
fn line(progress: &RecordingProgress) -> String {
    let took = progress
        .tape
        .latency_p50_p99
        .map_or_else(String::new, |(p50, p99)| format!(", p50 {} p99 {}", short_duration(p50), short_duration(p99)));
    let refused = if progress.refused > 0 { format!(", {} refused", progress.refused) } else { String::new() };
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let (calls, operations, in_flight) = (progress.calls, progress.tape.operations, progress.in_flight);
    let size = &progress.tape.size;
    let calls = if size.is_enough() {
        format!("{}, enough for fit and gap", counted(calls, "call"))
    } else {
        format!("{} of {} calls", grouped(size.calls), grouped(size.needed_calls()))
    };
    let (operations, highest) = (counted(operations as u64, "operation"), size.highest_per_second);
    format!("{calls}; highest load so far {highest}/s; {operations}, {in_flight} in flight{took}{refused}{failed}")
}

/// Interval between two progress lines.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Interval of polling while calls in flight are waited for.
const DRAIN_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Wait after which a note says that calls are in flight.
const NOTE_DELAY: Duration = Duration::from_millis(500);
