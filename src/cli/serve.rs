//! `standin serve`: serves the stubs of a folder until a signal ends it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::log::LogArgs;
use super::proxy_args::ProxyArgs;
use super::recording_end::{self, RecordingEnd};
use super::server_messages::{end_text, failure_text, measurement_doubts, report_reload};
use super::signals::receive_signal;
use super::target_args::{TargetArgs, reach};
use super::{DurationArg, Exit, Failure, given_options, print_diagnostics, print_info, print_note, print_ready};
use crate::admin::AccessRules;
use crate::config::{Config, Listener};
use crate::listen::connection::Limits;
use crate::listen::tls::Certificate;
use crate::record::{ForwardRule, Recorder};
use crate::server::Server;
use crate::timer::Precision;
use standin_stub::files::Templating;
use standin_text::counted;

/// Answer from a stub folder, with delays that are true
///
/// Prints one line a listener on stdout once it is bound. SIGTERM, SIGINT or SIGHUP finishes the
/// calls in flight; a second one ends at once.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools)] // flags as they are typed
pub(super) struct ServeArgs {
    /// The stub folder (it has `mappings/`), or a folder of such folders
    #[arg(default_value = "stubs")]
    dir: PathBuf,

    /// Address to answer on; with NAME only the stubs of that folder, with https:// over TLS; port
    /// 0 takes a free one
    #[arg(long, value_name = "[NAME=][https://]ADDR", default_value = "127.0.0.1:8080")]
    listen: Vec<Listener>,

    /// Address to answer the admin API on as well, apart from the calls
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

    /// Seed of random delays: the same seed draws the same ones [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The profile to serve with, by its name in `profiles/` [default: none]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Answer to a call that no stub matches: a 404, or the answer of --target, on a tape or not
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnMiss::NotFound, requires_ifs = [("forward", "target"), ("record", "target")])]
    on_miss: OnMiss,

    /// Real service for --on-miss, such as http://inventory:9000
    #[arg(long, value_name = "URL", help_heading = "Target")]
    target: Option<String>,

    /// Precision of the end of delays; `high` spends CPU on the last 60 µs of each
    #[arg(long, value_enum, default_value_t = PrecisionArg::Normal)]
    precision: PrecisionArg,

    /// Time that calls in flight may take once standin is told to end
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(Config::default().grace))]
    grace: DurationArg,

    /// Do not answer unmatched GETs from `__files`
    #[arg(long)]
    no_static: bool,

    /// Let web pages of every origin call stubs: answer preflight requests, and send CORS headers
    #[arg(long)]
    enable_stub_cors: bool,

    /// Size of the journal of calls; 0 keeps none [default: 64 MiB]
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().journal_bytes, hide_default_value = true)]
    journal_bytes: usize,

    /// Calls that the journal shows, the newest [default: all that it holds]
    #[arg(long, value_name = "N")]
    journal_entries: Option<u64>,

    /// Do not read stub files again when they change
    #[arg(long)]
    no_watch: bool,

    /// The longest mapping file or profile; beyond it the folder is refused
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().max_file_bytes, help_heading = "Limits")]
    max_file_bytes: u64,

    /// Refuse to start if a stub or profile has an error, instead of leaving it out
    #[arg(long)]
    strict: bool,

    /// Treat every stub's answer as a template, not only those that name the transformer
    /// `response-template`
    #[arg(long)]
    global_response_templating: bool,

    /// Treat no stub's answer as a template
    #[arg(long, conflicts_with = "global_response_templating")]
    disable_response_templating: bool,

    /// Variables of the environment that templates may read, as Java patterns
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',', default_values_t = Config::default().permitted_system_keys)]
    permitted_system_keys: Vec<String>,

    /// Do not compress answers for clients that accept gzip
    #[arg(long)]
    disable_gzip: bool,

    /// Log a line for each call on stderr: method, URL, status, time and stub
    #[arg(long, visible_alias = "verbose", help_heading = "Logs")]
    log_requests: bool,

    /// Webhooks that are sent at once; others wait
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(Config::default().webhook_concurrency).expect("not zero"), help_heading = "Limits")]
    webhook_threadpool_size: NonZeroUsize,

    /// The longest head, at least 8192; beyond it: 431
    #[arg(long, value_name = "BYTES", value_parser = parse_head_bytes, default_value_t = Limits::default().head, help_heading = "Limits")]
    max_head: usize,

    /// The most headers; beyond it: 431
    #[arg(long, value_name = "N", default_value_t = Limits::default().headers, help_heading = "Limits")]
    max_headers: usize,

    /// The longest body; beyond it: 413
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body, help_heading = "Limits")]
    max_body: usize,

    /// The most connections at once; beyond it: 503
    #[arg(long, value_name = "N", default_value_t = Config::default().max_connections, help_heading = "Limits")]
    max_connections: usize,

    /// The most bytes that all calls together may hold, of bodies that are read, decoded or sent;
    /// beyond it: 503 [default: a quarter of the memory that standin may use]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_memory: Option<usize>,

    /// The most calls at once on one HTTP/2 connection; a client keeps the others back
    #[arg(long, value_name = "N", default_value_t = Limits::default().streams, help_heading = "Limits")]
    max_streams: u32,

    /// Time that a head or a body may take to come; beyond it: 408
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(Limits::default().read), help_heading = "Limits")]
    read_timeout: DurationArg,

    /// Time that a connection may be idle; beyond it, it is closed
    #[arg(long, value_name = "TIME", default_value_t = DurationArg(Limits::default().idle), help_heading = "Limits")]
    idle_timeout: DurationArg,

    /// A token that lets others than this host call the admin API
    #[arg(long, value_name = "TOKEN", env = "STANDIN_ADMIN_TOKEN", hide_env_values = true, help_heading = "Admin API")]
    admin_token: Option<String>,

    /// Let everyone call the admin API
    #[arg(long, help_heading = "Admin API")]
    admin_open: bool,

    /// A name of this host by which browsers may call the admin API
    #[arg(long, value_name = "NAME", help_heading = "Admin API")]
    admin_host: Vec<String>,

    /// Credentials that every call of the admin API needs, as HTTP Basic authentication
    #[arg(long, value_name = "USER:PASSWORD", value_parser = parse_credentials, help_heading = "Admin API")]
    admin_api_basic_auth: Option<String>,

    /// Refuse calls of the admin API over plain HTTP
    #[arg(long, help_heading = "Admin API")]
    admin_api_require_https: bool,

    /// The longest body of the admin API, such as an import; beyond it: 413
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().max_admin_body, help_heading = "Admin API")]
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
    proxy: ProxyArgs,

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

