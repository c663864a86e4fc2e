//! `standin serve`: answers from a stub folder until it is told to end.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::log::LogArgs;
use super::recording_end::{self, RecordingEnd};
use super::server_messages::{doubts, failure_text, refuse, tell};
use super::signals::signals;
use super::target_args::{TargetArgs, new_tape, reach};
use super::{BROKE, FINE, USAGE, complain, draw, note, say, time};
use crate::config::{Config, Listener};
use crate::listen::connection::Limits;
use crate::listen::tls::Certificate;
use crate::live::Access;
use crate::record::{Forward, Recorder};
use crate::server::Server;
use crate::timer::Precision;
use standin_stub::files::Templating;
use standin_text::counted;

/// Answer from a stub folder, with delays that are true
///
/// Prints one line a listener on stdout once it is bound. SIGTERM, SIGINT or SIGHUP finishes the calls in flight; a
/// second one ends at once.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools)] // flags as they are typed
pub(super) struct ServeArgs {
    /// The stub folder (it has `mappings/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// Where to answer; with NAME only the stubs of that folder, with https:// over TLS; port 0 takes a free one
    #[arg(long, value_name = "[NAME=][https://]ADDR", default_value = "127.0.0.1:8080")]
    listen: Vec<Listener>,

    /// Where to answer the admin API as well, apart from the calls
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<std::net::SocketAddr>,

    /// The certificate chain of https listeners, as PEM; without one, a self-signed one is made
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Threads that answer calls [default: one a core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// Where random delays begin: the same seed draws the same ones [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The profile to serve with, by its name in `profiles/` [default: none]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// What becomes of a call that no stub answers: a 404, or an answer of --target, on a tape or not
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnMiss::NotFound, requires_ifs = [("forward", "target"), ("record", "target")])]
    on_miss: OnMiss,

    /// The real service that --on-miss speaks of, such as http://inventory:9000
    #[arg(long, value_name = "URL", help_heading = "Target")]
    target: Option<String>,

    /// How precisely delays end; `high` spends CPU on the last 60 µs of each
    #[arg(long, value_enum, default_value_t = PrecisionArg::Normal)]
    precision: PrecisionArg,

    /// How long calls in flight may take once standin is told to end
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    grace: Duration,

    /// Do not answer unmatched GETs from `__files`
    #[arg(long)]
    no_static: bool,

    /// How much the journal of calls may hold; 0 keeps none [default: 64 MiB]
    #[arg(long, value_name = "BYTES", default_value_t = Config::new("").journal_bytes, hide_default_value = true)]
    journal_bytes: usize,

    /// Do not read stub files again when they change
    #[arg(long)]
    no_watch: bool,

    /// The longest mapping file or profile; beyond it the folder is refused
    #[arg(long, value_name = "BYTES", default_value_t = Config::new("").max_file_bytes, help_heading = "Limits")]
    max_file_bytes: u64,

    /// Take every stub's answer for a template, not only those that name the transformer `response-template`
    #[arg(long)]
    global_response_templating: bool,

    /// Take no stub's answer for a template
    #[arg(long, conflicts_with = "global_response_templating")]
    disable_response_templating: bool,

    /// The longest head, at least 8192; beyond it: 431
    #[arg(long, value_name = "BYTES", value_parser = head, default_value_t = Limits::default().head, help_heading = "Limits")]
    max_head: usize,

    /// The most headers; beyond it: 431
    #[arg(long, value_name = "N", default_value_t = Limits::default().headers, help_heading = "Limits")]
    max_headers: usize,

    /// The longest body; beyond it: 413
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body, help_heading = "Limits")]
    max_body: usize,

    /// The most connections at once; beyond it: 503
    #[arg(long, value_name = "N", default_value_t = 60_000, help_heading = "Limits")]
    max_connections: usize,

    /// The most bytes that all calls together may hold, of bodies that are read, decoded or sent; beyond it: 503
    /// [default: a quarter of the memory that standin may use]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_memory: Option<usize>,

    /// The most calls at once on one HTTP/2 connection; a client keeps the others back
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams, help_heading = "Limits")]
    max_streams: u32,

    /// How long a head or a body may take to come; beyond it: 408
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s", help_heading = "Limits")]
    read_timeout: Duration,

    /// How long a connection may be idle; beyond it, it is closed
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "5m", help_heading = "Limits")]
    idle_timeout: Duration,

    /// A token that lets others than this host call the admin API
    #[arg(long, value_name = "TOKEN", env = "STANDIN_ADMIN_TOKEN", hide_env_values = true, help_heading = "Admin API")]
    admin_token: Option<String>,

    /// Let everyone call the admin API
    #[arg(long, help_heading = "Admin API")]
    admin_open: bool,

    /// A name of this host by which browsers may call the admin API
    #[arg(long, value_name = "NAME", help_heading = "Admin API")]
    admin_host: Vec<String>,

    /// The longest body of the admin API, such as an import; beyond it: 413
    #[arg(long, value_name = "BYTES", default_value_t = Config::new("").max_admin_body, help_heading = "Admin API")]
    max_admin_body: usize,

    /// Let the admin API delete mapping files that standin did not write
    #[arg(long, help_heading = "Admin API")]
    allow_disk_delete: bool,

    /// The most connections to the target [default: one a call in flight]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000), help_heading = "Target")]
    target_connections: Option<u32>,

    #[command(flatten)]
    forwarding: TargetArgs,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnMiss {
    NotFound,
    Forward,
    Record,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PrecisionArg {
    Normal,
    High,
}

/// What answers calls that no stub does.
struct MissForwarding {
    recorder: Arc<Recorder>,
    tape: Option<PathBuf>,
}

/// How often it is looked whether the server has ended by itself.
const ENDED_LOOK: Duration = Duration::from_millis(100);

/// Less than this, the HTTP library does not read.
fn head(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if bytes >= 8192 => Ok(bytes),
        _ => Err("give a number of bytes, 8192 or more".to_owned()),
    }
}

