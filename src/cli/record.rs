//! `standin record`: a reverse proxy that protects the service behind it, and puts what it sees on a tape.

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
use super::signals::two_signals;
use super::target_args::{TargetArgs, new_tape, reach};
use super::{BROKE, Ended, FINE, USAGE, complain, note, say, time};
use crate::config::{Config, Listener};
use crate::ramp::{RampEnd, RampReport};
use crate::record::{Forward, Progress, Recorder, Settings};
use crate::replay::ReplayRefusal;
use crate::server::{Handle, Server, StartError};
use crate::stdio;
use crate::upstream::Origin;
use standin_learn::draft::MOST;
use standin_text::{counted, short_duration};

/// Record a real service: point its clients here, and what they ask and get goes on a tape
///
/// Forwards every call, within bounds that protect the service, and writes DIR/tapes/TIME.jsonl as it goes; what is
/// secret is redacted before. SIGINT, SIGTERM or SIGHUP ends it, and drafts stubs from the tape; a
/// second one ends at once.
#[derive(Args, Debug)]
pub(super) struct RecordArgs {
    /// The stub folder of the service; it is made if it is not there
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The service, such as http://inventory:9000
    #[arg(long, value_name = "URL")]
    target: String,

    /// Where clients call in its place, with https:// over TLS; port 0 takes a free one
    #[arg(long, value_name = "[https://]ADDR", default_value = "127.0.0.1:8080")]
    listen: Listener,

    /// The most connections to the target [default: one a call in flight]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), help_heading = "Target")]
    max_connections: Option<u32>,

    /// Threads that forward calls [default: one a core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// How long calls in flight may take once standin is told to end
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    grace: Duration,

    #[command(flatten)]
    forwarding: TargetArgs,

    #[command(flatten, next_help_heading = "Ramp")]
    ramp: RampArgs,

    #[command(flatten)]
    log: LogArgs,
}

impl RecordArgs {
    pub(super) fn run(self) -> u8 {
        if let Err(error) = self.log.begin() {
            note(&error);
            return USAGE;
        }
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let tape = new_tape(&self.dir);
        let settings = self.forwarding.settings(&self.target, self.max_connections, workers, Some(tape.clone()));
        let settings = settings.map_err(Ended::usage).and_then(|mut settings| {
            self.check(settings.connector.origin())?;
            Ok((self.ready(&mut settings)?, settings))
        });
        let (ramp, mut settings) = match settings {
            Ok(ready) => ready,
            Err(ended) => {
                note(&ended.told);
                return ended.code;
            }
        };
        if let Some(tape) = &mut settings.tape {
            tape.overhead = super::overhead::measure();
        }
        let started = self.make_room().and_then(|()| Recorder::start(settings));
        let recorder = match started {
            Ok(recorder) => recorder,
            Err(error) => {
                note(&format!("cannot write `{}`: {error}; give another folder", tape.display()));
                return USAGE;
            }
        };
        let told = match two_signals() {
            Ok(told) => told,
            Err(error) => {
                recording_end::discard(&recorder, &tape);
                complain(&error);
                return BROKE;
            }
        };
        let handle = match self.start(&recorder, workers) {
            Ok(handle) => handle,
            Err(error) => {
                recording_end::discard(&recorder, &tape);
                complain(&error);
                return BROKE;
            }
        };
        let (address, origin, bounds) = (&handle.addresses()[0].listener, recorder.origin(), self.forwarding.bounds());
        say(&format!("standin: listening on {address} (recording {origin}, {bounds})"));
        let ramp =
            ramp.map(|ready| ready.start(&handle.addresses()[0].listener, self.forwarding.patience())).transpose();
        if let Ok(ramp) = &ramp {
            watch(&told, &handle, &recorder, ramp.as_ref());
        }
        let failure = handle.failure();
        let ramp = ramp.map(|running| running.inspect(RunningRamp::cancel));
        let ending = self.shut_down(handle, &told, &recorder);
        let ramp = match ramp {
            // who wants the end at once does not wait for what a ramp has still to say
            Ok(Some(_)) if ending == DrainResult::AtOnce => Ok(None),
            ramp => ramp.and_then(|running| running.map(RunningRamp::join).transpose()),
        };
        let taped = recording_end::end(&recorder, &tape);
        match &ramp {
            Ok(Some(report)) => say(&ramp::summary(report)),
            Ok(None) => {}
            Err(error) => note(&format!("the ramp broke: {error}; the tape ends there")),
        }
        let taped = match taped {
            Ok(taped) => taped,
            Err(error) => {
                note(&format!("the tape could not be written to its end: {error}"));
                return BROKE;
            }
        };
        if ending == DrainResult::CutOff {
            note("calls were still in flight after the grace period, and were cut off; see --grace");
        }
        if let Some(failure) = failure {
            note(&failure_text(&failure));
            return self.go_on(taped, ending).max(BROKE);
        }
        match &ramp {
            Ok(Some(RampReport { end: RampEnd::Differs(refusal), .. })) if taped != RecordingEnd::Nothing => {
                give_up(&tape, refusal)
            }
            Ok(_) => self.go_on(taped, ending),
            Err(_) => self.go_on(taped, ending).max(BROKE),
        }
    }