/// Recorder that answers requests without a stub, and its tape.
struct MissForwarding {
    recorder: Arc<Recorder>,
    tape: Option<PathBuf>,
}

/// Interval of checking whether the server has ended by itself.
const END_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Minimum that hyper accepts for its read buffer, in bytes.
const MIN_HEAD_BYTES: usize = 8192;

fn parse_head_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if bytes >= MIN_HEAD_BYTES => Ok(bytes),
        _ => Err(format!("give a number of bytes, {MIN_HEAD_BYTES} or more")),
    }
}

fn parse_credentials(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(text.to_owned()),
        _ => Err("write `user:password`".to_owned()),
    }
}

impl ServeArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        self.log.begin()?;
        let forwarding = self.forward_misses()?;
        let forward = forwarding
            .as_ref()
            .map(|forwarding| ForwardRule { recorder: Arc::clone(&forwarding.recorder), forwards_all: false });
        let served = self.serve(forward);
        let Some(MissForwarding { recorder, tape: Some(tape) }) = &forwarding else { return served };
        let exit = served.inspect_err(|_| recording_end::discard(recorder, tape))?;
        let end = recording_end::end(recorder, tape)
            .map_err(|error| Failure::broken(format!("the tape could not be written to its end: {error}")))?;
        if end == RecordingEnd::Calls {
            print_note(&format!("next: standin draft {}", self.dir.display()));
        }
        Ok(exit)
    }

    /// Serves until a signal or the admin API ends the server. Fails if the server cannot start.
    fn serve(&self, forward: Option<ForwardRule>) -> Result<Exit, Failure> {
        let mut server = Server::bind(Config::from(self))?.forward(forward);
        print_diagnostics(server.warnings());
        let mut failed = false;
        server.on_reload(move |status| {
            report_reload(status, failed);
            failed = status.has_failed;
        });
        let (addresses, admin) = (server.addresses(), server.admin_address());
        if addresses.iter().any(|address| address.listener.tls) && self.tls_cert.is_none() {
            print_note("https with a self-signed certificate made now; give --tls-cert and --tls-key for another");
        }
        let signal = receive_signal().map_err(|error| Failure::of_error(&error))?;
        let started = Instant::now();
        let handle = server.start()?;
        for address in addresses {
            tracing::info!(address = %address.listener, stubs = address.stubs, "listening");
            let stubs = counted(address.stubs as u64, "stub");
            let profile = address.profile.map(|name| format!(", profile {name}")).unwrap_or_default();
            let left_out = match address.left_out {
                0 => String::new(),
                count => format!(", {count} left out: run standin check"),
            };
            print_ready(&format!("listening on {} ({stubs}{profile}{left_out})", address.listener));
        }
        if let Some(admin) = admin {
            print_ready(&format!("admin API on http://{admin}/__admin"));
        }
        while signal.recv_timeout(END_POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) && !handle.has_ended() {}
        let (doubts, failure) = (measurement_doubts(&handle), handle.failure());
        let lives = handle.lives().to_vec();
        let all_finished = handle.shut_down();
        print_info(&end_text(started.elapsed(), &lives));
        for doubt in &doubts {
            print_note(doubt);
        }
        if let Some(failure) = failure {
            print_note(&failure_text(&failure));
            return Ok(Exit::Broken);
        }
        if !all_finished {
            print_note("calls were still in flight after the grace period, and were cut off; see --grace");
            return Ok(Exit::Broken);
        }
        Ok(Exit::Success)
    }

    /// Starts the recorder that requests without a stub go through, if `--on-miss` asks for it.
    fn forward_misses(&self) -> Result<Option<MissForwarding>, Failure> {
        self.check_miss_options()?;
        let (OnMiss::Forward | OnMiss::Record, Some(target)) = (self.on_miss, &self.target) else { return Ok(None) };
        let tape = (self.on_miss == OnMiss::Record).then(|| self.forwarding.new_tape(&self.dir));
        if tape.is_some() && !self.dir.join("mappings").is_dir() {
            let dir = self.dir.display();
            return Err(Failure::usage(format!(
                "--on-miss record needs the stub folder of one service, but `{dir}` has no `mappings/`"
            )));
        }
        let workers = self.workers.map_or_else(|| Config::default().workers, usize::from);
        let settings = self.forwarding.settings(target, self.target_connections, workers, tape.clone())?;
        let place = tape.as_ref().map(|tape| format!(" and recorded to {}", tape.display()));
        reach(settings.connector.target());
        let recorder =
            Recorder::start(settings).map_err(|error| Failure::usage(format!("cannot write the tape: {error}")))?;
        let bounds = self.forwarding.bounds();
        print_note(&format!("misses are answered by {}{} ({bounds})", recorder.target(), place.unwrap_or_default()));
        Ok(Some(MissForwarding { recorder, tape }))
    }

    /// Checks that no option is given that has no effect with this `--on-miss`. Reports all of
    /// them.
    fn check_miss_options(&self) -> Result<(), Failure> {
        let tape_options = self.forwarding.given_tape_options();
        let messages: Vec<String> = match self.on_miss {
            OnMiss::Record => Vec::new(),
            OnMiss::Forward => tape_options
                .map(|option| {
                    format!("{option} is for a tape, and --on-miss forward writes none; say --on-miss record")
                })
                .collect(),
            OnMiss::NotFound => {
                let own = given_options([
                    (self.target.is_some(), "--target"),
                    (self.target_connections.is_some(), "--target-connections"),
                ]);
                own.chain(self.forwarding.given_target_options())
                    .chain(tape_options)
                    .map(|option| {
                        format!("{option} is for misses; say what becomes of them: --on-miss forward or record")
                    })
                    .collect()
            }
        };
        if messages.is_empty() { Ok(()) } else { Err(Failure::usage(messages.join("\n"))) }
    }
}

