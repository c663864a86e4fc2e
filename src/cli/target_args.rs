//! What `record` and `serve --on-miss` have in common: a real service, how it is protected, and what goes on the tape.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Map;

use super::tls_args::TlsArgs;
use super::{note, sender_args, time};
use crate::record::{Redaction, Settings, Tape};
use crate::upstream::{Bounds, Connector, Origin};
use standin_tape::Overhead;

/// How a service is protected, and what is kept of what it says.
#[derive(Args, Debug)]
pub(super) struct TargetArgs {
    /// The most calls at the target at once; others wait
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value_t = IN_FLIGHT, help_heading = "Target")]
    max_in_flight: u32,

    /// The most calls a second that the target gets; others wait [default: as they come]
    #[arg(long, value_name = "N", value_parser = sender_args::rate, help_heading = "Target")]
    max_per_second: Option<f64>,

    /// How long a call waits to be let through; beyond it: 503, and 0s refuses at once
    #[arg(long, value_name = "TIME", value_parser = time, default_value = QUEUE, help_heading = "Target")]
    queue_timeout: Duration,

    /// How long the target may be silent; beyond it: 504
    #[arg(long, value_name = "TIME", value_parser = time, default_value = SILENT, help_heading = "Target")]
    target_timeout: Duration,

    #[command(flatten)]
    trust: TlsArgs,

    /// Keep no bodies: a tape for `fit` alone
    #[arg(long, help_heading = "Tape")]
    no_bodies: bool,

    /// The longest body that is kept; longer ones pass, and are left out of drafts
    #[arg(long, value_name = "BYTES", default_value_t = LONGEST, help_heading = "Tape")]
    keep_body: usize,

    /// Redact the value of this key as well: of a header, a parameter, or a JSON member; may be given more than once
    #[arg(long, value_name = "KEY", help_heading = "Tape")]
    redact: Vec<String>,

    /// Do not redact this key, though it is one of those that usually hold secrets
    #[arg(long, value_name = "KEY", help_heading = "Tape")]
    keep: Vec<String>,

    /// All calls that the target gets come through here, so that `fit` knows its whole load
    #[arg(long, help_heading = "Tape")]
    exclusive: bool,
}

impl TargetArgs {
    /// How a recorder is to be; `tape` is where the tape goes, if there is to be one.
    pub(super) fn settings(
        &self,
        target: &str,
        connections: Option<u32>,
        workers: usize,
        tape: Option<PathBuf>,
    ) -> Result<Settings, String> {
        Ok(Settings {
            connector: Connector::new(Origin::parse(target)?, &self.trust.trust())?,
            bounds: Bounds {
                in_flight: Some(self.max_in_flight),
                per_second: self.max_per_second,
                connections,
                patience: self.queue_timeout,
            },
            timeout: self.target_timeout,
            workers,
            tape: tape.map(|path| self.tape(path)),
            witness: None,
        })
    }

    /// The most calls a second, if there is such a limit.
    pub(super) fn max_per_second(&self) -> Option<f64> {
        self.max_per_second
    }

    /// How long a call may take here: it may wait for its turn, and then for the target.
    pub(super) fn patience(&self) -> Duration {
        self.queue_timeout + self.target_timeout
    }

    /// Whether a key stays that would be redacted.
    pub(super) fn keeps(&self, key: &str) -> bool {
        self.keep.iter().any(|kept| kept.eq_ignore_ascii_case(key))
    }

    /// Whether bodies are kept, so that stubs can be drafted.
    pub(super) fn keeps_bodies(&self) -> bool {
        !self.no_bodies
    }

    /// What of it was given beside the defaults that speaks of a target, if anything.
    pub(super) fn given_of_target(&self) -> Option<&'static str> {
        let is_default = |given: Duration, default: &str| time(default) == Ok(given);
        let given = [
            (self.max_in_flight != IN_FLIGHT, "--max-in-flight"),
            (self.max_per_second.is_some(), "--max-per-second"),
            (!is_default(self.queue_timeout, QUEUE), "--queue-timeout"),
            (!is_default(self.target_timeout, SILENT), "--target-timeout"),
            (self.trust.is_given(), "--target-ca or --target-insecure"),
        ];
        first(&given)
    }

    /// The same for what speaks of a tape.
    pub(super) fn given_of_tape(&self) -> Option<&'static str> {
        let given = [
            (self.no_bodies, "--no-bodies"),
            (self.keep_body != LONGEST, "--keep-body"),
            (!self.redact.is_empty(), "--redact"),
            (!self.keep.is_empty(), "--keep"),
            (self.exclusive, "--exclusive"),
        ];
        first(&given)
    }

    /// The bounds in words, for a start line.
    pub(super) fn bounds(&self) -> String {
        let rate = self.max_per_second.map_or_else(String::new, |most| format!(" and {most} calls a second"));
        format!("at most {} in flight{rate}", self.max_in_flight)
    }

    fn tape(&self, path: PathBuf) -> Tape {
        let mut redaction = Redaction::default();
        self.keep.iter().for_each(|key| redaction.remove(key));
        self.redact.iter().for_each(|key| redaction.add(key));
        Tape {
            path,
            bodies: !self.no_bodies,
            longest_body: self.keep_body,
            redaction,
            exclusive: self.exclusive,
            overhead: None::<Overhead>,
            notes: Map::new(),
        }
    }
}

fn first(given: &[(bool, &'static str)]) -> Option<&'static str> {
    given.iter().find(|(is_given, _)| *is_given).map(|(_, option)| *option)
}

/// Where a service is; says so if nobody is there yet, which is no reason not to begin.
pub(super) fn reach(origin: &Origin) -> Vec<SocketAddr> {
    let told = |what: &str, error: std::io::Error| {
        note(&format!("cannot {what} {origin} yet ({error}); calls get a 502 until it is there"));
    };
    let addresses: Vec<SocketAddr> = match (origin.host(), origin.port()).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            told("find", error);
            return Vec::new();
        }
    };
    if let Some(error) = addresses.first().and_then(|first| TcpStream::connect_timeout(first, REACH).err()) {
        told("reach", error);
    }
    addresses
}

/// A tape in a stub folder, named after the time, that does not exist yet.
pub(super) fn new_tape(dir: &Path) -> PathBuf {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let names = std::iter::once(format!("{now}.jsonl")).chain((2..).map(|again| format!("{now}-{again}.jsonl")));
    let mut paths = names.map(|name| dir.join("tapes").join(name));
    paths.find(|path| !path.exists()).expect("there are names without end")
}

/// What holds unless something else is asked for.
const IN_FLIGHT: u32 = 256;
const QUEUE: &str = "30s";
const SILENT: &str = "60s";
const LONGEST: usize = 16 << 20;

/// How long it is tried to reach the service at the start.
const REACH: Duration = Duration::from_secs(2);