impl ServeArgs {
    pub(super) fn run(self) -> u8 {
        if let Err(error) = self.log.begin() {
            note(&error);
            return USAGE;
        }
        let misses = match self.misses() {
            Ok(misses) => misses,
            Err(error) => {
                note(&error);
                return USAGE;
            }
        };
        let served = self.serve(misses.as_ref().map(|misses| Arc::clone(&misses.recorder)));
        let taped = misses.as_ref().and_then(|misses| Some((&misses.recorder, misses.tape.as_ref()?)));
        match (served, taped) {
            (Err(code), taped) => {
                if let Some((recorder, tape)) = taped {
                    recording_end::discard(recorder, tape);
                }
                code
            }
            (Ok(code), None) => code,
            (Ok(code), Some((recorder, tape))) => match recording_end::end(recorder, tape) {
                Ok(taped) => {
                    if taped == RecordingEnd::Calls {
                        note(&format!("next: standin draft {}", self.dir.display()));
                    }
                    code
                }
                Err(error) => {
                    note(&format!("the tape could not be written to its end: {error}"));
                    BROKE
                }
            },
        }
    }

    /// Serves until it is told to end; an error if it never did.
    fn serve(&self, recorder: Option<Arc<Recorder>>) -> Result<u8, u8> {
        let forward = recorder.map(|recorder| Forward { recorder, everything: false });
        let mut server = Server::bind(self.config()).map_err(|error| refuse(&error))?.forward(forward);
        draw(server.warnings());
        let mut failed = false;
        server.on_reload(move |status| {
            tell(status, failed);
            failed = status.has_failed;
        });
        let https = server.addresses().iter().any(|address| address.listener.tls);
        if https && self.tls_cert.is_none() {
            note("https with a self-signed certificate made now; give --tls-cert and --tls-key for another");
        }
        let lines = server.addresses();
        let admin = server.admin_address();
        let told = signals().map_err(|error| {
            complain(&error);
            BROKE
        })?;
        let handle = server.start().map_err(|error| refuse(&error))?;
        for address in lines {
            tracing::info!(address = %address.listener, stubs = address.stubs, "listening");
            let stubs = counted(address.stubs as u64, "stub");
            let profile = address.profile.map(|name| format!(", profile {name}")).unwrap_or_default();
            say(&format!("standin: listening on {} ({stubs}{profile})", address.listener));
        }
        if let Some(admin) = admin {
            say(&format!("standin: admin API on http://{admin}/__admin"));
        }
        // told by a signal, or ended through the admin API
        while told.recv_timeout(ENDED_LOOK) == Err(RecvTimeoutError::Timeout) && !handle.has_ended() {}
        let (doubts, failure) = (doubts(&handle), handle.failure());
        let all_ended = handle.shut_down();
        for doubt in doubts {
            note(&doubt);
        }
        if let Some(failure) = failure {
            note(&failure_text(&failure));
            return Ok(BROKE);
        }
        if all_ended {
            return Ok(FINE);
        }
        note("calls were still in flight after the grace period, and were cut off; see --grace");
        Ok(BROKE)
    }