/// Converts the arguments to a configuration. clap has checked each value, so that this cannot
/// fail.
impl From<&ServeArgs> for Config {
    fn from(args: &ServeArgs) -> Self {
        let limits = Limits {
            head: args.max_head,
            headers: args.max_headers,
            body: args.max_body,
            read: args.read_timeout.0,
            idle: args.idle_timeout.0,
            streams: args.max_streams,
        };
        let certificate = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Certificate::Files { certificate: certificate.clone(), key: key.clone() },
            _ => Certificate::SelfSigned,
        };
        let defaults = Self::new(&args.dir);
        Self {
            root: defaults.root,
            listeners: args.listen.clone(),
            admin_listener: args.admin_listen,
            certificate,
            limits,
            max_connections: args.max_connections,
            max_memory: args.max_memory.unwrap_or(defaults.max_memory),
            workers: args.workers.map_or(defaults.workers, usize::from),
            seed: args.seed.unwrap_or(defaults.seed),
            precision: match args.precision {
                PrecisionArg::Normal => Precision::Normal,
                PrecisionArg::High => Precision::High,
            },
            grace: args.grace.0,
            serves_files: !args.no_static,
            has_stub_cors: args.enable_stub_cors,
            profile: args.profile.clone(),
            journal_bytes: args.journal_bytes,
            journal_entries: args.journal_entries,
            access: AccessRules {
                token: args.admin_token.clone(),
                open: args.admin_open,
                hosts: args.admin_host.clone(),
                basic_auth: args.admin_api_basic_auth.clone(),
                requires_https: args.admin_api_require_https,
            },
            max_admin_body: args.max_admin_body,
            allows_disk_delete: args.allow_disk_delete,
            watches: !args.no_watch,
            templating: Templating::of_flags(args.global_response_templating, args.disable_response_templating),
            compresses: !args.disable_gzip,
            permitted_system_keys: args.permitted_system_keys.clone(),
            max_file_bytes: args.max_file_bytes,
            strict: args.strict,
            proxy: args.proxy.settings(&args.forwarding),
            webhook_concurrency: args.webhook_threadpool_size.get(),
            logs_requests: args.log_requests,
        }
    }
}
