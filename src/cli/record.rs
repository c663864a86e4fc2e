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
use super::recorded_service::RecordedService;
use super::recording_end::{self, RecordingEnd};
use super::server_messages::failure_text;
use super::signals::receive_two_signals;
use super::target_args::{TargetArgs, reach};
use super::{DurationArg, Exit, Failure, print_line, print_note};
use crate::config::{Config, Listener};
use crate::ramp::{RampEnd, RampReport};
use crate::record::{ForwardRule, Recorder, RecordingProgress};
use crate::replay::ReplayRefusal;
use crate::server::{Handle, Server};
use crate::stdio;
use crate::upstream::TargetUrl;
use standin_learn::draft::DEFAULT_MAX_STUBS;
use standin_text::{counted, grouped, short_duration};

/// Record a real service: point its clients here, and what they ask and get goes on a tape
///
/// Forwards every call, within bounds that protect the service, and writes DIR/tapes/TIME.jsonl.zst
/// as it goes; what is secret is redacted before. SIGINT, SIGTERM or SIGHUP ends it, and drafts
/// stubs from the tape; a second one ends at once. Several services are recorded at once as
/// `--target NAME=URL`, each in DIR/NAME.
#[derive(Args, Debug)]
pub(super) struct RecordArgs {
    /// The stub folder of the service; it is made if it is not there
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The service, such as http://inventory:9000; with names any number of them, each protected by
    /// the limits by itself
    #[arg(long, value_name = "[NAME=]URL", required = true)]
    target: Vec<String>,