    /// The way to the real service, if calls may go there.
    fn misses(&self) -> Result<Option<MissForwarding>, String> {
        let (OnMiss::Forward | OnMiss::Record, Some(target)) = (self.on_miss, &self.target) else {
            let target = self.target.is_some().then_some("--target");
            let connections = self.target_connections.is_some().then_some("--target-connections");
            let forwarding = self.forwarding.given_of_target().or_else(|| self.forwarding.given_of_tape());
            return match target.or(connections).or(forwarding) {
                Some(option) => {
                    Err(format!("{option} is for misses; say what becomes of them: --on-miss forward or record"))
                }
                None => Ok(None),
            };
        };
        if self.on_miss == OnMiss::Forward
            && let Some(option) = self.forwarding.given_of_tape()
        {
            return Err(format!("{option} is for a tape, and --on-miss forward writes none; say --on-miss record"));
        }
        let tape = (self.on_miss == OnMiss::Record).then(|| new_tape(&self.dir));
        if tape.is_some() && !self.dir.join("mappings").is_dir() {
            let dir = self.dir.display();
            return Err(format!(
                "--on-miss record needs the stub folder of one service, but `{dir}` has no `mappings/`"
            ));
        }
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let settings = self.forwarding.settings(target, self.target_connections, workers, tape.clone())?;
        let place = tape.as_ref().map(|tape| format!(" and recorded to {}", tape.display()));
        reach(settings.connector.origin());
        let recorder = Recorder::start(settings).map_err(|error| format!("cannot write the tape: {error}"))?;
        let bounds = self.forwarding.bounds();
        note(&format!("misses are answered by {}{} ({bounds})", recorder.origin(), place.unwrap_or_default()));
        Ok(Some(MissForwarding { recorder, tape }))
    }

    fn config(&self) -> Config {
        let limits = Limits {
            head: self.max_head,
            headers: self.max_headers,
            body: self.max_body,
            read: self.read_timeout,
            idle: self.idle_timeout,
            streams: self.max_streams,
        };
        let certificate = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Certificate::Files { certificate: certificate.clone(), key: key.clone() },
            _ => Certificate::SelfSigned,
        };
        let defaults = Config::new(&self.dir);
        Config {
            listeners: self.listen.clone(),
            admin_listener: self.admin_listen,
            certificate,
            limits,
            max_connections: self.max_connections,
            max_memory: self.max_memory.unwrap_or(defaults.max_memory),
            workers: self.workers.map_or(defaults.workers, usize::from),
            seed: self.seed.unwrap_or(defaults.seed),
            precision: match self.precision {
                PrecisionArg::Normal => Precision::Normal,
                PrecisionArg::High => Precision::High,
            },
            grace: self.grace,
            serves_files: !self.no_static,
            profile: self.profile.clone(),
            journal_bytes: self.journal_bytes,
            access: Access { token: self.admin_token.clone(), open: self.admin_open, hosts: self.admin_host.clone() },
            max_admin_body: self.max_admin_body,
            allows_disk_delete: self.allow_disk_delete,
            watches: !self.no_watch,
            templating: match (self.global_response_templating, self.disable_response_templating) {
                (true, _) => Templating::All,
                (false, true) => Templating::Off,
                (false, false) => Templating::Named,
            },
            max_file_bytes: self.max_file_bytes,
            ..defaults
        }
    }
}
