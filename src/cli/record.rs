//! `standin record`: a reverse proxy that protects the service behind it, and puts what it sees on a tape.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::Args;

use super::draft;
use super::forwarding::{Forwarding, new_tape};
use super::log::Log;
use super::ramp::{self, RampArgs, Ready, Running};
use super::signals::signals;
use super::{BROKE, FINE, USAGE, complain, note, say, time};
use crate::config::{Config, Listener};
use crate::draft::MOST;
use crate::ramp::{End, Report};
use crate::record::{Forward, Progress, Recorder, Settings};
use crate::replay::Refusal;
use crate::server::{Handle, Server, StartError};
use crate::upstream::Origin;

/// Record a real service: point its clients here, and what they ask and get goes on a tape
///
/// Forwards every call, within bounds that protect the service, and writes DIR/tapes/TIME.jsonl as it goes; what is
/// secret is redacted before. SIGINT or SIGTERM ends it, and drafts stubs from the tape.
#[derive(Args, Debug)]
pub(super) struct Record {
    /// The stub folder of the service; it is made if it is not there
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// The service, such as http://inventory:9000
    #[arg(long, value_name = "URL")]
    target: String,

    /// Where clients call in its place, with https:// over TLS; port 0 takes a free one
    #[arg(long, value_name = "[https://]ADDR", value_parser = Listener::parse, default_value = "127.0.0.1:8080")]
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
    forwarding: Forwarding,

    #[command(flatten, next_help_heading = "Ramp")]
    ramp: RampArgs,

    #[command(flatten)]
    log: Log,
}