    /// Address that clients call in its place, with https:// over TLS; port 0 takes a free one
    /// [default: 127.0.0.1:8080, a free port for a service with a name]
    #[arg(long, value_name = "[NAME=][https://]ADDR")]
    listen: Vec<Listener>,

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
        let services = RecordedService::all(&self.target, &self.listen, &self.dir)?;
        if services.len() > 1 && self.ramp.is_given() {
            return Err(Failure::usage("--ramp sends the calls of one service: give one --target"));
        }
        let signals = receive_two_signals().map_err(|error| Failure::of_error(&error))?;
        let (mut running, mut prepared) = (Vec::new(), None);
        for service in services {
            match self.start(service) {
                Ok((one, ramp)) => {
                    running.push(one);
                    prepared = prepared.or(ramp);
                }
                Err(failure) => {
                    running.iter().for_each(ServiceRecording::discard);
                    return Err(failure);
                }
            }
        }
        for one in &running {
            one.print_address(&self.forwarding.bounds());
        }
        let listener = running[0].handle.addresses()[0].listener.clone();
        let ramp = prepared.map(|ramp| ramp.start(&listener, self.forwarding.patience())).transpose();
        if let Ok(ramp) = &ramp {
            watch(&signals, &running, ramp.as_ref());
        }
        let server_failure = running.iter().find_map(|one| one.handle.failure());
        let ramp = ramp.map(|running| running.inspect(RunningRamp::cancel));
        let (ended, drained) = self.shut_down(running, &signals);
        let ramp = match ramp {
            // a user who ends at once does not wait for the report of the ramp
            Ok(Some(_)) if drained == DrainResult::AtOnce => Ok(None),
            ramp => ramp.and_then(|running| running.map(RunningRamp::join).transpose()),
        };
        let ends: Vec<_> = ended.iter().map(|one| recording_end::end(&one.recorder, &one.tape)).collect();
        match &ramp {
            Ok(Some(report)) => print_line(&ramp::summary(report)),
            Ok(None) => {}
            Err(error) => print_note(&format!("the ramp broke: {error}; the tape ends there")),
        }
        if drained == DrainResult::CutOff {
            print_note("calls were still in flight after the grace period, and were cut off; see --grace");
        }
        if let Some(failure) = &server_failure {
            print_note(&failure_text(failure));
        }
        let is_broken = server_failure.is_some() || ramp.is_err();
        let mut conclusions = Vec::new();
        for (one, end) in ended.iter().zip(ends) {
            let whole = |error| Failure::broken(format!("the tape could not be written to its end: {error}"));
            conclusions.push(end.map_err(whole).and_then(|end| match &ramp {
                Ok(Some(RampReport { end: RampEnd::Differs(refusal), .. }))
                    if end != RecordingEnd::Nothing && !is_broken =>
                {
                    Err(set_aside(&one.tape, refusal))
                }
                _ => self.conclude(&one.service, end, drained),
            }));
        }
        let least = if is_broken { Exit::Broken } else { Exit::Success };
        if conclusions.len() == 1 {
            return conclusions.remove(0).map(|exit| exit.max(least));
        }
        // the failure of one service hides no other's
        let exits = conclusions.into_iter().map(|one| one.unwrap_or_else(|failure| failure.print()));
        Ok(exits.max().unwrap_or(Exit::Success).max(least))
    }

    /// Starts the recording of a service on a new tape, and prepares the ramp.
    fn start(&self, service: RecordedService) -> Result<(ServiceRecording, Option<PreparedRamp>), Failure> {
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let tape = self.forwarding.new_tape(&service.dir);
        let mut settings =
            self.forwarding.settings(&service.target, self.max_connections, workers, Some(tape.clone()))?;
        check(&service, settings.connector.target())?;
        let most = self.forwarding.max_per_second();
        let keeps = |key: &str| self.forwarding.keeps(key);
        let ramp = self.ramp.prepare(&service.dir, &service.target, most, keeps, &mut settings)?;
        if let Some(tape) = &mut settings.tape {
            tape.overhead = super::overhead::measure();
        }
        let started = create_folders(&service.dir).and_then(|()| Recorder::start(settings));
        let recorder = started.map_err(|error| {
            Failure::usage(format!("cannot write `{}`: {error}", tape.display())).help("give another folder")
        })?;
        let config = Config {
            listeners: vec![Listener { service: None, ..service.listen.clone() }],
            workers,
            grace: self.grace.0,
            journal_bytes: 0,
            watches: false,
            ..Config::default()
        };
        let forward = ForwardRule { recorder: Arc::clone(&recorder), forwards_all: true };
        let server = Server::bind(config).and_then(|server| server.forward(Some(forward)).start());
        // whatever keeps it from starting, the arguments are in order
        let handle = server.map_err(|error| {
            recording_end::discard(&recorder, &tape);
            Failure::of_error(&error)
        })?;
        Ok((ServiceRecording { service, recorder, handle, tape }, ramp))
    }

    /// Drafts stubs from a tape with calls, and prints the next step.
    fn conclude(&self, service: &RecordedService, end: RecordingEnd, drained: DrainResult) -> Result<Exit, Failure> {
        let dir = service.dir.display();
        match end {
            RecordingEnd::Nothing => {
                print_note(
                    "next: record again, and point clients at the address that it says, or send calls of another tape with --ramp=TAPE",
                );
                return Ok(if drained == DrainResult::AtOnce { Exit::Broken } else { Exit::Success });
            }
            RecordingEnd::NoAnswer => {
                let message =
                    format!("no call got a whole answer of {}, so that there is nothing to learn from", service.target);
                return Err(Failure::broken(message).help("see that it is there, and record again"));
            }
            RecordingEnd::Calls => {}
        }
        if drained == DrainResult::AtOnce {
            print_note(&format!("next: standin draft {dir}, which was not waited for, and standin fit {dir}"));
            return Ok(Exit::Broken);
        }
        if self.forwarding.keeps_bodies() {
            let drafted = draft::draft(&service.dir, DEFAULT_MAX_STUBS, false, &self.draft)
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
    fn shut_down(&self, running: Vec<ServiceRecording>, signals: &Receiver<()>) -> (Vec<EndedRecording>, DrainResult) {
        let (begun, mut is_said) = (Instant::now(), false);
        let (ended, endings): (Vec<_>, Vec<_>) = running
            .into_iter()
            .map(|ServiceRecording { service, recorder, handle, tape }| {
                (EndedRecording { service, recorder, tape }, thread::spawn(move || handle.shut_down()))
            })
            .unzip();
        while !endings.iter().all(thread::JoinHandle::is_finished) {
            if signals.recv_timeout(DRAIN_POLL_INTERVAL).is_ok() {
                return (ended, DrainResult::AtOnce);
            }
            let in_flight: u64 = ended.iter().map(|one| u64::from(one.recorder.progress().in_flight)).sum();
            if !is_said && begun.elapsed() > NOTE_DELAY && in_flight > 0 {
                let calls = counted(in_flight, "call");
                print_note(&format!(
                    "waiting up to {:?} (--grace) for {calls} in flight; once more ends at once",
                    self.grace.0
                ));
                is_said = true;
            }
        }
        let whole: Vec<bool> = endings.into_iter().map(|ending| ending.join().unwrap_or(false)).collect();
        (ended, if whole.contains(&false) { DrainResult::CutOff } else { DrainResult::Whole })
    }
}

/// A service that is being recorded.
struct ServiceRecording {
    service: RecordedService,
    recorder: Arc<Recorder>,
    handle: Handle,
    tape: PathBuf,
}

/// A service whose clients are not answered any more.
struct EndedRecording {
    service: RecordedService,
    recorder: Arc<Recorder>,
    tape: PathBuf,
}

impl ServiceRecording {
    fn print_address(&self, bounds: &str) {
        let listener = &self.handle.addresses()[0].listener;
        let (prefix, target) = (self.service.prefix(), self.recorder.target());
        print_line(&format!("standin: {prefix}listening on {listener} (recording {target}, {bounds})"));
    }

    /// Removes the tape of a recording that is given up.
    fn discard(&self) {
        recording_end::discard(&self.recorder, &self.tape);
    }
}

/// Checks the folder and the addresses of a service.
fn check(service: &RecordedService, origin: &TargetUrl) -> Result<(), Failure> {
    if service.dir.is_file() {
        let dir = service.dir.display();
        return Err(Failure::usage(format!("`{dir}` is no folder"))
            .help(format!("give the stub folder of the service, and a tape as --ramp={dir}")));
    }
    if reach(origin).contains(&service.listen.address) {
        return Err(
            Failure::usage(format!("--target {origin} is where this listens itself")).help("give another --listen")
        );
    }
    Ok(())
}

fn create_folders(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir.join("mappings"))?;
    fs::create_dir_all(dir.join("tapes"))
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
    let aside = tape.with_file_name(format!("{}.refused", standin_tape::tape_name(tape)));
    match fs::rename(tape, &aside) {
        Ok(()) => Failure::broken(format!("the tape is set aside as {}", aside.display())),
        Err(error) => Failure::broken(format!("remove `{}`, it could not be set aside: {error}", tape.display())),
    }
}

/// Waits for a signal or the end of the ramp, and shows the progress on a terminal.
fn watch(signals: &Receiver<()>, running: &[ServiceRecording], ramp: Option<&RunningRamp>) {
    let shows = io::stderr().is_terminal();
    let is_over = || running.iter().any(|one| one.handle.has_ended()) || ramp.is_some_and(RunningRamp::has_ended);
    while signals.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) && !is_over() {
        if shows {
            let step = ramp.map(RunningRamp::step).unwrap_or_default();
            let lines = running.iter().map(|one| one.service.prefix() + &line(&one.recorder.progress()));
            let lines: Vec<String> = lines.collect();
            stdio::write_progress(&format!("\r\x1b[K{step}{}", lines.join("; ")));
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