    /// Drafts, and says what comes next.
    fn go_on(&self, taped: RecordingEnd, ending: DrainResult) -> u8 {
        let dir = self.dir.display();
        match taped {
            RecordingEnd::Nothing => {
                note(
                    "next: record again, and point clients at the address that it says, or send calls of another tape with --ramp=TAPE",
                );
                return if ending == DrainResult::AtOnce { BROKE } else { FINE };
            }
            RecordingEnd::NoAnswer => {
                note(&format!(
                    "no call got a whole answer of {}, so that there is nothing to learn from; see that it is there, and record again",
                    self.target
                ));
                return BROKE;
            }
            RecordingEnd::Calls => {}
        }
        if ending == DrainResult::AtOnce {
            note(&format!("next: standin draft {dir}, which was not waited for, and standin fit {dir}"));
            return BROKE;
        }
        if self.forwarding.keeps_bodies() && draft::draft(&self.dir, MOST, false) == BROKE {
            return BROKE;
        }
        note(&format!("next: standin fit {dir}"));
        FINE
    }

    /// Waits for the calls in flight, and says so where it takes a while; a second signal ends the wait.
    fn shut_down(&self, handle: Handle, told: &Receiver<()>, recorder: &Recorder) -> DrainResult {
        let (begun, mut is_said) = (Instant::now(), false);
        let ending = thread::spawn(move || handle.shut_down());
        while !ending.is_finished() {
            if told.recv_timeout(SHORT_LOOK).is_ok() {
                return DrainResult::AtOnce;
            }
            let in_flight = recorder.progress().in_flight;
            if !is_said && begun.elapsed() > PATIENCE && in_flight > 0 {
                let calls = counted(u64::from(in_flight), "call");
                note(&format!(
                    "waiting up to {:?} (--grace) for {calls} in flight; once more ends at once",
                    self.grace
                ));
                is_said = true;
            }
        }
        if ending.join().unwrap_or(false) { DrainResult::Whole } else { DrainResult::CutOff }
    }

    fn ready(&self, settings: &mut Settings) -> Result<Option<PreparedRamp>, Ended> {
        let most = self.forwarding.max_per_second();
        self.ramp.ready(&self.dir, &self.target, most, |key| self.forwarding.keeps(key), settings)
    }

    /// Whether this can go well at all.
    fn check(&self, origin: &Origin) -> Result<(), String> {
        if self.dir.is_file() {
            let dir = self.dir.display();
            return Err(format!(
                "`{dir}` is no folder; give the stub folder of the service, and a tape as --ramp={dir}"
            ));
        }
        if let Some(name) = &self.listen.service {
            return Err(format!("--listen {name}=…: one service is recorded at a time; leave out `{name}=`"));
        }
        if reach(origin).contains(&self.listen.address) {
            return Err(format!("--target {origin} is where this listens itself; give another --listen"));
        }
        Ok(())
    }

    fn make_room(&self) -> io::Result<()> {
        fs::create_dir_all(self.dir.join("mappings"))?;
        fs::create_dir_all(self.dir.join("tapes"))
    }

    fn start(&self, recorder: &Arc<Recorder>, workers: usize) -> Result<Handle, StartError> {
        let config = Config {
            listeners: vec![self.listen.clone()],
            workers,
            grace: self.grace,
            journal_bytes: 0,
            watches: false,
            ..Config::default()
        };
        let forward = Forward { recorder: Arc::clone(recorder), everything: true };
        Server::bind(config)?.forward(Some(forward)).start()
    }
}

/// How the calls in flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DrainResult {
    /// All were answered.
    Whole,
    /// Some took longer than the grace period.
    CutOff,
    /// They were not waited for.
    AtOnce,
}

/// A tape on which the service said something else than before is of no use: it is set aside, so that nothing learns from it.
fn give_up(tape: &Path, refusal: &ReplayRefusal) -> u8 {
    note(&refusal.to_string());
    let aside = tape.with_extension("refused");
    match fs::rename(tape, &aside) {
        Ok(()) => note(&format!("the tape is set aside as {}", aside.display())),
        Err(error) => note(&format!("remove `{}`, it could not be set aside: {error}", tape.display())),
    }
    BROKE
}

/// Waits for the end, and tells meanwhile how it goes where somebody looks on.
fn watch(told: &Receiver<()>, handle: &Handle, recorder: &Recorder, ramp: Option<&RunningRamp>) {
    let shows = io::stderr().is_terminal();
    let is_over = || handle.has_ended() || ramp.is_some_and(RunningRamp::has_ended);
    while told.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) && !is_over() {
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

/// How it goes, in a line of a terminal.
fn line(progress: &Progress) -> String {
    let took = progress
        .written
        .took
        .map_or_else(String::new, |(p50, p99)| format!(", p50 {} p99 {}", short_duration(p50), short_duration(p99)));
    let refused = if progress.refused > 0 { format!(", {} refused", progress.refused) } else { String::new() };
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let (calls, operations, in_flight) = (progress.calls, progress.written.operations, progress.in_flight);
    let (calls, operations) = (counted(calls, "call"), counted(operations as u64, "operation"));
    format!("{calls}, {operations}, {in_flight} in flight{took}{refused}{failed}")
}

/// Between two looks at how it goes.
const LOOK: Duration = Duration::from_millis(500);
/// The same while calls in flight are waited for.
const SHORT_LOOK: Duration = Duration::from_millis(50);
/// After this wait it is said what for.
const PATIENCE: Duration = Duration::from_millis(500);