impl Record {
    pub(super) fn run(self) -> u8 {
        if let Err(error) = self.log.begin() {
            note(&error);
            return USAGE;
        }
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let tape = new_tape(&self.dir);
        let settings = self.forwarding.settings(&self.target, self.max_connections, workers, Some(tape.clone()));
        let settings = settings.and_then(|mut settings| {
            self.check(settings.connector.origin())?;
            Ok((self.ready(&mut settings)?, settings))
        });
        let (ramp, mut settings) = match settings {
            Ok(ready) => ready,
            Err(error) => {
                note(&error);
                return USAGE;
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
        let told = match signals() {
            Ok(told) => told,
            Err(error) => {
                complain(&error);
                return BROKE;
            }
        };
        let handle = match self.start(&recorder, workers) {
            Ok(handle) => handle,
            Err(error) => {
                // a tape without a call is of no use
                let _ = recorder.finish().and_then(|()| fs::remove_file(&tape));
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
        let ramp = ramp.map(|running| running.inspect(Running::halt));
        let all_ended = handle.shut_down();
        let ramp = ramp.and_then(|running| running.map(Running::join).transpose());
        let finished = recorder.finish();
        say(&summary(&recorder.progress(), &tape.display().to_string()));
        match &ramp {
            Ok(Some(report)) => say(&ramp::summary(report)),
            Ok(None) => {}
            Err(error) => note(&format!("the ramp broke: {error}; the tape ends there")),
        }
        if let Err(error) = finished {
            note(&format!("the tape could not be written to its end: {error}"));
            return BROKE;
        }
        if !all_ended {
            note("calls were still in flight after the grace period, and were cut off; see --grace");
        }
        if let Ok(Some(Report { end: End::Differs(refusal), .. })) = &ramp {
            return give_up(&tape, refusal);
        }
        let recorded = recorder.progress().written.exchanges;
        if recorded > 0 && self.forwarding.keeps_bodies() && draft::draft(&self.dir, MOST, false) == BROKE {
            return BROKE;
        }
        note(&format!("next: standin fit {}", self.dir.display()));
        if ramp.is_ok() { FINE } else { BROKE }
    }

    fn ready(&self, settings: &mut Settings) -> Result<Option<Ready>, String> {
        let most = self.forwarding.max_per_second();
        self.ramp.ready(&self.dir, &self.target, most, |key| self.forwarding.keeps(key), settings)
    }

    /// Whether this can go well at all.
    fn check(&self, origin: &Origin) -> Result<(), String> {
        if let Some(name) = &self.listen.service {
            return Err(format!("--listen {name}=…: one service is recorded at a time; leave out `{name}=`"));
        }
        let addresses: Vec<SocketAddr> = match (origin.host(), origin.port()).to_socket_addrs() {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                note(&format!("cannot find {origin} yet ({error}); calls get a 502 until it is there"));
                return Ok(());
            }
        };
        if addresses.contains(&self.listen.address) {
            return Err(format!("--target {origin} is where this listens itself; give another --listen"));
        }
        if let Some(error) = addresses.first().and_then(|first| TcpStream::connect_timeout(first, REACH).err()) {
            note(&format!("cannot reach {origin} yet ({error}); calls get a 502 until it is there"));
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
            forward: Some(Forward { recorder: Arc::clone(recorder), everything: true }),
            ..Config::default()
        };
        Server::bind(config)?.start()
    }
}

/// A tape on which the service said something else than before is of no use: it is set aside, so that nothing learns from it.
fn give_up(tape: &Path, refusal: &Refusal) -> u8 {
    note(&refusal.to_string());
    let aside = tape.with_extension("refused");
    match fs::rename(tape, &aside) {
        Ok(()) => note(&format!("the tape is set aside as {}", aside.display())),
        Err(error) => note(&format!("remove `{}`, it could not be set aside: {error}", tape.display())),
    }
    BROKE
}

/// Waits for the end, and tells meanwhile how it goes where somebody looks on.
fn watch(told: &Receiver<()>, handle: &Handle, recorder: &Recorder, ramp: Option<&Running>) {
    let mut err = io::stderr();
    let shows = err.is_terminal();
    let mut broke = None;
    let is_over = || handle.has_ended() || ramp.is_some_and(Running::has_ended);
    while told.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) && !is_over() {
        let progress = recorder.progress();
        if broke.is_none()
            && let Some(why) = &progress.written.broke
        {
            note(&format!("the tape cannot be written any more ({why}); calls still pass"));
            broke = Some(why.clone());
        }
        if shows {
            let step = ramp.map(Running::step).unwrap_or_default();
            let _ = write!(err, "\r\x1b[K{step}{}", line(&progress)).and_then(|()| err.flush());
        }
    }
    if shows {
        let _ = write!(err, "\r\x1b[K");
    }
}

/// How it goes, in a line of a terminal.
fn line(progress: &Progress) -> String {
    let took =
        progress.written.took.map_or_else(String::new, |(p50, p99)| format!(", p50 {} p99 {}", ms(p50), ms(p99)));
    let refused = if progress.refused > 0 { format!(", {} refused", progress.refused) } else { String::new() };
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let (calls, operations, in_flight) = (progress.calls, progress.written.operations, progress.in_flight);
    format!("{calls} calls, {operations} operations, {in_flight} in flight{took}{refused}{failed}")
}

/// What came of it.
fn summary(progress: &Progress, tape: &str) -> String {
    use std::fmt::Write as _;

    let written = &progress.written;
    let plural = |count: u64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let mut told = format!(
        "standin: {} of {} on {tape}",
        plural(written.exchanges, "call"),
        plural(written.operations as u64, "operation")
    );
    if let Some((p50, p99)) = written.took {
        let _ = write!(told, "\n  the service took {} at p50, {} at p99", ms(p50), ms(p99));
    }
    let notes = [
        (progress.refused, "were refused, as the target is protected: see --max-in-flight, --max-per-second"),
        (progress.failed, "got no whole answer of the target; the tape says why"),
        (written.dropped, "are not on the tape: the disk could not keep up"),
        (progress.lost_bodies, "bodies are not kept, as they are too long: see --keep-body"),
        (written.unreadable, "bodies are not kept: their coding cannot be searched for secrets"),
        (written.forgotten, "secrets were forgotten for want of memory; later calls may repeat them"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(told, "\n  {count} {what}");
    }
    told
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// Between two looks at how it goes.
const LOOK: Duration = Duration::from_millis(500);

/// How long it is tried to reach the service at the start.
const REACH: Duration = Duration::from_secs(2);
